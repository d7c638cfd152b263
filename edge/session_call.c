/* A client's events on their way to a core: checked against the catalogue and the limits,
 * queued, one under way at a time, answered. */
#include "edge/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/wire_scan.h"
#include "edge/edge.h"
#include "edge/follow.h"
#include "link/grant.h"

#define EVENT_NAME_MAX 64
#define TRACE_MAX      128
#define RETRY_AFTER_MS 1000
#define NAME_MAX_BYTES 512
#define CALL_KEY_MAX   (16 + EVENT_NAME_MAX + 1)
#define CALLS_HARD_MAX (SESSION_QUEUE_MAX * 4) /* what one socket read may still add */

struct session_call {
    struct session_call *next; /* of the ring session->last_call */
    struct session *session;
    struct upstream_call upstream;
    bool under_way;
    bool wants_reply;
    uint64_t id;
    int64_t received_us;
    char name[EVENT_NAME_MAX + 1];
    char trace[TRACE_MAX + 1];
    size_t payload_size;
    uint8_t payload[];
};

static struct metric calls_total =
    METRIC_COUNTER("belfry_edge_events_total", "Client events received.");
static struct metric refused_total =
    METRIC_COUNTER("belfry_edge_refusals_total", "Client events answered with an error.");
static struct metric answer_seconds =
    METRIC_HISTOGRAM("belfry_edge_answer_seconds", "From a client event to its answer.");

void session_register_metrics(void)
{
    metrics_register(&calls_total);
    metrics_register(&refused_total);
    metrics_register(&answer_seconds);
}

/* ---------------------------------------------------------------- refusing */

static void send_refusal(struct session *session, bool wants_reply, uint64_t id,
                         const struct refusal *refusal)
{
    metric_add(&refused_total, 1);
    struct conn *conn = session->conn;
    if (wants_reply) {
        struct frame *frame = conn->framing->error(session, id, refusal);
        conn_send(conn, frame);
        frame_unref(frame);
    }
    struct buf json;
    buf_init(&json, 64 * 1024);
    refusal_json(refusal, &json);
    session_send(session, "ERROR", buf_bytes(&json));
    buf_finish(&json);
}

static void refuse_event(struct session *session, const struct session_event *event,
                         enum err err, const char *message, uint32_t retry_after_ms)
{
    char name[EVENT_NAME_MAX + 1];
    size_t size = event->name.size < EVENT_NAME_MAX ? event->name.size : EVENT_NAME_MAX;
    while (size < event->name.size && size > 0 &&
           (event->name.data[size] & 0xc0) == 0x80) {
        size--; /* half a character would be no UTF-8 */
    }
    snprintf(name, sizeof(name), "%.*s", (int)size, (const char *)event->name.data);
    struct refusal refusal = {
        .event = name,
        .code = err_code(err),
        .message = message != NULL ? message : err_message(err),
        .retry_after_ms = retry_after_ms,
    };
    send_refusal(session, event->wants_reply, event->id, &refusal);
}

/* In development an unknown name teaches. */
static void refuse_unknown(struct session *session, const struct session_event *event)
{
    struct edge *edge = session->conn->edge;
    const char *near = edge_in_development(edge->config)
                           ? catalogue_nearest(edge->catalogue, event->name)
                           : NULL;
    char message[128];
    snprintf(message, sizeof(message), "Unknown event: did you mean %s?",
             near != NULL ? near : "");
    refuse_event(session, event, ERR_UNKNOWN_EVENT, near != NULL ? message : NULL, 0);
}

/* ---------------------------------------------------------------- checks, cheap first */

/* The user's own bucket of this event, or the connection's. */
static bool within_limit(struct session *session, const struct catalogue_event *def,
                         uint32_t *ret_retry_after_ms)
{
    if (def->limit == 0) {
        return true;
    }
    uint8_t key[CALL_KEY_MAX];
    const struct uuid *who = def->by_connection || uuid_is_zero(session->user_id)
                                 ? &session->id
                                 : &session->user_id;
    memcpy(key, who->b, 16);
    size_t size = strnlen(def->name, EVENT_NAME_MAX);
    memcpy(key + 16, def->name, size);
    return limits_take(session->conn->edge->limits, bytes_make(key, 16 + size),
                       def->limit, def->per_seconds, clock_ms(), ret_retry_after_ms);
}

static bool admitted(struct session *session, const struct session_event *event,
                     const struct catalogue_event **ret_def)
{
    struct edge *edge = session->conn->edge;
    const struct catalogue_event *def = event->name.size <= EVENT_NAME_MAX
                                            ? catalogue_find(edge->catalogue, event->name)
                                            : NULL;
    if (def == NULL || (strcmp(session->name_space, "/") != 0 &&
                        strcmp(session->name_space, def->name_space) != 0)) {
        refuse_unknown(session, event);
        return false;
    }
    if (def->authentication == 0 && session->state == SESSION_OPEN &&
        uuid_is_zero(session->user_id) && !session->service) {
        refuse_event(session, event, ERR_UNAUTHENTICATED, NULL, 0);
        return false;
    }
    if (def->payload_max > 0 && event->payload.size > def->payload_max) {
        refuse_event(session, event, ERR_PAYLOAD_TOO_LARGE, NULL, 0);
        return false;
    }
    uint32_t retry_after_ms = 0;
    if (!within_limit(session, def, &retry_after_ms)) {
        refuse_event(session, event, ERR_RATE_LIMITED, NULL, retry_after_ms);
        return false;
    }
    *ret_def = def;
    return true;
}

/* ---------------------------------------------------------------- the queue */

static bool queue_full(const struct session *session)
{
    return session->call_count >= SESSION_QUEUE_MAX ||
           session->call_bytes >= SESSION_QUEUE_BYTES_MAX;
}

static void set_reading(struct session *session)
{
    struct conn *conn = session->conn;
    bool stop = false;
    for (const struct session *s = conn->sessions; s != NULL; s = s->next) {
        stop = stop || queue_full(s);
    }
    if (stop != conn->reading_stopped) {
        conn->reading_stopped = stop;
        conn->io->reading(conn, !stop);
    }
}

static struct session_call *first_call(const struct session *session)
{
    return session->last_call != NULL ? session->last_call->next : NULL;
}

static void append_call(struct session *session, struct session_call *call)
{
    struct session_call *last = session->last_call;
    call->next = last != NULL ? last->next : call;
    if (last != NULL) {
        last->next = call;
    }
    session->last_call = call;
    session->call_count++;
    session->call_bytes += (uint32_t)call->payload_size;
}

static void free_first_call(struct session *session)
{
    struct session_call *call = first_call(session);
    session->last_call->next = call->next;
    if (call == session->last_call) {
        session->last_call = NULL;
    }
    session->call_count--;
    session->call_bytes -= (uint32_t)call->payload_size;
    free(call);
}

void session_drop_calls(struct session *session)
{
    struct session_call *call;
    while ((call = first_call(session)) != NULL) {
        if (call->under_way) {
            upstream_cancel(&call->upstream);
        }
        free_first_call(session);
    }
    if (session->conn->reading_stopped && !session->conn->closing) {
        set_reading(session); /* for the other namespaces of the connection */
    }
}

static struct session_call *new_call(struct session *session,
                                     const struct session_event *event,
                                     const struct catalogue_event *def)
{
    static const struct bytes nothing = {(const uint8_t *)"{}", 2};
    struct bytes payload = event->payload;
    if (payload.size == 0 && session->conn->framing->encoding == LINK__ENCODING__JSON) {
        payload = nothing;
    }
    struct session_call *call = calloc(1, sizeof(*call) + payload.size);
    if (call == NULL) {
        return NULL;
    }
    call->session = session;
    call->wants_reply = event->wants_reply;
    call->id = event->id;
    memcpy(call->name, event->name.data, event->name.size); /* not too long: admitted() */
    if (event->trace.size > 0 && event->trace.size <= TRACE_MAX) {
        memcpy(call->trace, event->trace.data, event->trace.size);
    }
    call->received_us = clock_us();
    call->payload_size = payload.size;
    memcpy(call->payload, payload.data, payload.size);
    call->upstream.changes = def->changes;
    call->upstream.event = call->name;
    call->upstream.deadline_ms =
        clock_ms() + session->conn->edge->config->request_timeout_ms;
    return call;
}

void session_call(struct session *session, const struct session_event *event)
{
    const struct catalogue_event *def;
    if (session->conn->closing || session->state == SESSION_ENDED) {
        return;
    }
    metric_add(&calls_total, 1);
    if (!admitted(session, event, &def)) {
        return;
    }
    struct session_call *call =
        session->call_count < CALLS_HARD_MAX ? new_call(session, event, def) : NULL;
    if (call == NULL) {
        refuse_event(session, event, ERR_UNAVAILABLE, NULL, RETRY_AFTER_MS);
        return;
    }
    append_call(session, call);
    set_reading(session);
    session_next_call(session);
}

/* ---------------------------------------------------------------- to a core and back */

/* The text of the payload's member that names the room. */
static bool named_room(const struct session_call *call, const struct catalogue_event *def,
                       struct bytes *ret_id)
{
    struct bytes payload = bytes_make(call->payload, call->payload_size);
    if (call->session->conn->framing->encoding == LINK__ENCODING__PROTOBUF) {
        return def->subscribed_field > 0 &&
               wire_find_bytes(payload, def->subscribed_field, ret_id);
    }
    struct bytes value;
    if (!json_member(payload, def->subscribed_key, &value) || value.size < 2) {
        return false;
    }
    *ret_id = bytes_make(value.data + 1, value.size - 2);
    return true;
}

/* The subscription that the payload names, if there is one: on its grant the core lets an
 * ephemeral event pass without asking PostgreSQL. */
static const struct subscription *named_subscription(const struct session_call *call)
{
    const struct catalogue_event *def =
        catalogue_find(call->session->conn->edge->catalogue, bytes_of_text(call->name));
    struct bytes id;
    struct stream_id room = {.kind = STREAM_ROOM};
    if (def == NULL || def->subscribed_key == NULL || !named_room(call, def, &id) ||
        !uuid_parse(id, &room.id)) {
        return NULL;
    }
    const struct subscription *subscription = session_subscription(call->session, &room);
    return subscription != NULL && !subscription->unchecked ? subscription : NULL;
}

static void apply_opens(struct session *session, const Link__Control *control)
{
    if (control == NULL) {
        return;
    }
    for (size_t i = 0; i < control->n_open; i++) {
        struct stream_id stream;
        const ProtobufCBinaryData *id = &control->open[i]->stream;
        if (stream_from_bytes(bytes_make(id->data, id->len), &stream)) {
            follow_note(session, &stream, true);
        }
        session_subscribe(session, control->open[i]);
    }
    if (control->follow) {
        follow_begin(session);
    }
}

/* Would all that the answer opens fit? A JOIN is not acknowledged for nothing. */
static bool has_room(const struct session *session, const Link__Control *control)
{
    size_t count = session->subscription_count;
    for (size_t i = 0; control != NULL && i < control->n_open; i++) {
        struct stream_id stream;
        const ProtobufCBinaryData *id = &control->open[i]->stream;
        count += stream_from_bytes(bytes_make(id->data, id->len), &stream) &&
                 session_subscription(session, &stream) == NULL;
    }
    return count <= SESSION_SUBSCRIPTIONS_MAX;
}

static void apply_closes(struct session *session, const Link__Control *control)
{
    for (size_t i = 0; control != NULL && i < control->n_close; i++) {
        struct stream_id stream;
        if (!stream_from_bytes(bytes_make(control->close[i].data, control->close[i].len),
                               &stream)) {
            continue;
        }
        follow_note(session, &stream, false);
        struct subscription *subscription = session_subscription(session, &stream);
        if (subscription != NULL) {
            session_unsubscribe(session, subscription);
        }
    }
}

/* After a LEAVE's answer nothing of the stream follows; a JOIN's answer comes before the
 * stream's first event. */
static void answer(struct session_call *call, const Link__EventReply *reply)
{
    struct session *session = call->session;
    struct conn *conn = session->conn;
    apply_closes(session, reply->control);
    if (call->wants_reply) {
        struct frame *frame = conn->framing->reply(
            session, call->id, bytes_make(reply->payload.data, reply->payload.len));
        conn_send(conn, frame);
        frame_unref(frame);
    }
    apply_opens(session, reply->control);
}

static void answer_error(struct session_call *call, const Link__Error *error)
{
    enum err err = err_from_code(error->code);
    struct refusal refusal = {
        .event = call->name,
        .code = error->code,
        .message = error->message != NULL ? error->message : err_message(err),
        .details = bytes_make(error->details.data, error->details.len),
        .retry_after_ms = error->retry_after_ms,
    };
    send_refusal(call->session, call->wants_reply, call->id, &refusal);
}

static void call_done(struct upstream_call *upstream, enum upstream_result result,
                      const Link__Reply *reply)
{
    struct session_call *call = container_of(upstream, struct session_call, upstream);
    struct session *session = call->session;
    call->under_way = false;
    if (upstream->changes && result == UPSTREAM_REPLY) {
        session->hint = reply->prefer;
    }
    bool answered =
        result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_EVENT;
    if (answered && !upstream->changes && !has_room(session, reply->event->control)) {
        Link__Error error = LINK__ERROR__INIT;
        error.code = (char *)err_code(ERR_LIMIT_REACHED);
        error.message = (char *)"Too many subscriptions in this session";
        answer_error(call, &error);
    } else if (answered) {
        answer(call, reply->event);
    } else if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_ERROR) {
        answer_error(call, reply->error);
    } else if (result == UPSTREAM_UNAVAILABLE) {
        Link__Error error = LINK__ERROR__INIT;
        error.code = (char *)err_code(ERR_UNAVAILABLE);
        error.retry_after_ms = RETRY_AFTER_MS;
        answer_error(call, &error);
    } else {
        /* It may have happened: no answer is the only honest one. */
        log_warn("no answer in time", LOG_TEXT("event", call->name),
                 LOG_UUID("session", session->id));
        conn_close(session->conn, CLOSE_NO_ANSWER,
                   "no answer in time; retry with the same clientId");
    }
    metric_observe_us(&answer_seconds, clock_us() - call->received_us);
    free_first_call(session);
    set_reading(session);
    session_next_call(session);
}

static size_t write_grant(const struct subscription *subscription, const char *username,
                          uint8_t ret_grant[GRANT_HEAD_SIZE + NAME_MAX_BYTES])
{
    struct bytes name = bytes_of_text(username);
    if (name.size > NAME_MAX_BYTES) {
        name.size = 0; /* the actor's, then */
    }
    grant_write(streams_id(subscription), subscription->checked, name, ret_grant);
    return GRANT_HEAD_SIZE + name.size;
}

static void send_call(struct session_call *call)
{
    struct session *session = call->session;
    Link__Request request = LINK__REQUEST__INIT;
    Link__EventCall event = LINK__EVENT_CALL__INIT;
    Link__Actor actor;
    struct uuid request_id = uuid_v7();
    session_actor(session, &actor);
    event.name = call->name;
    event.encoding = session->conn->framing->encoding;
    event.payload.data = call->payload;
    event.payload.len = call->payload_size;
    uint8_t grant[GRANT_HEAD_SIZE + NAME_MAX_BYTES];
    const struct subscription *subscription = named_subscription(call);
    if (subscription != NULL && subscription->granted) {
        event.has_grant = true;
        event.grant.data = grant;
        event.grant.len = write_grant(subscription, session->username, grant);
    }
    request.request_id.data = request_id.b;
    request.request_id.len = 16;
    request.trace = call->trace[0] != '\0' ? call->trace : NULL;
    request.actor = &actor;
    request.body_case = LINK__REQUEST__BODY_EVENT;
    request.event = &event;
    call->upstream.request = &request;
    call->upstream.hint = call->upstream.changes ? session->hint : 0;
    call->upstream.done = call_done;
    call->under_way = true;
    if (!session->follows) {
        session->follow_again = false; /* what was gained until now is in the answer */
    }
    upstream_request(session->conn->edge->upstream, &call->upstream);
}

void session_next_call(struct session *session)
{
    struct session_call *call = first_call(session);
    if (call != NULL && session->state == SESSION_OPEN && conn_ready(session->conn) &&
        !call->under_way) {
        send_call(call);
    }
}
