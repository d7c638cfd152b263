/* Target functions: framing_socketio.receive and all beneath it (engineio, frame_text,
 * json_scan). Each line of the input is a message of one client, the first byte of the
 * input says how it begins. Nothing crashes, and what reaches a session is whole. */
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

/* What was handed on can be handed on: valid JSON, a name that is a text. */
static void check_call(int calls_before)
{
    if (doubled.calls == calls_before) {
        return;
    }
    require(doubled.calls == calls_before + 1);
    require(utf8_valid(bytes_of_text(doubled.event)));
    require(doubled.payload[0] == 0 || json_valid(bytes_of_text(doubled.payload), NULL));
    require(doubled.id < UINT64_C(1) << 53);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct double_edge edge;
    if (size == 0) {
        return 0;
    }
    double_open(&edge, &framing_socketio, NULL);
    if (data[0] & 1) {
        double_receive(&edge, BYTES_LITERAL("40"), false);
    }
    if (data[0] & 2) {
        double_receive(&edge, BYTES_LITERAL("40/messages,{\"token\":\"T\"}"), false);
    }
    for (size_t at = 1; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end != NULL ? (size_t)(end - data) - at : size - at;
        int calls = doubled.calls;
        bool closed = edge.close_code != 0;
        double_receive(&edge, bytes_make(data + at, length), false);
        check_call(calls);
        require(!closed || doubled.calls == calls);
        conn_tick(edge.conn, edge.conn->opened_ms + (int64_t)at * 100);
        while (double_sent(&edge)[0] != 0) {
        }
        at += length + 1;
    }
    double_finish(&edge);
    require(doubled.opens == doubled.closes);
    return 0;
}
