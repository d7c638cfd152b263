/* What clients get of an event, composed in one place: what the bus carries and what a
 * catch-up brings must be the same bytes. */
#ifndef CORE_PUBLICATION_H
#define CORE_PUBLICATION_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "belfry/link.pb-c.h"
#include "link/stream_id.h"

/* A row of `events` as SQL gives it, all text: `emitted` and catch-up rows alike. */
struct event_row_text {
    struct bytes stream, seq, tag, prev_tag, after, event, timestamp, payload, control;
};

/* A durable event. Everything lives in the arena. `protobuf`: in that encoding, too, if
 * its contract is known here and fits. ERR_INTERNAL: SQL gave something that is no event.
 * ERR_LIMIT_REACHED: arena full. */
MUST_CHECK enum err publication_of_row(struct arena *arena,
                                       const struct event_row_text *row, bool protobuf,
                                       Link__Publication **ret_publication);

/* An ephemeral event whose payload is the JSON object `payload`. */
MUST_CHECK enum err publication_ephemeral(struct arena *arena, const char *event,
                                          struct bytes payload, bool protobuf,
                                          Link__Publication **ret_publication);

/* 17 bytes in the arena. */
MUST_CHECK enum err publication_stream(struct arena *arena,
                                       const struct stream_id *stream,
                                       ProtobufCBinaryData *ret_bytes);

#endif
