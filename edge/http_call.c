/* Runs an event that came by HTTP on the way that every event takes: the same catalogue,
 * limits and cores, with an actor that has no session. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/exchange.h"
#include "edge/session.h"

#define RETRY_AFTER_MS 1000
#define TRACE_MAX      128
#define EVENT_PREFIX   "/api/v1/events/"

static struct metric calls_total =
    METRIC_COUNTER("belfry_edge_http_events_total", "Events that came by HTTP.");

/* Lives until the core has answered; the exchange may go before. */
struct http_call {
    struct upstream_call upstream;
    struct exchange *exchange;
    struct identity identity;
    char event[CATALOGUE_NAME_MAX + 1];
};

/* ---------------------------------------------------------------- refusing */

static void refuse(struct exchange *exchange, const char *event, enum err err,
                   const char *message, uint32_t retry_after_ms)
{
    struct refusal refusal = {.event = event,
                              .code = err_code(err),
                              .message = message != NULL ? message : err_message(err),
                              .retry_after_ms = retry_after_ms};
    exchange_refuse(exchange, err_http_status(err), &refusal);
}

static void refuse_member(struct exchange *exchange, const char *event, const char *path,
                          const char *rule, const char *message)
{
    char details[256];
    snprintf(details, sizeof(details),
             "[{\"path\":\"%s\",\"rule\":\"%s\",\"message\":\"%s\"}]", path, rule,
             message);
    struct refusal refusal = {.event = event,
                              .code = err_code(ERR_VALIDATION_ERROR),
                              .message = err_message(ERR_VALIDATION_ERROR),
                              .details = bytes_of_text(details)};
    exchange_refuse(exchange, err_http_status(ERR_VALIDATION_ERROR), &refusal);
}

static void refuse_unknown(struct exchange *exchange, struct bytes name)
{
    const struct edge *edge = exchange->visitor->listener->edge;
    if (!upstream_ready(edge->upstream)) {
        refuse(exchange, NULL, ERR_UNAVAILABLE, NULL, RETRY_AFTER_MS);
        return;
    }
    const char *near = edge_in_development(edge->config)
                           ? catalogue_nearest(edge->catalogue, name)
                           : NULL;
    char message[128];
    snprintf(message, sizeof(message), "Unknown event: did you mean %s?",
             near != NULL ? near : "");
    refuse(exchange, NULL, ERR_UNKNOWN_EVENT, near != NULL ? message : NULL, 0);
}

/* ---------------------------------------------------------------- answering */

/* Neither "done" nor "not done" would be true. */
static void answer_unknown(struct exchange *exchange, const char *event)
{
    struct buf body;
    buf_init(&body, 1024);
    buf_append_text(&body, "{\"outcome\":\"unknown\",\"event\":");
    buf_append_json_string(&body, bytes_of_text(event));
    buf_append_text(&body, ",\"message\":\"No answer in time: the event may or may not "
                           "have taken effect. Send it again with the same clientId to "
                           "learn which, without a second effect.\"}");
    exchange_answer(exchange, 504, "application/json", buf_bytes(&body), NULL);
    buf_finish(&body);
}

static void answer_error(struct exchange *exchange, const char *event,
                         const Link__Error *error)
{
    enum err err = err_from_code(error->code);
    struct refusal refusal = {
        .event = event,
        .code = err_code(err),
        .message = error->message != NULL ? error->message : err_message(err),
        .details = bytes_make(error->details.data, error->details.len),
        .retry_after_ms = error->retry_after_ms,
    };
    exchange_refuse(exchange, err_http_status(err), &refusal);
}

static void on_done(struct upstream_call *upstream, enum upstream_result result,
                    const Link__Reply *reply)
{
    struct http_call *call = container_of(upstream, struct http_call, upstream);
    struct exchange *exchange = call->exchange;
    exchange->call = NULL;
    if (result == UPSTREAM_UNAVAILABLE) {
        refuse(exchange, call->event, ERR_UNAVAILABLE, NULL, RETRY_AFTER_MS);
    } else if (result == UPSTREAM_NO_ANSWER) {
        log_warn("no answer in time", LOG_TEXT("event", call->event));
        answer_unknown(exchange, call->event);
    } else if (reply->body_case == LINK__REPLY__BODY_EVENT) {
        exchange_answer(exchange, 200, "application/json",
                        bytes_make(reply->event->payload.data, reply->event->payload.len),
                        NULL);
    } else if (reply->body_case == LINK__REPLY__BODY_ERROR) {
        answer_error(exchange, call->event, reply->error);
    } else {
        refuse(exchange, call->event, ERR_INTERNAL, NULL, 0);
    }
    free(call);
}

void http_call_cancel(struct http_call *call)
{
    upstream_cancel(&call->upstream);
    free(call);
}

/* ---------------------------------------------------------------- who asks */

/* False: refused. */
static bool identify(struct exchange *exchange, struct identity *ret_identity)
{
    const struct visitor *visitor = exchange->visitor;
    const struct edge *edge = visitor->listener->edge;
    *ret_identity = (struct identity){0};
    if (visitor->bearer == NULL) {
        if (!edge->config->anonymous) {
            refuse(exchange, NULL, ERR_UNAUTHENTICATED, NULL, 0);
        }
        return edge->config->anonymous;
    }
    const char *reason = "";
    enum err err = verifier_check(edge->verifier, bytes_of_text(visitor->bearer),
                                  clock_unix_ms(), ret_identity, &reason);
    if (err != ERR_OK) {
        log_info("token refused", LOG_TEXT("reason", reason),
                 LOG_TEXT("address", visitor->address));
        refuse(exchange, NULL, err, NULL, 0);
    }
    return err == ERR_OK;
}

static void fill_actor(struct identity *identity, Link__Actor *ret_actor)
{
    link__actor__init(ret_actor);
    if (!uuid_is_zero(identity->user_id)) {
        ret_actor->has_user_id = true;
        ret_actor->user_id.data = identity->user_id.b;
        ret_actor->user_id.len = sizeof(identity->user_id.b);
    }
    ret_actor->username = identity->username[0] != 0 ? identity->username : NULL;
    ret_actor->token_id = identity->token_id[0] != 0 ? identity->token_id : NULL;
    ret_actor->has_issued_at = ret_actor->has_expires_at = true;
    ret_actor->issued_at = identity->issued_at;
    ret_actor->expires_at = identity->expires_at;
    ret_actor->has_service = true;
    ret_actor->service = identity->service;
}

/* ---------------------------------------------------------------- sending */

/* Sends what `request` has as its body; upstream keeps a packed copy of it. */
static void send_request(struct exchange *exchange, struct identity *identity,
                         Link__Request *request, const char *event, bool changes)
{
    struct visitor *visitor = exchange->visitor;
    struct edge *edge = visitor->listener->edge;
    struct http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        refuse(exchange, event, ERR_UNAVAILABLE, NULL, RETRY_AFTER_MS);
        return;
    }
    struct uuid request_id = uuid_v7();
    Link__Actor actor;
    fill_actor(identity, &actor);
    request->request_id.data = request_id.b;
    request->request_id.len = sizeof(request_id.b);
    request->actor = &actor;
    bool has_trace = visitor->http->trace != NULL &&
                     strlen(visitor->http->trace) <= TRACE_MAX &&
                     utf8_valid(bytes_of_text(visitor->http->trace));
    request->trace = has_trace ? visitor->http->trace : NULL;
    snprintf(call->event, sizeof(call->event), "%s", event);
    call->exchange = exchange;
    call->upstream.request = request;
    call->upstream.deadline_ms = clock_ms() + edge->config->request_timeout_ms;
    call->upstream.changes = changes;
    /* A publication may be of any server event, which catalogues do not list. */
    call->upstream.event =
        request->body_case == LINK__REQUEST__BODY_EVENT ? call->event : NULL;
    call->upstream.done = on_done;
    exchange->call = call;
    upstream_request(edge->upstream, &call->upstream);
}

/* The bucket of this event that the user's sessions share; without a user, of the
 * address. */
static bool take_limit(struct exchange *exchange, const struct identity *identity,
                       const struct catalogue_event *def)
{
    uint8_t key[16 + CATALOGUE_NAME_MAX];
    size_t size = strnlen(def->name, CATALOGUE_NAME_MAX);
    uint32_t retry_after_ms = 0;
    memcpy(key, identity->user_id.b, 16);
    if (uuid_is_zero(identity->user_id)) {
        addresses_key(exchange->visitor->address, key);
    }
    memcpy(key + 16, def->name, size);
    if (!limits_take(exchange->visitor->listener->edge->limits,
                     bytes_make(key, 16 + size), def->limit, def->per_seconds, clock_ms(),
                     &retry_after_ms)) {
        refuse(exchange, def->name, ERR_RATE_LIMITED, NULL, retry_after_ms);
        return false;
    }
    return true;
}

static void start_event(struct exchange *exchange, struct identity *identity)
{
    const struct edge *edge = exchange->visitor->listener->edge;
    struct bytes name =
        bytes_of_text(exchange->visitor->http->path + strlen(EVENT_PREFIX));
    struct bytes body = buf_bytes(&exchange->body);
    const struct catalogue_event *def =
        name.size <= CATALOGUE_NAME_MAX ? catalogue_find(edge->catalogue, name) : NULL;
    if (def == NULL) {
        refuse_unknown(exchange, name);
        return;
    }
    if (def->authentication == CATALOGUE_LOGIN_REQUIRED &&
        uuid_is_zero(identity->user_id) && !identity->service) {
        refuse(exchange, def->name, ERR_UNAUTHENTICATED, NULL, 0);
        return;
    }
    if (def->payload_max > 0 && body.size > def->payload_max) {
        refuse(exchange, def->name, ERR_PAYLOAD_TOO_LARGE, NULL, 0);
        return;
    }
    if (body.size == 0) {
        body = BYTES_LITERAL("{}");
    }
    if (!json_valid(body, NULL)) {
        refuse_member(exchange, def->name, "", "json", "must be valid JSON");
        return;
    }
    if (!take_limit(exchange, identity, def)) {
        return;
    }
    Link__EventCall event = LINK__EVENT_CALL__INIT;
    event.name = (char *)def->name;
    event.encoding = LINK__ENCODING__JSON;
    event.payload.data = (uint8_t *)body.data;
    event.payload.len = body.size;
    Link__Request request = LINK__REQUEST__INIT;
    request.body_case = LINK__REQUEST__BODY_EVENT;
    request.event = &event;
    send_request(exchange, identity, &request, def->name, def->changes);
}

/* ---------------------------------------------------------------- publishing */

#define MEMBER_SIZE 65

/* A string member of the body; false: refused. Left empty if it is optional and away. */
static bool read_member(struct exchange *exchange, const char *key, bool required,
                        char ret_text[MEMBER_SIZE])
{
    struct bytes value;
    ret_text[0] = 0;
    bool there = json_member(buf_bytes(&exchange->body), key, &value);
    if (!there && !required) {
        return true;
    }
    if (!there || value.data[0] != '"' ||
        json_unescape(value, ret_text, MEMBER_SIZE) <= 0) {
        refuse_member(exchange, NULL, key, there ? "type" : "required",
                      "must be a string of at most 64 bytes");
        return false;
    }
    return true;
}

static void start_publish(struct exchange *exchange, struct identity *identity)
{
    char event[MEMBER_SIZE], scope[MEMBER_SIZE], id[MEMBER_SIZE], client_id[MEMBER_SIZE];
    struct bytes body = buf_bytes(&exchange->body), data = BYTES_LITERAL("{}");
    enum json_type type;
    if (!identity->service) {
        refuse(exchange, NULL, ERR_PERMISSION_DENIED, NULL, 0);
        return;
    }
    if (!json_valid(body, &type) || type != JSON_OBJECT_TYPE) {
        refuse_member(exchange, NULL, "", "json", "must be one JSON object");
        return;
    }
    if (!read_member(exchange, "event", true, event) ||
        !read_member(exchange, "scope", true, scope) ||
        !read_member(exchange, "id", false, id) ||
        !read_member(exchange, "clientId", false, client_id)) {
        return;
    }
    json_member(body, "data", &data);
    Link__Publish publish = LINK__PUBLISH__INIT;
    publish.event = event;
    publish.scope = scope;
    publish.id = id[0] != 0 ? id : NULL;
    publish.client_id = client_id[0] != 0 ? client_id : NULL;
    publish.payload.data = (uint8_t *)data.data;
    publish.payload.len = data.size;
    Link__Request request = LINK__REQUEST__INIT;
    request.body_case = LINK__REQUEST__BODY_PUBLISH;
    request.publish = &publish;
    send_request(exchange, identity, &request, event, true);
}

void http_call_start(struct exchange *exchange)
{
    struct identity identity;
    metrics_register(&calls_total);
    metric_add(&calls_total, 1);
    if (exchange->body.failed || !identify(exchange, &identity)) {
        return;
    }
    visitor_known(exchange->visitor);
    if (exchange->visitor->http->route == ROUTE_EVENT) {
        start_event(exchange, &identity);
    } else {
        start_publish(exchange, &identity);
    }
}
