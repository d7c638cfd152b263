/* One client of one user: its identity, its subscriptions, its events in the order they
 * were sent, one at a time under way to a core. */
#ifndef EDGE_SESSION_H
#define EDGE_SESSION_H

#include "base/reflist.h"
#include "base/uuid.h"
#include "edge/conn.h"
#include "edge/cursor.h"
#include "edge/identity.h"
#include "edge/streams.h"
#include "edge/upstream.h"

#define SESSION_QUEUE_MAX         64 /* calls behind it: the socket is not read */
#define SESSION_QUEUE_BYTES_MAX   (64 * 1024) /* the same, in bytes */
#define SESSION_SUBSCRIPTIONS_MAX 1000

enum session_state { SESSION_CONNECTING, SESSION_OPEN, SESSION_ENDED };

struct follow;
struct held;
struct session_call;
struct trail;

/* There are as many as clients, and most of them are idle: what only some need, or only
 * for a while, has memory of its own. */
struct session {
    struct uuid id;
    struct conn *conn;      /* these three are what a delivery needs */
    const char *name_space; /* interned: "/" or one of the catalogue's */
    struct trail *trail;    /* recovery.h's; NULL: it cannot be recovered */
    struct uuid user_id;    /* zero: nobody's */
    struct session *next;   /* of the connection */
    char *username;         /* these two of pool_text(), or NULL: none */
    char *token_id;
    int64_t issued_at; /* these as in struct identity */
    int64_t expires_at;
    struct reflist in_user; /* a ring of one user's sessions; edge->users has one of it */
    ref subscriptions;      /* each with the next */
    struct session_call *last_call; /* its next is the first, which is under way */
    struct follow *follow;          /* follow.h's; NULL: there is nothing to remember */
    struct held *held; /* control that came while it was being connected; NULL: none */
    uint64_t mark;     /* the last CONTACTS publication it got */

    uint8_t state; /* enum session_state */
    bool service : 1;
    bool follows : 1;       /* JOIN_ALL_ROOMS: opens what its user gains */
    bool follow_asked : 1;  /* follow.h: an answer is awaited */
    bool follow_again : 1;  /* something was gained meanwhile, or no answer came */
    bool expiring_told : 1; /* TOKEN_EXPIRING was sent */
    uint16_t subscription_count;
    uint16_t call_count;
    uint32_t call_bytes;
    uint32_t hint; /* the core's, of the last change: where the next one goes; 0: none */
};

_Static_assert(offsetof(struct session, user_id) % 4 == 0, "a ref leads to it");

/* Whose subscription it is. */
static inline struct session *session_of(const struct subscription *subscription)
{
    return container_of(ref_there(subscription->user), struct session, user_id);
}

/* The first of them, or NULL. */
static inline struct subscription *session_subscriptions(const struct session *session)
{
    return ref_to(session->subscriptions);
}

/* What a client says when it begins; each may be none. */
struct session_hello {
    struct bytes token;
    struct bytes resume; /* JSON object {"<stream>": "<cursor>", "<room>": null, …} */
    /* Socket.IO's own way to go on (edge/recovery.h), instead of `resume`. */
    struct bytes recovery_id;
    struct bytes offset;
};

/* A client asks to begin: verifies the token (none: the connection's bearer, else
 * anonymous if that is allowed), then asks a core. In the end the client gets
 * CONNECTION_SUCCESS, or CONNECTION_ERROR and the end. The framing has checked that the
 * namespace exists (session_namespace) and has no session yet. */
void session_open(struct conn *conn, const char *name_space,
                  const struct session_hello *hello);

/* A client event. `payload` is in the framing's encoding; empty: {}. With wants_reply
 * the client gets reply or error under `id`. Refusals come as the ERROR event too. */
struct session_event {
    struct bytes name;
    struct bytes payload;
    bool wants_reply;
    uint64_t id;
    struct bytes trace; /* traceparent or none */
};
void session_call(struct session *session, const struct session_event *event);

/* The session is over (client left, connection gone): frees it and tells a core. */
void session_close(struct session *session, const char *reason);

/* The server ends it: a last event (name and JSON payload, or NULL), the framing's
 * `ended` frame, then the connection is closed if it was its last session. */
void session_end(struct session *session, const char *event, struct bytes payload,
                 enum close_code code, const char *reason);

/* CONNECTION_ERROR, and the end. */
void session_refuse(struct session *session, enum err err, const char *message);

/* The connection's queue has room again: subscriptions behind go on. */
void session_ready(struct session *session);

/* About each second: the token's end. */
void session_tick(struct session *session, int64_t unix_ms);

/* Sends a server event to this session alone; `json` is its payload. */
void session_send(struct session *session, const char *event, struct bytes json);

/* The name's interned form; NULL when no core knows such a namespace. "/" always is. */
const char *session_namespace(struct edge *edge, struct bytes name);

/* ---- for the other parts of the edge ---- */

/* Once, at start: the walk over all metrics is nothing for the way of an event. */
void session_register_metrics(void);

struct subscription *session_subscription(const struct session *session,
                                          const struct stream_id *stream);

/* The subscription has ended otherwise than by session_unsubscribe(). */
void session_forget(struct session *session, const struct subscription *subscription);

/* Another name from now on. No memory: the one it had. */
void session_rename(struct session *session, struct bytes username);

/* Opens or closes a subscription as a core said. Opening what is open is a no-op. */
void session_subscribe(struct session *session, const Link__Open *open);
void session_unsubscribe(struct session *session, struct subscription *subscription);

/* Opens what the client did not ask for just now, and tells it where that begins
 * (STREAM_OPENED), so that it can resume from there. */
void session_open_told(struct session *session, const Link__Open *open);

/* RESYNC: events up to seq were lost to this session. */
void session_resync(struct session *session, const struct stream_id *stream, uint64_t seq,
                    uint32_t tag);

/* The actor of its requests; points into the session. */
void session_actor(const struct session *session, Link__Actor *ret_actor);
/* Of one that is there no more: who it was, and nothing else. */
void session_actor_of(const struct uuid *session, const struct uuid *user,
                      Link__Actor *ret_actor);

/* Frees the calls that wait, and forgets the one under way. */
void session_drop_calls(struct session *session);
/* Starts the first waiting call if none is under way. */
void session_next_call(struct session *session);

#endif
