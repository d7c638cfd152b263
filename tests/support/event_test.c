/* The core's dispatch with a connection and a transaction of the test's own instead of
 * the pipeline: the same code from payload to publication, and nothing left behind. */
#include "support/event_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/core.h"
#include "core/db/db_result.h"
#include "core/dispatch.h"
#include "core/event_stats.h"
#include "core/transcode.h"

#define WORLD_ARENA_MAX (64 * 1024 * 1024)
#define GRANTS_MAX      256

/* What an edge would hold for a subscription. */
struct held_grant {
    struct uuid session;
    struct stream_id stream;
    struct bytes grant;
};

static struct world {
    PGconn *pg;
    struct arena arena;
    struct core core;
    struct core_config config;
    struct held_grant grants[GRANTS_MAX];
    size_t grant_count;
    struct request *requests[4096];
    size_t request_count;
    json_t *values[16384];
    size_t value_count;
} world;

/* ------------------------------------------------------------------ PostgreSQL */

static PGresult *run(const char *sql, int count, const char *const *params, int format)
{
    PGresult *result =
        PQexecParams(world.pg, sql, count, NULL, params, NULL, NULL, format);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        print_error("PostgreSQL: %s\nin: %.300s\n", PQerrorMessage(world.pg), sql);
        PQclear(result);
        fail();
    }
    return result;
}

/* The executor: now instead of later, in the test's transaction instead of its own. */
static enum err submit(void *user, struct db_call *call)
{
    (void)user;
    if (call->mode_param >= 0) {
        call->params[call->mode_param] = "0";
    }
    struct db_result result =
        db_result_whole(run(call->sql, call->param_count, call->params, 1));
    struct db_outcome outcome = {ERR_OK, false, "", ""};
    call->done(call, &outcome, &result);
    PQclear(result.pg);
    return ERR_OK;
}

const char *event_sql(const char *format, ...)
{
    char sql[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    PGresult *result = run(sql, 0, NULL, 0);
    const char *value = NULL;
    if (PQntuples(result) > 0 && PQnfields(result) > 0 && !PQgetisnull(result, 0, 0)) {
        value = arena_text(&world.arena, PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    return value;
}

/* ------------------------------------------------------------------ life */

bool event_test_can_run(void)
{
    return getenv("DATABASE_URL") != NULL;
}

int event_test_begin(void **state)
{
    (void)state;
    if (event_stats_init() != ERR_OK) {
        return -1;
    }
    memset(&world, 0, sizeof(world));
    arena_init(&world.arena, WORLD_ARENA_MAX);
    world.pg = PQconnectdb(getenv("DATABASE_URL"));
    if (PQstatus(world.pg) != CONNECTION_OK) {
        print_error("%s\n", PQerrorMessage(world.pg));
        return -1;
    }
    world.config.create_users = true;
    world.core.config = &world.config;
    world.core.development = true;
    world.core.executor = (struct executor){submit, NULL};
    world.core.protobuf_until_ms = INT64_MAX; /* publications in both encodings */
    PQclear(run("BEGIN", 0, NULL, 0));
    return 0;
}

int event_test_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < world.value_count; i++) {
        json_decref(world.values[i]);
    }
    for (size_t i = 0; i < world.request_count; i++) {
        arena_finish(&world.requests[i]->arena);
        free(world.requests[i]);
    }
    PQclear(PQexec(world.pg, "ROLLBACK"));
    PQfinish(world.pg);
    arena_finish(&world.arena);
    event_stats_finish();
    return 0;
}

static json_t *keep(json_t *value)
{
    assert_true(world.value_count < sizeof(world.values) / sizeof(world.values[0]));
    world.values[world.value_count++] = value;
    return value;
}

/* ------------------------------------------------------------------ actors */

struct actor *event_session(const struct actor *actor)
{
    struct actor *other = arena_alloc(&world.arena, sizeof(*other));
    assert_non_null(other);
    *other = *actor;
    other->session_id = uuid_v7();
    char session[UUID_TEXT_SIZE];
    uuid_format(other->session_id, session);
    event_sql("SELECT status FROM session_connect('%s', '%s', '%s', '%s', NULL, "
              "1700000000, true, 'test', '{}', '{}', '{}')",
              actor_id(actor), actor->username, session, session);
    return other;
}

struct actor *event_actor(const char *username)
{
    struct actor actor = {.user_id = uuid_v7(), .issued_at = 1700000000};
    actor.username = arena_text(&world.arena, username);
    return event_session(&actor);
}

struct actor *event_service(uint64_t rights)
{
    struct actor *service = arena_alloc(&world.arena, sizeof(*service));
    assert_non_null(service);
    service->service = true;
    world.core.service_rights = rights;
    return service;
}

const char *actor_id(const struct actor *actor)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(actor->user_id, text);
    return arena_text(&world.arena, text);
}

/* ------------------------------------------------------------------ the contract */

static void fail_contract(const char *what, const struct violations *violations)
{
    for (size_t i = 0; i < violations->count; i++) {
        print_error("%s breaks the contract: %s: %s (%s)\n", what,
                    violations->items[i].path, violations->items[i].message,
                    violations->items[i].rule);
    }
    fail();
}

/* As JSON, packed, and back: all must be what the contract says. */
static void check_contract(const char *what, const struct message_rules *rules,
                           struct bytes json)
{
    struct violations violations;
    ProtobufCMessage *message;
    violations_init(&violations, &world.arena);
    if (transcode_from_json(rules, json, &world.arena, &message, &violations) != ERR_OK) {
        print_error("%.*s\n", (int)json.size, (const char *)json.data);
        fail_contract(what, &violations);
    }
    struct buf packed;
    buf_init(&packed, WORLD_ARENA_MAX);
    enum err err = transcode_json_to_protobuf(rules, json, &world.arena, &packed);
    assert_int_equal(err, ERR_OK);
    err = transcode_from_protobuf(rules, buf_bytes(&packed), &world.arena, &message,
                                  &violations);
    buf_finish(&packed);
    if (err != ERR_OK) {
        fail_contract(what, &violations);
    }
}

static bool fits_scope(enum server_event_scope scope,
                       const Link__Publication *publication,
                       const struct stream_id *stream)
{
    switch (scope) {
    case SCOPE_ROOM:
        return stream->kind == STREAM_ROOM;
    case SCOPE_COMMUNITY: /* a private room's life is on its own stream */
        return stream->kind == STREAM_COMMUNITY || stream->kind == STREAM_ROOM;
    case SCOPE_MEMBERS:
        return stream->kind == STREAM_MEMBERS;
    case SCOPE_USER:
        return stream->kind == STREAM_USER;
    case SCOPE_CONTACTS:
        return !publication->has_stream && publication->n_streams > 0;
    default:
        return !publication->has_stream && publication->n_streams == 0;
    }
}

static void check_publication(struct published *published, const struct stream_id *stream)
{
    const Link__Publication *raw = published->raw;
    if (raw->event[0] == '\0') { /* for edges only */
        assert_int_equal(stream->kind, STREAM_ACCESS);
        assert_non_null(raw->control);
        return;
    }
    const struct server_event_def *def = server_event_find(bytes_of_text(raw->event));
    assert_non_null(def);
    assert_int_equal(def->durable, published->seq > 0);
    assert_int_equal(def->except_sender, published->except_sender);
    assert_true(fits_scope(def->scope, raw, stream));
    json_t *bare = json_copy(published->payload);
    assert_non_null(json_object_get(bare, "timestamp"));
    assert_int_equal(json_object_get(bare, "cursor") != NULL, def->durable);
    json_object_del(bare, "timestamp");
    json_object_del(bare, "stream");
    json_object_del(bare, "seq");
    json_object_del(bare, "cursor");
    char *text = json_dumps(bare, JSON_COMPACT);
    check_contract(raw->event, def->payload, bytes_of_text(text));
    free(text);
    json_decref(bare);
}

/* ------------------------------------------------------------------ one event */

static void read_publication(const Link__Publication *raw, struct published *published)
{
    struct stream_id stream = {0};
    char text[STREAM_TEXT_SIZE];
    published->raw = raw;
    published->event = raw->event;
    published->seq = raw->has_seq ? (int64_t)raw->seq : 0;
    published->after = raw->has_after ? (int64_t)raw->after : 0;
    published->except_sender = raw->has_except_session;
    published->stream_count = raw->n_streams;
    if (raw->has_stream) {
        assert_true(
            stream_from_bytes(bytes_make(raw->stream.data, raw->stream.len), &stream));
        stream_format(&stream, text);
        published->stream = arena_text(&world.arena, text);
    }
    if (raw->has_json) {
        published->payload =
            keep(json_loadb((const char *)raw->json.data, raw->json.len, 0, NULL));
        assert_non_null(published->payload);
    }
    check_publication(published, &stream);
}

static void note_grants(const struct actor *actor, const Link__Control *control)
{
    for (size_t i = 0; i < control->n_open; i++) {
        const Link__Open *open = control->open[i];
        if (open->has_grant && world.grant_count < GRANTS_MAX) {
            struct held_grant *held = &world.grants[world.grant_count++];
            held->session = actor->session_id;
            memcpy(&held->stream, open->stream.data, sizeof(held->stream));
            held->grant = bytes_make(open->grant.data, open->grant.len);
        }
    }
    for (size_t i = 0; i < control->n_close; i++) {
        for (size_t g = 0; g < world.grant_count; g++) {
            if (uuid_equal(world.grants[g].session, actor->session_id) &&
                memcmp(&world.grants[g].stream, control->close[i].data, 17) == 0) {
                world.grants[g] = world.grants[--world.grant_count];
            }
        }
    }
}

static void add_grant(const struct actor *actor, const char *payload,
                      Link__EventCall *call)
{
    json_t *object = json_loads(payload, JSON_DECODE_ANY, NULL);
    const char *room = json_string_value(json_object_get(object, "roomId"));
    struct uuid id;
    if (room != NULL && uuid_parse(bytes_of_text(room), &id)) {
        for (size_t g = 0; g < world.grant_count; g++) {
            const struct held_grant *held = &world.grants[g];
            if (uuid_equal(held->session, actor->session_id) &&
                held->stream.kind == STREAM_ROOM && uuid_equal(held->stream.id, id)) {
                call->has_grant = true;
                call->grant.data = (uint8_t *)held->grant.data;
                call->grant.len = held->grant.size;
            }
        }
    }
    json_decref(object);
}

static bool finished;

static void on_finished(struct request *request)
{
    (void)request;
    finished = true;
}

static void read_reply(const struct actor *actor, const struct request *request,
                       struct event_result *result)
{
    const Link__Reply *reply = &request->reply;
    if (reply->body_case == LINK__REPLY__BODY_ERROR) {
        result->error = reply->error->code;
        result->message = reply->error->message;
        if (reply->error->has_details) {
            result->details = keep(json_loadb((const char *)reply->error->details.data,
                                              reply->error->details.len, 0, NULL));
            assert_non_null(result->details);
        }
        return;
    }
    assert_int_equal(reply->body_case, LINK__REPLY__BODY_EVENT);
    struct bytes json = bytes_make(reply->event->payload.data, reply->event->payload.len);
    check_contract(request->event->name, request->event->reply, json);
    result->reply = keep(json_loadb((const char *)json.data, json.size, 0, NULL));
    result->control = reply->event->control;
    if (result->control != NULL) {
        note_grants(actor, result->control);
    }
}

const struct event_result *event_test(const struct actor *actor, const char *event,
                                      const char *format, ...)
{
    char payload[65536];
    va_list args;
    va_start(args, format);
    vsnprintf(payload, sizeof(payload), format, args);
    va_end(args);

    struct request *request = calloc(1, sizeof(*request));
    struct event_result *result = arena_alloc(&world.arena, sizeof(*result));
    assert_true(request != NULL && result != NULL && world.request_count < 4096);
    world.requests[world.request_count++] = request;
    request_start(request, &world.core);
    request->finished = on_finished;
    request->request_id = uuid_v7();
    request->actor = *actor;
    request->deadline_ms = clock_ms() + 10000;
    Link__EventCall call = LINK__EVENT_CALL__INIT;
    call.name = (char *)event;
    call.encoding = LINK__ENCODING__JSON;
    call.payload.data = (uint8_t *)payload;
    call.payload.len = strlen(payload);
    add_grant(actor, payload, &call);
    finished = false;
    dispatch(request, &call);
    assert_true(finished);

    read_reply(actor, request, result);
    result->publication_count = request->publication_count;
    result->publications = arena_alloc(&world.arena, (request->publication_count + 1) *
                                                         sizeof(struct published));
    for (size_t i = 0; i < request->publication_count; i++) {
        read_publication(request->publications[i], &result->publications[i]);
    }
    return result;
}
