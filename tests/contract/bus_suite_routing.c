/* Why: a bus that does not route topics by itself sends an edge little else than what it
 * wants, all the same. */
#include "bus_suite_routing.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "bus_suite_broker.h"

struct ear publisher, ears[2];
int port;

static const struct bus_suite *suite;
static uv_loop_t loop; /* for suite->loop */

void routing_use(const struct bus_suite *config)
{
    suite = config;
    uv_loop_init(&loop);
    ear_use_loop(config->loop ? &loop : NULL);
}

void routing_finish(void)
{
    uv_run(&loop, UV_RUN_DEFAULT); /* what is closed is let go */
    assert_int_equal(uv_loop_close(&loop), 0);
    ear_use_loop(NULL);
}

static void publisher_open(void)
{
    ear_open(&publisher, suite->url, WANTED);
    assert_int_equal(bus_listen(publisher.bus, "127.0.0.1", port), ERR_OK);
}

int routing_set_up(void **state)
{
    port = free_port();
    publisher_open();
    for (int i = 0; i < 2; i++) {
        ear_open(&ears[i], suite->url, OTHER);
        assert_int_equal(bus_subscribe(ears[i].bus, bytes_of_text(WANTED)), ERR_OK);
        assert_int_equal(bus_peer_add(ears[i].bus, "127.0.0.1", port), ERR_OK);
        ear_settle(&ears[i], publisher.bus, WANTED);
    }
    return 0;
}

int routing_tear_down(void **state)
{
    ear_finish(&ears[0]);
    ear_finish(&ears[1]);
    ear_finish(&publisher);
    return 0;
}

uint64_t audience(const char *topic)
{
    return bus_audience(publisher.bus, bytes_of_text(topic));
}

void wait_until_wanted(const char *topic, bool wanted)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while ((audience(topic) != 0) != wanted && clock_ms() < end_ms) {
        ear_step(&ears[0]);
        ear_step(&ears[1]);
        bus_poll(publisher.bus, 256);
    }
    assert_int_equal(audience(topic) != 0, wanted);
}

void send_other(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(send_number(publisher.bus, OTHER, i), ERR_OK);
    }
    ear_settle(&ears[0], publisher.bus, WANTED);
    ear_settle(&ears[1], publisher.bus, WANTED);
}

void settle_anew(void)
{
    ear_settle(&ears[0], publisher.bus, WANTED);
    ear_settle(&ears[1], publisher.bus, WANTED);
    wait_until_wanted(NOBODYS, false);
    ears[0].count = ears[1].count = 0;
    send_other(10);
    assert_int_equal(ears[0].count, 10);
    assert_int_equal(ears[1].count, 0);
}

static void sends_only_what_is_wanted(void **state)
{
    wait_until_wanted(OTHER, false);
    send_other(100);
    assert_int_equal(ears[0].count, 0);

    assert_int_equal(bus_subscribe(ears[0].bus, bytes_of_text(OTHER)), ERR_OK);
    wait_until_wanted(OTHER, true);
    send_other(100);
    assert_int_equal(ears[0].count, 100);
    assert_int_equal(ears[1].count, 0);

    bus_unsubscribe(ears[0].bus, bytes_of_text(OTHER));
    wait_until_wanted(OTHER, false);
    send_other(100);
    assert_int_equal(ears[0].count, 100);
}

/* And all that came of it was heard. */
static void wait_until_cut_off(struct ear *ear)
{
    if (!suite->peers) {
        return; /* it hears the broker, whose publishers come and go */
    }
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (bus_connected(ear->bus) && clock_ms() < end_ms) {
        ear_step(ear);
    }
    assert_false(bus_connected(ear->bus));
}

static void tells_all_again_after_a_reconnect(void **state)
{
    assert_int_equal(bus_subscribe(ears[0].bus, bytes_of_text(OTHER)), ERR_OK);
    for (int i = 0; i < 3; i++) {
        ear_finish(&publisher);
        wait_until_cut_off(&ears[0]);
        wait_until_cut_off(&ears[1]);
        publisher_open();
        settle_anew();
    }
}

/* More than an edge notes until it tells. */
static void tells_all_again_after_too_much_has_changed(void **state)
{
    wait_until_wanted(OTHER, false);
    for (int i = 0; i < 1024 * 1024; i++) {
        assert_int_equal(bus_subscribe(ears[0].bus, bytes_of_text(NOBODYS)), ERR_OK);
        bus_unsubscribe(ears[0].bus, bytes_of_text(NOBODYS));
    }
    assert_int_equal(bus_subscribe(ears[0].bus, bytes_of_text(OTHER)), ERR_OK);
    wait_until_wanted(OTHER, true);
    wait_until_wanted(NOBODYS, false);
    send_other(10);
    assert_int_equal(ears[0].count, 10);
    assert_int_equal(ears[1].count, 0);
}

/* Who could foresee it could connect as often as makes others' audience nobody. */
static void what_an_audience_is_called_cannot_be_foreseen(void **state)
{
    wait_until_wanted(OTHER, false);
    uint64_t before = audience(WANTED);
    routing_tear_down(state);
    routing_set_up(state);
    wait_until_wanted(OTHER, false);
    assert_true(audience(WANTED) != before);
}

static void an_audience_is_who_wants_a_topic(void **state)
{
    assert_int_equal(bus_subscribe(ears[0].bus, BYTES_LITERAL("a")), ERR_OK);
    assert_int_equal(bus_subscribe(ears[0].bus, BYTES_LITERAL("b")), ERR_OK);
    assert_int_equal(bus_subscribe(ears[1].bus, BYTES_LITERAL("c")), ERR_OK);
    wait_until_wanted(NOBODYS, false);
    wait_until_wanted("a", true);
    wait_until_wanted("c", true);
    assert_true(audience("a") == audience("b"));
    assert_true(audience("a") != audience("c"));
    assert_true(audience(WANTED) != audience("a") && audience(WANTED) != audience("c"));
    assert_true(audience(WANTED) == (audience("a") ^ audience("c")));

    ear_finish(&ears[1]);
    ear_open(&ears[1], suite->url, OTHER);
    wait_until_wanted("c", false);
    assert_true(audience(WANTED) == audience("a"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, routing_set_up, routing_tear_down)

int bus_suite_routing(const struct bus_suite *config)
{
    const struct CMUnitTest cases[] = {
        CASE(sends_only_what_is_wanted),
        CASE(tells_all_again_after_a_reconnect),
        CASE(tells_all_again_after_too_much_has_changed),
        CASE(what_an_audience_is_called_cannot_be_foreseen),
        CASE(an_audience_is_who_wants_a_topic),
    };
    routing_use(config);
    int failed = cmocka_run_group_tests_name(config->name, cases, NULL, NULL);
    routing_finish();
    return failed;
}
