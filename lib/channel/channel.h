/* Whole messages over TCP, between an edge and a core: each is its size in 4 bytes, most
 * significant first, and its bytes. NNG's streams carry them.
 *
 * All belongs to one thread, the owner's. NNG's threads only note in the hub what has
 * ended and call `wake`; the owner then calls channel_hub_poll(), and everything is
 * called back in there; but what is read, messages and ends, by the hub's loop, where it
 * has one. What is sent is written at once, by the owner itself; only what the kernel
 * does not take waits. */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include <pthread.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"

#define CHANNEL_PARTS_MAX    3
#define CHANNEL_ADDRESS_SIZE 280 /* "[host of 255]:65535" */

struct channel;          /* a connection, or one after the other to the same address */
struct channel_listener; /* accepts them */

struct channel_hub {
    pthread_mutex_t lock;
    struct list ended; /* operations of NNG, under lock */
    bool woken;        /* under lock */
    void (*wake)(void *user);
    void *user;
    uv_loop_t *loop;

    bool polling;
    size_t limit;       /* of the poll under way: messages that it may still hand on */
    struct list taken;  /* ended ones that are being handled */
    struct list unread; /* channels that hold whole messages */
    struct list closed; /* channels to be freed */
};

/* `loop` is the owner's and reads what comes; NULL: NNG's threads do. `wake` is called
 * from any thread, once between two polls, and must only wake the owner. */
void channel_hub_init(struct channel_hub *hub, uv_loop_t *loop, void (*wake)(void *user),
                      void *user);

/* When all of it is closed. */
void channel_hub_finish(struct channel_hub *hub);

/* Handles what has ended, and hands on at most `limit` messages; true if more wait. Does
 * nothing inside itself. */
bool channel_hub_poll(struct channel_hub *hub, size_t limit);

/* Each may close any channel. */
struct channel_events {
    void (*on_open)(void *user, struct channel *channel);
    /* Borrowed for the call. */
    void (*on_message)(void *user, struct channel *channel, struct bytes message);
    /* The connection broke. One that was accepted is freed when this returns; one that
     * was dialed is dialed again. Not called by channel_close(). */
    void (*on_close)(void *user, struct channel *channel);
};

struct channel_options {
    size_t message_max; /* bytes; who announces more is cut off */
    size_t backlog_max; /* bytes that may wait to be sent */
    int redial_min_ms;
    int redial_max_ms;
    int first_ms; /* who is silent so long after connecting is cut off; 0: never */
};

/* Both in the background, again and again until closed. ERR_VALIDATION_ERROR: no such
 * address. ERR_UNAVAILABLE: no memory, or the port is taken. */
MUST_CHECK enum err channel_dial(struct channel_hub *hub, const char *host, int port,
                                 struct channel_options options,
                                 struct channel_events events, void *user,
                                 struct channel **ret_channel);
MUST_CHECK enum err channel_listen(struct channel_hub *hub, const char *host, int port,
                                   struct channel_options options,
                                   struct channel_events events, void *user,
                                   struct channel_listener **ret_listener);

/* Nothing is called back afterwards. Accepts NULL. */
void channel_close(struct channel *channel);

/* Closes what it has accepted, too. Accepts NULL. */
void channel_listener_close(struct channel_listener *listener);

/* The connection breaks, and on_close is called soon. */
void channel_break(struct channel *channel);

/* The parts are one message, and copied where they must wait. ERR_UNAVAILABLE: not
 * connected, memory. ERR_LIMIT_REACHED: more than `backlog_max` would wait. */
MUST_CHECK enum err channel_send(struct channel *channel, const struct bytes *parts,
                                 size_t count);

/* Between the two, what is sent waits, and then goes out at once. */
void channel_cork(struct channel *channel);
void channel_uncork(struct channel *channel);

bool channel_is_open(const struct channel *channel);
/* Bytes that wait to be sent. */
size_t channel_backlog(const struct channel *channel);

/* Connections that are open. */
size_t channel_listener_count(const struct channel_listener *listener);

/* "10.0.0.3:7400", "[::1]:7400" */
void channel_address_format(const char *host, int port,
                            char ret_address[CHANNEL_ADDRESS_SIZE]);

#endif
