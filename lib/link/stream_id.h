/* The name of a stream: what has subscribers and a sequence number. */
#ifndef LINK_STREAM_ID_H
#define LINK_STREAM_ID_H

#include "base/uuid.h"

/* The numbers are those in PostgreSQL (streams.kind) and on the link. */
enum stream_kind {
    STREAM_COMMUNITY = 1, /* id: community; all its members */
    STREAM_MEMBERS = 2,   /* id: community; who opened the member list */
    STREAM_ROOM = 3,      /* id: room */
    STREAM_USER = 4,      /* id: user; the sessions of that user */
    STREAM_ACCESS = 5, /* id: access scope (a community, or a direct room); edges only */
};

/* 17 bytes without padding: also the key of maps and the form on the link. */
struct stream_id {
    uint8_t kind;
    struct uuid id;
};

_Static_assert(sizeof(struct stream_id) == 17, "stream ids are map keys");

#define STREAM_TEXT_SIZE 48 /* "community:" + 36 + NUL, rounded up */

/* "room:0190…"; what clients see as `stream`, and the topic on the bus. */
void stream_format(const struct stream_id *stream, char ret_text[STREAM_TEXT_SIZE]);

/* The opposite; false for anything else than the exact form. */
bool stream_parse(struct bytes text, struct stream_id *ret_stream);

/* From the 17 bytes on the link; false if the size or the kind is wrong. */
bool stream_from_bytes(struct bytes bytes, struct stream_id *ret_stream);

static inline bool stream_equal(const struct stream_id *a, const struct stream_id *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

#endif
