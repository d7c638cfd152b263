/* One suite for every framing: whatever the bytes are, at most this connection ends, and
 * what passes, passes unchanged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "framing_suite.h"
#include "../support/session_double.h"

#define MUTATIONS 20000

static const struct framing_words *words;
static struct double_edge edge;

static struct bytes spell(const char *word)
{
    return words->spell != NULL ? words->spell(word) : bytes_of_text(word);
}

static void receive(const char *word)
{
    double_receive(&edge, spell(word), words->binary);
}

static void skip_sent(void)
{
    while (double_sent(&edge)[0] != 0) {
    }
}

static int open_edge(void **state)
{
    double_open(&edge, words->framing, NULL);
    skip_sent();
    return 0;
}

static int finish_edge(void **state)
{
    double_finish(&edge);
    return 0;
}

static void begin(void)
{
    receive(words->begin);
    assert_int_equal(doubled.opens, 1);
    assert_int_equal(edge.close_code, 0);
}

/* ---------------------------------------------------------------- beginning */

static void begins_with_token_and_resume(void **state)
{
    begin();
    assert_string_equal(doubled.name_space, "/");
    assert_string_equal(doubled.token, "T");
    assert_string_equal(doubled.resume, "{\"room:r\":\"1.00000000\"}");
}

static void begins_without_both(void **state)
{
    receive(words->begin_without);
    assert_int_equal(doubled.opens, 1);
    assert_string_equal(doubled.token, "");
    assert_string_equal(doubled.resume, "");
}

static void e60_nothing_before_the_beginning(void **state)
{
    receive(words->event);
    assert_int_equal(doubled.calls, 0);
    assert_int_equal(edge.close_code, CLOSE_NOT_AUTHENTICATED);
}

static void e59_begins_once(void **state)
{
    begin();
    receive(words->begin);
    assert_int_equal(doubled.opens, 1);
    assert_int_not_equal(edge.close_code, 0);
}

static void e17_does_not_wait_for_ever(void **state)
{
    int64_t opened_ms = edge.conn->opened_ms;
    conn_tick(edge.conn, opened_ms + 4000);
    assert_int_equal(edge.close_code, 0);
    conn_tick(edge.conn, opened_ms + 10000);
    assert_int_equal(edge.close_code, CLOSE_TOKEN);
}

/* ---------------------------------------------------------------- events in */

static void hands_on_events_unchanged(void **state)
{
    begin();
    receive(words->event);
    assert_int_equal(doubled.calls, 1);
    assert_string_equal(doubled.event, "SEND_MESSAGE");
    assert_string_equal(doubled.payload, "{\"a\": 9007199254740993}");
    assert_false(doubled.wants_reply);
}

static void hands_on_ids(void **state)
{
    begin();
    receive(words->event_with_id);
    assert_true(doubled.wants_reply);
    assert_int_equal(doubled.id, 7);
    assert_string_equal(doubled.payload, "{\"a\": 9007199254740993}");
    receive(words->biggest_id);
    assert_int_equal(doubled.calls, 2);
    assert_true(doubled.id == (UINT64_C(1) << 53) - 1);
}

static void a_missing_payload_is_empty(void **state)
{
    begin();
    receive(words->no_payload);
    assert_int_equal(doubled.calls, 1);
    assert_string_equal(doubled.payload, "");
    receive(words->null_payload);
    assert_int_equal(doubled.calls, 2);
    assert_string_equal(doubled.payload, "");
}

static void a_bare_text_is_a_payload(void **state)
{
    begin();
    receive(words->text_payload);
    assert_string_equal(doubled.payload, "\"hi\"");
}

/* ---------------------------------------------------------------- bad input */

static void each_on_its_own(const char *const *messages, bool must_close)
{
    for (size_t i = 0; messages[i] != NULL; i++) {
        double_finish(&edge);
        open_edge(NULL);
        begin();
        skip_sent();
        receive(messages[i]);
        if (must_close && edge.close_code == 0) {
            fail_msg("%s did not close the connection", messages[i]);
        }
        if (doubled.calls > 0) {
            fail_msg("%s reached the session", messages[i]);
        }
        if (edge.close_code == 0 && double_sent(&edge)[0] == 0) {
            fail_msg("%s was passed over in silence", messages[i]);
        }
        receive(words->event);
        if (doubled.calls != (edge.close_code == 0 ? 1 : 0)) {
            fail_msg("after %s", messages[i]);
        }
    }
}

static void closes_on_what_is_wrong(void **state)
{
    each_on_its_own(words->closing, true);
}

static void stands_what_is_odd(void **state)
{
    each_on_its_own(words->odd, false);
}

static void e41_the_other_kind_of_message_is_the_wrong_type(void **state)
{
    begin();
    double_receive(&edge, spell(words->event), !words->binary);
    assert_int_equal(edge.close_code, CLOSE_WRONG_TYPE);
    assert_int_equal(doubled.calls, 0);
}

static void every_prefix_ends_one_connection_at_most(void **state)
{
    const char *messages[] = {words->begin, words->event_with_id, words->text_payload};
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        for (size_t size = 0; size < spell(messages[i]).size; size++) {
            double_finish(&edge);
            open_edge(NULL);
            if (i > 0) {
                begin();
            }
            double_receive(&edge, bytes_make(spell(messages[i]).data, size),
                           words->binary);
            assert_int_equal(doubled.calls, 0);
        }
    }
}

static uint32_t next_random(void)
{
    static uint32_t x = 2463534242;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* The corpus of libFuzzer in small: for builds without clang. */
static void stands_random_changes(void **state)
{
    static const char letters[] = "\"{}[]:,0123456789-+.eE/\\ut \x1e\x7f\xc3\xa4";
    const char *messages[] = {words->begin, words->event_with_id, words->text_payload,
                              words->event};
    begin();
    for (int i = 0; i < MUTATIONS; i++) {
        if (edge.close_code != 0) {
            double_finish(&edge);
            open_edge(NULL);
            begin();
        }
        char text[256];
        struct bytes from = spell(messages[next_random() % 4]);
        memcpy(text, from.data, from.size);
        for (uint32_t n = next_random() % 3 + 1; n > 0; n--) {
            uint32_t dice = next_random();
            text[next_random() % from.size] =
                words->binary ? (char)dice : letters[dice % (sizeof(letters) - 1)];
        }
        double_receive(&edge, bytes_make(text, from.size), words->binary);
        skip_sent();
        conn_settle(edge.conn);
    }
}

/* ---------------------------------------------------------------- frames out */

static void assert_frame(struct frame *frame, const char *word)
{
    struct bytes expected = spell(word);
    assert_non_null(frame);
    assert_int_equal(frame->size, expected.size);
    assert_memory_equal(frame->bytes + FRAME_ROOM, expected.data, frame->size);
    assert_int_equal(frame->binary, words->binary);
    assert_int_equal(frame_wire(frame).data[0], words->binary ? 0x82 : 0x81);
    frame_unref(frame);
}

static void writes_events(void **state)
{
    const struct framing *framing = words->framing;
    assert_frame(
        framing->event("/", BYTES_LITERAL("MESSAGE_CREATED"), BYTES_LITERAL("{\"b\":2}")),
        words->wrote_event);
    assert_frame(framing->event("/", BYTES_LITERAL("MESSAGE_CREATED"), (struct bytes){0}),
                 words->wrote_empty);
}

static void writes_replies(void **state)
{
    begin();
    const struct session *session = edge.conn->sessions;
    assert_frame(words->framing->reply(session, 7, BYTES_LITERAL("{\"seq\":3}")),
                 words->wrote_reply);
}

static void writes_errors_that_say_why(void **state)
{
    begin();
    struct refusal refusal = {.event = "JOIN_ROOM",
                              .code = "NOT_FOUND",
                              .message = "Room not found",
                              .details = BYTES_LITERAL("[1]"),
                              .retry_after_ms = 5};
    struct frame *frame = words->framing->error(edge.conn->sessions, 7, &refusal);
    assert_non_null(frame);
    if (words->binary) {
        assert_frame(frame, words->wrote_error[0]);
        return;
    }
    char text[512];
    snprintf(text, sizeof(text), "%.*s", (int)frame->size,
             (const char *)frame->bytes + FRAME_ROOM);
    size_t end = strlen(words->wrote_error[1]);
    assert_memory_equal(text, words->wrote_error[0], strlen(words->wrote_error[0]));
    assert_string_equal(text + strlen(text) - end, words->wrote_error[1]);
    assert_non_null(strstr(text, "\"event\":\"JOIN_ROOM\",\"code\":\"NOT_FOUND\","
                                 "\"message\":\"Room not found\",\"details\":[1],"
                                 "\"retryAfterMs\":5,\"timestamp\":\"20"));
    frame_unref(frame);
}

/* ---------------------------------------------------------------- the heartbeat */

static void pings_and_hears(void **state)
{
    begin();
    int64_t at_ms = edge.conn->opened_ms;
    conn_tick(edge.conn, at_ms + 24000);
    assert_int_equal(edge.conn->queue_count, 0);
    at_ms += 25500;
    conn_tick(edge.conn, at_ms);
    assert_int_equal(edge.conn->queue_count, 1);
    const char *sent = double_sent(&edge);
    if (words->pong != NULL) {
        assert_string_equal(sent, words->ping);
        receive(words->pong);
    } else {
        edge.conn->heard_ms = at_ms + 10;
    }
    conn_tick(edge.conn, at_ms + 20500);
    assert_int_equal(edge.close_code, 0);
}

static void e44_gives_up_the_silent(void **state)
{
    begin();
    int64_t at_ms = edge.conn->opened_ms + 25500;
    conn_tick(edge.conn, at_ms);
    conn_tick(edge.conn, at_ms + 19000);
    assert_int_equal(edge.close_code, 0);
    conn_tick(edge.conn, at_ms + 20500);
    assert_int_not_equal(edge.close_code, 0);
    conn_settle(edge.conn);
    assert_int_equal(doubled.closes, 1);
}

static void does_not_expect_an_answer_it_would_not_read(void **state)
{
    begin();
    int64_t at_ms = edge.conn->opened_ms + 25500;
    conn_tick(edge.conn, at_ms);
    edge.conn->reading_stopped = true;
    for (int i = 1; i < 60; i++) {
        conn_tick(edge.conn, at_ms + i * 1000);
    }
    assert_int_equal(edge.close_code, 0);
    edge.conn->reading_stopped = false;
    conn_tick(edge.conn, at_ms + 61000);
    assert_int_equal(edge.close_code, 0);
}

int framing_suite(const struct framing_words *of)
{
    words = of;
#define EACH(test) cmocka_unit_test_setup_teardown(test, open_edge, finish_edge)
    const struct CMUnitTest tests[] = {
        EACH(begins_with_token_and_resume),
        EACH(begins_without_both),
        EACH(e60_nothing_before_the_beginning),
        EACH(e59_begins_once),
        EACH(e17_does_not_wait_for_ever),
        EACH(hands_on_events_unchanged),
        EACH(hands_on_ids),
        EACH(a_missing_payload_is_empty),
        EACH(a_bare_text_is_a_payload),
        EACH(closes_on_what_is_wrong),
        EACH(stands_what_is_odd),
        EACH(e41_the_other_kind_of_message_is_the_wrong_type),
        EACH(every_prefix_ends_one_connection_at_most),
        EACH(stands_random_changes),
        EACH(writes_events),
        EACH(writes_replies),
        EACH(writes_errors_that_say_why),
        EACH(pings_and_hears),
        EACH(e44_gives_up_the_silent),
        EACH(does_not_expect_an_answer_it_would_not_read),
    };
#undef EACH
    return cmocka_run_group_tests_name(of->name, tests, NULL, NULL);
}
