/* edge/core_choice.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "edge/core_choice.h"

#define CORES 4
#define MUCH  (CORES * CORE_UNDER_WAY_MAX)

/* Number 0 is the first of all edges. */
static struct core {
    struct core_load load;
    char address[32];
    bool refused;
} cores[CORES];
static struct core_spread spread;
static int64_t now_ms;

static int set_up(void **state)
{
    (void)state;
    memset(&spread, 0, sizeof(spread));
    now_ms = 1000;
    for (int i = 0; i < CORES; i++) {
        cores[i] = (struct core){0};
        snprintf(cores[i].address, sizeof(cores[i].address), "10.0.0.%d:7400", i + 1);
    }
    return 0;
}

/* Number of the core; CORES: none. */
static int choose(uint32_t hint)
{
    struct core_choice choice;
    core_choice_begin(&choice, &spread, hint, now_ms);
    for (int i = 0; i < CORES; i++) {
        core_choice_offer(&choice, &cores[i], cores[i].address, &cores[i].load,
                          cores[i].refused);
    }
    struct core *core = core_choice_end(&choice, &spread, now_ms);
    return core != NULL ? (int)(core - cores) : CORES;
}

static void ask(int count)
{
    for (int i = 0; i < count; i++) {
        cores[choose(0)].load.under_way++;
    }
}

static void one_core_gets_all_while_it_has_room(void **state)
{
    (void)state;
    for (int i = 0; i < CORE_UNDER_WAY_MAX; i++) {
        assert_int_equal(choose(0), 0);
        assert_int_equal(choose(7), 0);
        cores[0].load.under_way++;
    }
    assert_int_equal(choose(0), 1);
}

static void the_next_ones_follow_in_order_and_then_all_share(void **state)
{
    (void)state;
    for (int i = 0; i < MUCH; i++) {
        assert_int_equal(choose(0), i / CORE_UNDER_WAY_MAX);
        ask(1);
    }
    cores[2].load.under_way += 10;
    ask(30);
    assert_int_equal(cores[2].load.under_way, CORE_UNDER_WAY_MAX + 10);
    ask(40);
    for (int i = 0; i < CORES; i++) {
        assert_int_equal(cores[i].load.under_way, CORE_UNDER_WAY_MAX + 20);
    }
}

static void one_that_is_busy_with_what_others_asked_gets_nothing(void **state)
{
    (void)state;
    cores[0].load.busy = 99;
    assert_int_equal(choose(0), 0);
    cores[0].load.busy = 100;
    assert_int_equal(choose(0), 1);
    cores[0].load.heard_ago_ms = CORE_BUSY_KEEP_MS - 1;
    assert_int_equal(choose(0), 1);
    cores[0].load.heard_ago_ms = CORE_BUSY_KEEP_MS;
    assert_int_equal(choose(0), 0);
}

static void a_silent_one_gets_nothing(void **state)
{
    (void)state;
    cores[0].load.under_way = 1;
    cores[0].load.silent_ms = CORE_SILENT_MS - 1;
    assert_int_equal(choose(0), 0);
    cores[0].load.silent_ms = CORE_SILENT_MS;
    assert_int_equal(choose(0), 1);
}

static void when_all_are_silent_the_least_loaded_is_asked(void **state)
{
    (void)state;
    for (int i = 0; i < CORES; i++) {
        cores[i].load.silent_ms = CORE_SILENT_MS;
        cores[i].load.under_way = i == 2 ? 3 : 4;
    }
    assert_int_equal(choose(0), 2);
}

static void full_ones_are_asked_before_one_that_is_silent(void **state)
{
    (void)state;
    for (int i = 0; i < CORES; i++) {
        cores[i].load.under_way = CORE_UNDER_WAY_MAX + 1;
    }
    cores[1].load.under_way = 3;
    cores[1].load.silent_ms = CORE_SILENT_MS;
    for (uint32_t hint = 0; hint < 50; hint++) {
        assert_int_not_equal(choose(hint), 1);
    }
}

static void a_hint_does_not_lead_to_a_silent_one(void **state)
{
    (void)state;
    cores[0].load.under_way = 1;
    cores[0].load.silent_ms = CORE_SILENT_MS;
    for (uint32_t hint = 1; hint <= 50; hint++) {
        assert_int_not_equal(choose(hint), 0);
    }
}

static void an_edge_that_has_not_read_needs_no_more_cores(void **state)
{
    (void)state;
    for (int i = 0; i < CORES; i++) {
        cores[i].load.under_way = 1;
        cores[i].load.silent_ms = CORE_SILENT_MS;
    }
    size_t count = spread.count;
    for (int i = 0; i < 10; i++) {
        choose(0);
    }
    assert_true(spread.count <= (count > 0 ? count : 1));
}

static void one_that_refused_is_asked_only_if_nobody_else_can_be(void **state)
{
    (void)state;
    cores[0].refused = true;
    assert_int_equal(choose(0), 1);
    assert_int_equal(choose(7), 1);
    struct core_choice choice;
    core_choice_begin(&choice, &spread, 0, now_ms);
    assert_null(core_choice_end(&choice, &spread, now_ms));
    core_choice_offer(&choice, &cores[0], cores[0].address, &cores[0].load, true);
    assert_ptr_equal(core_choice_end(&choice, &spread, now_ms), &cores[0]);
}

/* So many hints of 4,000 go to each core. */
static void count_hints(int ret_of[CORES], int ret_each[4000])
{
    memset(ret_of, 0, CORES * sizeof(*ret_of));
    for (uint32_t hint = 1; hint <= 4000; hint++) {
        int core = choose(hint);
        ret_of[core]++;
        ret_each[hint - 1] = core;
    }
}

static void hints_share_the_cores_in_use_and_few_move_with_one_more(void **state)
{
    (void)state;
    static int before[4000], after[4000];
    int of[CORES];
    count_hints(of, before);
    assert_int_equal(of[0], 4000);
    for (int used = 2; used <= CORES; used++) {
        ask(CORE_UNDER_WAY_MAX); /* fills one core, and no more are used */
        choose(0);
        assert_int_equal(spread.count, used);
        count_hints(of, after);
        int moved = 0;
        for (int i = 0; i < 4000; i++) {
            assert_true(after[i] == before[i] || after[i] == used - 1);
            moved += after[i] != before[i];
        }
        assert_in_range(moved, 4000 / used * 3 / 4, 4000 / used * 5 / 4);
        for (int i = 0; i < used; i++) {
            assert_in_range(of[i], 4000 / used * 3 / 4, 4000 / used * 5 / 4);
        }
        memcpy(before, after, sizeof(before));
    }
}

static void a_hint_stays_at_its_core_whatever_the_load(void **state)
{
    (void)state;
    ask(MUCH + 1);
    int core = choose(7);
    cores[core].load.under_way += 1000;
    assert_int_equal(choose(7), core);
}

static void what_is_no_longer_needed_is_left_one_by_one(void **state)
{
    (void)state;
    ask(MUCH);
    assert_int_equal(spread.count, CORES);
    for (int i = 0; i < CORES; i++) {
        cores[i].load.under_way = 0;
    }
    for (size_t left = CORES; left >= 1; left--) {
        now_ms += CORE_SPREAD_MS - 1;
        choose(0);
        assert_int_equal(spread.count, left);
        now_ms += 1;
        choose(0);
    }
    assert_int_equal(spread.count, 1);
}

static void what_others_need_stays_in_use_here(void **state)
{
    (void)state;
    cores[0].load.busy = 100;
    choose(0);
    assert_int_equal(spread.count, 2);
    cores[0].load.busy = CORE_SPREAD_LOAD - 10; /* with the second too much for one */
    cores[1].load.busy = 10;
    for (int i = 0; i < 10; i++) {
        now_ms += CORE_SPREAD_MS - 1;
        choose(0);
        assert_int_equal(spread.count, 2);
    }
    cores[1].load.busy = 9;
    now_ms += CORE_SPREAD_MS;
    choose(0);
    assert_int_equal(spread.count, 1);
}

static void without_the_first_all_go_on_with_the_second(void **state)
{
    (void)state;
    struct core_choice choice;
    core_choice_begin(&choice, &spread, 0, now_ms);
    for (int i = 1; i < CORES; i++) {
        core_choice_offer(&choice, &cores[i], cores[i].address, &cores[i].load, false);
    }
    assert_ptr_equal(core_choice_end(&choice, &spread, now_ms), &cores[1]);
    assert_int_equal(spread.count, 1);
}

#define CASE(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_core_gets_all_while_it_has_room),
        CASE(the_next_ones_follow_in_order_and_then_all_share),
        CASE(one_that_is_busy_with_what_others_asked_gets_nothing),
        CASE(a_silent_one_gets_nothing),
        CASE(when_all_are_silent_the_least_loaded_is_asked),
        CASE(full_ones_are_asked_before_one_that_is_silent),
        CASE(a_hint_does_not_lead_to_a_silent_one),
        CASE(an_edge_that_has_not_read_needs_no_more_cores),
        CASE(one_that_refused_is_asked_only_if_nobody_else_can_be),
        CASE(hints_share_the_cores_in_use_and_few_move_with_one_more),
        CASE(a_hint_stays_at_its_core_whatever_the_load),
        CASE(what_is_no_longer_needed_is_left_one_by_one),
        CASE(what_others_need_stays_in_use_here),
        CASE(without_the_first_all_go_on_with_the_second),
    };
    return cmocka_run_group_tests_name("core_choice", tests, NULL, NULL);
}
