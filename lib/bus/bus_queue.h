/* Messages on the heap and a bounded FIFO of them, so that no bus can eat the memory of
 * its process. Not thread-safe by itself. */
#ifndef BUS_BUS_QUEUE_H
#define BUS_BUS_QUEUE_H

#include "base/list.h"
#include "bus/bus.h"

struct bus_message {
    struct list node;
    size_t payload_size;
    uint8_t topic_size;
    char topic[BUS_TOPIC_MAX + 1]; /* NUL-terminated, so that it is a map key */
    char reply[BUS_TOPIC_MAX + 1]; /* of a broker that has such, or empty: where answers
                                      go */
    uint8_t payload[];
};

/* A copy of both, without `reply`; NULL: no memory. The caller frees it with free(). The
 * topic has been checked. */
struct bus_message *bus_message_create(struct bytes topic, struct bytes payload);

static inline struct bytes bus_message_topic(const struct bus_message *message)
{
    return bytes_make(message->topic, message->topic_size);
}

static inline struct bytes bus_message_payload(const struct bus_message *message)
{
    return bytes_make(message->payload, message->payload_size);
}

struct bus_queue {
    struct list messages;
    size_t count;
    size_t size_bytes;
    size_t count_max;
    size_t size_bytes_max;
};

void bus_queue_init(struct bus_queue *queue, size_t count_max, size_t size_bytes_max);

/* Frees what is still queued; the queue is then empty and may be used again. */
void bus_queue_finish(struct bus_queue *queue);

/* True: the queue owns the message now. False: it is full, the caller keeps it. */
MUST_CHECK bool bus_queue_push(struct bus_queue *queue, struct bus_message *message);

/* The oldest message, which is the caller's now; NULL when empty. */
struct bus_message *bus_queue_take(struct bus_queue *queue);

#endif
