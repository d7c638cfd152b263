/* The grant that goes with a subscription's ephemeral events: 17 bytes of stream, 8 of
 * the access seq at which the right was read (big endian), then the user's name. An edge
 * adds it for as long as the subscription lives; on it a core asks no database. */
#ifndef LINK_GRANT_H
#define LINK_GRANT_H

#include "base/bytes.h"
#include "link/stream_id.h"

#define GRANT_HEAD_SIZE (sizeof(struct stream_id) + 8)

/* `ret_grant` has room for GRANT_HEAD_SIZE and the name. */
void grant_write(const struct stream_id *stream, uint64_t access_seq,
                 struct bytes username, uint8_t *ret_grant);

/* ret_username points into the grant. False: it is none. */
bool grant_read(struct bytes grant, struct stream_id *ret_stream,
                struct bytes *ret_username);

#endif
