/* Checks that buckets let through what they should, say when to come back, and stay
 * bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "edge/limits.h"

#define KEY bytes_of_text("user SEND_MESSAGE")

static void a_burst_of_the_whole_limit_passes_and_no_more(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 0);
    uint32_t retry = 0;
    for (int i = 0; i < 10; i++) {
        assert_true(limits_take(limits, KEY, 10, 5, 1000, &retry));
    }
    assert_false(limits_take(limits, KEY, 10, 5, 1000, &retry));
    assert_int_equal(retry, 500); /* ten in five seconds: one each half */
    assert_false(limits_take(limits, KEY, 10, 5, 1499, &retry));
    assert_int_equal(retry, 1);
    assert_true(limits_take(limits, KEY, 10, 5, 1500, &retry));
    assert_false(limits_take(limits, KEY, 10, 5, 1500, NULL));
    limits_destroy(limits);
}

static void over_a_long_time_the_rate_holds(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 0);
    int passed = 0;
    for (int64_t now = 0; now < 100000; now += 7) {
        passed += limits_take(limits, KEY, 3, 1, now, NULL);
    }
    assert_in_range(passed, 295, 304);
    limits_destroy(limits);
}

static void refused_ones_cost_nothing(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 0);
    assert_true(limits_take(limits, KEY, 1, 1, 0, NULL));
    for (int64_t now = 1; now < 1000; now++) {
        assert_false(limits_take(limits, KEY, 1, 1, now, NULL));
    }
    assert_true(limits_take(limits, KEY, 1, 1, 1000, NULL));
    limits_destroy(limits);
}

static void each_key_has_its_own_bucket(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 0);
    char longer[LIMITS_KEY_MAX];
    memset(longer, 'a', sizeof(longer));
    for (size_t size = 0; size <= sizeof(longer); size++) {
        assert_true(limits_take(limits, bytes_make(longer, size), 1, 10, 0, NULL));
        assert_false(limits_take(limits, bytes_make(longer, size), 1, 10, 0, NULL));
    }
    limits_destroy(limits);
}

static void dry_run_counts_and_off_does_not(void **state)
{
    struct limits *limits = limits_create(LIMITS_DRY_RUN, 0);
    for (int i = 0; i < 10; i++) {
        assert_true(limits_take(limits, KEY, 1, 10, 0, NULL));
    }
    limits_set_mode(limits, LIMITS_ENFORCE);
    assert_false(limits_take(limits, KEY, 1, 10, 0, NULL));
    limits_set_mode(limits, LIMITS_OFF);
    assert_true(limits_take(limits, KEY, 1, 10, 0, NULL));
    limits_destroy(limits);
}

static void no_limit_makes_no_bucket(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 0);
    assert_true(limits_take(limits, KEY, 0, 10, 0, NULL));
    assert_true(limits_take(limits, KEY, 10, 0, 0, NULL));
    assert_int_equal(limits_buckets(limits), 0);
    limits_destroy(limits);
}

static void there_are_never_more_buckets_than_allowed(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 100);
    char key[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "address %d", i);
        assert_true(limits_take(limits, bytes_of_text(key), 1, 1000, i, NULL));
        assert_in_range(limits_buckets(limits), 1, 100);
    }
    assert_false(limits_take(limits, bytes_of_text("address 999"), 1, 1000, 999, NULL));
    limits_destroy(limits);
}

static void buckets_in_use_outlive_those_that_are_not(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 10);
    char key[32];
    assert_true(limits_take(limits, KEY, 1, 1000, 0, NULL));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "other %d", i);
        limits_take(limits, bytes_of_text(key), 1, 1000, 0, NULL);
        assert_false(limits_take(limits, KEY, 1, 1000, 0, NULL));
    }
    limits_destroy(limits);
}

static void full_buckets_go(void **state)
{
    struct limits *limits = limits_create(LIMITS_ENFORCE, 0);
    char key[32];
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "early %d", i);
        limits_take(limits, bytes_of_text(key), 1, 1, 0, NULL);
    }
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "late %d", i);
        limits_take(limits, bytes_of_text(key), 1, 1, 5000, NULL);
    }
    assert_int_equal(limits_buckets(limits), 100);
    limits_destroy(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_of_the_whole_limit_passes_and_no_more),
        cmocka_unit_test(over_a_long_time_the_rate_holds),
        cmocka_unit_test(refused_ones_cost_nothing),
        cmocka_unit_test(each_key_has_its_own_bucket),
        cmocka_unit_test(dry_run_counts_and_off_does_not),
        cmocka_unit_test(no_limit_makes_no_bucket),
        cmocka_unit_test(there_are_never_more_buckets_than_allowed),
        cmocka_unit_test(buckets_in_use_outlive_those_that_are_not),
        cmocka_unit_test(full_buckets_go),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
