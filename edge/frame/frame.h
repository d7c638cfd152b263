/* A frame: one WebSocket message, built once and shared by all its receivers; and the
 * interface of a framing: how events, replies and errors look on a client's wire.
 *
 * A framing is one file and one `const struct framing`: Socket.IO, plain JSON, protobuf.
 * It keeps no connection state but that in conn_framing_state(). */
#ifndef EDGE_FRAME_FRAME_H
#define EDGE_FRAME_FRAME_H

#include "base/bytes.h"
#include "base/err.h"
#include "belfry/link.pb-c.h"

struct conn;
struct publication;
struct session;

/* Room in front of the payload for the unmasked WebSocket header (at most 10 bytes,
 * RFC 6455 section 5.2) and for what libwebsockets wants (LWS_PRE, 16). */
#define FRAME_ROOM 16

#define FRAME_TEXT_MAX (4 * 1024 * 1024) /* of a frame to a client */

struct frame {
    uint32_t refs;
    uint8_t header_size; /* bytes of FRAME_ROOM in use, right before the payload */
    bool binary;         /* opcode 2, else text */
    bool droppable;      /* ephemeral: goes first when the queue is long */
    size_t size;         /* of the payload */
    uint8_t bytes[];     /* FRAME_ROOM, payload */
};

/* One reference for the caller; NULL: no memory. The payload is copied. */
struct frame *frame_create(struct bytes payload, bool binary);
/* A WebSocket ping (RFC 6455 section 5.5.2). */
struct frame *frame_create_ping(void);
/* A close frame (section 5.5.1); the reason is cut at 123 bytes. */
struct frame *frame_create_close(unsigned code, const char *reason);
/* A text frame that is written where it will stay: begins `buf` with room for a payload
 * of `size` bytes (more may come, up to FRAME_TEXT_MAX). */
struct buf;
void frame_buf_begin(struct buf *buf, size_t size);
/* What was written since frame_buf_begin(); finishes the buf. NULL: no memory, or it
 * failed. */
struct frame *frame_of_buf(struct buf *buf);
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); /* accepts NULL */

/* Header and payload, as they go to the socket. */
static inline struct bytes frame_wire(const struct frame *frame)
{
    return bytes_make(frame->bytes + FRAME_ROOM - frame->header_size,
                      frame->size + frame->header_size);
}

/* What a client is told of a refusal (P9). */
struct refusal {
    const char *event; /* the client event, "" when unknown */
    const char *code;
    const char *message;
    struct bytes details; /* JSON, or none */
    uint32_t retry_after_ms;
};

struct framing {
    const char *name;        /* "socketio", "json", "protobuf" */
    Link__Encoding encoding; /* of calls and their replies */
    bool recovers;           /* sessions leave a trail: edge/recovery.h */
    size_t state_size;       /* of conn_framing_state(), which lives with the conn */

    /* The WebSocket is open: greet (Engine.IO open packet) or wait. */
    enum err (*open)(struct conn *conn);

    /* One whole message from the client; borrowed. Calls session_open(), session_call(),
     * session_close(), conn_close(). Whatever the bytes are, at most this connection
     * ends. */
    void (*receive)(struct conn *conn, struct bytes message, bool binary);

    /* About each second: heartbeat, timeouts of the handshake. */
    void (*tick)(struct conn *conn, int64_t now_ms);

    /* The session was accepted: what goes before its first event, or NULL for nothing
     * (Socket.IO: the CONNECT packet with the sid). */
    struct frame *(*accepted)(const struct session *session);

    /* The server ends the session but not yet the connection, or NULL for nothing
     * (Socket.IO: DISCONNECT). */
    struct frame *(*ended)(const struct session *session);

    /* A server event, its payload an object of JSON (none: {}): what the edge itself has
     * to say, and publications where the next slot is NULL. `name_space` is "/" or
     * another (Socket.IO). */
    struct frame *(*event)(const char *name_space, struct bytes name, struct bytes json);

    /* A publication, where its JSON alone will not do. The frame is shared by all
     * receivers of the framing and the namespace. */
    struct frame *(*publication)(const char *name_space,
                                 const struct publication *publication);

    /* The answer to a client event that asked for one; `payload` is in the framing's
     * encoding. */
    struct frame *(*reply)(const struct session *session, uint64_t id,
                           struct bytes payload);
    struct frame *(*error)(const struct session *session, uint64_t id,
                           const struct refusal *refusal);
};

extern const struct framing framing_socketio;
extern const struct framing framing_socketio_recovery;
extern const struct framing framing_json;
extern const struct framing framing_protobuf;

/* The payload of the ERROR event and of CONNECTION_ERROR, as JSON:
 * {"event":…,"code":…,"message":…,"details":…,"retryAfterMs":…,"timestamp":…}; what is
 * not known is left out. */
void refusal_json(const struct refusal *refusal, struct buf *ret_json);

#endif
