/* The bytes of UTF-8 (RFC 3629), inline for the scanner's sake. Whole texts: utf8_valid()
 * in json_scan.h. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/bytes.h"

/* The bytes of the well-formed character above ASCII that starts at `at`, where `left`
 * (1 or more) bytes may be read; 0 if there is none. */
static inline size_t utf8_size(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    size_t size = lead < 0xc2   ? 0
                  : lead < 0xe0 ? 2
                  : lead < 0xf0 ? 3
                  : lead < 0xf5 ? 4
                                : 0;
    if (size == 0 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
    bool surrogate = lead == 0xed && at[1] > 0x9f;
    bool too_high = lead == 0xf4 && at[1] > 0x8f;
    return overlong || surrogate || too_high ? 0 : size;
}

/* Eight bytes at once: not zero if one of them is below `least` (at most 0x80) or is not
 * ASCII. */
static inline uint64_t word_has_less(uint64_t word, uint8_t least)
{
    return ((word - UINT64_C(0x0101010101010101) * least) | word) &
           UINT64_C(0x8080808080808080);
}

#endif
