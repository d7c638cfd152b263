/* Copies are told as long as no more than so many others came in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/copies.h"

static struct copies copies;

static int set_up(void **state)
{
    copies_init(&copies);
    return 0;
}

static int tear_down(void **state)
{
    copies_finish(&copies);
    return 0;
}

static void copies_of_a_turn_are_told(void **state)
{
    for (int copy = 0; copy < 3; copy++) {
        for (uint64_t number = 1; number <= COPIES_KEPT; number++) {
            assert_int_equal(copies_seen(&copies, number), copy > 0);
        }
    }
}

static void what_is_long_gone_is_forgotten(void **state)
{
    for (uint64_t number = 1; number <= 10 * COPIES_KEPT; number++) {
        assert_false(copies_seen(&copies, number));
    }
    assert_int_equal(copies.seen.size, COPIES_KEPT);
    assert_false(copies_seen(&copies, 9 * COPIES_KEPT));
    assert_true(copies_seen(&copies, 9 * COPIES_KEPT + 2));
}

static void what_has_no_number_is_no_copy(void **state)
{
    assert_false(copies_seen(&copies, 0));
    assert_false(copies_seen(&copies, 0));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(copies_of_a_turn_are_told),
        CASE(what_is_long_gone_is_forgotten),
        CASE(what_has_no_number_is_no_copy),
    };
    return cmocka_run_group_tests_name("copies", tests, NULL, NULL);
}
