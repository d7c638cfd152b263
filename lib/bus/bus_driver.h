/* For those who write a bus driver; callers include bus.h.
 *
 * A driver is one file and one `const struct bus_driver`, plus one line in the table in
 * bus.c. What all drivers need is in bus.c (checks, counted topics, limits, metrics) and
 * in bus_inbox.c (from a driver's thread to the owner's loop). Drivers of brokers share
 * bus_worker.h, those that do not route topics bus_interest.h and bus_edges.h. The suite
 * in tests/contract/bus_suite.c runs against every driver. */
#ifndef BUS_BUS_DRIVER_H
#define BUS_BUS_DRIVER_H

#include <pthread.h>

#include "base/map.h"
#include "bus/bus_queue.h"

/* What may wait for bus_poll(); beyond either, the newest message is dropped. */
#define BUS_INBOX_MESSAGES_MAX 65536
#define BUS_INBOX_BYTES_MAX    (64 * 1024 * 1024)

/* Different topics that one bus may want at once. */
#define BUS_TOPICS_MAX (1024 * 1024)

/* Slots are called on the owner's thread, one at a time, with arguments that bus.c has
 * checked. No slot may block, except where it says so. All are mandatory, but for the
 * five marked optional. */
struct bus_driver {
    /* The URL scheme that selects this driver, such as "nats"; also bus_name(). */
    const char *scheme;

    /* A decorator opens another bus with bus_open() and works through it. That inner bus
     * counts the metrics, this one then does not. */
    bool decorates;

    /* Called once. `address` is the URL behind "scheme:", borrowed. Allocates, calls
     * bus_init(), sets bus->routes_topics, and starts to connect; must not wait for a
     * broker, and a broker that is away is no error. On failure releases everything and
     * leaves *ret_bus alone.
     * ERR_VALIDATION_ERROR: a bad address. ERR_UNAVAILABLE: no memory, no thread. */
    enum err (*open)(const char *address, struct bus_events events, struct bus **ret_bus);

    /* Called once, with a bus that open gave. Disconnects, stops every thread that could
     * call bus_receive(), then bus_finish() and free. May block for as long as its
     * threads need to stop, some seconds at most. */
    void (*close)(struct bus *bus);

    /* Called for each message. Copies both arguments if they must outlive the call.
     * ERR_UNAVAILABLE: full or cut off; the message is then lost and bus.c counts it. */
    enum err (*publish)(struct bus *bus, struct bytes topic, struct bytes payload);

    /* Optional: bus_cork() and bus_uncork(). */
    void (*cork)(struct bus *bus, bool corked);

    /* Optional: bus_audience(). Without it all topics have the same one. */
    uint64_t (*audience)(const struct bus *bus, struct bytes topic);

    /* Called when the first wish for a topic appears, or for every wish if the driver
     * does not route topics: `topic` is borrowed, NUL-terminated. Success only says that
     * it was noted; a driver remembers it until unsubscribe, over all reconnects.
     * ERR_UNAVAILABLE: no memory, nothing was noted. */
    enum err (*subscribe)(struct bus *bus, const char *topic);

    /* Called when the last wish for a topic has gone, and then it is one that was noted;
     * or for the end of every wish. Messages that still arrive are dropped in
     * bus_deliver() if topics are routed. */
    void (*unsubscribe)(struct bus *bus, const char *topic);

    /* Called by bus_poll(). Hands at most `limit` messages to bus_deliver(), true if more
     * is waiting. bus_poll_inbox() is the right one for those that use bus_receive(). */
    bool (*poll)(struct bus *bus, int limit);

    /* Called at any time; true while the broker or a peer is connected. */
    bool (*connected)(const struct bus *bus);

    /* Optional, without them a no-op. listen: this is a core's; brokerless drivers open
     * the port. The other two are for those alone. `host` is borrowed, a name
     * or an address. Adding a peer that is there already, or removing one that is not,
     * does nothing.
     * ERR_VALIDATION_ERROR: no such address. ERR_UNAVAILABLE: port taken, no memory. */
    enum err (*listen)(struct bus *bus, const char *host, int port);
    enum err (*peer_add)(struct bus *bus, const char *host, int port);
    void (*peer_remove)(struct bus *bus, const char *host, int port);
};

/* What has arrived and waits for bus_poll(). The only part of a bus that other threads
 * may touch, through bus_receive(). */
struct bus_inbox {
    pthread_mutex_t mutex;
    struct bus_queue queue;
    bool woken; /* the owner was told and has not polled since */
};

/* The part all drivers share. A driver embeds it in its own struct, and gets that back
 * with container_of. Only bus.c and bus_inbox.c look inside. */
struct bus {
    const struct bus_driver *driver;
    struct bus_events events;
    bool routes_topics; /* see bus_routes_topics() */
    struct map topics;  /* topic -> how often it was asked for, as a pointer */
    struct bus_inbox inbox;
};

/* First in open and last in close. No thread may call bus_receive() outside of these. */
void bus_init(struct bus *bus, const struct bus_driver *driver, struct bus_events events);
void bus_finish(struct bus *bus);

/* From any thread: queues a message for bus_poll() and wakes the owner. Both arguments
 * are copied. What came from outside is checked here: a bad topic or size, like a full
 * inbox, drops the message and counts it. */
void bus_receive(struct bus *bus, struct bytes topic, struct bytes payload);

/* The same with what the driver made and checked itself; owns it. */
void bus_receive_message(struct bus *bus, struct bus_message *message);

/* On the owner's thread, for the poll slot: moves the oldest messages to the end of
 * `batch`, whose they are now, at most `limit`; true if more is left. */
bool bus_inbox_take(struct bus *bus, int limit, struct list *batch);

/* The poll slot of drivers that use bus_receive(). */
bool bus_poll_inbox(struct bus *bus, int limit);

/* On the owner's thread, within poll or from its loop: hands a message to the caller of
 * the bus, unless the driver routes topics and nobody wants this one (any more). */
void bus_deliver(struct bus *bus, struct bytes topic, struct bytes payload);

/* From any thread: a message was accepted by publish and could not be sent after all. */
void bus_count_publish_error(void);

/* From any thread: so many messages were malformed or found a queue full. */
void bus_count_dropped(size_t count);

/* 1 to BUS_TOPIC_MAX bytes of [A-Za-z0-9.:_-]. */
bool bus_topic_valid(struct bytes topic);

extern const struct bus_driver bus_mem_driver;
extern const struct bus_driver bus_nng_driver;
extern const struct bus_driver bus_nats_driver;
extern const struct bus_driver bus_redis_driver;
extern const struct bus_driver bus_chaos_driver;
extern const struct bus_driver bus_trace_driver;

#endif
