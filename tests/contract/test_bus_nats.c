/* Why: the NATS bus keeps the promises of bus.h, also when its broker does not. */
#include "bus_suite_routing.h"

#include <stdarg.h>
#include <stddef.h>
#include <poll.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "bus/bus_nats_link.h"
#include "bus_suite_broker.h"

/* cnats 3.4.1 forgets a message that was cut in two by the end of its connection. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:natsBuf_Create";
}

#define LOGIN "belfry:" BROKER_PASSWORD

static struct broker broker;

static void wait_until_connected(bool connected)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    for (int i = 0; i < 2; i++) {
        while (bus_connected(ears[i].bus) != connected && clock_ms() < end_ms) {
            ear_step(&ears[0]);
            ear_step(&ears[1]);
        }
        assert_int_equal(bus_connected(ears[i].bus), connected);
    }
}

static void restarts_with_its_broker(void **state)
{
    assert_int_equal(bus_subscribe(ears[0].bus, bytes_of_text(OTHER)), ERR_OK);
    wait_until_wanted(OTHER, true);
    for (int i = 0; i < 2; i++) {
        broker_kill(&broker);
        wait_until_connected(false);
        broker_start(&broker);
        wait_until_connected(true);
        settle_anew();
    }
}

/* What is said to all edges, an edge hears once. */
static void hears_once_what_all_want(void **state)
{
    wait_until_wanted(NOBODYS, false);
    assert_int_equal(bus_subscribe(ears[0].bus, bytes_of_text(OTHER)), ERR_OK);
    assert_int_equal(bus_subscribe(ears[1].bus, bytes_of_text(OTHER)), ERR_OK);
    wait_until_wanted(OTHER, true);
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (audience(OTHER) != audience(WANTED) && clock_ms() < end_ms) {
        ear_step(&ears[0]);
        ear_step(&ears[1]);
    }
    send_other(100);
    assert_int_equal(ears[0].count, 100);
    assert_int_equal(ears[1].count, 100);
}

static void is_not_connected_with_a_wrong_password(void **state)
{
    char url[64];
    snprintf(url, sizeof(url), "nats://belfry:wrong@127.0.0.1:%d", broker.port);
    struct ear stranger;
    ear_open(&stranger, url, WANTED);
    int64_t end_ms = clock_ms() + 500; /* it tries more than once */
    while (clock_ms() < end_ms) {
        ear_step(&stranger);
        assert_false(bus_connected(stranger.bus));
    }
    ear_finish(&stranger);
}

static void ignore_message(void *user, struct bytes topic, struct bytes payload)
{
}

static void ignore_wake(void *user)
{
}

static void wait_for_ups(const struct nats_link *link, uint32_t count)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (nats_link_ups(link) < count && clock_ms() < end_ms) {
        poll(NULL, 0, 1);
    }
    assert_true(nats_link_ups(link) >= count);
}

/* So fast that it is never seen to be cut off; but the other server knows nothing. */
static void says_when_it_is_connected_to_another_server(void **state)
{
    const struct bus_events events = {ignore_message, ignore_wake, NULL, NULL};
    struct broker second;
    struct bus bus;
    struct nats_link *link;
    char url[160];
    assert_true(broker_open(&second, BROKER_NATS));
    snprintf(url, sizeof(url), "//%s@127.0.0.1:%d,%s@127.0.0.1:%d", LOGIN, broker.port,
             LOGIN, second.port);
    bus_init(&bus, &bus_nats_driver, events);
    assert_int_equal(nats_link_open(url, 1000, &bus, &link), ERR_OK);
    wait_for_ups(link, 1);
    broker_kill(&broker); /* it is at one of the two */
    broker_start(&broker);
    broker_kill(&second);
    broker_start(&second);
    wait_for_ups(link, 2);
    nats_link_close(link);
    bus_finish(&bus);
    broker_close(&second);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, routing_set_up, routing_tear_down)

int main(void)
{
    static const char *const bad_urls[] = {"nats:",     "nats://",      "nats://:4222",
                                           "nats://a:", "nats://a:0",   "nats://a:65536",
                                           "nats://a,", "nats://a:1,,", NULL};
    const struct CMUnitTest cases[] = {
        CASE(restarts_with_its_broker),
        CASE(hears_once_what_all_want),
        CASE(is_not_connected_with_a_wrong_password),
        cmocka_unit_test(says_when_it_is_connected_to_another_server),
    };
    if (!broker_open(&broker, BROKER_NATS)) {
        return SKIPPED;
    }
    char url[160];
    snprintf(url, sizeof(url), "nats://%s@127.0.0.1:%d,%s@localhost:%d", LOGIN,
             broker.port, LOGIN, broker.port);
    const struct bus_suite suite = {
        .name = "bus nats", .url = url, .broker = &broker, .bad_urls = bad_urls};
    routing_use(&suite);
    int failed = cmocka_run_group_tests_name("bus nats, its own", cases, NULL, NULL);
    routing_finish();
    failed += bus_suite_routing(&suite);
    failed += bus_suite(&suite);
    broker_close(&broker);
    return failed;
}
