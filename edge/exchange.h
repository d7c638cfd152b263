/* One HTTP request that was let in, and its answer: what http.c and the makers of answers
 * (http_call.c, http_file.c) share. Only they include this. */
#ifndef EDGE_EXCHANGE_H
#define EDGE_EXCHANGE_H

#include "edge/description.h"
#include "edge/visitor.h"

struct http_call;

struct exchange {
    struct lws *wsi;
    struct visitor *visitor;
    struct buf body;   /* of the request */
    struct buf answer; /* with its head; behind LWS_PRE unused bytes */
    bool answered;
    struct http_call *call; /* under way to a core, or NULL */
    struct description_waiter waiter;
};

/* The answer; the first one counts. `headers` are more lines with CR LF, or NULL. */
void exchange_answer(struct exchange *exchange, int status, const char *content_type,
                     struct bytes body, const char *headers);

/* {"error":{…}} with the status, and Retry-After where the refusal says when. */
void exchange_refuse(struct exchange *exchange, int status,
                     const struct refusal *refusal);

/* POST /api/v1/events/{EVENT} and /api/v1/publish, whose body is there: answers now or
 * when a core has. */
void http_call_start(struct exchange *exchange);
/* The client has gone. */
void http_call_cancel(struct http_call *call);

/* The demo, files of BELFRY_WEB_DIR. */
void http_file_answer(struct exchange *exchange);

/* /asyncapi.json, now or when a core has given it. */
void http_description_answer(struct exchange *exchange);

#endif
