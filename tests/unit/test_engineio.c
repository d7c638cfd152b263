/* Checks the packets a client may send, and the heartbeat against the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/frame/engineio.h"

static struct engineio engineio;

static enum engineio_packet read_text(const char *text, int64_t now_ms)
{
    struct bytes body;
    return engineio_read(&engineio, bytes_of_text(text), now_ms, &body);
}

static int open_engineio(void **state)
{
    engineio_init(&engineio, 1000, 300, 200);
    return 0;
}

static void sids_are_long_and_differ(void **state)
{
    struct engineio other;
    engineio_init(&other, 1000, 300, 200);
    assert_int_equal(strlen(engineio.sid), 24);
    assert_string_not_equal(engineio.sid, other.sid);
}

static void a_message_is_what_follows_the_digit(void **state)
{
    struct bytes body;
    assert_int_equal(engineio_read(&engineio, BYTES_LITERAL("42[\"a\"]"), 0, &body),
                     ENGINEIO_MESSAGE);
    assert_true(bytes_equal_text(body, "2[\"a\"]"));
    assert_int_equal(engineio_read(&engineio, BYTES_LITERAL("4"), 0, &body),
                     ENGINEIO_MESSAGE);
    assert_int_equal(body.size, 0);
}

static void e72_only_message_pong_and_close_come_from_clients(void **state)
{
    static const char *const bad[] = {"",  "0", "2", "2probe", "5",  "6",   "7",
                                      "8", "9", "a", " 4",     "-1", "\xff"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_text(bad[i], 0), ENGINEIO_BAD);
    }
    assert_int_equal(read_text("1", 0), ENGINEIO_CLOSE);
    assert_int_equal(read_text("3", 0), ENGINEIO_BAD); /* nobody asked */
}

static void pings_when_it_is_time_and_waits_for_the_pong(void **state)
{
    assert_int_equal(engineio_tick(&engineio, 1299), ENGINEIO_NOTHING);
    assert_int_equal(engineio_tick(&engineio, 1300), ENGINEIO_PING);
    assert_int_equal(engineio_tick(&engineio, 1301), ENGINEIO_NOTHING);
    assert_int_equal(read_text("3", 1400), ENGINEIO_PONG);
    assert_int_equal(read_text("3", 1400), ENGINEIO_BAD);
    assert_int_equal(engineio_tick(&engineio, 1699), ENGINEIO_NOTHING);
    assert_int_equal(engineio_tick(&engineio, 1700), ENGINEIO_PING);
    assert_int_equal(read_text("3ignored", 1750), ENGINEIO_PONG);
}

static void gives_up_only_for_a_missing_pong(void **state)
{
    assert_int_equal(engineio_tick(&engineio, 1300), ENGINEIO_PING);
    struct bytes body;
    /* Other traffic is no answer. */
    engineio_read(&engineio, BYTES_LITERAL("42[\"a\"]"), 1450, &body);
    assert_int_equal(engineio_tick(&engineio, 1499), ENGINEIO_NOTHING);
    assert_int_equal(engineio_tick(&engineio, 1500), ENGINEIO_SILENT);
}

static void a_pause_puts_the_end_off(void **state)
{
    engineio_pause(&engineio, 1200); /* no pong is awaited: nothing to do */
    assert_int_equal(engineio_tick(&engineio, 1300), ENGINEIO_PING);
    engineio_pause(&engineio, 1490);
    assert_int_equal(engineio_tick(&engineio, 1600), ENGINEIO_NOTHING);
    assert_int_equal(engineio_tick(&engineio, 1690), ENGINEIO_SILENT);
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup(test, open_engineio)
    const struct CMUnitTest tests[] = {
        EACH(sids_are_long_and_differ),
        EACH(a_message_is_what_follows_the_digit),
        EACH(e72_only_message_pong_and_close_come_from_clients),
        EACH(pings_when_it_is_time_and_waits_for_the_pong),
        EACH(gives_up_only_for_a_missing_pong),
        EACH(a_pause_puts_the_end_off),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
