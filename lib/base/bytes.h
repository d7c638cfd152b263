/* A borrowed run of bytes: pointer and size, never owned, not NUL-terminated. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;
};

#define BYTES_LITERAL(text) ((struct bytes){(const uint8_t *)(text), sizeof(text) - 1})

static inline struct bytes bytes_make(const void *data, size_t size)
{
    return (struct bytes){data, size};
}

/* The bytes of a NUL-terminated string without its NUL; none for NULL. */
static inline struct bytes bytes_of_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

/* A number in `size` bytes, at most 8, the most significant first. */
static inline void bytes_put_number(uint8_t *at, uint64_t number, int size)
{
    for (int i = size - 1; i >= 0; i--) {
        at[i] = (uint8_t)number;
        number >>= 8;
    }
}

static inline uint64_t bytes_get_number(const uint8_t *at, int size)
{
    uint64_t number = 0;
    for (int i = 0; i < size; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

#endif
