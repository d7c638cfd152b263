/* UUIDs (RFC 9562), in binary inside and as lower-case text at the borders. */
#ifndef BASE_UUID_H
#define BASE_UUID_H

#include "base/bytes.h"

#define UUID_TEXT_SIZE 37 /* with the NUL */

struct uuid {
    uint8_t b[16];
};

/* Random bits from the kernel; time-ordered (section 5.7). */
struct uuid uuid_v7(void);

/* Name-based with SHA-1 (section 5.5): the same name gives the same id. */
struct uuid uuid_v5(struct uuid space, struct bytes name);

/* Accepts the 36-character form in either case and nothing else. */
bool uuid_parse(struct bytes text, struct uuid *ret_uuid);

void uuid_format(struct uuid uuid, char ret_text[UUID_TEXT_SIZE]);

static inline bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, 16) == 0;
}

static inline bool uuid_is_zero(struct uuid uuid)
{
    static const struct uuid zero;
    return uuid_equal(uuid, zero);
}

/* `size` bytes from the kernel's random source; aborts if there is none. */
void random_bytes(void *ret, size_t size);

#endif
