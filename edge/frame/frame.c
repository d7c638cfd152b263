/* Builds a WebSocket message once for all of its receivers, and the JSON in which every
 * framing tells of a refusal. */
#include "edge/frame/frame.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"

/* First byte of a frame (RFC 6455 section 5.2): FIN and the opcode. */
#define OPCODE_TEXT   0x81
#define OPCODE_BINARY 0x82
#define OPCODE_CLOSE  0x88
#define OPCODE_PING   0x89

#define CONTROL_MAX 125 /* payload of a control frame (section 5.5) */

#define SIZE_IN_16_BITS 126
#define SIZE_IN_64_BITS 127

/* Writes the unmasked header right before the payload; its size. */
static uint8_t put_header(uint8_t *payload, uint8_t opcode, size_t size)
{
    uint8_t bytes = size < SIZE_IN_16_BITS ? 0 : size <= UINT16_MAX ? 2 : 8;
    for (int i = 1; i <= bytes; i++) {
        payload[-i] = (uint8_t)(size >> (8 * (i - 1)));
    }
    uint8_t header = 2 + bytes;
    payload[-header] = opcode;
    payload[1 - header] = bytes == 0   ? (uint8_t)size
                          : bytes == 2 ? SIZE_IN_16_BITS
                                       : SIZE_IN_64_BITS;
    return header;
}

static struct frame *finish(struct frame *frame, uint8_t opcode, size_t size)
{
    *frame = (struct frame){.refs = 1, .binary = opcode == OPCODE_BINARY, .size = size};
    frame->header_size = put_header(frame->bytes + FRAME_ROOM, opcode, size);
    return frame;
}

static struct frame *make(struct bytes payload, uint8_t opcode)
{
    struct frame *frame = malloc(sizeof(*frame) + FRAME_ROOM + payload.size);
    if (frame == NULL) {
        return NULL;
    }
    if (payload.size > 0) {
        memcpy(frame->bytes + FRAME_ROOM, payload.data, payload.size);
    }
    return finish(frame, opcode, payload.size);
}

struct frame *frame_create(struct bytes payload, bool binary)
{
    return make(payload, binary ? OPCODE_BINARY : OPCODE_TEXT);
}

struct frame *frame_create_ping(void)
{
    /* Not empty: libwebsockets 4.1 does not tell of a pong without payload. */
    return make(BYTES_LITERAL("ping"), OPCODE_PING);
}

struct frame *frame_create_close(unsigned code, const char *reason)
{
    uint8_t payload[CONTROL_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    size_t size = strnlen(reason, CONTROL_MAX - 2);
    memcpy(payload + 2, reason, size);
    return make(bytes_make(payload, size + 2), OPCODE_CLOSE);
}

void frame_buf_begin(struct buf *buf, size_t size)
{
    static const uint8_t room[sizeof(struct frame) + FRAME_ROOM];
    buf_init(buf, sizeof(room) + FRAME_TEXT_MAX);
    buf_reserve(buf, sizeof(room) + size);
    buf_append(buf, room, sizeof(room));
}

struct frame *frame_of_buf(struct buf *buf)
{
    if (buf->failed) {
        buf_finish(buf);
        return NULL;
    }
    size_t size;
    struct frame *frame = (void *)buf_take(buf, &size);
    return finish(frame, OPCODE_TEXT, size - sizeof(*frame) - FRAME_ROOM);
}

struct frame *frame_ref(struct frame *frame)
{
    frame->refs++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (frame != NULL && --frame->refs == 0) {
        free(frame);
    }
}

void refusal_json(const struct refusal *refusal, struct buf *ret_json)
{
    char now[25];
    clock_format(clock_unix_ms(), now);
    buf_append_char(ret_json, '{');
    if (refusal->event != NULL && refusal->event[0] != 0) {
        buf_append_text(ret_json, "\"event\":");
        buf_append_json_string(ret_json, bytes_of_text(refusal->event));
        buf_append_char(ret_json, ',');
    }
    buf_append_text(ret_json, "\"code\":");
    buf_append_json_string(ret_json, bytes_of_text(refusal->code));
    buf_append_text(ret_json, ",\"message\":");
    buf_append_json_string(ret_json, bytes_of_text(refusal->message));
    if (refusal->details.size > 0) {
        buf_append_text(ret_json, ",\"details\":");
        buf_append_bytes(ret_json, refusal->details);
    }
    if (refusal->retry_after_ms > 0) {
        buf_printf(ret_json, ",\"retryAfterMs\":%u", refusal->retry_after_ms);
    }
    buf_printf(ret_json, ",\"timestamp\":\"%s\"}", now);
}
