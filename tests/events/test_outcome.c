/* What becomes of an outcome row: reply, control and publications, and that a row of
 * another shape is refused. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/control.h"
#include "core/core.h"
#include "core/db/db_result.h"
#include "core/outcome.h"

#define ROOM   "room:00000000-0000-4000-9000-000000000001"
#define ACCESS "access:00000000-0000-4000-a000-000000000001"
#define USER   "00000000-0000-4000-8000-000000000001"

static struct core core;
static struct core_config config;
static struct request request;
static Link__EventReply event_reply;
static struct db_result result;
static char packed[65536];

/* PostgreSQL's binary form of a text array. */
static size_t pack_array(const char *const *texts, int count)
{
    uint32_t header[5] = {htonl(1), 0, htonl(25), htonl((uint32_t)count), htonl(1)};
    size_t size = sizeof(header);
    memcpy(packed, header, size);
    for (int i = 0; i < count; i++) {
        uint32_t length = htonl((uint32_t)strlen(texts[i]));
        memcpy(packed + size, &length, 4);
        memcpy(packed + size + 4, texts[i], strlen(texts[i]));
        size += 4 + strlen(texts[i]);
    }
    return size;
}

static void make_row(const char *status, const char *message, const char *details,
                     const char *reply, const char *control, const char *const *emitted,
                     int emitted_count)
{
    static char names[6][12] = {"status", "message", "details",
                                "reply",  "control", "emitted"};
    PGresAttDesc columns[6];
    memset(columns, 0, sizeof(columns));
    for (int i = 0; i < 6; i++) {
        columns[i].name = names[i];
        columns[i].format = 1;
        columns[i].typid = 25;
    }
    result.pg = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    assert_true(PQsetResultAttrs(result.pg, 6, columns));
    const char *texts[5] = {status, message, details, reply, control};
    for (int i = 0; i < 5; i++) {
        int size = texts[i] != NULL ? (int)strlen(texts[i]) : -1;
        assert_true(PQsetvalue(result.pg, 0, i, (char *)texts[i], size));
    }
    int size = emitted != NULL ? (int)pack_array(emitted, emitted_count) : -1;
    assert_true(PQsetvalue(result.pg, 0, 5, packed, size));
    result = db_result_whole(result.pg);
}

static int set_up(void **state)
{
    (void)state;
    memset(&request, 0, sizeof(request));
    core.config = &config;
    core.development = false;
    request_start(&request, &core);
    request.actor.username = "alice";
    request.event = event_find(BYTES_LITERAL("SEND_MESSAGE"));
    link__event_reply__init(&event_reply);
    request.reply.body_case = LINK__REPLY__BODY_EVENT;
    request.reply.event = &event_reply;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    PQclear(result.pg);
    arena_finish(&request.arena);
    return 0;
}

static bool json_is(ProtobufCBinaryData bytes, const char *text)
{
    return bytes_equal_text(bytes_make(bytes.data, bytes.len), text);
}

static void a_reply_passes_through(void **state)
{
    make_row("OK", NULL, NULL, "{\"seq\":5}", NULL, NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_true(json_is(event_reply.payload, "{\"seq\":5}"));
    assert_null(event_reply.control);
    assert_int_equal(request.publication_count, 0);
}

static void no_reply_is_an_empty_object(void **state)
{
    make_row("OK", NULL, NULL, NULL, NULL, NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_true(json_is(event_reply.payload, "{}"));
}

static void a_reply_can_be_the_event_and_its_place(void **state)
{
    const char *emitted[9] = {ROOM,
                              "5",
                              "439041101",
                              "7",
                              "3",
                              "MESSAGE_CREATED",
                              "2026-11-22T20:48:44.123Z",
                              "{\"message\":{}}",
                              ""};
    make_row("OK", NULL, NULL, NULL, NULL, emitted, 9);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_true(json_is(event_reply.payload, "{\"message\":{},\"seq\":5}"));
    assert_int_equal(request.publication_count, 1);
}

static void what_was_appended_is_published_with_its_position(void **state)
{
    const char *emitted[18] = {ROOM,
                               "5",
                               "439041101",
                               "7",
                               "3",
                               "MESSAGE_CREATED",
                               "2026-11-22T20:48:44.123Z",
                               "{\"message\":{\"content\":\"a\\\"b\"}}",
                               "",
                               ACCESS,
                               "9",
                               "1",
                               "0",
                               "9",
                               "",
                               "2026-11-22T20:48:44.123Z",
                               "{}",
                               "{\"who\":{\"users\":[\"" USER "\"]}}"};
    make_row("OK", NULL, NULL, "{}", NULL, emitted, 18);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_int_equal(request.publication_count, 2);
    const Link__Publication *message = request.publications[0];
    assert_int_equal(message->seq, 5);
    assert_int_equal(message->tag, 439041101);
    assert_int_equal(message->prev_tag, 7);
    assert_int_equal(message->after, 3);
    assert_string_equal(message->event, "MESSAGE_CREATED");
    assert_true(json_is(message->json,
                        "{\"stream\":\"" ROOM "\",\"seq\":5,\"cursor\":\"5.1a2b3c4d\","
                        "\"timestamp\":\"2026-11-22T20:48:44.123Z\","
                        "\"message\":{\"content\":\"a\\\"b\"}}"));
    const Link__Publication *access = request.publications[1];
    assert_string_equal(access->event, "");
    assert_false(access->has_json);
    assert_int_equal(access->control->who->n_users, 1);
}

static void an_empty_payload_leaves_no_comma(void **state)
{
    const char *emitted[9] = {
        ROOM, "1", "1", "0", "0", "ROOM_CREATED", "2026-11-22T20:48:44.123Z", "{}", ""};
    make_row("OK", NULL, NULL, NULL, NULL, emitted, 9);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_true(json_is(request.publications[0]->json,
                        "{\"stream\":\"" ROOM "\",\"seq\":1,\"cursor\":\"1.00000001\","
                        "\"timestamp\":\"2026-11-22T20:48:44.123Z\"}"));
    assert_true(json_is(event_reply.payload, "{\"seq\":1}"));
}

static void a_refusal_becomes_the_error(void **state)
{
    make_row("NOT_FOUND", "Room not found", "{\"a\":1}", NULL, NULL, NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_int_equal(request.reply.body_case, LINK__REPLY__BODY_ERROR);
    assert_string_equal(request.reply.error->code, "NOT_FOUND");
    assert_string_equal(request.reply.error->message, "Room not found");
    assert_true(json_is(request.reply.error->details, "{\"a\":1}"));
}

static void a_refused_right_is_explained_in_development_only(void **state)
{
    make_row("PERMISSION_DENIED", NULL, "{\"missing\":[]}", NULL, NULL, NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_string_equal(request.reply.error->message, "Insufficient permissions");
    assert_false(request.reply.error->has_details);
    core.development = true;
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    assert_true(request.reply.error->has_details);
}

static void control_opens_closes_and_grants(void **state)
{
    make_row("OK", NULL, NULL, NULL,
             "{\"open\":[{\"stream\":\"" ROOM
             "\",\"seq\":7,\"tag\":2,\"access\":\"" ACCESS
             "\",\"accessSeq\":258}],\"close\":[\"" ACCESS "\"],\"blanked\":[1,2],"
             "\"endSessions\":[\"" USER "\"],\"follow\":true}",
             NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_OK);
    const Link__Control *control = event_reply.control;
    assert_int_equal(control->n_open, 1);
    assert_int_equal(control->open[0]->seq, 7);
    assert_int_equal(control->open[0]->access_seq, 258);
    assert_int_equal(control->n_close, 1);
    assert_int_equal(control->n_blanked, 2);
    assert_int_equal(control->n_end_sessions, 1);
    assert_true(control->has_follow && control->follow);
    struct stream_id stream;
    struct bytes username;
    struct bytes grant =
        bytes_make(control->open[0]->grant.data, control->open[0]->grant.len);
    assert_true(grant_read(grant, &stream, &username));
    assert_int_equal(stream.kind, STREAM_ROOM);
    assert_true(bytes_equal_text(username, "alice"));
    assert_int_equal(grant.data[23], 1);
    assert_int_equal(grant.data[24], 2);
    assert_false(grant_read(bytes_make(grant.data, 24), &stream, &username));
}

static void rows_of_another_shape_are_refused(void **state)
{
    make_row("MAYBE", NULL, NULL, NULL, NULL, NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_INTERNAL);
    PQclear(result.pg);
    const char *short_row[4] = {ROOM, "1", "1", "0"};
    make_row("OK", NULL, NULL, NULL, NULL, short_row, 4);
    assert_int_equal(outcome_apply(&request, &result), ERR_INTERNAL);
    PQclear(result.pg);
    const char *bad_stream[9] = {"attic:1",      "1", "1",  "0", "0",
                                 "ROOM_CREATED", "",  "{}", ""};
    make_row("OK", NULL, NULL, NULL, NULL, bad_stream, 9);
    assert_int_equal(outcome_apply(&request, &result), ERR_INTERNAL);
    PQclear(result.pg);
    make_row("OK", NULL, NULL, NULL, "{\"close\":[7]}", NULL, 0);
    assert_int_equal(outcome_apply(&request, &result), ERR_INTERNAL);
}

static void a_broken_array_ends_where_it_breaks(void **state)
{
    const char *texts[2] = {"one", "two"};
    size_t size = pack_array(texts, 2);
    struct bytes array = bytes_make(packed, size);
    struct bytes item;
    size_t at = 0;
    assert_int_equal(db_array_count(array), 2);
    assert_true(db_array_next(array, &at, &item));
    assert_true(bytes_equal_text(item, "one"));
    assert_true(db_array_next(array, &at, &item));
    assert_false(db_array_next(array, &at, &item));
    for (size_t cut = 0; cut < size; cut++) {
        at = 0;
        while (db_array_next(bytes_make(packed, cut), &at, &item)) {
            assert_true(at <= cut);
        }
    }
    result.pg = NULL;
}

#define outcome_case(function)                                                           \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        outcome_case(a_reply_passes_through),
        outcome_case(no_reply_is_an_empty_object),
        outcome_case(a_reply_can_be_the_event_and_its_place),
        outcome_case(what_was_appended_is_published_with_its_position),
        outcome_case(an_empty_payload_leaves_no_comma),
        outcome_case(a_refusal_becomes_the_error),
        outcome_case(a_refused_right_is_explained_in_development_only),
        outcome_case(control_opens_closes_and_grants),
        outcome_case(rows_of_another_shape_are_refused),
        outcome_case(a_broken_array_ends_where_it_breaks),
    };
    return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
