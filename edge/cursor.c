/* Writes and reads the one form in which clients see where they stand in a stream. */
#include "edge/cursor.h"

#include <inttypes.h>
#include <stdio.h>

void cursor_format(uint64_t seq, uint32_t tag, char ret_text[CURSOR_TEXT_SIZE])
{
    snprintf(ret_text, CURSOR_TEXT_SIZE, "%" PRIu64 ".%08" PRIx32, seq, tag);
}

bool cursor_parse(struct bytes text, uint64_t *ret_seq, uint32_t *ret_tag)
{
    char copy[CURSOR_TEXT_SIZE];
    if (text.size == 0 || text.size >= sizeof(copy) || text.data[0] < '0' ||
        text.data[0] > '9') {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    int used = 0;
    if (sscanf(copy, "%19" SCNu64 ".%8" SCNx32 "%n", ret_seq, ret_tag, &used) != 2) {
        return false;
    }
    return (size_t)used == text.size && *ret_seq <= INT64_MAX;
}
