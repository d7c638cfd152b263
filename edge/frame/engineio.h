/* Engine.IO 4 over a WebSocket: what lies beneath Socket.IO. One digit before each
 * message says what it is; the server pings and the client answers. Pure: time comes in,
 * what to do comes out. */
#ifndef EDGE_FRAME_ENGINEIO_H
#define EDGE_FRAME_ENGINEIO_H

#include "base/buf.h"

#define ENGINEIO_SID_SIZE 25 /* 24 characters and the NUL */

struct engineio {
    char sid[ENGINEIO_SID_SIZE]; /* a secret of its own; no session id */
    int64_t ping_at_ms;          /* when the next ping is due */
    int64_t pong_by_ms;          /* when its answer is overdue; 0: none is awaited */
    int64_t interval_ms, timeout_ms;
};

enum engineio_packet {
    ENGINEIO_MESSAGE, /* ret_body is a Socket.IO packet */
    ENGINEIO_PONG,    /* taken care of */
    ENGINEIO_CLOSE,   /* the client leaves */
    ENGINEIO_BAD,     /* the connection must end */
};

enum engineio_due { ENGINEIO_NOTHING, ENGINEIO_PING, ENGINEIO_SILENT };

void engineio_init(struct engineio *engineio, int64_t now_ms, int64_t interval_ms,
                   int64_t timeout_ms);

/* The first packet: 0{"sid":…,"upgrades":[],"pingInterval":…,"pingTimeout":…,
 * "maxPayload":…}, exactly these five members. */
void engineio_open(const struct engineio *engineio, int64_t payload_max, struct buf *buf);

/* Reads one text message of the client. ret_body is set for ENGINEIO_MESSAGE. */
enum engineio_packet engineio_read(struct engineio *engineio, struct bytes message,
                                   int64_t now_ms, struct bytes *ret_body);

/* What the clock asks for: to send "2", or to give the client up. */
enum engineio_due engineio_tick(struct engineio *engineio, int64_t now_ms);

/* The client is not read for a while: it is not expected to answer. */
void engineio_pause(struct engineio *engineio, int64_t now_ms);

#endif
