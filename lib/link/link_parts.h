/* What both ends of the link share: only they include this. */
#ifndef LINK_LINK_PARTS_H
#define LINK_LINK_PARTS_H

#include "base/list.h"
#include "base/metrics.h"
#include "channel/channel.h"
#include "link/frame.h"

#define LINK_CHUNK_BYTES (FRAME_MAX_BYTES / 2) /* of a message that could be two */

/* Requests or replies that wait, already packed into bodies of link messages. Both stand
 * in field 2, of ToCore and of FromCore. */
struct frame_queue {
    struct list chunks;
    size_t bytes;
    size_t count; /* of requests or replies */
};

void frame_queue_init(struct frame_queue *queue);
void frame_queue_finish(struct frame_queue *queue);

/* Packs it behind the others; a new chunk begins where one gets larger than
 * LINK_CHUNK_BYTES. ERR_PAYLOAD_TOO_LARGE: fits no frame. ERR_UNAVAILABLE: memory. */
MUST_CHECK enum err frame_queue_push(struct frame_queue *queue,
                                     const ProtobufCMessage *message);

/* The same for a message that is packed, with fields of `tail` in place of its own. */
MUST_CHECK enum err frame_queue_push_packed(struct frame_queue *queue,
                                            struct bytes packed, struct bytes tail);

/* The oldest chunk, to be given to link_message_send(); NULL when empty. */
struct frame_chunk *frame_queue_take(struct frame_queue *queue);

/* A chunk that holds nothing yet. NULL: no memory. */
struct frame_chunk *frame_chunk_create(void);
void frame_chunk_destroy(struct frame_chunk *chunk);
struct buf *frame_chunk_buf(struct frame_chunk *chunk);

/* Seals the chunk, sends it and frees it. */
MUST_CHECK enum err link_message_send(const struct link_key *key, enum frame_kind kind,
                                      struct frame_chunk *chunk, struct channel *channel);

extern struct metric link_messages_sent;
extern struct metric link_messages_received;
void link_metrics_register(void);

#endif
