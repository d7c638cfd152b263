/* What handlers may bind and send, and what dispatch does before any database: the
 * executor here only notes what it was given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/event_stats.h"
#include "events.gen.h"

#define ROOM "00000000-0000-4000-9000-000000000001"

static struct core core;
static struct core_config config;
static struct request request;
static const struct db_call *submitted;
static int finished;
static enum err submit_answer;

static enum err submit(void *user, struct db_call *call)
{
    (void)user;
    submitted = call;
    return submit_answer;
}

static void on_finished(struct request *done)
{
    (void)done;
    finished++;
}

static int set_up(void **state)
{
    (void)state;
    memset(&request, 0, sizeof(request));
    memset(&core, 0, sizeof(core));
    core.config = &config;
    core.executor = (struct executor){submit, NULL};
    submitted = NULL;
    finished = 0;
    submit_answer = ERR_OK;
    if (event_stats_init() != ERR_OK) {
        return -1;
    }
    request_start(&request, &core);
    request.finished = on_finished;
    request.request_id = uuid_v7();
    request.actor.user_id = uuid_v7();
    request.actor.session_id = uuid_v7();
    request.deadline_ms = clock_ms() + 5000;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_finish(&request.arena);
    event_stats_finish();
    return 0;
}

static void run(const char *event, const char *payload)
{
    Link__EventCall call = LINK__EVENT_CALL__INIT;
    call.name = (char *)event;
    call.encoding = LINK__ENCODING__JSON;
    call.payload = (ProtobufCBinaryData){strlen(payload), (uint8_t *)payload};
    dispatch(&request, &call);
}

static void arrays_quote_what_needs_it(void **state)
{
    char *values[] = {"plain", "a\"b", "c\\d", "", "{e,f}"};
    arg_texts(&request, 5, values);
    assert_string_equal(request.args[0],
                        "{\"plain\",\"a\\\"b\",\"c\\\\d\",\"\",\"{e,f}\"}");
    arg_texts(&request, 0, NULL);
    assert_string_equal(request.args[1], "{}");
}

static void too_many_arguments_are_no_statement(void **state)
{
    for (int i = 0; i < SQL_ARGS_MAX; i++) {
        arg_int(&request, i);
    }
    assert_int_equal(run_sql(&request), ERR_OK);
    arg_null(&request);
    assert_int_equal(run_sql(&request), ERR_INTERNAL);
}

static void a_full_arena_never_becomes_a_null(void **state)
{
    request.arena.limit_bytes = 1;
    arg_int(&request, 7);
    assert_int_equal(run_sql(&request), ERR_INTERNAL);
}

static void a_change_is_framed_by_admission_and_completion(void **state)
{
    run("EDIT_MESSAGE", "{\"messageId\":\"" ROOM "\",\"content\":\"x\"}");
    assert_non_null(submitted);
    assert_string_equal(
        submitted->sql,
        "SELECT o.* FROM admit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "
        "$14, $15, $16) a, complete(a, CASE WHEN a.status IS NULL THEN "
        "event_edit_message(a, $17) END) o");
    assert_int_equal(submitted->param_count, 17);
}

static void a_shortcut_takes_the_same_parameters(void **state)
{
    run("SEND_MESSAGE", "{\"roomId\":\"" ROOM "\",\"content\":\"x\"}");
    assert_non_null(submitted);
    assert_int_equal(finished, 0);
    assert_non_null(submitted->many);
    assert_string_equal(
        submitted->many->sql,
        "SELECT * FROM run_send_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
        "$12, $13, $14, $15, $16, $17, $18, $19, $20)");
    assert_string_equal(
        submitted->sql,
        "SELECT o.* FROM lone_send_message($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
        "$12, $13, $14, $15, $16, $17, $18, $19, $20) o");
    assert_int_equal(submitted->param_count, 20);
    /* what the event says of itself is the same for all, what a call says is its own */
    for (int i = 0; i < submitted->param_count; i++) {
        bool same = i == 0 || i == 7 || i == 9 || i == 10 || i == 11 || i == 13;
        assert_int_equal(submitted->many->each >> i & 1, same ? 0 : 1);
    }
    assert_int_equal(submitted->mode, DB_BATCH);
    assert_int_equal(submitted->mode_param, 0);
    assert_string_equal(submitted->busy_stream, "room:" ROOM);
    assert_string_equal(submitted->params[7], "SEND_MESSAGE");
    assert_string_equal(submitted->params[9], "actions");
    assert_string_equal(submitted->params[10], "65536");
    assert_string_equal(submitted->params[11], "3");
    assert_string_equal(submitted->params[12], ROOM);
    assert_string_equal(submitted->params[16], "x");
    assert_null(submitted->params[17]);
    struct uuid id;
    assert_true(uuid_parse(bytes_of_text(submitted->params[19]), &id));
}

static void a_read_shares_and_stores_nothing(void **state)
{
    run("JOIN_ROOM", "{\"roomId\":\"" ROOM "\"}");
    assert_int_equal(submitted->mode, DB_READ);
    assert_int_equal(submitted->mode_param, -1);
    assert_non_null(strstr(submitted->sql, "admit_read("));
    assert_non_null(strstr(submitted->sql, "complete_read("));
}

static void what_touches_many_streams_or_revokes_runs_alone(void **state)
{
    run("KICK_MEMBER", "{\"communityId\":\"" ROOM "\",\"userId\":\"" ROOM "\"}");
    assert_int_equal(submitted->mode, DB_ALONE);
    assert_string_equal(submitted->params[13], "1");
}

static void the_client_id_is_the_key(void **state)
{
    char request_id[UUID_TEXT_SIZE];
    uuid_format(request.request_id, request_id);
    run("SEND_MESSAGE", "{\"roomId\":\"" ROOM "\",\"content\":\"x\"}");
    assert_string_equal(submitted->params[6], request_id);
    tear_down(state);
    set_up(state);
    run("SEND_MESSAGE", "{\"roomId\":\"" ROOM "\",\"content\":\"x\",\"clientId\":"
                        "\"01A20531-0000-7000-8000-000000000001\"}");
    assert_string_equal(submitted->params[6], "01a20531-0000-7000-8000-000000000001");
}

static void the_hash_tells_events_and_payloads_apart(void **state)
{
    char hashes[3][40];
    const char *const payloads[3] = {
        "{\"roomId\":\"" ROOM "\",\"content\":\"x\"}",
        "{ \"content\" : \"x\", \"roomId\":\"" ROOM "\" }",
        "{\"roomId\":\"" ROOM "\",\"content\":\"y\"}",
    };
    for (int i = 0; i < 3; i++) {
        run("SEND_MESSAGE", payloads[i]);
        snprintf(hashes[i], sizeof(hashes[i]), "%s", submitted->params[8]);
        assert_int_equal(strlen(hashes[i]), 34);
        tear_down(state);
        set_up(state);
    }
    assert_string_equal(hashes[0], hashes[1]); /* the form does not matter */
    assert_string_not_equal(hashes[0], hashes[2]);
}

static void refusals_before_sql_say_so(void **state)
{
    submit_answer = ERR_UNAVAILABLE;
    run("SEND_MESSAGE", "{\"roomId\":\"" ROOM "\",\"content\":\"x\"}");
    assert_int_equal(finished, 1);
    assert_string_equal(request.reply.error->code, "UNAVAILABLE");
    assert_true(request.reply.refused_before_sql);
    assert_true(request.reply.error->retry_after_ms > 0);
}

static void a_lost_attempt_does_not(void **state)
{
    run("SEND_MESSAGE", "{\"roomId\":\"" ROOM "\",\"content\":\"x\"}");
    const struct db_outcome outcome = {ERR_UNAVAILABLE, true, "", ""};
    request.call.done(&request.call, &outcome, NULL);
    assert_int_equal(finished, 1);
    assert_string_equal(request.reply.error->code, "UNAVAILABLE");
    assert_false(request.reply.has_refused_before_sql);
}

static void contracts_are_kept_by_those_who_send(void **state)
{
    struct uuid room = uuid_v7();
    Belfry__UserTyping typing = BELFRY__USER_TYPING__INIT;
    Belfry__MessageCreated created = BELFRY__MESSAGE_CREATED__INIT;
    char text[UUID_TEXT_SIZE];
    uuid_format(room, text);
    typing.room_id = typing.user_id = text;
    typing.username = "alice";
    typing.has_is_typing = true;
    request.event = event_find(BYTES_LITERAL("TYPING_START"));
    assert_int_equal(
        send_to_room(&request, room, "USER_TYPING", &typing.base, EXCEPT_SENDER), ERR_OK);
    assert_int_equal(request.publication_count, 1);
    /* the contract says: except the sender, to a room, and of this type */
    assert_int_equal(
        send_to_room(&request, room, "USER_TYPING", &typing.base, SEND_TO_ALL),
        ERR_INTERNAL);
    assert_int_equal(
        send_to_user(&request, room, "USER_TYPING", &typing.base, EXCEPT_SENDER),
        ERR_INTERNAL);
    assert_int_equal(
        send_to_room(&request, room, "USER_TYPING", &created.base, EXCEPT_SENDER),
        ERR_INTERNAL);
    /* durable events are appended by SQL and by nothing else */
    assert_int_equal(
        send_to_room(&request, room, "MESSAGE_CREATED", &created.base, SEND_TO_ALL),
        ERR_INTERNAL);
    assert_int_equal(send_to_room(&request, room, "NO_SUCH_EVENT", &typing.base, 0),
                     ERR_INTERNAL);
    assert_int_equal(request.publication_count, 1);
}

#define request_case(function)                                                           \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        request_case(arrays_quote_what_needs_it),
        request_case(too_many_arguments_are_no_statement),
        request_case(a_full_arena_never_becomes_a_null),
        request_case(a_change_is_framed_by_admission_and_completion),
        request_case(a_shortcut_takes_the_same_parameters),
        request_case(a_read_shares_and_stores_nothing),
        request_case(what_touches_many_streams_or_revokes_runs_alone),
        request_case(the_client_id_is_the_key),
        request_case(the_hash_tells_events_and_payloads_apart),
        request_case(refusals_before_sql_say_so),
        request_case(a_lost_attempt_does_not),
        request_case(contracts_are_kept_by_those_who_send),
    };
    return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
