/* Why: messages arrive on a driver's threads, but a bus calls back only on its owner's.
 */
#include "bus/bus_driver.h"

#include <assert.h>
#include <stdlib.h>

#include "bus/bus_internal.h"

void bus_init(struct bus *bus, const struct bus_driver *driver, struct bus_events events)
{
    *bus = (struct bus){.driver = driver, .events = events};
    map_init(&bus->topics, MAP_TEXT_KEYS);
    pthread_mutex_init(&bus->inbox.mutex, NULL);
    bus_queue_init(&bus->inbox.queue, BUS_INBOX_MESSAGES_MAX, BUS_INBOX_BYTES_MAX);
}

void bus_finish(struct bus *bus)
{
    bus_queue_finish(&bus->inbox.queue);
    pthread_mutex_destroy(&bus->inbox.mutex);
    map_finish(&bus->topics);
}

/* True if the owner is to be woken: once between two polls is enough. */
static bool inbox_push(struct bus_inbox *inbox, struct bus_message *message)
{
    pthread_mutex_lock(&inbox->mutex);
    bool queued = bus_queue_push(&inbox->queue, message);
    bool wake = queued && !inbox->woken;
    inbox->woken = inbox->woken || queued;
    pthread_mutex_unlock(&inbox->mutex);

    if (!queued) {
        free(message);
        metric_add(&bus_dropped, 1);
    }
    return wake;
}

void bus_receive_message(struct bus *bus, struct bus_message *message)
{
    if (inbox_push(&bus->inbox, message)) {
        bus->events.wake(bus->events.user);
    }
}

void bus_receive(struct bus *bus, struct bytes topic, struct bytes payload)
{
    struct bus_message *message = NULL;
    if (bus_topic_valid(topic) && payload.size <= BUS_PAYLOAD_MAX) {
        message = bus_message_create(topic, payload);
    }
    if (message == NULL) {
        metric_add(&bus_dropped, 1);
        return;
    }
    bus_receive_message(bus, message);
}

bool bus_inbox_take(struct bus *bus, int limit, struct list *batch)
{
    struct bus_inbox *inbox = &bus->inbox;
    pthread_mutex_lock(&inbox->mutex);
    /* First, so that whatever arrives from now on wakes the owner again. */
    inbox->woken = false;
    for (int i = 0; i < limit && inbox->queue.count > 0; i++) {
        list_push(batch, &bus_queue_take(&inbox->queue)->node);
    }
    bool more = inbox->queue.count > 0;
    pthread_mutex_unlock(&inbox->mutex);
    return more;
}

bool bus_poll_inbox(struct bus *bus, int limit)
{
    struct list batch;
    list_init(&batch);
    bool more = bus_inbox_take(bus, limit, &batch);

    for (;;) {
        struct list *node = list_take(&batch);
        if (node == NULL) {
            return more;
        }
        struct bus_message *message = container_of(node, struct bus_message, node);
        bus_deliver(bus, bus_message_topic(message), bus_message_payload(message));
        free(message);
    }
}

void bus_deliver(struct bus *bus, struct bytes topic, struct bytes payload)
{
    if (bus->routes_topics) {
        char key[BUS_TOPIC_MAX + 1];
        assert(topic.size <= BUS_TOPIC_MAX);
        memcpy(key, topic.data, topic.size);
        key[topic.size] = '\0';
        if (map_get(&bus->topics, key) == NULL) {
            return;
        }
    }
    if (!bus->driver->decorates) {
        metric_add(&bus_received, 1);
    }
    bus->events.on_message(bus->events.user, topic, payload);
}
