/* Target functions: framing_json.receive and all beneath it (frame_text, json_scan). Each
 * line of the input is a message of one client; the first byte says whether it has begun
 * a session. Nothing crashes, and what reaches a session is whole. */
#include <stdlib.h>

#include "../support/session_double.h"
#include "base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct double_edge edge;
    if (size == 0) {
        return 0;
    }
    double_open(&edge, &framing_json, (data[0] & 1) != 0 ? "B" : NULL);
    for (size_t at = 1; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;
        int calls = doubled.calls;
        bool closed = edge.close_code != 0;
        double_receive(&edge, bytes_make(data + at, length), false);
        require(doubled.calls <= calls + (closed ? 0 : 1));
        if (doubled.calls > calls) {
            require(doubled.event[0] != 0 && utf8_valid(bytes_of_text(doubled.event)));
            require(doubled.payload[0] == 0 ||
                    json_valid(bytes_of_text(doubled.payload), NULL));
            require(doubled.id < UINT64_C(1) << 53);
        }
        /* Whatever we say is JSON. */
        for (const char *sent; (sent = double_sent(&edge))[0] != 0;) {
            require(json_valid(bytes_of_text(sent), NULL) || strcmp(sent, "ping") == 0);
        }
        at += length + 1;
    }
    double_finish(&edge);
    require(doubled.opens == doubled.closes);
    return 0;
}
