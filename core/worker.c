/* Keeps the requests under way: their memory, their number, their answers and, when one
 * goes wrong, the one line in the log. */
#include "core/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/chaos.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/publish.h"

#define IN_FLIGHT_MAX  8192
#define SPARE_MAX      512
#define RETRY_AFTER_MS 250
/* A full segment that is being committed, and a full one behind it. */
#define FULL_CONNECTION (2 * DB_BATCH_MAX)

/* One request and the way back. */
struct work {
    struct list node; /* of the spare ones */
    struct request request;
    struct worker *worker;
    struct link_peer *peer;
    uint64_t id;
    int kind;
};

struct worker {
    struct core *core;
    struct list spare;
    size_t spare_count;
    size_t in_flight;
    size_t full; /* in_flight: more would wait behind full commits */
};

/* How each kind of request is answered, by the number of its field. */
static struct kind {
    const char *name;
    answer_fn *answer;
    bool without_database;
    struct metric total;
} kinds[] = {
    [LINK__REQUEST__BODY_EVENT] = {"event", answer_event, false, {0}},
    [LINK__REQUEST__BODY_CONNECT] = {"connect", answer_connect, false, {0}},
    [LINK__REQUEST__BODY_DISCONNECT] = {"disconnect", answer_disconnect, false, {0}},
    [LINK__REQUEST__BODY_CATCH_UP] = {"catch_up", answer_catch_up, false, {0}},
    [LINK__REQUEST__BODY_HEADS_SINCE] = {"heads_since", answer_heads_since, false, {0}},
    [LINK__REQUEST__BODY_RECHECK] = {"recheck", answer_recheck, false, {0}},
    [LINK__REQUEST__BODY_GET_CATALOGUE] = {"get_catalogue", answer_catalogue, true, {0}},
    [LINK__REQUEST__BODY_LEASE] = {"lease", answer_lease, false, {0}},
    [LINK__REQUEST__BODY_PUBLISH] = {"publish", answer_publish, false, {0}},
    [LINK__REQUEST__BODY_FOLLOW] = {"follow", answer_follow, false, {0}},
    [LINK__REQUEST__BODY_GET_DESCRIPTION] = {"get_description",
                                             answer_description,
                                             true,
                                             {0}},
};
#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

static char kind_labels[KIND_COUNT][32];
static struct metric in_flight_gauge = METRIC_GAUGE(
    "belfry_core_requests_in_flight", "Requests that wait for their answer.");
static struct metric refused_total =
    METRIC_COUNTER("belfry_core_requests_refused_total",
                   "Requests refused because the core was full, draining or without "
                   "PostgreSQL.");

static void register_metrics(void)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].name != NULL) {
            snprintf(kind_labels[i], sizeof(kind_labels[i]), "kind=\"%s\"",
                     kinds[i].name);
            kinds[i].total = (struct metric)METRIC_COUNTER_LABEL(
                "belfry_core_requests_total", kind_labels[i], "Requests from edges.");
            metrics_register(&kinds[i].total);
        }
    }
    metrics_register(&in_flight_gauge);
    metrics_register(&refused_total);
}

enum err worker_create(struct core *core, struct worker **ret_worker)
{
    struct worker *worker = calloc(1, sizeof(*worker));
    if (worker == NULL) {
        return ERR_UNAVAILABLE;
    }
    register_metrics();
    worker->core = core;
    worker->full = (size_t)core->config->db_connections * FULL_CONNECTION;
    list_init(&worker->spare);
    *ret_worker = worker;
    return ERR_OK;
}

static void free_work(struct work *work)
{
    arena_finish(&work->request.arena);
    free(work);
}

void worker_destroy(struct worker *worker)
{
    if (worker == NULL) {
        return;
    }
    LIST_EACH(&worker->spare, node) {
        free_work(container_of(node, struct work, node));
    }
    free(worker);
}

size_t worker_in_flight(const struct worker *worker)
{
    return worker->in_flight;
}

struct uuid request_edge(const struct request *request)
{
    const struct work *work = container_of(request, struct work, request);
    return link_peer_edge(work->peer);
}

/* ------------------------------------------------------------------ answering */

static void set_in_flight(struct worker *worker, size_t in_flight)
{
    worker->in_flight = in_flight;
    metric_set(&in_flight_gauge, (int64_t)in_flight);
    link_server_set_busy(worker->core->server,
                         (uint32_t)(in_flight * 100 / worker->full));
}

static void release(struct work *work)
{
    struct worker *worker = work->worker;
    link_peer_unref(work->peer);
    set_in_flight(worker, worker->in_flight - 1);
    if (worker->spare_count >= SPARE_MAX) {
        free_work(work);
        return;
    }
    arena_reset(&work->request.arena);
    list_push(&worker->spare, &work->node);
    worker->spare_count++;
}

static void on_finished(struct request *request)
{
    struct work *work = container_of(request, struct work, request);
    struct core *core = work->worker->core;
    if (request->publication_count > 0) {
        publisher_add(core->publisher, request->publications, request->publication_count);
    }
    Link__Error no_memory = LINK__ERROR__INIT;
    if (request->reply.body_case == LINK__REPLY__BODY__NOT_SET) {
        no_memory.code = (char *)err_code(ERR_UNAVAILABLE);
        request->reply.body_case = LINK__REPLY__BODY_ERROR;
        request->reply.error = &no_memory;
    }
    request->reply.id = work->id;
    log_debug("answered", LOG_UUID("request", request->request_id),
              LOG_UUID("session", request->actor.session_id),
              LOG_UUID("user", request->actor.user_id),
              LOG_TEXT("kind", kinds[work->kind].name),
              LOG_TEXT("event", request->event != NULL ? request->event->name : ""),
              LOG_TEXT("code", request->reply.body_case == LINK__REPLY__BODY_ERROR
                                   ? request->reply.error->code
                                   : "OK"),
              LOG_INT("us", clock_us() - request->started_us));
    link_server_reply(work->peer, &request->reply);
    release(work);
    if (chaos_point_armed("after-reply")) {
        core->chaos_turns = 2;
    }
}

/* Without any memory of its own: for when there is none. */
static void refuse_at_once(struct link_peer *peer, uint64_t id)
{
    Link__Error error = LINK__ERROR__INIT;
    error.code = (char *)err_code(ERR_UNAVAILABLE);
    error.message = (char *)err_message(ERR_UNAVAILABLE);
    error.has_retry_after_ms = true;
    error.retry_after_ms = RETRY_AFTER_MS;
    Link__Reply reply = LINK__REPLY__INIT;
    reply.id = id;
    reply.body_case = LINK__REPLY__BODY_ERROR;
    reply.error = &error;
    reply.has_refused_before_sql = true;
    reply.refused_before_sql = true;
    metric_add(&refused_total, 1);
    link_server_reply(peer, &reply);
}

/* ------------------------------------------------------------------ taking */

static struct work *take_work(struct worker *worker)
{
    struct list *node = list_take(&worker->spare);
    struct work *work;
    if (node != NULL) {
        work = container_of(node, struct work, node);
        worker->spare_count--;
    } else {
        work = calloc(1, sizeof(*work));
        if (work == NULL) {
            return NULL;
        }
        arena_init(&work->request.arena, REQUEST_ARENA_MAX);
    }
    work->worker = worker;
    set_in_flight(worker, worker->in_flight + 1);
    return work;
}

static bool read_id(bool has, ProtobufCBinaryData bytes, struct uuid *ret_id)
{
    if (has && bytes.len == sizeof(ret_id->b)) {
        memcpy(ret_id->b, bytes.data, sizeof(ret_id->b));
        return true;
    }
    return !has;
}

/* The message is borrowed for this turn; what is needed longer goes into the arena. */
static enum err read_message(struct request *request, const Link__Request *message)
{
    struct arena *arena = &request->arena;
    if (!read_id(true, message->request_id, &request->request_id)) {
        return ERR_VALIDATION_ERROR;
    }
    request->deadline_ms = clock_ms() + message->deadline_ms;
    if (message->trace != NULL) {
        request->trace = arena_text(arena, message->trace);
    }
    if (message->has_protobuf && message->protobuf) {
        core_note_protobuf(request->core);
    }
    const Link__Actor *actor = message->actor;
    if (actor == NULL) {
        return ERR_OK;
    }
    if (!read_id(actor->has_user_id, actor->user_id, &request->actor.user_id) ||
        !read_id(actor->has_session_id, actor->session_id, &request->actor.session_id)) {
        return ERR_VALIDATION_ERROR;
    }
    request->actor.issued_at = actor->has_issued_at ? actor->issued_at : 0;
    request->actor.service = actor->has_service && actor->service;
    if (actor->username != NULL) {
        request->actor.username = arena_text(arena, actor->username);
    }
    if (actor->token_id != NULL) {
        request->actor.token_id = arena_text(arena, actor->token_id);
        if (request->actor.token_id == NULL) {
            return ERR_UNAVAILABLE; /* a revoked token must not pass for want of memory */
        }
    }
    return ERR_OK;
}

void worker_on_request(void *user, struct link_peer *peer, const Link__Request *message)
{
    struct worker *worker = user;
    struct core *core = worker->core;
    chaos_point("after-receive");
    size_t number = (size_t)message->body_case;
    const bool known = number < KIND_COUNT && kinds[number].answer != NULL;
    const bool can = core->serving || (known && kinds[number].without_database);
    struct work *work =
        known && can && worker->in_flight < IN_FLIGHT_MAX ? take_work(worker) : NULL;
    if (work == NULL) {
        refuse_at_once(peer, message->id);
        return;
    }
    request_start(&work->request, core);
    work->request.finished = on_finished;
    work->peer = link_peer_ref(peer);
    work->id = message->id;
    work->kind = (int)number;
    metric_add(&kinds[number].total, 1);
    enum err err = read_message(&work->request, message);
    if (err != ERR_OK) {
        refuse(&work->request, err, NULL, NULL);
        request_finish(&work->request);
        return;
    }
    kinds[number].answer(&work->request, message);
}

void answer_event(struct request *request, const Link__Request *message)
{
    if (message->event->encoding == LINK__ENCODING__PROTOBUF) {
        core_note_protobuf(request->core);
    }
    dispatch(request, message->event);
}
