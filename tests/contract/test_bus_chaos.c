/* Why: tests trust the decorators: chaos does what its URL says and no more, trace
 * changes nothing. */
#include "bus_suite.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "bus_suite_ear.h"

#define TOPIC "room:1"
#define SENT  2000

/* Sends 1 to SENT through chaos over mem, whose arrival is immediate, and polls until
 * nothing is held back any more. */
static void send_through(const char *url, struct ear *ear)
{
    struct ear publisher;
    ear_open(&publisher, "mem:chaos", TOPIC);
    ear_open(ear, url, TOPIC);
    assert_int_equal(bus_subscribe(ear->bus, BYTES_LITERAL(TOPIC)), ERR_OK);
    for (uint32_t i = 1; i <= SENT; i++) {
        assert_int_equal(send_number(publisher.bus, TOPIC, i), ERR_OK);
    }
    ear_finish(&publisher);
    while (bus_poll(ear->bus, 100)) {
    }
}

/* Nobody is woken for what was held back long enough: the next poll hands it on. */
static bool hears_all(struct ear *ear)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (ear->count < SENT && clock_ms() < end_ms) {
        ear_poll(ear->bus);
    }
    return ear->count >= SENT;
}

static void drops_its_percentage(void **state)
{
    struct ear ear;
    send_through("chaos:1:25:0:0:mem:chaos", &ear);
    assert_in_range(ear.count, SENT * 70 / 100, SENT * 80 / 100);
    for (size_t i = 1; i < ear.count; i++) {
        assert_true(ear.numbers[i] > ear.numbers[i - 1]);
    }
    ear_finish(&ear);
}

static void doubles_its_percentage(void **state)
{
    struct ear ear;
    send_through("chaos:1:0:25:0:mem:chaos", &ear);
    assert_in_range(ear.count, SENT * 120 / 100, SENT * 130 / 100);
    for (size_t i = 1; i < ear.count; i++) {
        assert_true(ear.numbers[i] == ear.numbers[i - 1] ||
                    ear.numbers[i] == ear.numbers[i - 1] + 1);
    }
    ear_finish(&ear);
}

static void shuffles_and_loses_none(void **state)
{
    struct ear ear;
    send_through("chaos:1:0:0:16:mem:chaos", &ear);
    assert_int_equal(ear.count, SENT - 16); /* these wait for others, or for 100 ms */
    assert_true(hears_all(&ear));
    size_t moved = 0;
    bool seen[SENT + 1] = {false};
    for (size_t i = 0; i < SENT; i++) {
        moved += ear.numbers[i] != i + 1;
        assert_false(seen[ear.numbers[i]]);
        seen[ear.numbers[i]] = true;
    }
    assert_true(moved > SENT / 2);
    ear_finish(&ear);
}

static void does_the_same_again_from_the_same_seed(void **state)
{
    static struct ear ears[3]; /* too large for the stack */
    send_through("chaos:42:20:20:8:mem:chaos", &ears[0]);
    send_through("chaos:42:20:20:8:mem:chaos", &ears[1]);
    send_through("chaos:43:20:20:8:mem:chaos", &ears[2]);
    assert_int_equal(ears[0].count, ears[1].count);
    assert_memory_equal(ears[0].numbers, ears[1].numbers, sizeof(ears[0].numbers));
    assert_memory_not_equal(ears[0].numbers, ears[2].numbers, sizeof(ears[0].numbers));
    for (size_t i = 0; i < 3; i++) {
        ear_finish(&ears[i]);
    }
}

static void can_be_a_dead_bus(void **state)
{
    struct ear ear;
    send_through("chaos:1:100:0:0:mem:chaos", &ear);
    assert_int_equal(ear.count, 0);
    ear_finish(&ear);
}

int main(void)
{
    static const char *const bad_urls[] = {"chaos:",
                                           "chaos:mem:x",
                                           "chaos:1:0:0:mem:x",
                                           "chaos:1:101:0:0:mem:x",
                                           "chaos:1:0:-1:0:mem:x",
                                           "chaos:1:0:0:1001:mem:x",
                                           "chaos:x:0:0:0:mem:x",
                                           "chaos:1:0:0:0:",
                                           "chaos:1:0:0:0:pigeon:x",
                                           "trace:",
                                           "trace:pigeon:x",
                                           NULL};
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(drops_its_percentage),
        cmocka_unit_test(doubles_its_percentage),
        cmocka_unit_test(shuffles_and_loses_none),
        cmocka_unit_test(does_the_same_again_from_the_same_seed),
        cmocka_unit_test(can_be_a_dead_bus),
    };
    int failed = cmocka_run_group_tests_name("bus chaos", cases, NULL, NULL);
    failed += bus_suite(&(struct bus_suite){.name = "bus chaos, tame",
                                            .url = "chaos:7:0:0:0:mem:tame",
                                            .bad_urls = bad_urls});
    failed +=
        bus_suite(&(struct bus_suite){.name = "bus trace", .url = "trace:mem:trace"});
    struct bus_suite nng = {
        .name = "bus trace nng", .url = "trace:chaos:1:0:0:0:nng:", .peers = true};
    failed += bus_suite(&nng);
    nng.loop = true;
    failed += bus_suite(&nng);
    return failed;
}
