/* Why: the embedded bus keeps the promises of bus.h, and sends an edge little else than
 * what it wants. */
#include "bus_suite_routing.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "bus_suite_broker.h"
#include "channel/channel.h"

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

#define CASE(f) cmocka_unit_test_setup_teardown(f, routing_set_up, routing_tear_down)

int main(void)
{
    static const char *const bad_urls[] = {"nng:x", "nng://localhost:1", NULL};
    const struct CMUnitTest cases[] = {
        CASE(who_says_nothing_gets_everything),
        CASE(who_says_nonsense_is_cut_off),
    };
    struct bus_suite suite = {
        .name = "bus nng", .url = "nng:", .peers = true, .bad_urls = bad_urls};
    routing_use(&suite);
    int failed =
        cmocka_run_group_tests_name("bus nng, who it talks to", cases, NULL, NULL);
    routing_finish();
    failed += bus_suite_routing(&suite);
    failed += bus_suite(&suite);
    suite.name = "bus nng, read by the loop";
    suite.loop = true;
    failed += bus_suite_routing(&suite);
    return failed + bus_suite(&suite);
}
