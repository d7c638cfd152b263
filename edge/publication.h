/* A publication at the edge: one event as it came from the bus or from a catch-up, with
 * the frames that were made of it, shared by all its receivers. */
#ifndef EDGE_PUBLICATION_H
#define EDGE_PUBLICATION_H

#include "base/bytes.h"
#include "edge/frame/frame.h"
#include "link/stream_id.h"

#define PUBLICATION_FRAMES 4 /* kept kinds of frames; rarer ones are made each time */

struct publication {
    uint32_t refs;
    uint32_t tag, prev_tag;
    struct stream_id stream; /* kind 0: every session */
    bool durable;
    bool has_except;
    struct uuid except_session;
    uint64_t seq;   /* 0: ephemeral */
    uint64_t after; /* access seq to have applied before */
    struct bytes event;
    struct bytes json; /* payload */
    bool has_protobuf; /* the payload packed, too; it may be empty */
    struct bytes protobuf;
    Link__Control *control; /* or NULL; owned */

    struct {
        const struct framing *framing;
        const char *name_space;
        struct frame *frame;
    } frames[PUBLICATION_FRAMES];

    uint8_t bytes[]; /* what event, json and protobuf point to */
};

/* Copies what it needs. NULL: no memory or no valid stream. */
struct publication *publication_create(const Link__Publication *source);
struct publication *publication_ref(struct publication *publication);
void publication_unref(struct publication *publication); /* accepts NULL */

/* The event as this framing writes it; borrowed, lives until another one is
 * asked for, or all are dropped. NULL: no memory. */
struct frame *publication_frame(struct publication *publication,
                                const struct framing *framing, const char *name_space);

/* The frames that were made are not kept any longer; who asks gets a new one, and it is
 * kept again. */
void publication_drop_frames(struct publication *publication);

/* Bytes it holds, for limits. */
size_t publication_bytes(const struct publication *publication);

#endif
