/* Array parameters on the wire: PostgreSQL's binary form (array_recv() in its
 * src/backend/utils/adt/arrayfuncs.c), and its text form (8.15.6). */
#include "core/db/db_array.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/uuid.h"

#define SQL_NULL UINT32_MAX /* as an item's size */

static void append_be(struct buf *buf, uint64_t number, int size)
{
    uint8_t bytes[8];
    bytes_put_number(bytes, number, size);
    buf_append(buf, bytes, (size_t)size);
}

/* ------------------------------------------------------- items, each with its size */

typedef bool append_item_fn(struct buf *buf, const char *text);

static bool append_text(struct buf *buf, const char *text)
{
    size_t size = strlen(text);
    append_be(buf, size, 4);
    buf_append(buf, text, size);
    return size < SQL_NULL;
}

static bool append_uuid(struct buf *buf, const char *text)
{
    struct uuid uuid;
    if (!uuid_parse(bytes_of_text(text), &uuid)) {
        return false; /* PostgreSQL takes other forms, too */
    }
    append_be(buf, sizeof(uuid), 4);
    buf_append(buf, uuid.b, sizeof(uuid));
    return true;
}

static bool append_int8(struct buf *buf, const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) {
        return false;
    }
    append_be(buf, 8, 4);
    append_be(buf, (uint64_t)number, 8);
    return true;
}

static bool append_bool(struct buf *buf, const char *text)
{
    if (strcmp(text, "t") != 0 && strcmp(text, "f") != 0) {
        return false;
    }
    append_be(buf, 1, 4);
    append_be(buf, text[0] == 't', 1);
    return true;
}

static int digit_of(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool append_bytea(struct buf *buf, const char *text)
{
    size_t size = strlen(text);
    if (size % 2 != 0 || strncmp(text, "\\x", 2) != 0) {
        return false;
    }
    append_be(buf, size / 2 - 1, 4);
    for (const char *at = text + 2; *at != '\0'; at += 2) {
        int high = digit_of(at[0]);
        int low = digit_of(at[1]);
        if (high < 0 || low < 0) {
            return false;
        }
        buf_append_char(buf, (char)(high << 4 | low));
    }
    return true;
}

/* ------------------------------------------------------------------------- arrays */

/* Numbers of PostgreSQL's own types never change (its src/include/catalog/pg_type.dat).
 */
static const struct array_type {
    Oid array, item;
    append_item_fn *append;
} types[] = {
    {2951, 2950, append_uuid}, /* uuid */
    {1009, 25, append_text},   /* text */
    {1016, 20, append_int8},   /* bigint */
    {1000, 16, append_bool},   /* boolean */
    {1001, 17, append_bytea},  /* bytea */
};

static const struct array_type *type_of(Oid array)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (types[i].array == array) {
            return &types[i];
        }
    }
    return NULL;
}

static bool append_binary(struct buf *buf, const struct array_type *type,
                          const char *const *items, int count)
{
    bool nulls = false;
    for (int i = 0; i < count; i++) {
        nulls = nulls || items[i] == NULL;
    }
    append_be(buf, 1, 4); /* dimensions */
    append_be(buf, nulls, 4);
    append_be(buf, type->item, 4);
    append_be(buf, (uint64_t)count, 4);
    append_be(buf, 1, 4); /* its first subscript */
    for (int i = 0; i < count; i++) {
        if (items[i] == NULL) {
            append_be(buf, SQL_NULL, 4);
        } else if (!type->append(buf, items[i])) {
            return false;
        }
    }
    return true;
}

/* In quotes anything may stand. */
static void append_quoted(struct buf *buf, const char *text)
{
    buf_append_char(buf, '"');
    for (;;) {
        size_t plain = strcspn(text, "\\\"");
        buf_append(buf, text, plain);
        if (text[plain] == '\0') {
            break;
        }
        const char escaped[2] = {'\\', text[plain]};
        buf_append(buf, escaped, sizeof(escaped));
        text += plain + 1;
    }
    buf_append_char(buf, '"');
}

int db_array_append(struct buf *buf, Oid type, const char *const *items, int count)
{
    size_t before = buf->size;
    const struct array_type *known = type_of(type);
    if (known != NULL) {
        if (append_binary(buf, known, items, count)) {
            return 1;
        }
        buf->size = before;
    }
    for (int i = 0; i < count; i++) {
        buf_append_char(buf, i == 0 ? '{' : ',');
        if (items[i] == NULL) {
            buf_append_text(buf, "NULL");
        } else {
            append_quoted(buf, items[i]);
        }
    }
    buf_append(buf, "}", 2); /* with its NUL */
    return 0;
}
