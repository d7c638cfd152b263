/* What an edge must act on, from the JSON that SQL writes into link messages. */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "belfry/link.pb-c.h"
#include "link/grant.h"

/* Everything lives in the arena. `username` goes into the grants (may be NULL). Empty
 * text gives NULL. ERR_INTERNAL: not what docs/sql.md says. */
MUST_CHECK enum err control_parse(struct arena *arena, struct bytes json,
                                  const char *username, Link__Control **ret_control);

/* One item of `open`. */
MUST_CHECK enum err control_parse_open(struct arena *arena, const json_t *item,
                                       const char *username, Link__Open **ret_open);

/* The grant (link/grant.h) of a subscription, with the name under which the user is
 * shown. The link's frames are sealed, and clients never see it. */
MUST_CHECK enum err grant_make(struct arena *arena, const struct stream_id *stream,
                               uint64_t access_seq, const char *username,
                               ProtobufCBinaryData *ret_grant);

#endif
