/* The two clocks, so that waiting never depends on somebody setting the time. */
#include "base/clock.h"

#include <time.h>

#define DAY_MS           86400000
#define UNIX_MS_MIN      INT64_C(-62167219200000) /* 0000-01-01 */
#define UNIX_MS_MAX      INT64_C(253402300799999) /* the last of 9999 */
#define DAYS_BEFORE_1970 719468                   /* since 0000-03-01 */

static int64_t read_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_ms(void)
{
    return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t clock_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t clock_unix_ms(void)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

static char *put_digits(char *at, int64_t number, int count, char behind)
{
    for (int i = count - 1; i >= 0; i--) {
        at[i] = (char)('0' + number % 10);
        number /= 10;
    }
    at[count] = behind;
    return at + count + 1;
}

/* Computed here rather than by gmtime_r(), which takes the C library's time zone lock:
 * each log line comes through here, from any thread. The calendar is Howard Hinnant's
 * civil_from_days(): years that begin in March end with the leap day. */
void clock_format(int64_t unix_ms, char ret_text[25])
{
    unix_ms = unix_ms < UNIX_MS_MIN ? UNIX_MS_MIN : unix_ms;
    unix_ms = unix_ms > UNIX_MS_MAX ? UNIX_MS_MAX : unix_ms;
    int64_t ms = unix_ms % DAY_MS;
    int64_t days = unix_ms / DAY_MS;
    if (ms < 0) {
        ms += DAY_MS;
        days--;
    }
    days += DAYS_BEFORE_1970;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097; /* 400 years */
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* from March */
    int64_t day = day_of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);

    char *at = put_digits(ret_text, year, 4, '-');
    at = put_digits(at, month, 2, '-');
    at = put_digits(at, day, 2, 'T');
    at = put_digits(at, ms / 3600000, 2, ':');
    at = put_digits(at, ms / 60000 % 60, 2, ':');
    at = put_digits(at, ms / 1000 % 60, 2, '.');
    at = put_digits(at, ms % 1000, 3, 'Z');
    *at = 0;
}
