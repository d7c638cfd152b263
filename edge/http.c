/* Answers what is let in as plain HTTP; libwebsockets reads the request and sends what is
 * written here. Every answer closes its connection, so that every request has to pass the
 * door, alone. */
#include "edge/http.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "edge/exchange.h"

#define ANSWER_MAX      (8 * 1024 * 1024)
#define ANSWER_PATIENCE 5 /* seconds beyond the request timeout */
#define METRICS_TYPE    "text/plain; version=0.0.4; charset=utf-8"

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {411, "Length Required"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

void http_append_head(struct buf *buf, int status, const char *content_type, size_t size,
                      struct bytes origin, const char *headers)
{
    buf_printf(buf, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    if (content_type != NULL) {
        buf_printf(buf, "Content-Type: %s\r\n", content_type);
    }
    if (status != 204 && status != 304) {
        buf_printf(buf, "Content-Length: %zu\r\n", size);
    }
    if (origin.size > 0) {
        buf_append_text(buf, "Access-Control-Allow-Origin: ");
        buf_append_bytes(buf, origin);
        buf_append_text(buf, "\r\nAccess-Control-Allow-Credentials: true\r\n"
                             "Access-Control-Expose-Headers: Retry-After\r\n");
    }
    if (headers != NULL) {
        buf_append_text(buf, headers);
    }
    if (headers == NULL || strstr(headers, "Cache-Control:") == NULL) {
        buf_append_text(buf, "Cache-Control: no-store\r\n");
    }
    buf_append_text(buf, "Vary: Origin\r\n"
                         "X-Content-Type-Options: nosniff\r\n"
                         "Connection: close\r\n\r\n");
}

void exchange_answer(struct exchange *exchange, int status, const char *content_type,
                     struct bytes body, const char *headers)
{
    static const uint8_t room[LWS_PRE];
    if (exchange->answered) {
        return;
    }
    exchange->answered = true;
    buf_append(&exchange->answer, room, sizeof(room));
    http_append_head(&exchange->answer, status, content_type, body.size,
                     bytes_of_text(exchange->visitor->http->origin), headers);
    if (exchange->visitor->http->method != HTTP_HEAD) {
        buf_append_bytes(&exchange->answer, body);
    }
    lws_callback_on_writable(exchange->wsi);
}

void exchange_refuse(struct exchange *exchange, int status, const struct refusal *refusal)
{
    struct buf body;
    char headers[64] = "";
    buf_init(&body, ANSWER_MAX);
    buf_append_text(&body, "{\"error\":");
    refusal_json(refusal, &body);
    buf_append_char(&body, '}');
    if (refusal->retry_after_ms > 0) {
        snprintf(headers, sizeof(headers), "Retry-After: %u\r\n",
                 (refusal->retry_after_ms + 999) / 1000);
    } else if (status == 401) {
        snprintf(headers, sizeof(headers), "WWW-Authenticate: Bearer\r\n");
    }
    exchange_answer(exchange, status, "application/json", buf_bytes(&body), headers);
    buf_finish(&body);
}

static void answer_text(struct exchange *exchange, int status, const char *text)
{
    exchange_answer(exchange, status, "application/json", bytes_of_text(text), NULL);
}

static void answer_metrics(struct exchange *exchange)
{
    struct buf text;
    buf_init(&text, ANSWER_MAX);
    metrics_render(&text);
    exchange_answer(exchange, 200, METRICS_TYPE, buf_bytes(&text), NULL);
    buf_finish(&text);
}

/* The request is here as a whole. */
static void handle(struct exchange *exchange)
{
    const struct edge *edge = exchange->visitor->listener->edge;
    switch (exchange->visitor->http->route) {
    case ROUTE_EVENT:
    case ROUTE_PUBLISH:
        http_call_start(exchange);
        return;
    case ROUTE_HEALTH:
        answer_text(exchange, 200, "{\"status\":\"ok\"}");
        return;
    case ROUTE_READY:
        if (edge_ready(edge)) {
            answer_text(exchange, 200, "{\"status\":\"ready\"}");
        } else {
            answer_text(exchange, 503,
                        edge->draining ? "{\"status\":\"draining\"}"
                                       : "{\"status\":\"no core answers\"}");
        }
        return;
    case ROUTE_METRICS:
        answer_metrics(exchange);
        return;
    case ROUTE_ASYNCAPI:
        http_description_answer(exchange);
        return;
    case ROUTE_DEMO:
    case ROUTE_DEMO_JSON:
    case ROUTE_FILE:
        http_file_answer(exchange);
        return;
    case ROUTE_NONE:
    case ROUTE_SOCKETIO:
    case ROUTE_WS:
        break;
    }
    answer_text(exchange, 404, "{\"error\":{\"code\":\"NOT_FOUND\"}}");
}

static int on_request(struct lws *wsi, struct visitor *visitor)
{
    const struct edge_config *config = visitor->listener->edge->config;
    if (visitor->http->exchange != NULL) {
        return -1; /* a second request behind the first: it was told that we close */
    }
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return -1;
    }
    exchange->wsi = wsi;
    exchange->visitor = visitor;
    buf_init(&exchange->body, (size_t)config->message_max);
    buf_init(&exchange->answer, ANSWER_MAX);
    visitor->http->exchange = exchange;
    int seconds = (int)(config->request_timeout_ms / 1000) + ANSWER_PATIENCE;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, seconds);
    if (visitor->http->content_length == 0) {
        handle(exchange);
    }
    return 0;
}

static void end_exchange(struct visitor *visitor)
{
    struct exchange *exchange = visitor->http->exchange;
    if (exchange == NULL) {
        return;
    }
    visitor->http->exchange = NULL;
    if (exchange->call != NULL) {
        http_call_cancel(exchange->call);
    }
    description_cancel(&exchange->waiter);
    buf_finish(&exchange->body);
    buf_finish(&exchange->answer);
    free(exchange);
}

/* libwebsockets keeps what the socket does not take, and sends it before it closes. */
static int on_writeable(struct exchange *exchange)
{
    if (!exchange->answered) {
        return 0;
    }
    if (!exchange->answer.failed) {
        lws_write(exchange->wsi, exchange->answer.data + LWS_PRE,
                  exchange->answer.size - LWS_PRE, LWS_WRITE_HTTP);
    }
    return -1;
}

int http_callback(struct lws *wsi, enum lws_callback_reasons reason,
                  struct visitor *visitor, void *in, size_t size)
{
    struct exchange *exchange = visitor->http->exchange;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(wsi, visitor);
    case LWS_CALLBACK_HTTP_BODY:
        if (exchange != NULL) {
            buf_append(&exchange->body, in, size);
        }
        return 0;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        if (exchange != NULL && !exchange->answered && exchange->call == NULL) {
            handle(exchange);
        }
        return 0;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return exchange != NULL ? on_writeable(exchange) : 0;
    case LWS_CALLBACK_CLOSED_HTTP:
    case LWS_CALLBACK_WSI_DESTROY:
        end_exchange(visitor);
        return 0;
    default:
        return 0;
    }
}
