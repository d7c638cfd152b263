/* Lets writers append without checking each step and without growing for ever. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"

#define CAPACITY_MIN 64

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){.limit = limit};
}

void buf_finish(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->limit);
}

void buf_clear(struct buf *buf)
{
    buf->size = 0;
    buf->failed = false;
    if (buf->data != NULL) {
        buf->data[0] = 0;
    }
}

/* Makes room for `size` more bytes and the NUL, or marks the buf as failed. */
static bool reserve(struct buf *buf, size_t size)
{
    if (buf->failed) {
        return false;
    }
    size_t limit = buf->limit < SIZE_MAX ? buf->limit : SIZE_MAX - 1; /* room for NUL */
    if (size > limit - buf->size) {
        buf->failed = true;
        return false;
    }
    size_t needed = buf->size + size + 1;
    if (needed <= buf->capacity) {
        return true;
    }

    size_t capacity = buf->capacity > limit / 2 ? limit + 1 : buf->capacity * 2;
    capacity = capacity < CAPACITY_MIN ? CAPACITY_MIN : capacity;
    capacity = capacity < needed ? needed : capacity;
    capacity = capacity > limit + 1 ? limit + 1 : capacity;
    uint8_t *data = realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_reserve(struct buf *buf, size_t size)
{
    (void)reserve(buf, size);
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
    if (!reserve(buf, size)) {
        return;
    }
    if (size > 0) {
        memcpy(buf->data + buf->size, data, size);
    }
    buf->size += size;
    buf->data[buf->size] = 0;
}

void buf_append_bytes(struct buf *buf, struct bytes bytes)
{
    buf_append(buf, bytes.data, bytes.size);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append_bytes(buf, bytes_of_text(text));
}

void buf_append_char(struct buf *buf, char c)
{
    buf_append(buf, &c, 1);
}

void buf_append_number(struct buf *buf, uint64_t number)
{
    char text[NUMBER_TEXT_SIZE];
    size_t size = number_format(number, text);
    buf_append(buf, text, size);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    if (!reserve(buf, 0)) {
        return;
    }
    size_t room = buf->capacity - buf->size;
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf((char *)buf->data + buf->size, room, format, arguments);
    va_end(arguments);

    if (size >= 0 && (size_t)size >= room && reserve(buf, (size_t)size)) {
        va_start(arguments, format);
        vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, arguments);
        va_end(arguments);
    }
    if (size < 0 || buf->failed) {
        buf->failed = true;
        buf->data[buf->size] = 0; /* the first attempt may have written a part */
        return;
    }
    buf->size += (size_t)size;
}

/* The letter of a two-character escape, 'u' for \u00XX, 0 for what needs none. */
static char escape_of(uint8_t c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

void buf_append_json_string(struct buf *buf, struct bytes text)
{
    static const char digits[] = "0123456789abcdef";

    buf_append_char(buf, '"');
    size_t start = 0; /* of the run that needs no escape */
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        char escape = escape_of(c);
        if (escape == 0) {
            continue;
        }
        buf_append(buf, text.data + start, i - start);
        start = i + 1;
        if (escape == 'u') {
            buf_append(buf, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]},
                       6);
        } else {
            buf_append(buf, (char[]){'\\', escape}, 2);
        }
    }
    if (start < text.size) {
        buf_append(buf, text.data + start, text.size - start);
    }
    buf_append_char(buf, '"');
}

void buf_consume(struct buf *buf, size_t size)
{
    if (buf->data == NULL) {
        return;
    }
    size = size > buf->size ? buf->size : size;
    buf->size -= size;
    memmove(buf->data, buf->data + size, buf->size + 1);
}

uint8_t *buf_take(struct buf *buf, size_t *ret_size)
{
    if (ret_size != NULL) {
        *ret_size = buf->size;
    }
    if (buf->size == 0) {
        buf_clear(buf);
        return NULL;
    }
    uint8_t *data = buf->data;
    buf_init(buf, buf->limit);
    return data;
}
