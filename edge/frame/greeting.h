/* What the framings on /ws share, whatever their encoding: the session begins with the
 * first message or with a header, the heartbeat is that of WebSockets, and patience with
 * messages that make no sense has an end. */
#ifndef EDGE_FRAME_GREETING_H
#define EDGE_FRAME_GREETING_H

#include "edge/frame/frame.h"
#include "edge/session.h"

/* conn_framing_state() of these framings. */
struct greeting {
    uint32_t pinged_ms; /* last WebSocket ping, or when it opened */
    uint8_t malformed;  /* messages */
    bool greeted;       /* a session was asked for */
};

/* Slots of struct framing. */
enum err greeting_open(struct conn *conn);
void greeting_tick(struct conn *conn, int64_t now_ms);
struct frame *greeting_no_frame(const struct session *session); /* accepted, ended */

/* The client's hello. */
void greeting_hello(struct conn *conn, const struct session_hello *hello);

/* The session, for an event; NULL: there is none, and the connection closes. */
struct session *greeting_session(struct conn *conn);

/* Tells by the ERROR event what is wrong with `path` (a member, or "" for the whole
 * message). The texts need no escaping. */
void greeting_refuse(struct conn *conn, const char *path, const char *rule,
                     const char *message);

/* Queues a frame that was made for this connection alone, or closes for NULL. */
void greeting_send(struct conn *conn, struct frame *frame);

#endif
