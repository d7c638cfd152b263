/* Checks texts that come alone, outside of JSON: names, headers, log fields. */
#include "base/utf8.h"

#include "base/json_scan.h"

bool utf8_valid(struct bytes text)
{
    size_t at = 0;
    while (at < text.size) {
        uint64_t word;
        if (text.size - at >= sizeof(word)) {
            memcpy(&word, text.data + at, sizeof(word));
            if (word_has_less(word, 0x01) == 0) {
                at += sizeof(word);
                continue;
            }
        }
        size_t size = text.data[at] > 0 && text.data[at] < 0x80
                          ? 1
                          : utf8_size(text.data + at, text.size - at);
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return true;
}
