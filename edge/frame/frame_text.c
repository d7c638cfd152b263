/* Reads and writes what all framings made of JSON text have in common. */
#include "edge/frame/frame_text.h"

#include "base/json_scan.h"

#define ID_DIGITS_MAX 16

bool frame_read_id(struct bytes digits, uint64_t *ret_id)
{
    uint64_t id = 0;
    if (digits.size == 0 || digits.size > ID_DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9') {
            return false;
        }
        id = id * 10 + (digits.data[i] - '0');
    }
    if (id > FRAME_ID_MAX) {
        return false;
    }
    *ret_id = id;
    return true;
}

bool frame_read_text(struct bytes string, char space[FRAME_NAME_SIZE],
                     struct bytes *ret_text)
{
    if (string.size < 2 || string.data[0] != '"') {
        return false;
    }
    int size = json_unescape(string, space, FRAME_NAME_SIZE);
    if (size < 0) {
        return false;
    }
    *ret_text = bytes_make(space, (size_t)size);
    return true;
}

void frame_read_auth(struct bytes object, char space[FRAME_TOKEN_SIZE],
                     struct bytes *ret_token, struct bytes *ret_resume)
{
    struct bytes value;
    *ret_token = *ret_resume = (struct bytes){0};
    if (json_member(object, "token", &value) && !bytes_equal_text(value, "null")) {
        int size =
            value.data[0] == '"' ? json_unescape(value, space, FRAME_TOKEN_SIZE) : -1;
        *ret_token = size >= 0 ? bytes_make(space, (size_t)size) : BYTES_LITERAL("?");
    }
    if (json_member(object, "resume", &value) && value.data[0] == '{') {
        *ret_resume = value;
    }
}

struct bytes frame_payload(struct bytes value)
{
    return bytes_equal_text(value, "null") ? (struct bytes){0} : value;
}

void frame_append_payload(struct buf *buf, struct bytes payload)
{
    if (payload.size == 0) {
        buf_append_text(buf, "{}");
    } else {
        buf_append_bytes(buf, payload);
    }
}
