/* Why: the bus of one machine, with nothing to install: each core is a PUB listener, and
 * each edge dials all of them.
 *
 * A message is one byte with the topic's size, the topic, and the payload. Everybody gets
 * everything: NNG would filter at the receiver only, so topics are not given to it. PUB
 * never blocks and never fails; beyond its buffers it silently drops the oldest. */
#include "bus/bus_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bus/bus_nng_socket.h"

#define CLOSE_MS 2000 /* then whatever hangs is left behind */
#define PEER_MAX 300  /* host of 255, port */

struct bus_nng {
    struct bus bus;
    struct bus_nng_socket *pub; /* NULL until bus_listen() */
    bool listening;
    struct map peers; /* "host port" -> struct bus_nng_socket, a SUB */
};

static struct bus_nng *nng_of(const struct bus *bus)
{
    return container_of(bus, struct bus_nng, bus);
}

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
    map_init(&self->peers, MAP_TEXT_KEYS);

    *ret_bus = &self->bus;
    return ERR_OK;
}

/* All sockets at once, so that their time to become quiet is spent only once. */
static void nng_bus_close(struct bus *bus)
{
    struct bus_nng *self = nng_of(bus);
    size_t count = 0;
    pthread_t *closers = calloc(self->peers.size + 1, sizeof(*closers));

    size_t cursor = 0;
    void *peer;
    while (map_next(&self->peers, &cursor, NULL, &peer)) {
        pthread_t closer;
        if (bus_nng_socket_close(peer, &closer) && closers != NULL) {
            closers[count++] = closer;
        }
    }
    pthread_t closer;
    if (self->pub != NULL && bus_nng_socket_close(self->pub, &closer) &&
        closers != NULL) {
        closers[count++] = closer;
    }
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += CLOSE_MS / 1000;
    for (size_t i = 0; i < count; i++) {
        if (pthread_timedjoin_np(closers[i], NULL, &deadline) != 0) {
            pthread_detach(closers[i]);
        }
    }
    free(closers);
    map_finish(&self->peers);
    bus_finish(&self->bus);
    free(self);
}

static enum err nng_bus_listen(struct bus *bus, const char *host, int port)
{
    struct bus_nng *self = nng_of(bus);
    if (self->pub == NULL) {
        TRY(bus_nng_pub_open(&self->pub));
    }
    TRY(bus_nng_socket_listen(self->pub, host, port));
    self->listening = true;
    return ERR_OK;
}

static void peer_key(const char *host, int port, char ret_key[PEER_MAX])
{
    snprintf(ret_key, PEER_MAX, "%s %d", host, port);
}

/* Without waiting for its end. */
static void peer_close(struct bus_nng_socket *peer)
{
    pthread_t closer;
    if (bus_nng_socket_close(peer, &closer)) {
        pthread_detach(closer);
    }
}

static enum err nng_bus_peer_add(struct bus *bus, const char *host, int port)
{
    struct bus_nng *self = nng_of(bus);
    char key[PEER_MAX];
    peer_key(host, port, key);
    if (map_get(&self->peers, key) != NULL) {
        return ERR_OK;
    }
    struct bus_nng_socket *peer;
    TRY(bus_nng_sub_open(bus, &peer));
    enum err err = map_put(&self->peers, key, peer);
    if (err == ERR_OK) {
        err = bus_nng_socket_dial(peer, host, port);
    }
    if (err != ERR_OK) {
        map_remove(&self->peers, key);
        peer_close(peer);
    }
    return err;
}

static void nng_bus_peer_remove(struct bus *bus, const char *host, int port)
{
    char key[PEER_MAX];
    peer_key(host, port, key);
    struct bus_nng_socket *peer = map_remove(&nng_of(bus)->peers, key);
    if (peer != NULL) {
        peer_close(peer);
    }
}

static enum err nng_bus_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    struct bus_nng *self = nng_of(bus);
    if (!self->listening) {
        return ERR_UNAVAILABLE; /* nobody could hear it */
    }
    nng_msg *msg;
    if (nng_msg_alloc(&msg, 1 + topic.size + payload.size) != 0) {
        return ERR_UNAVAILABLE;
    }
    uint8_t *body = nng_msg_body(msg);
    body[0] = (uint8_t)topic.size;
    memcpy(body + 1, topic.data, topic.size);
    if (payload.size > 0) {
        memcpy(body + 1 + topic.size, payload.data, payload.size);
    }
    return bus_nng_socket_send(self->pub, msg);
}

static enum err nng_bus_subscribe(struct bus *bus, const char *topic)
{
    return ERR_OK; /* everybody gets everything */
}

static void nng_bus_unsubscribe(struct bus *bus, const char *topic)
{
}

static bool nng_bus_connected(const struct bus *bus)
{
    const struct bus_nng *self = nng_of(bus);
    if (self->pub != NULL && bus_nng_socket_connected(self->pub)) {
        return true;
    }
    size_t cursor = 0;
    void *peer;
    while (map_next(&self->peers, &cursor, NULL, &peer)) {
        if (bus_nng_socket_connected(peer)) {
            return true;
        }
    }
    return false;
}

const struct bus_driver bus_nng_driver = {
    .scheme = "nng",
    .open = nng_bus_open,
    .close = nng_bus_close,
    .publish = nng_bus_publish,
    .subscribe = nng_bus_subscribe,
    .unsubscribe = nng_bus_unsubscribe,
    .poll = bus_poll_inbox,
    .connected = nng_bus_connected,
    .listen = nng_bus_listen,
    .peer_add = nng_bus_peer_add,
    .peer_remove = nng_bus_peer_remove,
};
