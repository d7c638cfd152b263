/* The bus: how cores tell all edges what was committed. Only a hint (P4): it may lose,
 * double and reorder; truth is PostgreSQL, and the edges repair from there.
 *
 * One loop thread owns a bus and makes every call. Drivers may have threads inside; they
 * queue what arrives and call `wake`, and the owner then calls bus_poll(). One that reads
 * with the owner's loop hands on from there. */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <uv.h>

#include "base/bytes.h"
#include "base/err.h"

struct bus;

#define BUS_TOPIC_MAX   64            /* bytes; [A-Za-z0-9.:_-]+ */
#define BUS_PAYLOAD_MAX (1024 * 1024) /* bytes */

/* A message has arrived. Both arguments are borrowed for the call. */
typedef void bus_message_fn(void *user, struct bytes topic, struct bytes payload);

/* Something waits for bus_poll(). Called from any thread, seldom more than once between
 * two polls; must only wake the owner's loop. */
typedef void bus_wake_fn(void *user);

struct bus_events {
    bus_message_fn *on_message;
    bus_wake_fn *wake;
    void *user;
    uv_loop_t *loop; /* the owner's: a driver that can reads with it, and hands on what it
                        has read from there; NULL: all waits for bus_poll() */
};

/* Opens the driver of the URL's scheme:
 *     mem:NAME                     inside one process (tests)
 *     nng:                         embedded; see bus_listen() and bus_peer_add()
 *     nats://[user:password@]host[:port][,…]    a NATS broker or cluster
 *     redis://[[user]:password@]host[:port]
 *     chaos:SEED:DROP:DUP:SHUFFLE:URL    misbehaves, around another driver (tests)
 *     trace:URL                          logs each call at debug level, around another
 * A broker that is away is not an error: the driver goes on trying for ever.
 * ERR_VALIDATION_ERROR: unknown scheme or a bad URL. ERR_UNAVAILABLE: no memory. */
MUST_CHECK enum err bus_open(const char *url, struct bus_events events,
                             struct bus **ret_bus);

/* Nothing is called back any more once this returns. Accepts NULL. */
void bus_close(struct bus *bus);

/* Who listens is a core: host "0.0.0.0" and a port, which brokerless drivers open. An
 * edge adds each core it finds and removes it when it is gone (brokerless drivers only, a
 * no-op for the others). */
MUST_CHECK enum err bus_listen(struct bus *bus, const char *host, int port);
MUST_CHECK enum err bus_peer_add(struct bus *bus, const char *host, int port);
void bus_peer_remove(struct bus *bus, const char *host, int port);

/* True if a subscriber gets only the topics it asked for, so that each topic must be
 * published by itself; false if it may get others, too, so that one message can be for
 * all topics of one audience. */
bool bus_routes_topics(const struct bus *bus);

/* With a bus that does not route: a number for the subscribers that get this topic, 0 for
 * none. Topics of the same number may share a message, under any of them, until the
 * loop's next turn, or bus_poll(). */
uint64_t bus_audience(const struct bus *bus, struct bytes topic);

/* Queues without blocking. Success says nothing about arrival. Both arguments are copied
 * where needed. ERR_UNAVAILABLE: full or cut off. ERR_PAYLOAD_TOO_LARGE. */
MUST_CHECK enum err bus_publish(struct bus *bus, struct bytes topic,
                                struct bytes payload);

/* Around several calls of bus_publish(), in one turn of the loop and without bus_poll()
 * between them: they may then travel together. */
void bus_cork(struct bus *bus);
void bus_uncork(struct bus *bus);

/* Counted: a topic is wanted until it was given up as often as it was asked for, and no
 * oftener. With a driver that does not route, other topics arrive, too. */
MUST_CHECK enum err bus_subscribe(struct bus *bus, struct bytes topic);
void bus_unsubscribe(struct bus *bus, struct bytes topic);

/* Hands on what has arrived, at most `limit` messages; true if more is waiting. */
bool bus_poll(struct bus *bus, int limit);

/* True while the broker, or a peer, is connected. For readiness and metrics only. */
bool bus_connected(const struct bus *bus);

/* "nng", "nats" … for logs. */
const char *bus_name(const struct bus *bus);

#endif
