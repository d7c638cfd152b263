/* One client connection: its bounded send queue, its sessions (one; Socket.IO up to
 * eight, one a namespace), and how it ends. Knows framings, but not libwebsockets: bytes
 * leave through `struct conn_io`, which ws.c (or a test) provides. */
#ifndef EDGE_CONN_H
#define EDGE_CONN_H

#include "base/err.h"
#include "base/reflist.h"
#include "edge/frame/frame.h"

struct edge;

#define CONN_SESSIONS_MAX 8

/* Close codes of our own (RFC 6455 section 7.4.2: 4000-4999); see docs/protocol.md. */
enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_PROTOCOL = 1002,
    CLOSE_WRONG_TYPE = 1003,
    CLOSE_BAD_UTF8 = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_BIG = 1009,
    CLOSE_RESTART = 1012,
    CLOSE_TRY_LATER = 1013,
    CLOSE_NO_ANSWER = 4000, /* a change got no answer in time: retry with clientId */
    CLOSE_NOT_AUTHENTICATED = 4003,
    CLOSE_ALREADY_AUTHENTICATED = 4005,
    CLOSE_TOO_SLOW = 4008, /* or rate limited beyond patience */
    CLOSE_TOKEN = 4401,
    CLOSE_REVOKED = 4403,
};

struct conn;

/* What a connection needs of its transport. On the loop thread. */
struct conn_io {
    size_t state_size; /* what the transport keeps of each: a multiple of 8 */
    /* Frames wait, or it closes: at the end of this loop turn call conn_settle() and
     * write. */
    void (*dirty)(struct conn *conn);
    /* Close the transport after what is queued, not before this returns; conn_destroy
     * follows from there. */
    void (*close)(struct conn *conn, enum close_code code, const char *reason);
    /* Stop (false) or go on (true) reading from the client. */
    void (*reading)(struct conn *conn, bool on);
    /* Of the peer, as text, after trusted proxies. */
    const char *(*address)(const struct conn *conn);
};

/* Waiting frames, when there is more than one. */
struct frame_ring {
    uint32_t head, capacity;
    struct frame *frames[];
};

/* There are as many as clients, so it is small; what the transport and the framing keep
 * follows in the same block. Times are the last 32 bits of the clock. */
struct conn {
    struct reflist in_edge;   /* all connections */
    struct session *sessions; /* the newest first, each with the next */
    char *bearer;             /* Authorization header's token, owned; or NULL */
    uint32_t opened_ms;
    uint32_t heard_ms; /* last message or pong of the client; by the transport */

    /* From here to the end is what a frame on its way needs, next to the transport's. */
    uint32_t behind_since_ms; /* while is_behind */
    uint8_t session_count;
    bool has_ring : 1;
    bool is_behind : 1;    /* its queue is above the high mark */
    bool awaits_hello : 1; /* although there is a bearer: it may resume */
    bool closing : 1, reading_stopped : 1;
    struct edge *edge;
    const struct framing *framing;
    const struct conn_io *io;
    union {
        struct frame *alone; /* waits, while there is no ring; NULL: none waits */
        struct frame_ring *ring;
    };
    uint32_t queue_count;
    uint32_t queued_bytes;
};

_Static_assert(sizeof(struct conn) % 8 == 0, "its transport's state follows");

/* How long ago that was. */
static inline uint32_t conn_since(uint32_t then_ms, int64_t now_ms)
{
    return (uint32_t)now_ms - then_ms;
}

/* io->state_size bytes, zeroed at first. */
static inline void *conn_transport(struct conn *conn)
{
    return conn + 1;
}

/* framing->state_size bytes, zeroed at first. */
static inline void *conn_framing_state(struct conn *conn)
{
    return (uint8_t *)(conn + 1) + conn->io->state_size;
}

/* The transport is open. NULL: no memory. The caller then sets `bearer` if there is one,
 * and calls framing->open(). */
struct conn *conn_create(struct edge *edge, const struct framing *framing,
                         const struct conn_io *io);
/* The transport is gone: ends the sessions, frees everything of the connection. */
void conn_destroy(struct conn *conn);

/* Asks for what conn_send() and the write at the end of the turn touch. */
static inline void conn_warm(const struct conn *conn)
{
    __builtin_prefetch(&conn->edge);
    __builtin_prefetch((const uint8_t *)&conn->edge + 64);
}

/* The frame at that place of the queue, below queue_count. */
static inline struct frame *conn_queued(const struct conn *conn, uint32_t place)
{
    if (!conn->has_ring) {
        return conn->alone;
    }
    const struct frame_ring *ring = conn->ring;
    return ring->frames[(ring->head + place) & (ring->capacity - 1)];
}

/* Queues a frame (takes its own reference); a closing connection takes none. Above the
 * limit (BELFRY_SEND_QUEUE, 256 KB)
 * a droppable frame is dropped; otherwise the connection is closed with CLOSE_TOO_SLOW.
 * NULL frame (no memory): closes with CLOSE_TRY_LATER. */
void conn_send(struct conn *conn, struct frame *frame);

/* True while durable events may be queued: below the high mark (a quarter of the limit).
 */
bool conn_ready(const struct conn *conn);

/* The transport has taken `count` frames from the head of the queue, or all of them.
 * Sessions that were held back go on (session_ready). */
void conn_sent(struct conn *conn, uint32_t count);

/* Sends what is queued, then closes. From now on nothing more is queued or received, but
 * sessions live until conn_destroy(), which the transport calls on a later turn of the
 * loop: whoever is in the middle of something may go on safely. Twice is a no-op. */
void conn_close(struct conn *conn, enum close_code code, const char *reason);

/* The end of a loop turn: the sessions of a closing connection end. By the transport. */
void conn_settle(struct conn *conn);

/* About each second, by the transport: a queue that stays long, the framing's timers. */
void conn_tick(struct conn *conn, int64_t now_ms);

/* A session begins, or has ended. */
void conn_add_session(struct conn *conn, struct session *session);
void conn_remove_session(struct conn *conn, struct session *session);

/* The session of a namespace, or NULL. */
struct session *conn_session(const struct conn *conn, const char *name_space);

#endif
