/* Target functions: framing_protobuf.receive and all beneath it (greeting, wire_scan).
 * The first byte of the input says whether the client has begun a session; then come its
 * messages, each behind a byte with its size. Nothing crashes; what reaches a session is
 * whole and what protobuf-c reads in the same message; what is sent is a ServerFrame. */
#include <stdlib.h>

#include "../support/session_double.h"
#include "base/json_scan.h"
#include "belfry/client.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void require_same_call(struct bytes message)
{
    Belfry__Client__ClientFrame *frame =
        belfry__client__client_frame__unpack(NULL, message.size, message.data);
    require(frame != NULL && frame->body_case == BELFRY__CLIENT__CLIENT_FRAME__BODY_CALL);
    const Belfry__Client__Call *call = frame->call;
    require(strcmp(call->event, doubled.event) == 0);
    require(call->has_id == doubled.wants_reply);
    require(!call->has_id || call->id == doubled.id);
    require(strcmp(call->trace != NULL ? call->trace : "", doubled.trace) == 0);
    require(strncmp((const char *)call->payload.data != NULL ? (char *)call->payload.data
                                                             : "",
                    doubled.payload, call->payload.len) == 0);
    belfry__client__client_frame__free_unpacked(frame, NULL);
}

static void require_server_frame(const struct frame *sent)
{
    if (!sent->binary) {
        require(sent->size == 4); /* a WebSocket ping */
        return;
    }
    Belfry__Client__ServerFrame *frame =
        belfry__client__server_frame__unpack(NULL, sent->size, sent->bytes + FRAME_ROOM);
    require(frame != NULL);
    if (frame->body_case == BELFRY__CLIENT__SERVER_FRAME__BODY_EVENT) {
        require(json_valid(bytes_of_text(frame->event->json), NULL));
    }
    belfry__client__server_frame__free_unpacked(frame, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct double_edge edge;
    if (size == 0) {
        return 0;
    }
    double_open(&edge, &framing_protobuf, (data[0] & 1) != 0 ? "B" : NULL);
    for (size_t at = 1; at < size;) {
        size_t length = data[at++];
        length = length < size - at ? length : size - at;
        int calls = doubled.calls, opens = doubled.opens;
        bool closed = edge.close_code != 0;
        struct bytes message = bytes_make(data + at, length);
        double_receive(&edge, message, true);
        require(doubled.calls <= calls + (closed ? 0 : 1));
        if (doubled.calls > calls) {
            require_same_call(message);
            require(doubled.event[0] != 0 && utf8_valid(bytes_of_text(doubled.event)));
        }
        require(doubled.opens == opens || doubled.resume[0] == 0 ||
                strlen(doubled.resume) == sizeof(doubled.resume) - 1 ||
                json_valid(bytes_of_text(doubled.resume), NULL));
        while (edge.conn->queue_count > 0) {
            require_server_frame(conn_queued(edge.conn, 0));
            conn_sent(edge.conn, 1);
        }
        at += length;
    }
    double_finish(&edge);
    require(doubled.opens == doubled.closes);
    return 0;
}
