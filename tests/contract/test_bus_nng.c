/* Why: the embedded bus keeps the promises of bus.h, and sends an edge little else than
 * what it wants. */
#include "bus_suite.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "bus_suite_broker.h"
#include "bus_suite_ear.h"
#include "channel/channel.h"

#define WANTED  "room:1"
#define OTHER   "room:2"
#define NOBODYS "room:3"

static struct ear publisher, ears[2];
static int port;

static void publisher_open(void)
{
    ear_open(&publisher, "nng:", WANTED);
    assert_int_equal(bus_listen(publisher.bus, "127.0.0.1", port), ERR_OK);
}

/* Each counts what it gets of OTHER. */
static int set_up(void **state)
{
    port = free_port();
    publisher_open();
    for (int i = 0; i < 2; i++) {
        ear_open(&ears[i], "nng:", OTHER);
        assert_int_equal(bus_subscribe(ears[i].bus, bytes_of_text(WANTED)), ERR_OK);
        assert_int_equal(bus_peer_add(ears[i].bus, "127.0.0.1", port), ERR_OK);
        ear_settle(&ears[i], publisher.bus, WANTED);
    }
    return 0;
}

static int tear_down(void **state)
{
    ear_finish(&ears[0]);
    ear_finish(&ears[1]);
    ear_finish(&publisher);
    return 0;
}

static uint64_t audience(const char *topic)
{
    return bus_audience(publisher.bus, bytes_of_text(topic));
}

/* Until the core knows that nobody wants it, or that somebody does. */
static void wait_until_wanted(const char *topic, bool wanted)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while ((audience(topic) != 0) != wanted && clock_ms() < end_ms) {
        ear_step(&ears[0]);
        ear_step(&ears[1]);
        bus_poll(publisher.bus, 256);
    }
    assert_int_equal(audience(topic) != 0, wanted);
}

static void send_other(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(send_number(publisher.bus, OTHER, i), ERR_OK);
    }
    ear_settle(&ears[0], publisher.bus, WANTED);
    ear_settle(&ears[1], publisher.bus, WANTED);
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
        ear_settle(&ears[0], publisher.bus, WANTED);
        ear_settle(&ears[1], publisher.bus, WANTED);
        wait_until_wanted(NOBODYS, false);
        ears[0].count = ears[1].count = 0;
        send_other(10);
        assert_int_equal(ears[0].count, 10);
        assert_int_equal(ears[1].count, 0);
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
    tear_down(state);
    set_up(state);
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
    ear_open(&ears[1], "nng:", OTHER);
    wait_until_wanted("c", false);
    assert_true(audience(WANTED) == audience("a"));
}

/* --- One that speaks for itself. */

struct raw {
    struct channel_hub hub;
    struct channel *channel;
    int opened, closed, heard;
};

static void on_raw_open(void *user, struct channel *channel)
{
    ((struct raw *)user)->opened++;
}

static void on_raw_message(void *user, struct channel *channel, struct bytes message)
{
    ((struct raw *)user)->heard++;
}

static void on_raw_close(void *user, struct channel *channel)
{
    ((struct raw *)user)->closed++;
}

static void raw_wake(void *user)
{
}

static void raw_step(struct raw *raw)
{
    ear_step(&ears[0]); /* waits, for a moment at most */
    bus_poll(publisher.bus, 256);
    channel_hub_poll(&raw->hub, 256);
}

static void raw_open(struct raw *raw)
{
    const struct channel_events events = {on_raw_open, on_raw_message, on_raw_close};
    const struct channel_options options = {.message_max = 4096,
                                            .backlog_max = 1024 * 1024,
                                            .redial_min_ms = 10,
                                            .redial_max_ms = 100};
    *raw = (struct raw){0};
    channel_hub_init(&raw->hub, NULL, raw_wake, NULL);
    assert_int_equal(
        channel_dial(&raw->hub, "127.0.0.1", port, options, events, raw, &raw->channel),
        ERR_OK);
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (raw->heard == 0 && clock_ms() < end_ms) {
        assert_int_equal(send_number(publisher.bus, NOBODYS, 1), ERR_OK);
        raw_step(raw);
    }
}

static void raw_finish(struct raw *raw)
{
    channel_close(raw->channel);
    channel_hub_poll(&raw->hub, 1);
    channel_hub_finish(&raw->hub);
}

static void who_says_nothing_gets_everything(void **state)
{
    wait_until_wanted(NOBODYS, false);
    struct raw raw;
    raw_open(&raw);
    assert_true(raw.heard > 0);
    assert_true(audience(NOBODYS) != 0);
    raw_finish(&raw);
}

static void who_says_nonsense_is_cut_off(void **state)
{
    struct raw raw;
    raw_open(&raw);
    const struct bytes nonsense = BYTES_LITERAL("nonsense!");
    assert_int_equal(channel_send(raw.channel, &nonsense, 1), ERR_OK);
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (raw.closed == 0 && clock_ms() < end_ms) {
        raw_step(&raw);
    }
    assert_int_equal(raw.closed, 1);
    raw_finish(&raw);
    ear_settle(&ears[0], publisher.bus, WANTED); /* nobody else was */
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    static const char *const bad_urls[] = {"nng:x", "nng://localhost:1", NULL};
    const struct CMUnitTest cases[] = {
        CASE(sends_only_what_is_wanted),
        CASE(tells_all_again_after_a_reconnect),
        CASE(tells_all_again_after_too_much_has_changed),
        CASE(what_an_audience_is_called_cannot_be_foreseen),
        CASE(an_audience_is_who_wants_a_topic),
        CASE(who_says_nothing_gets_everything),
        CASE(who_says_nonsense_is_cut_off),
    };
    int failed = cmocka_run_group_tests_name("bus nng, by topic", cases, NULL, NULL);
    struct bus_suite suite = {
        .name = "bus nng", .url = "nng:", .peers = true, .bad_urls = bad_urls};
    failed += bus_suite(&suite);
    suite.name = "bus nng, read by the loop";
    suite.loop = true;
    return failed + bus_suite(&suite);
}
