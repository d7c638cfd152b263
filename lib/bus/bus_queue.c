/* Why: every driver queues, and each queue needs the same two limits (messages, bytes).
 */
#include "bus/bus_queue.h"

#include <assert.h>
#include <stdlib.h>

struct bus_message *bus_message_create(struct bytes topic, struct bytes payload)
{
    assert(topic.size <= BUS_TOPIC_MAX);
    struct bus_message *message = malloc(sizeof(*message) + payload.size);
    if (message == NULL) {
        return NULL;
    }
    message->node = (struct list){0};
    message->payload_size = payload.size;
    message->topic_size = (uint8_t)topic.size;
    memcpy(message->topic, topic.data, topic.size);
    message->topic[topic.size] = '\0';
    message->reply[0] = '\0';
    if (payload.size > 0) {
        memcpy(message->payload, payload.data, payload.size);
    }
    return message;
}

void bus_queue_init(struct bus_queue *queue, size_t count_max, size_t size_bytes_max)
{
    *queue = (struct bus_queue){.count_max = count_max, .size_bytes_max = size_bytes_max};
    list_init(&queue->messages);
}

void bus_queue_finish(struct bus_queue *queue)
{
    for (;;) {
        struct bus_message *message = bus_queue_take(queue);
        if (message == NULL) {
            break;
        }
        free(message);
    }
}

static size_t cost(const struct bus_message *message)
{
    return sizeof(*message) + message->payload_size;
}

bool bus_queue_push(struct bus_queue *queue, struct bus_message *message)
{
    if (queue->count >= queue->count_max ||
        queue->size_bytes + cost(message) > queue->size_bytes_max) {
        return false;
    }
    list_push(&queue->messages, &message->node);
    queue->count++;
    queue->size_bytes += cost(message);
    return true;
}

struct bus_message *bus_queue_take(struct bus_queue *queue)
{
    struct list *node = list_take(&queue->messages);
    if (node == NULL) {
        return NULL;
    }
    struct bus_message *message = container_of(node, struct bus_message, node);
    queue->count--;
    queue->size_bytes -= cost(message);
    return message;
}
