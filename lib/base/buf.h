/* A growable byte string with a limit. A failed append (limit, memory) makes the buf
 * `failed`: later appends do nothing, so that a writer checks once, at its end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/bytes.h"

struct buf {
    uint8_t *data; /* NUL-terminated once anything was appended, for printing */
    size_t size;
    size_t capacity;
    size_t limit;
    bool failed;
};

/* An empty buf; no memory yet. `limit` is the most bytes it may ever hold. */
void buf_init(struct buf *buf, size_t limit);

/* Frees; the buf is then as after buf_init. Accepts a zeroed buf. */
void buf_finish(struct buf *buf);

/* Empties, keeps the memory, clears `failed`. */
void buf_clear(struct buf *buf);

/* Makes room for `size` more bytes at once, for a writer that knows how many come. */
void buf_reserve(struct buf *buf, size_t size);

void buf_append(struct buf *buf, const void *data, size_t size);
void buf_append_bytes(struct buf *buf, struct bytes bytes);
void buf_append_text(struct buf *buf, const char *text);
void buf_append_char(struct buf *buf, char c);
void buf_append_number(struct buf *buf, uint64_t number);
void buf_printf(struct buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Appends a JSON string with its quotes: control characters, quote and backslash
 * escaped (RFC 8259 section 7), the rest as it is. The input must be UTF-8. */
void buf_append_json_string(struct buf *buf, struct bytes text);

/* Removes the first `size` bytes. */
void buf_consume(struct buf *buf, size_t size);

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return bytes_make(buf->data, buf->size);
}

/* Ownership of the memory comes to the caller (free()), the buf is emptied. NULL if
 * nothing was appended. */
uint8_t *buf_take(struct buf *buf, size_t *ret_size);

#endif
