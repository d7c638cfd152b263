/* Why: the bus of one machine, with nothing to install: each core listens, and each edge
 * dials all of them.
 *
 * A message is one byte with the topic's size, the topic, and the payload. Everybody gets
 * everything. What an edge does not read waits at its core, up to a limit; beyond that,
 * new messages to it are dropped. */
#include "bus/bus_driver.h"

#include <stdio.h>
#include <stdlib.h>

#include "channel/channel.h"

#define MESSAGE_MAX      (1 + BUS_TOPIC_MAX + BUS_PAYLOAD_MAX)
#define BACKLOG_MAX      (16 * 1024 * 1024) /* of one edge */
#define EDGES_MAX        4096
#define RECONNECT_MIN_MS 100
#define RECONNECT_MAX_MS 1000
#define PEER_MAX         300 /* host of 255, port */

struct bus_nng {
    struct bus bus;
    struct channel_hub hub;
    struct channel_listener *listener; /* NULL until bus_listen() */
    struct map peers;                  /* "host port" -> struct channel */
    size_t connected;                  /* of those */
    size_t edges;                      /* that listen */
};

static const struct channel_options options = {.message_max = MESSAGE_MAX,
                                               .backlog_max = BACKLOG_MAX,
                                               .redial_min_ms = RECONNECT_MIN_MS,
                                               .redial_max_ms = RECONNECT_MAX_MS};

static struct bus_nng *nng_of(const struct bus *bus)
{
    return container_of(bus, struct bus_nng, bus);
}

/* ---- what the channels say ---- */

static void on_peer_open(void *user, struct channel *channel)
{
    ((struct bus_nng *)user)->connected++;
}

static void on_peer_close(void *user, struct channel *channel)
{
    ((struct bus_nng *)user)->connected--;
}

static void on_peer_message(void *user, struct channel *channel, struct bytes message)
{
    struct bus_nng *self = user;
    struct bytes topic = {0};
    if (message.size > 0 && message.size - 1 >= message.data[0]) {
        topic = bytes_make(message.data + 1, message.data[0]);
    }
    if (!bus_topic_valid(topic)) {
        bus_count_dropped(1);
        return;
    }
    const uint8_t *payload = topic.data + topic.size;
    bus_deliver(&self->bus, topic, bytes_make(payload, message.size - 1 - topic.size));
}

static void on_edge_open(void *user, struct channel *channel)
{
    if (++((struct bus_nng *)user)->edges > EDGES_MAX) {
        channel_break(channel);
    }
}

static void on_edge_close(void *user, struct channel *channel)
{
    ((struct bus_nng *)user)->edges--;
}

static void on_edge_message(void *user, struct channel *channel, struct bytes message)
{
    bus_count_dropped(1); /* edges only listen */
}

static const struct channel_events peer_events = {on_peer_open, on_peer_message,
                                                  on_peer_close};
static const struct channel_events edge_events = {on_edge_open, on_edge_message,
                                                  on_edge_close};

/* ---- slots ---- */

static enum err nng_bus_open(const char *address, struct bus_events events,
                             struct bus **ret_bus)
{
    if (address[0] != '\0') {
        return ERR_VALIDATION_ERROR;
    }
    struct bus_nng *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ERR_UNAVAILABLE;
    }
    bus_init(&self->bus, &bus_nng_driver, events);
    self->bus.routes_topics = false;
    channel_hub_init(&self->hub, events.wake, events.user);
    map_init(&self->peers, MAP_TEXT_KEYS);

    *ret_bus = &self->bus;
    return ERR_OK;
}

static void nng_bus_close(struct bus *bus)
{
    struct bus_nng *self = nng_of(bus);
    size_t cursor = 0;
    void *peer;
    while (map_next(&self->peers, &cursor, NULL, &peer)) {
        channel_close(peer);
    }
    channel_listener_close(self->listener);
    channel_hub_finish(&self->hub);
    map_finish(&self->peers);
    bus_finish(&self->bus);
    free(self);
}

static enum err nng_bus_listen(struct bus *bus, const char *host, int port)
{
    struct bus_nng *self = nng_of(bus);
    if (self->listener != NULL) {
        return ERR_UNAVAILABLE;
    }
    struct channel_options heard = options;
    heard.message_max = 0; /* edges only listen: who speaks is none */
    return channel_listen(&self->hub, host, port, heard, edge_events, self,
                          &self->listener);
}

static void peer_key(const char *host, int port, char ret_key[PEER_MAX])
{
    snprintf(ret_key, PEER_MAX, "%s %d", host, port);
}

static enum err nng_bus_peer_add(struct bus *bus, const char *host, int port)
{
    struct bus_nng *self = nng_of(bus);
    char key[PEER_MAX];
    peer_key(host, port, key);
    if (map_get(&self->peers, key) != NULL) {
        return ERR_OK;
    }
    struct channel *peer;
    TRY(channel_dial(&self->hub, host, port, options, peer_events, self, &peer));
    enum err err = map_put(&self->peers, key, peer);
    if (err != ERR_OK) {
        channel_close(peer);
    }
    return err;
}

static void nng_bus_peer_remove(struct bus *bus, const char *host, int port)
{
    struct bus_nng *self = nng_of(bus);
    char key[PEER_MAX];
    peer_key(host, port, key);
    struct channel *peer = map_remove(&self->peers, key);
    if (peer != NULL) {
        self->connected -= channel_is_open(peer);
        channel_close(peer);
    }
}

/* Also who has come and gone is seen to here: a core that only publishes need not poll.
 */
static enum err nng_bus_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    struct bus_nng *self = nng_of(bus);
    if (self->listener == NULL) {
        return ERR_UNAVAILABLE; /* nobody could hear it */
    }
    if (channel_hub_poll(&self->hub, 0)) {
        bus->events.wake(bus->events.user);
    }
    uint8_t topic_size = (uint8_t)topic.size;
    const struct bytes parts[] = {bytes_make(&topic_size, 1), topic, payload};
    bus_count_dropped(channel_listener_send(self->listener, parts, 3));
    return ERR_OK;
}

static enum err nng_bus_subscribe(struct bus *bus, const char *topic)
{
    return ERR_OK; /* everybody gets everything */
}

static void nng_bus_unsubscribe(struct bus *bus, const char *topic)
{
}

static bool nng_bus_poll(struct bus *bus, int limit)
{
    return channel_hub_poll(&nng_of(bus)->hub, (size_t)limit);
}

static bool nng_bus_connected(const struct bus *bus)
{
    const struct bus_nng *self = nng_of(bus);
    return self->connected > 0 ||
           (self->listener != NULL && channel_listener_count(self->listener) > 0);
}

const struct bus_driver bus_nng_driver = {
    .scheme = "nng",
    .open = nng_bus_open,
    .close = nng_bus_close,
    .publish = nng_bus_publish,
    .subscribe = nng_bus_subscribe,
    .unsubscribe = nng_bus_unsubscribe,
    .poll = nng_bus_poll,
    .connected = nng_bus_connected,
    .listen = nng_bus_listen,
    .peer_add = nng_bus_peer_add,
    .peer_remove = nng_bus_peer_remove,
};
