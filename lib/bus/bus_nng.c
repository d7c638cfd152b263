/* Why: the bus of one machine, with nothing to install: each core listens, and each edge
 * dials all of them.
 *
 * A message is one byte with the topic's size, the topic, and the payload. An edge tells
 * which topics it wants (bus_interest.h) and gets these, and some more. What an edge does
 * not read waits at its core, up to a limit; beyond that, new messages to it are dropped.
 */
#include "bus/bus_driver.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus/bus_edges.h"
#include "channel/channel.h"

#define MESSAGE_MAX      (1 + BUS_TOPIC_MAX + BUS_PAYLOAD_MAX)
#define BACKLOG_MAX      (16 * 1024 * 1024) /* of one edge */
#define RECONNECT_MIN_MS 100
#define RECONNECT_MAX_MS 1000
#define PEER_MAX         300 /* host of 255, port */

struct bus_nng {
    struct bus bus;
    struct channel_hub hub;
    struct channel_listener *listener; /* NULL until bus_listen() */
    struct map peers;                  /* "host port" -> struct channel */
    size_t connected;                  /* of those */
    struct interest_counts interest;
    bool interest_changed;
    struct bus_edges edges; /* that listen */
};

struct edge {
    struct bus_edge base;
    struct channel *channel;
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

/* What a core was not told it would never send: it is told all when it is back. */
static void tell_peer(void *user, struct bytes message)
{
    struct channel *channel = user;
    if (channel_is_open(channel) && channel_send(channel, &message, 1) != ERR_OK) {
        channel_break(channel);
    }
}

static void on_peer_open(void *user, struct channel *channel)
{
    struct bus_nng *self = user;
    self->connected++;
    interest_tell_all(&self->interest, tell_peer, channel);
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

static struct edge *edge_of(const struct bus_nng *self, const struct channel *channel)
{
    LIST_EACH(&self->edges.list, node) {
        struct edge *edge = container_of(node, struct edge, base.node);
        if (edge->channel == channel) {
            return edge;
        }
    }
    return NULL;
}

static void edge_free(struct bus_nng *self, struct edge *edge)
{
    bus_edges_remove(&self->edges, &edge->base);
    free(edge);
}

static void on_edge_open(void *user, struct channel *channel)
{
    struct bus_nng *self = user;
    struct edge *edge = calloc(1, sizeof(*edge));
    if (edge == NULL || !bus_edges_add(&self->edges, &edge->base)) {
        free(edge);
        channel_break(channel);
        return;
    }
    edge->channel = channel;
}

static void on_edge_close(void *user, struct channel *channel)
{
    struct bus_nng *self = user;
    struct edge *edge = edge_of(self, channel);
    if (edge != NULL) {
        edge_free(self, edge);
    }
}

static void on_edge_message(void *user, struct channel *channel, struct bytes message)
{
    struct edge *edge = edge_of(user, channel);
    if (edge == NULL || interest_set_learn(&edge->base.interest, message) != ERR_OK) {
        bus_count_dropped(1);
        channel_break(channel); /* what it wants is not known any more */
    }
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
    channel_hub_init(&self->hub, events.loop, events.wake, events.user);
    map_init(&self->peers, MAP_TEXT_KEYS);
    interest_counts_init(&self->interest);
    bus_edges_init(&self->edges);

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
    LIST_EACH(&self->edges.list, node) {
        edge_free(self, container_of(node, struct edge, base.node));
    }
    channel_hub_finish(&self->hub);
    interest_counts_finish(&self->interest);
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
    heard.message_max = INTEREST_MESSAGE_MAX;
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

static enum err nng_bus_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    struct bus_nng *self = nng_of(bus);
    if (self->listener == NULL) {
        return ERR_UNAVAILABLE; /* nobody could hear it */
    }
    uint8_t topic_size = (uint8_t)topic.size;
    const struct bytes parts[] = {bytes_make(&topic_size, 1), topic, payload};
    uint32_t bucket = interest_bucket(topic);
    LIST_EACH(&self->edges.list, node) {
        struct edge *edge = container_of(node, struct edge, base.node);
        if (interest_set_has(&edge->base.interest, bucket) &&
            channel_send(edge->channel, parts, 3) == ERR_LIMIT_REACHED) {
            bus_count_dropped(1);
        }
    }
    return ERR_OK;
}

static void nng_bus_cork(struct bus *bus, bool corked)
{
    LIST_EACH(&nng_of(bus)->edges.list, node) {
        struct channel *channel = container_of(node, struct edge, base.node)->channel;
        if (corked) {
            channel_cork(channel);
        } else {
            channel_uncork(channel);
        }
    }
}

static uint64_t nng_bus_audience(const struct bus *bus, struct bytes topic)
{
    return bus_edges_audience(&nng_of(bus)->edges, topic);
}

/* The cores are told by the next poll, of all that has changed until then. */
static void tell_later(struct bus_nng *self)
{
    if (!self->interest_changed && interest_has_changed(&self->interest)) {
        self->interest_changed = true;
        self->bus.events.wake(self->bus.events.user);
    }
}

static void tell_peers(void *user, struct bytes message)
{
    struct bus_nng *self = user;
    size_t cursor = 0;
    void *peer;
    while (map_next(&self->peers, &cursor, NULL, &peer)) {
        tell_peer(peer, message);
    }
}

static void tell_changes(struct bus_nng *self)
{
    self->interest_changed = false;
    if (interest_tell_changes(&self->interest, tell_peers, self)) {
        return;
    }
    size_t cursor = 0;
    void *peer;
    while (map_next(&self->peers, &cursor, NULL, &peer)) {
        channel_break(peer); /* told all when it is back */
    }
}

static enum err nng_bus_subscribe(struct bus *bus, const char *topic)
{
    TRY(interest_add(&nng_of(bus)->interest, bytes_of_text(topic)));
    tell_later(nng_of(bus));
    return ERR_OK;
}

static void nng_bus_unsubscribe(struct bus *bus, const char *topic)
{
    interest_remove(&nng_of(bus)->interest, bytes_of_text(topic));
    tell_later(nng_of(bus));
}

static bool nng_bus_poll(struct bus *bus, int limit)
{
    struct bus_nng *self = nng_of(bus);
    if (self->interest_changed) {
        tell_changes(self);
    }
    return channel_hub_poll(&self->hub, (size_t)limit);
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
    .cork = nng_bus_cork,
    .audience = nng_bus_audience,
    .subscribe = nng_bus_subscribe,
    .unsubscribe = nng_bus_unsubscribe,
    .poll = nng_bus_poll,
    .connected = nng_bus_connected,
    .listen = nng_bus_listen,
    .peer_add = nng_bus_peer_add,
    .peer_remove = nng_bus_peer_remove,
};
