/* Numbers as decimal text, for hot paths: printf reads its format anew each time. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NUMBER_TEXT_SIZE 21 /* 2^64-1 has 20 digits; NUL */

/* Writes the digits and a NUL; their count. */
static inline size_t number_format(uint64_t number, char ret_text[NUMBER_TEXT_SIZE])
{
    char digits[NUMBER_TEXT_SIZE];
    size_t at = sizeof(digits);
    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(ret_text, digits + at, sizeof(digits) - at);
    return sizeof(digits) - at - 1;
}

#endif
