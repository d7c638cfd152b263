/* core/hot.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "core/hot.h"

static struct hot hot;

static int set_up(void **state)
{
    (void)state;
    memset(&hot, 0, sizeof(hot));
    return 0;
}

static void a_quiet_stream_is_not_hot(void **state)
{
    (void)state;
    for (int64_t ms = 1000; ms < 60000; ms += HOT_A_MS / HOT_WRITES + 1) {
        assert_false(hot_note(&hot, 7 << 8, false, ms));
    }
}

static void many_writes_make_it_hot_for_a_while(void **state)
{
    (void)state;
    for (int i = 1; i < HOT_WRITES; i++) {
        assert_false(hot_note(&hot, 7 << 8, false, 1000));
    }
    assert_true(hot_note(&hot, 7 << 8, false, 1000));
    assert_false(hot_note(&hot, 8 << 8, false, 1000));
    assert_true(hot_note(&hot, 7 << 8, false, 1000 + HOT_KEEP_MS - 1));
    assert_false(hot_note(&hot, 7 << 8, false, 1000 + HOT_KEEP_MS));
}

static void meeting_another_core_makes_it_hot_at_once(void **state)
{
    (void)state;
    assert_true(hot_note(&hot, 7 << 8, true, 1000));
    assert_true(hot_note(&hot, 7 << 8, false, 1001));
    assert_false(hot_note(&hot, 7 << 8, false, 1000 + HOT_KEEP_MS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_quiet_stream_is_not_hot, set_up),
        cmocka_unit_test_setup(many_writes_make_it_hot_for_a_while, set_up),
        cmocka_unit_test_setup(meeting_another_core_makes_it_hot_at_once, set_up),
    };
    return cmocka_run_group_tests_name("hot", tests, NULL, NULL);
}
