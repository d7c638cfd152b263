/* Holds in one place how link messages are put together, whichever end sends them. */
#include "link/link_parts.h"

#include <stdlib.h>

#define MEMBERS_FIELD 2
#define TAIL_ROOM     256 /* for the fields beside the members: ids, flags, hash */
#define MEMBER_MAX    (FRAME_MAX_BYTES - FRAME_HEADER_SIZE - TAIL_ROOM)

struct frame_chunk {
    struct list node;
    struct buf body;
};

struct metric link_messages_sent = METRIC_COUNTER_LABEL(
    "belfry_link_messages_total", "direction=\"sent\"",
    "Link messages between edges and cores; each carries any number of requests.");
struct metric link_messages_received = METRIC_COUNTER_LABEL(
    "belfry_link_messages_total", "direction=\"received\"",
    "Link messages between edges and cores; each carries any number of requests.");

void link_metrics_register(void)
{
    metrics_register(&link_messages_sent);
    metrics_register(&link_messages_received);
}

void frame_queue_init(struct frame_queue *queue)
{
    *queue = (struct frame_queue){0};
    list_init(&queue->chunks);
}

void frame_queue_finish(struct frame_queue *queue)
{
    struct frame_chunk *chunk;
    while ((chunk = frame_queue_take(queue)) != NULL) {
        frame_chunk_destroy(chunk);
    }
}

struct frame_chunk *frame_chunk_create(void)
{
    struct frame_chunk *chunk = calloc(1, sizeof(*chunk));
    if (chunk != NULL) {
        buf_init(&chunk->body, FRAME_MAX_BYTES);
        frame_begin(&chunk->body);
    }
    return chunk;
}

void frame_chunk_destroy(struct frame_chunk *chunk)
{
    if (chunk != NULL) {
        buf_finish(&chunk->body);
        free(chunk);
    }
}

struct buf *frame_chunk_buf(struct frame_chunk *chunk)
{
    return &chunk->body;
}

/* The chunk that takes `size` more bytes. NULL: no memory. */
static struct frame_chunk *chunk_for(struct frame_queue *queue, size_t size)
{
    if (!list_empty(&queue->chunks)) {
        struct frame_chunk *last =
            container_of(queue->chunks.prev, struct frame_chunk, node);
        if (last->body.size + size <= LINK_CHUNK_BYTES) {
            return last;
        }
    }
    struct frame_chunk *chunk = frame_chunk_create();
    if (chunk != NULL) {
        list_push(&queue->chunks, &chunk->node);
    }
    return chunk;
}

/* `before`: the size of the chunk's body without what has just been appended. */
static enum err pushed(struct frame_queue *queue, struct frame_chunk *chunk,
                       size_t before)
{
    if (chunk->body.failed) {
        chunk->body.size = before; /* the others in it are whole */
        chunk->body.failed = false;
        return ERR_UNAVAILABLE;
    }
    queue->bytes += chunk->body.size - before;
    queue->count++;
    return ERR_OK;
}

enum err frame_queue_push(struct frame_queue *queue, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size > MEMBER_MAX) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    struct frame_chunk *chunk = chunk_for(queue, size);
    if (chunk == NULL) {
        return ERR_UNAVAILABLE;
    }
    size_t before = chunk->body.size;
    frame_append_member(&chunk->body, MEMBERS_FIELD, message);
    return pushed(queue, chunk, before);
}

enum err frame_queue_push_packed(struct frame_queue *queue, struct bytes packed,
                                 struct bytes tail)
{
    if (packed.size > MEMBER_MAX || tail.size > MEMBER_MAX - packed.size) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    struct frame_chunk *chunk = chunk_for(queue, packed.size + tail.size);
    if (chunk == NULL) {
        return ERR_UNAVAILABLE;
    }
    size_t before = chunk->body.size;
    frame_append_packed(&chunk->body, MEMBERS_FIELD, packed, tail);
    return pushed(queue, chunk, before);
}

struct frame_chunk *frame_queue_take(struct frame_queue *queue)
{
    struct list *node = list_take(&queue->chunks);
    if (node == NULL) {
        return NULL;
    }
    struct frame_chunk *chunk = container_of(node, struct frame_chunk, node);
    if (list_empty(&queue->chunks)) {
        queue->bytes = 0;
        queue->count = 0;
    } else {
        queue->bytes -= chunk->body.size - FRAME_HEADER_SIZE;
    }
    return chunk;
}

enum err link_message_send(const struct link_key *key, enum frame_kind kind,
                           struct frame_chunk *chunk, struct channel *channel)
{
    enum err err = frame_finish(key, kind, &chunk->body);
    if (err == ERR_OK) {
        struct bytes frame = buf_bytes(&chunk->body);
        err = channel_send(channel, &frame, 1);
    }
    if (err == ERR_OK) {
        metric_add(&link_messages_sent, 1);
    }
    frame_chunk_destroy(chunk);
    return err;
}
