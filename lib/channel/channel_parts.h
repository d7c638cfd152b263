/* The structs behind channel.h and its four parts: channel_hub.c where NNG's threads
 * meet the owner's, channel_io.c for what goes through a connection, channel.c for how it
 * comes and goes, channel_watch.c where the owner's loop reads. Only they include this.
 */
#ifndef CHANNEL_CHANNEL_PARTS_H
#define CHANNEL_CHANNEL_PARTS_H

#include <nng/nng.h>
#include <uv.h>

#include "base/buf.h"
#include "channel/channel.h"

#define CHANNEL_HEADER_SIZE 4
#define CHANNEL_READ_SIZE   (64 * 1024)

/* An operation of NNG that calls back: NNG's while pending, else the owner's. */
struct operation {
    struct list node; /* in hub->ended or hub->taken */
    struct channel_hub *hub;
    nng_aio *aio;
    bool pending; /* begun, and not yet handled by the owner */
    bool sleeping;
    void (*done)(struct operation *operation);
};

struct channel_watch;

struct channel {
    struct list node; /* in listener->channels, hub->closed */
    struct list unread_node;
    struct channel_hub *hub;
    struct channel_options options;
    struct channel_events events;
    void *user;

    struct channel_listener *listener; /* NULL: it is dialed */
    nng_stream_dialer *dialer;
    struct operation dialing;
    int redial_ms;

    nng_stream *stream; /* NULL: not connected */
    bool closed;
    bool broken; /* its stream is closed: on_close is still to be called */
    bool heard;  /* a message has come */

    struct channel_watch *watch; /* NULL: NNG's threads read */
    struct operation receiving;  /* with a watch: only first_ms */
    uint8_t *data;               /* from `start` to `end` it is not handed on */
    size_t capacity;
    size_t start, end;

    nng_aio *now; /* without callback: does what can be done at once */
    struct operation sending;
    struct buf sent; /* what `sending` sends, from `sent_size` on */
    size_t sent_size;
    struct buf waiting; /* behind it */
    bool corked;
};

struct channel_listener {
    struct channel_hub *hub;
    struct channel_options options;
    struct channel_events events;
    void *user;
    nng_stream_listener *listener;
    struct operation accepting;
    struct list channels;
    size_t count;
};

/* ---- channel_hub.c ---- */

/* After callbacks. */
void channel_hub_settle(struct channel_hub *hub);

/* `done` is called on the owner's thread. False: no memory; finish it all the same. */
MUST_CHECK bool operation_init(struct operation *operation, struct channel_hub *hub,
                               void (*done)(struct operation *operation));
/* It has then ended, and is not handled. */
void operation_cancel(struct operation *operation);
void operation_finish(struct operation *operation);
void operation_sleep(struct operation *operation, int ms);

/* ---- channel_io.c ---- */

/* Room for what has come and more, `capacity` bytes in all. */
MUST_CHECK bool channel_data_room(struct channel *channel, size_t capacity);
void channel_receive(struct channel *channel);
/* Hands on what has come, and receives more when that was all. */
void channel_read_on(struct channel *channel);
void channel_on_received(struct operation *operation);
void channel_on_sent(struct operation *operation);

/* Reads once. */
void channel_readable(struct channel *channel);

/* ---- channel_watch.c ---- */

/* False: it cannot be watched. */
MUST_CHECK bool channel_watch_start(struct channel *channel);
void channel_watch_stop(struct channel *channel);

/* ---- channel.c ---- */

/* Its connection is at its end. Nothing is being received. */
void channel_broke(struct channel *channel);

#endif
