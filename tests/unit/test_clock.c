/* Checks the calendar of clock_format() and that waiting time only goes forward. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

static void assert_formats(int64_t unix_ms, const char *expected)
{
    char text[25];
    memset(text, 'x', sizeof(text));
    clock_format(unix_ms, text);
    assert_string_equal(text, expected);
}

static void known_moments_have_their_dates(void **state)
{
    assert_formats(0, "1970-01-01T00:00:00.000Z");
    assert_formats(1795380524123, "2026-11-22T20:48:44.123Z");
    assert_formats(951782400000, "2000-02-29T00:00:00.000Z");
    assert_formats(4107542399999, "2100-02-28T23:59:59.999Z");
    assert_formats(4107542400000, "2100-03-01T00:00:00.000Z");
    assert_formats(-1, "1969-12-31T23:59:59.999Z");
}

static void moments_beyond_four_digits_stop_at_the_border(void **state)
{
    assert_formats(INT64_MAX, "9999-12-31T23:59:59.999Z");
    assert_formats(INT64_MIN, "0000-01-01T00:00:00.000Z");
}

static void every_day_agrees_with_the_c_library(void **state)
{
    char expected[96];
    for (int64_t day = -719000; day < 2932000; day += 7) {
        int64_t ms = day * 86400000 + (day & 0xffff) * 1000 + 7;
        time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
        struct tm parts;
        gmtime_r(&seconds, &parts);
        int rest = (int)(ms - (int64_t)seconds * 1000);
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                 parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
                 parts.tm_min, parts.tm_sec, rest);
        assert_formats(ms, expected);
    }
}

static void the_monotonic_clocks_agree_and_never_go_back(void **state)
{
    int64_t last = clock_us();
    for (int i = 0; i < 10000; i++) {
        int64_t now = clock_us();
        assert_true(now >= last);
        last = now;
    }
    int64_t ms = clock_ms();
    assert_in_range(ms, (uint64_t)(last / 1000), (uint64_t)(last / 1000 + 1000));
}

static void the_wall_clock_is_the_one_of_the_c_library(void **state)
{
    int64_t seconds = time(NULL);
    int64_t ms = clock_unix_ms();
    assert_true(ms >= (seconds - 1) * 1000 && ms <= (seconds + 2) * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_have_their_dates),
        cmocka_unit_test(moments_beyond_four_digits_stop_at_the_border),
        cmocka_unit_test(every_day_agrees_with_the_c_library),
        cmocka_unit_test(the_monotonic_clocks_agree_and_never_go_back),
        cmocka_unit_test(the_wall_clock_is_the_one_of_the_c_library),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
