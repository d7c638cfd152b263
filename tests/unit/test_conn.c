/* The send queue: order, its limit, who is dropped and who is closed, and that nobody is
 * freed while somebody up the stack may still hold it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../support/session_double.h"
#include "base/clock.h"

#define WRAP (INT64_C(1) << 32) /* connections keep the last 32 bits of the clock */

int64_t __real_clock_ms(void);
int64_t __wrap_clock_ms(void);

static int64_t clock_at; /* 0: as it is */

int64_t __wrap_clock_ms(void)
{
    return clock_at != 0 ? clock_at : __real_clock_ms();
}

static struct double_edge edge;

static int open_edge(void **state)
{
    double_open(&edge, &framing_json, NULL);
    return 0;
}

static int finish_edge(void **state)
{
    double_finish(&edge);
    clock_at = 0;
    return 0;
}

/* In place of the one that is open. */
static void reopen(const struct framing *framing, int64_t at_ms)
{
    double_finish(&edge);
    clock_at = at_ms;
    double_open(&edge, framing, NULL);
}

static void send_text(const char *text, size_t size, bool droppable)
{
    char *copy = calloc(1, size + 1);
    snprintf(copy, size + 1, "%s", text);
    struct frame *frame = frame_create(bytes_make(copy, size), false);
    frame->droppable = droppable;
    conn_send(edge.conn, frame);
    frame_unref(frame);
    free(copy);
}

static void begin_session(const char *name_space)
{
    session_open(edge.conn, name_space, &(struct session_hello){0});
}

/* RFC 6455 section 5.2: three forms of the length. */
static void writes_headers_of_every_size(void **state)
{
    static const struct {
        size_t size, header;
    } cases[] = {{0, 2},     {1, 2},      {125, 2},   {126, 4},
                 {65535, 4}, {65536, 10}, {70000, 10}};
    uint8_t *payload = calloc(1, 70000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct frame *frame = frame_create(bytes_make(payload, cases[i].size), true);
        struct bytes wire = frame_wire(frame);
        assert_int_equal(wire.size, cases[i].size + cases[i].header);
        assert_int_equal(wire.data[0], 0x82);
        uint64_t told = wire.data[1];
        if (told >= 126) {
            told = 0;
            for (size_t k = 2; k < cases[i].header; k++) {
                told = told << 8 | wire.data[k];
            }
        }
        assert_int_equal(told, cases[i].size);
        frame_unref(frame);
    }
    free(payload);
    struct frame *frame = frame_create_close(4008, "slow");
    assert_memory_equal(frame_wire(frame).data, "\x88\x06\x0f\xa8slow", 8);
    frame_unref(frame);
    frame_unref(NULL);
}

static void keeps_order_and_frees_the_ring(void **state)
{
    char text[16];
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++) {
            snprintf(text, sizeof(text), "%d", i);
            send_text(text, strlen(text), false);
            if (i == 50) { /* the head is somewhere in the middle */
                assert_string_equal(double_sent(&edge), "0");
            }
        }
        assert_true(edge.dirty > 0);
        for (int i = 1; i < 100; i++) {
            snprintf(text, sizeof(text), "%d", i);
            assert_string_equal(double_sent(&edge), text);
        }
        assert_int_equal(edge.conn->queued_bytes, 0);
        assert_false(edge.conn->has_ring);
        assert_null(edge.conn->alone);
    }
}

static void e43_closes_who_reads_too_slowly(void **state)
{
    begin_session("/");
    for (int i = 0; i < 6; i++) {
        send_text("x", 10000, false);
    }
    assert_int_equal(edge.close_code, 0);
    send_text("x", 10000, false);
    assert_int_equal(edge.close_code, CLOSE_TOO_SLOW);
    assert_int_equal(edge.conn->queue_count, 0); /* it would never get there */
    assert_int_equal(doubled.closes, 0);         /* callers may hold the session */
    send_text("x", 1, false);
    assert_int_equal(edge.conn->queue_count, 0);
    conn_settle(edge.conn);
    assert_int_equal(doubled.closes, 1);
}

static void drops_what_may_be_dropped(void **state)
{
    for (int i = 0; i < 6; i++) {
        send_text("x", 10000, false);
    }
    send_text("x", 10000, true);
    assert_int_equal(edge.close_code, 0);
    assert_int_equal(edge.conn->queue_count, 6);
}

static void tells_sessions_when_there_is_room_again(void **state)
{
    begin_session("/");
    begin_session("/messages");
    assert_true(conn_ready(edge.conn));
    send_text("x", 10000, false);
    assert_true(conn_ready(edge.conn)); /* below a quarter of 64 KB */
    send_text("x", 10000, false);
    assert_false(conn_ready(edge.conn));
    assert_int_equal(doubled.readies, 0);
    conn_sent(edge.conn, 1);
    assert_true(conn_ready(edge.conn));
    assert_int_equal(doubled.readies, 2);
    conn_sent(edge.conn, 100);
    assert_int_equal(doubled.readies, 2); /* it was ready */
}

static void send_much(struct session *session)
{
    send_text("x", 30000, false);
}

static void a_session_that_fills_the_queue_again_keeps_others_waiting(void **state)
{
    begin_session("/");
    begin_session("/messages");
    send_text("x", 30000, false);
    doubled.on_ready = send_much;
    conn_sent(edge.conn, 1);
    assert_int_equal(doubled.readies, 1);
    assert_int_equal(edge.conn->queue_count, 1);
}

static void end_the_other(struct session *session)
{
    struct conn *conn = session->conn;
    if (conn->session_count > 1) {
        session_close(conn->sessions == session ? session->next : conn->sessions,
                      "ended");
    }
}

static void a_session_may_end_another_when_woken(void **state)
{
    begin_session("/");
    begin_session("/messages");
    send_text("x", 30000, false);
    doubled.on_ready = end_the_other;
    conn_sent(edge.conn, 1);
    assert_int_equal(doubled.readies, 1);
    assert_int_equal(edge.conn->session_count, 1);
}

static void behind_for_too_long_is_too_slow(void **state)
{
    send_text("x", 30000, false);
    int64_t since_ms = edge.conn->behind_since_ms;
    assert_true(since_ms > 0);
    edge.conn->heard_ms = since_ms;
    /* The framing's own timers must not fire first. */
    ((struct edge_config *)edge.edge.config)->hello_timeout_ms = 60000;
    conn_tick(edge.conn, since_ms + 9000);
    assert_int_equal(edge.close_code, 0);
    conn_tick(edge.conn, since_ms + 10001);
    assert_int_equal(edge.close_code, CLOSE_TOO_SLOW);
}

static void closes_once_and_sends_what_waits(void **state)
{
    begin_session("/");
    send_text("last", 4, false);
    conn_close(edge.conn, CLOSE_RESTART, "bye");
    conn_close(edge.conn, CLOSE_PROTOCOL, "again");
    assert_int_equal(edge.close_code, CLOSE_RESTART);
    assert_string_equal(edge.close_reason, "bye");
    assert_string_equal(double_sent(&edge), "last");
    assert_false(conn_ready(edge.conn));
    conn_settle(edge.conn);
    conn_settle(edge.conn);
    assert_int_equal(doubled.closes, 1);
    assert_string_equal(doubled.close_reason, "connection closed");
}

static void no_memory_for_a_frame_closes(void **state)
{
    conn_send(edge.conn, NULL);
    assert_int_equal(edge.close_code, CLOSE_TRY_LATER);
    struct buf buf;
    frame_buf_begin(&buf, 2);
    buf_append_text(&buf, "longer than was announced");
    struct frame *frame = frame_of_buf(&buf);
    assert_int_equal(frame->size, 25);
    assert_memory_equal(frame_wire(frame).data, "\x81\x19longer", 8);
    frame_unref(frame);
    frame_buf_begin(&buf, 2);
    buf.limit = buf.size;
    buf_append_text(&buf, "too long");
    assert_null(frame_of_buf(&buf));
}

static void a_lost_transport_ends_the_sessions(void **state)
{
    begin_session("/");
    begin_session("/messages");
    send_text("x", 10, false);
    assert_non_null(conn_session(edge.conn, "/messages"));
    assert_null(conn_session(edge.conn, "/other"));
    double_finish(&edge);
    assert_int_equal(doubled.closes, 2);
    assert_string_equal(doubled.close_reason, "connection lost");
    open_edge(NULL);
}

/* A machine that runs for 49 days, or longer, or comes to that just now. */
static const int64_t clocks[] = {WRAP - 1000, WRAP + 1000, 3 * WRAP - 1000};

static void a_socketio_client_has_its_time_on_any_clock(void **state)
{
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        int64_t at = clocks[i];
        reopen(&framing_socketio, at);
        assert_int_equal(double_sent(&edge)[0], '0');
        conn_tick(edge.conn, at + 9999);
        assert_string_equal(double_sent(&edge), "");
        assert_int_equal(edge.close_code, 0);
        conn_tick(edge.conn, at + 10000);
        assert_int_equal(edge.close_code, CLOSE_TOKEN);
    }
}

static void a_client_is_pinged_on_any_clock(void **state)
{
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        int64_t at = clocks[i];
        reopen(&framing_json, at);
        conn_tick(edge.conn, at + 4999);
        assert_int_equal(edge.close_code, 0);
        double_receive(&edge, BYTES_LITERAL("{\"hello\":{}}"), false);
        assert_int_equal(doubled.opens, 1);
        conn_tick(edge.conn, at + 24999);
        assert_int_equal(edge.conn->queue_count, 0);
        conn_tick(edge.conn, at + 25000);
        assert_int_equal(edge.conn->queue_count, 1);
        conn_tick(edge.conn, at + 44999);
        assert_int_equal(edge.close_code, 0);
        conn_tick(edge.conn, at + 45000);
        assert_int_equal(edge.close_code, CLOSE_POLICY);
    }
}

static void refusals_leave_out_what_is_not_known(void **state)
{
    struct refusal refusal = {.code = "INTERNAL", .message = "a \"b\""};
    struct buf json;
    buf_init(&json, 1024);
    refusal_json(&refusal, &json);
    const char *start =
        "{\"code\":\"INTERNAL\",\"message\":\"a \\\"b\\\"\",\"timestamp\":\"20";
    assert_memory_equal(json.data, start, strlen(start));
    buf_finish(&json);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, open_edge, finish_edge)
    const struct CMUnitTest tests[] = {
        EACH(writes_headers_of_every_size),
        EACH(keeps_order_and_frees_the_ring),
        EACH(e43_closes_who_reads_too_slowly),
        EACH(drops_what_may_be_dropped),
        EACH(tells_sessions_when_there_is_room_again),
        EACH(a_session_that_fills_the_queue_again_keeps_others_waiting),
        EACH(a_session_may_end_another_when_woken),
        EACH(behind_for_too_long_is_too_slow),
        EACH(closes_once_and_sends_what_waits),
        EACH(no_memory_for_a_frame_closes),
        EACH(a_lost_transport_ends_the_sessions),
        EACH(a_socketio_client_has_its_time_on_any_clock),
        EACH(a_client_is_pinged_on_any_clock),
        EACH(refusals_leave_out_what_is_not_known),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
