/* Plain JSON against the suite of all framings, and what is its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "framing_suite.h"
#include "../support/session_double.h"

static const char *const closing[] = {
    "{\"hello\":{}}",
    "{\"hello\":{\"token\":\"another\"}}",
    NULL,
};

static const char *const odd[] = {
    "",
    " ",
    "{",
    "{}",
    "[]",
    "null",
    "7",
    "\"x\"",
    "{} {}",
    "{\"event\":7}",
    "{\"event\":null}",
    "{\"event\":\"\"}",
    "{\"event\":\"X\",\"id\":-1}",
    "{\"event\":\"X\",\"id\":1.5}",
    "{\"event\":\"X\",\"id\":1e3}",
    "{\"event\":\"X\",\"id\":\"7\"}",
    "{\"event\":\"X\",\"id\":9007199254740992}",
    "{\"event\":\"X\",\"id\":18446744073709551616}",
    "{\"event\":\"X\",\"id\":99999999999999999999999999}",
    "{\"event\":\"X\",\"ID\":7}",
    "{\"event\":\"X\",\"event\":\"Y\"}",
    "{\"event\":\"X\",\"data\":{},\"data\":{}}",
    "{\"event\":\"X\",\"data\":{\"a\":\"\\u0000\"}}",
    "{\"event\":\"X\",\"data\":{\"a\":\"\xff\"}}",
    "{\"event\":\"X\",\"data\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}",
    "{\"event\":\"X\",\"data\":NaN}",
    "{\"event\":\"X\",\"trace\":7}",
    NULL,
};

static const struct framing_words json = {
    .name = "framing json",
    .framing = &framing_json,
    .begin = "{\"hello\":{\"token\":\"T\",\"resume\":{\"room:r\":\"1.00000000\"}}}",
    .begin_without = "{\"hello\":{}}",
    .event = "{\"event\":\"SEND_MESSAGE\",\"data\":{\"a\": 9007199254740993}}",
    .event_with_id =
        "{\"id\":7,\"event\":\"SEND_MESSAGE\",\"data\":{\"a\": 9007199254740993}}",
    .no_payload = "{\"event\":\"SEND_MESSAGE\"}",
    .null_payload = "{\"event\":\"SEND_MESSAGE\",\"data\":null}",
    .text_payload = "{\"event\":\"SEND_MESSAGE\",\"data\":\"hi\"}",
    .biggest_id = "{\"event\":\"SEND_MESSAGE\",\"id\":9007199254740991}",
    .closing = closing,
    .odd = odd,
    .wrote_event = "{\"event\":\"MESSAGE_CREATED\",\"data\":{\"b\":2}}",
    .wrote_empty = "{\"event\":\"MESSAGE_CREATED\",\"data\":{}}",
    .wrote_reply = "{\"reply\":7,\"data\":{\"seq\":3}}",
    .wrote_error = {"{\"reply\":7,\"error\":{\"event\":", "\"}}"},
    .ping = "ping",
};

static struct double_edge edge;

static void a_header_begins_the_session(void **state)
{
    double_open(&edge, &framing_json, "B");
    assert_int_equal(doubled.opens, 1);
    assert_string_equal(doubled.token, "B");
    double_receive(&edge, BYTES_LITERAL("{\"hello\":{\"token\":\"T\"}}"), false);
    assert_int_equal(edge.close_code, CLOSE_ALREADY_AUTHENTICATED);
    assert_int_equal(doubled.opens, 1);
    double_finish(&edge);
}

static void answers_pings(void **state)
{
    double_open(&edge, &framing_json, "B");
    double_receive(&edge, BYTES_LITERAL("{\"ping\":{\"t\": 1}}"), false);
    assert_string_equal(double_sent(&edge), "{\"pong\":{\"t\": 1}}");
    double_finish(&edge);
}

static void a_malformed_message_is_told_by_event(void **state)
{
    double_open(&edge, &framing_json, "B");
    double_receive(&edge, BYTES_LITERAL("{\"event\":\"X\",\"id\":\"7\"}"), false);
    const char *sent = double_sent(&edge);
    const char *start = "{\"event\":\"ERROR\",\"data\":{\"code\":\"VALIDATION_ERROR\"";
    assert_memory_equal(sent, start, strlen(start));
    assert_non_null(strstr(sent, "\"details\":[{\"path\":\"id\",\"rule\":\"range\""));
    double_finish(&edge);
}

static void goes_on_so_long_only(void **state)
{
    double_open(&edge, &framing_json, "B");
    for (int i = 0; i < 100; i++) {
        double_receive(&edge, BYTES_LITERAL("{"), false);
    }
    assert_int_equal(edge.close_code, CLOSE_POLICY);
    assert_true(edge.conn->queue_count < 40);
    double_finish(&edge);
}

static void a_token_that_is_no_text_is_not_none(void **state)
{
    static const char *const hellos[] = {"{\"hello\":{\"token\":7}}",
                                         "{\"hello\":{\"token\":{}}}",
                                         "{\"hello\":{\"token\":false}}"};
    for (size_t i = 0; i < 3; i++) {
        double_open(&edge, &framing_json, NULL);
        double_receive(&edge, bytes_of_text(hellos[i]), false);
        assert_int_equal(doubled.opens, 1);
        assert_string_equal(doubled.token, "?");
        double_finish(&edge);
    }
    double_open(&edge, &framing_json, NULL);
    double_receive(&edge, BYTES_LITERAL("{\"hello\":{\"token\":null,\"resume\":[]}}"),
                   false);
    assert_string_equal(doubled.token, "");
    assert_string_equal(doubled.resume, "");
    double_finish(&edge);
}

static void hands_on_the_trace(void **state)
{
    double_open(&edge, &framing_json, "B");
    double_receive(&edge, BYTES_LITERAL("{\"event\":\"X\",\"trace\":\"00-ab-cd-01\"}"),
                   false);
    assert_string_equal(doubled.trace, "00-ab-cd-01");
    double_finish(&edge);
}

static void needs_no_frames_around_a_session(void **state)
{
    assert_null(framing_json.accepted(NULL));
    assert_null(framing_json.ended(NULL));
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(a_header_begins_the_session),
        cmocka_unit_test(answers_pings),
        cmocka_unit_test(a_malformed_message_is_told_by_event),
        cmocka_unit_test(goes_on_so_long_only),
        cmocka_unit_test(a_token_that_is_no_text_is_not_none),
        cmocka_unit_test(hands_on_the_trace),
        cmocka_unit_test(needs_no_frames_around_a_session),
    };
    int failed = framing_suite(&json);
    return failed + cmocka_run_group_tests_name("framing json, own", own, NULL, NULL);
}
