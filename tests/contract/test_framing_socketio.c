/* Socket.IO against the suite of all framings, and the clauses of its own grammar. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "framing_suite.h"
#include "../support/session_double.h"

/* After CONNECT to "/". The comments name the cases of the threat list. */
static const char *const closing[] = {
    /* E64 */
    "4",
    "42",
    "42[",
    "42{}",
    "42[]",
    "42[null]",
    "42[{}]",
    "42[[]]",
    "42[true]",
    "42[\"a\"",
    "42[\"a\"]x",
    "42[\"a\",]",
    "42\"a\"",
    "427",
    "42 ",
    /* E65: reserved */
    "42[\"connect\"]",
    "42[\"connect_error\"]",
    "42[\"disconnect\"]",
    "42[\"disconnecting\"]",
    "42[\"newListener\"]",
    "42[\"removeListener\"]",
    "42[\"disconn\\u0065ct\"]",
    /* E66 to E69: binary, whatever its count and placeholders */
    "45999999999-[\"e\"]",
    "450-[\"e\",{}]",
    "451-[\"e\",{\"_placeholder\":true,\"num\":0}]",
    "451-[\"e\",{\"_placeholder\":true,\"num\":-1}]",
    "45",
    "451-",
    "461-1[]",
    "46",
    "b",
    "bAQID",
    /* E70: ids */
    "4218446744073709551616[\"e\"]",
    "42-1[\"e\"]",
    "42abc[\"e\"]",
    "421.5[\"e\"]",
    "429007199254740992[\"e\"]",
    "4200000000000000001[\"e\"]",
    "421 2[\"e\"]",
    "421e3[\"e\"]",
    "42+1[\"e\"]",
    /* E72: what only a server sends, unknown types, pongs that nobody asked for */
    "0",
    "0{}",
    "1",
    "2",
    "2probe",
    "3",
    "3probe",
    "5",
    "6",
    "7",
    "9",
    "",
    "a",
    "\x1e",
    "42[\"a\"]\x1e"
    "42[\"a\"]",
    /* CONNECT: joined already, and payloads that are no objects */
    "40",
    "40/",
    "40/,",
    "40{}",
    "40/messages,[]",
    "40/messages,\"x\"",
    "40/messages,null",
    "40/messages,{",
    "40/messages,7{}x",
    /* DISCONNECT with a payload, CONNECT_ERROR from a client, type 7 */
    "41{}",
    "41[]",
    "44{\"message\":\"x\"}",
    "44",
    "47",
    "4x",
    /* ACKs that are none */
    "43",
    "431",
    "431{}",
    "43[]",
    /* Namespaces not joined */
    "42/messages,[\"a\"]",
    "42/nope,[\"a\"]",
    "41/messages,",
    "42/[\"a\"]",
    /* JSON that others take */
    "42[\"a\",NaN]",
    "42[\"a\",\"\\u0000\"]",
    "42['a']",
    "42[\"\xff\"]",
    "42[\"a\",\"\\ud800\"]",
    "42[\"a\",01]",
    "42[\"a\",[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]",
    NULL,
};

static const char *const odd[] = {NULL};

static const struct framing_words socketio = {
    .name = "framing socketio",
    .framing = &framing_socketio,
    .begin = "40{\"token\":\"T\",\"resume\":{\"room:r\":\"1.00000000\"}}",
    .begin_without = "40",
    .event = "42[\"SEND_MESSAGE\",{\"a\": 9007199254740993}]",
    .event_with_id = "427[\"SEND_MESSAGE\",{\"a\": 9007199254740993}]",
    .no_payload = "42[\"SEND_MESSAGE\"]",
    .null_payload = "42[\"SEND_MESSAGE\",null]",
    .text_payload = "42[\"SEND_MESSAGE\",\"hi\"]",
    .biggest_id = "429007199254740991[\"SEND_MESSAGE\"]",
    .closing = closing,
    .odd = odd,
    .wrote_event = "42[\"MESSAGE_CREATED\",{\"b\":2}]",
    .wrote_empty = "42[\"MESSAGE_CREATED\",{}]",
    .wrote_reply = "437[{\"seq\":3}]",
    .wrote_error = {"437[{\"error\":{\"event\":", "\"}}]"},
    .ping = "2",
    .pong = "3",
};

static struct double_edge edge;

static int open_edge(void **state)
{
    double_open(&edge, &framing_socketio, NULL);
    return 0;
}

static int finish_edge(void **state)
{
    double_finish(&edge);
    return 0;
}

static void receive(const char *text)
{
    double_receive(&edge, bytes_of_text(text), false);
}

static void assert_took(const char *text, const char *event, const char *payload)
{
    int calls = doubled.calls;
    receive(text);
    assert_int_equal(doubled.calls, calls + 1);
    assert_string_equal(doubled.event, event);
    assert_string_equal(doubled.payload, payload);
}

/* ---------------------------------------------------------------- Engine.IO */

static void opens_with_exactly_five_members(void **state)
{
    char sid[32];
    const char *sent = double_sent(&edge);
    assert_int_equal(sscanf(sent, "0{\"sid\":\"%31[A-Za-z0-9_-]\"", sid), 1);
    assert_true(strlen(sid) >= 20);
    assert_string_equal(strchr(sent, ','), ",\"upgrades\":[],\"pingInterval\":25000,"
                                           "\"pingTimeout\":20000,\"maxPayload\":65536}");
}

static void the_two_sids_differ(void **state)
{
    char sid[64];
    assert_int_equal(sscanf(double_sent(&edge), "0{\"sid\":\"%63[^\"]\"", sid), 1);
    receive("40");
    struct frame *frame = framing_socketio.accepted(edge.conn->sessions);
    assert_null(memmem(frame->bytes, FRAME_ROOM + frame->size, sid, strlen(sid)));
    frame_unref(frame);
}

/* ---------------------------------------------------------------- namespaces */

static void says_sid_and_nothing_else(void **state)
{
    receive("40/messages,");
    struct frame *frame = framing_socketio.accepted(edge.conn->sessions);
    const char *expected =
        "40/messages,{\"sid\":\"abababab-abab-abab-abab-abababababab\"}";
    assert_int_equal(frame->size, strlen(expected));
    assert_memory_equal(frame->bytes + FRAME_ROOM, expected, frame->size);
    frame_unref(frame);
}

static void takes_every_spelling_of_a_namespace(void **state)
{
    receive("40/,{\"token\":\"T\"}"); /* Swift writes the main one out */
    assert_string_equal(doubled.name_space, "/");
    receive("40/messages"); /* no comma at the end */
    assert_string_equal(doubled.name_space, "/messages");
    receive("401/1,"); /* an id means nothing here, and this is no namespace */
    assert_int_not_equal(edge.close_code, 0);
}

static void e71_unknown_namespaces_are_refused_one_by_one(void **state)
{
    double_sent(&edge);
    receive("40/admin,{\"token\":\"T\"}");
    assert_string_equal(double_sent(&edge),
                        "44/admin,{\"message\":\"Invalid namespace\"}");
    receive("40/messages?a=b,");
    assert_string_equal(double_sent(&edge),
                        "44/messages?a=b,{\"message\":\"Invalid namespace\"}");
    char text[10 * 1024 + 8];
    memset(text, 'n', sizeof(text));
    memcpy(text, "40/", 3);
    text[sizeof(text) - 1] = 0;
    receive(text);
    assert_memory_equal(double_sent(&edge), "44/nnnn", 7);
    for (int i = 0; i < 1000; i++) {
        receive("40/ns,");
        assert_string_equal(double_sent(&edge),
                            "44/ns,{\"message\":\"Invalid namespace\"}");
    }
    assert_int_equal(edge.close_code, 0);
    assert_int_equal(doubled.opens, 0);
}

static void holds_eight_namespaces(void **state)
{
    double_sent(&edge);
    receive("40");
    for (char i = '1'; i <= '7'; i++) {
        char text[8] = {'4', '0', '/', i, ',', 0};
        receive(text);
    }
    assert_int_equal(doubled.opens, 8);
    receive("40/8,");
    assert_string_equal(double_sent(&edge), "44/8,{\"message\":\"Too many namespaces\"}");
    assert_int_equal(doubled.opens, 8);
    assert_took("42/5,[\"A\",1]", "A", "1");
    assert_took("42[\"B\"]", "B", "");
}

static void a_client_may_leave_and_come_back(void **state)
{
    double_sent(&edge);
    receive("40");
    receive("40/messages,");
    receive("41/messages,");
    assert_int_equal(doubled.closes, 1);
    assert_int_equal(edge.close_code, 0);
    assert_string_equal(double_sent(&edge), ""); /* no answer */
    receive("40/messages,");
    assert_int_equal(doubled.opens, 3);
    assert_took("42/messages,[\"A\"]", "A", "");
    receive("41");
    receive("41/messages,");
    assert_int_equal(doubled.closes, 3);
    /* Without any namespace it is a stranger again, and has as long as one. */
    conn_tick(edge.conn, edge.conn->opened_ms + 9000);
    assert_int_equal(edge.close_code, 0);
    conn_tick(edge.conn, edge.conn->opened_ms + 10500);
    assert_int_equal(edge.close_code, CLOSE_TOKEN);
}

static void late_events_of_a_namespace_that_we_left_are_dropped(void **state)
{
    receive("40");
    receive("40/messages,");
    struct session *session = conn_session(edge.conn, "/messages");
    frame_unref(framing_socketio.ended(session));
    session_close(session, "revoked");
    receive("42/messages,1[\"A\"]");
    receive("41/messages,");
    assert_int_equal(edge.close_code, 0);
    assert_int_equal(doubled.calls, 0);
    receive("40/messages,");
    assert_took("42/messages,[\"A\"]", "A", "");
    receive("41/messages,");
    receive("42/messages,[\"A\"]"); /* it left itself: it knows */
    assert_int_not_equal(edge.close_code, 0);
}

static void nothing_passes_before_it_is_accepted(void **state)
{
    doubled.state = SESSION_CONNECTING;
    receive("40");
    receive("42[\"A\"]");
    assert_int_equal(doubled.calls, 0);
    assert_int_equal(edge.close_code, CLOSE_NOT_AUTHENTICATED);
}

static void answers_go_to_their_namespace(void **state)
{
    receive("40/messages,");
    struct frame *frame =
        framing_socketio.reply(edge.conn->sessions, 12, (struct bytes){0});
    assert_memory_equal(frame->bytes + FRAME_ROOM, "43/messages,12[{}]", frame->size);
    frame_unref(frame);
    frame =
        framing_socketio.event("/messages", BYTES_LITERAL("A\"B"), BYTES_LITERAL("{}"));
    assert_memory_equal(frame->bytes + FRAME_ROOM, "42/messages,[\"A\\\"B\",{}]",
                        frame->size);
    frame_unref(frame);
    frame = framing_socketio.ended(edge.conn->sessions);
    assert_memory_equal(frame->bytes + FRAME_ROOM, "41/messages,", frame->size);
    frame_unref(frame);
}

/* ---------------------------------------------------------------- events */

static void e65_odd_names_are_names(void **state)
{
    receive("40");
    assert_took("42[\"__proto__\",{}]", "__proto__", "{}");
    assert_took("42[\"constructor\"]", "constructor", "");
    assert_took("42[\"error\"]", "error", "");
    assert_took("42[\"connection\"]", "connection", "");
    assert_took("42[\"\"]", "", "");
    assert_took("42[1]", "1", "");
    assert_took("42[-1.5e3,{}]", "-1.5e3", "{}");
    assert_took("42 [ \"a\" , {} ] ", "a", "{}");
    assert_took("42[\"\\u0041\\n\"]", "A\n", "");
    assert_took("42/,5[\"a\"]", "a", "");
    assert_int_equal(doubled.id, 5);
    assert_took("420[\"a\"]", "a", "");
    assert_int_equal(doubled.id, 0);
    assert_true(doubled.wants_reply);
}

static void several_arguments_are_no_payload(void **state)
{
    receive("40");
    assert_took("42[\"a\",{},{}]", "a", "[\"a\",{},{}]");
    assert_took("42[\"a\",1,2,3]", "a", "[\"a\",1,2,3]");
}

static void acks_of_nothing_are_ignored(void **state)
{
    receive("40");
    receive("431[]");
    receive("4313[\"bar\"]");
    assert_int_equal(edge.close_code, 0);
    assert_int_equal(doubled.calls, 0);
}

static void the_header_serves_when_auth_has_no_token(void **state)
{
    double_finish(&edge);
    double_open(&edge, &framing_socketio, "B");
    receive("40{\"resume\":{\"a\":1}}");
    assert_string_equal(doubled.token, ""); /* session.c takes the connection's */
    assert_string_equal(doubled.resume, "{\"a\":1}");
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, open_edge, finish_edge)
    const struct CMUnitTest own[] = {
        EACH(opens_with_exactly_five_members),
        EACH(the_two_sids_differ),
        EACH(says_sid_and_nothing_else),
        EACH(takes_every_spelling_of_a_namespace),
        EACH(e71_unknown_namespaces_are_refused_one_by_one),
        EACH(holds_eight_namespaces),
        EACH(a_client_may_leave_and_come_back),
        EACH(late_events_of_a_namespace_that_we_left_are_dropped),
        EACH(nothing_passes_before_it_is_accepted),
        EACH(answers_go_to_their_namespace),
        EACH(e65_odd_names_are_names),
        EACH(several_arguments_are_no_payload),
        EACH(acks_of_nothing_are_ignored),
        EACH(the_header_serves_when_auth_has_no_token),
    };
#undef EACH
    int failed = framing_suite(&socketio);
    return failed + cmocka_run_group_tests_name("framing socketio, own", own, NULL, NULL);
}
