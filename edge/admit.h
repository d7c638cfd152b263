/* What is let in: decides from a request's head alone whether it becomes a WebSocket, an
 * HTTP request, or a refusal. Pure. */
#ifndef EDGE_ADMIT_H
#define EDGE_ADMIT_H

#include "base/buf.h"
#include "edge/config.h"
#include "edge/cors.h"
#include "edge/http_head.h"

enum admit_kind { ADMIT_HTTP, ADMIT_SOCKETIO, ADMIT_FRAMES }; /* FRAMES: /ws */

enum http_route {
    ROUTE_NONE,
    ROUTE_SOCKETIO,
    ROUTE_WS,
    ROUTE_EVENT,   /* POST /api/v1/events/{EVENT} */
    ROUTE_PUBLISH, /* POST /api/v1/publish */
    ROUTE_HEALTH,
    ROUTE_READY,
    ROUTE_METRICS,
    ROUTE_ASYNCAPI,
    ROUTE_DEMO,      /* /?demo, /demo.html; development only, as what follows */
    ROUTE_DEMO_JSON, /* /demo.json */
    ROUTE_FILE,      /* a plain name in BELFRY_WEB_DIR */
};

struct admission {
    enum admit_kind kind;
    enum http_route route;
    bool origin_allowed; /* there is an Origin, and it may read the answer */
    struct bytes bearer; /* of the Authorization header, may be none */
    bool awaits_hello;   /* /ws?hello: a hello comes although there is a bearer */

    /* A refusal: status is not 0. */
    int status;
    int engineio_code;   /* -1: the body is {"error":…} */
    const char *code;    /* one of ERR_LIST's, for the body */
    const char *rule;    /* "token_in_url", or NULL */
    const char *message; /* static */
    const char *headers; /* more header lines, each with CR LF, or NULL */
};

/* True if it is let in. A head that could not be read: admit_refused_head(). */
bool admit(const struct edge_config *config, const struct cors *cors,
           const struct http_head *head, struct admission *ret_admission);

/* The refusal of what http_head_read() refused. */
void admit_refused_head(int status, const char *problem, struct admission *ret_admission);

/* The body that says why: {"error":{…}}, or Engine.IO's {"code":…,"message":…}. `origin`
 * (may be none) is named in development when it was refused. */
void admit_write_refusal(const struct edge_config *config,
                         const struct admission *admission, struct bytes origin,
                         struct buf *ret_body);

#endif
