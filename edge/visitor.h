/* What listener.c, door.c, ws.c and http.c share: the port itself, and one client's way
 * through it. Only they include this. */
#ifndef EDGE_VISITOR_H
#define EDGE_VISITOR_H

#include <libwebsockets.h>
#include <uv.h>

#include "base/list.h"
#include "edge/addresses.h"
#include "edge/admit.h"
#include "edge/conn.h"
#include "edge/edge.h"
#include "edge/proxies.h"

#define LISTENER_WHEEL 20 /* parts of a second, or of a short ping interval */

/* ws.c's; in a block of pool.h, as their clients. */
struct rota {
    struct reflist dirty;                 /* clients with something to write */
    struct reflist wheel[LISTENER_WHEEL]; /* all clients */
};

struct listener {
    struct edge *edge;
    struct cors *cors;
    struct proxies *proxies;
    struct addresses *addresses;
    struct tls *tls; /* NULL: plain */
    struct lws_context *context;
    struct lws_vhost *vhost;

    uv_poll_t accepting;
    int fd;       /* listening; -1: not any more */
    int spare_fd; /* given up for a moment to refuse clients when there are no more */
    struct list guests; /* door.c: connections whose head is not there yet */
    size_t guest_count;
    size_t visitor_count; /* connections that were let in, WebSockets and others */

    struct rota *rota;
    uint32_t wheel_at, wheel_next;
    uint32_t wheel_step; /* parts that have their turn together */

    uv_check_t after_poll;
    uv_prepare_t before_poll;
    uv_timer_t insurance, ticking;
    int handles; /* of the above that are open */
    bool closing;
};

struct exchange; /* http.c: a request and its answer */

/* What of a request's head is needed later, if it is no WebSocket's. The texts are owned.
 */
struct visit {
    enum http_route route;
    enum http_method method;
    uint64_t content_length;
    char *path;
    char *origin;        /* an allowed one, or NULL */
    char *trace;         /* traceparent, or NULL */
    char *if_none_match; /* or NULL */
    struct exchange *exchange;
};

/* A connection that was let in; lives as long as its wsi, whose opaque data it is. */
struct visitor {
    struct listener *listener;
    struct address *counted; /* or NULL */
    union {
        struct conn *conn;  /* of a WebSocket, while it is open */
        struct visit *http; /* ADMIT_HTTP */
    };
    char *bearer;      /* owned; or NULL */
    uint8_t kind;      /* enum admit_kind */
    bool known;        /* counted as having said who it is */
    bool awaits_hello; /* although there is a bearer */
    char address[];    /* the client's, as text */
};

/* door.c */
void door_accept(struct listener *listener);
void door_expire(struct listener *listener, int64_t now_ms);
void door_close(struct listener *listener); /* all guests */
void visitor_free(struct visitor *visitor);
/* It has said who it is, or is about to go. */
void visitor_known(struct visitor *visitor);

/* listener.c: gives the socket to libwebsockets; visitor and fd are its own then. */
void listener_adopt(struct listener *listener, int fd, struct visitor *visitor);

/* ws.c and http.c: callbacks of libwebsockets for their kind of wsi. */
int ws_callback(struct lws *wsi, enum lws_callback_reasons reason,
                struct visitor *visitor, void *in, size_t size);
int http_callback(struct lws *wsi, enum lws_callback_reasons reason,
                  struct visitor *visitor, void *in, size_t size);
void ws_flush_dirty(struct listener *listener);
void ws_tick(struct listener *listener, int64_t now_ms);

#endif
