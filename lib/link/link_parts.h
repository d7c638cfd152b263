/* What both ends of the link share: only they include this. */
#ifndef LINK_LINK_PARTS_H
#define LINK_LINK_PARTS_H

#include <nng/nng.h>

#include "base/list.h"
#include "base/metrics.h"
#include "link/frame.h"

#define LINK_CHUNK_BYTES  (FRAME_MAX_BYTES / 2) /* of a message that could be two */
#define LINK_ADDRESS_SIZE 280                   /* "[host of 255]:65535" */

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

/* The oldest chunk, to be given to link_message_make(); NULL when empty. */
struct frame_chunk *frame_queue_take(struct frame_queue *queue);

/* A chunk that holds nothing yet. NULL: no memory. */
struct frame_chunk *frame_chunk_create(void);
void frame_chunk_destroy(struct frame_chunk *chunk);
struct buf *frame_chunk_buf(struct frame_chunk *chunk);

/* Seals the chunk into a message for NNG and frees it. */
MUST_CHECK enum err link_message_make(const struct link_key *key, enum frame_kind kind,
                                      struct frame_chunk *chunk, nng_msg **ret_msg);

/* "10.0.0.3:7400", "[::1]:7400" */
void link_address_format(const char *host, int port, char ret_address[LINK_ADDRESS_SIZE]);

/* Runs `close` on a thread of its own: closing a socket of NNG 1.5 waits, for its threads
 * and until no messages pass any more; a loop must not. */
#define LINK_QUIET_MS 20
void link_close_aside(void (*close)(void *user), void *user);

extern struct metric link_messages_sent;
extern struct metric link_messages_received;
void link_metrics_register(void);

#endif
