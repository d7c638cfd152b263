/* Time. Everything that waits uses the monotonic clock; the wall clock is for tokens,
 * logs and ids only. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_ms(void);      /* monotonic, milliseconds */
int64_t clock_us(void);      /* monotonic, microseconds */
int64_t clock_unix_ms(void); /* wall clock, milliseconds since 1970 UTC */

/* RFC 3339 in UTC with milliseconds, "2026-11-22T20:48:44.123Z": 24 bytes and a NUL. */
void clock_format(int64_t unix_ms, char ret_text[25]);

#endif
