/* Reads values out of libpq's binary results, so that nobody else knows their layout. */
#include "core/db/db_result.h"

#define ARRAY_HEADER 20 /* dimensions, flags, element type, size, lower bound */

static uint32_t read_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

int db_row_count(const struct db_result *result)
{
    return result->count;
}

bool db_is_null(const struct db_result *result, int row, int column)
{
    return PQgetisnull(result->pg, result->first + row, column) != 0;
}

struct bytes db_text(const struct db_result *result, int row, int column)
{
    int at = result->first + row;
    if (row >= result->count || column >= PQnfields(result->pg) ||
        PQgetisnull(result->pg, at, column)) {
        return bytes_make(NULL, 0);
    }
    return bytes_make(PQgetvalue(result->pg, at, column),
                      (size_t)PQgetlength(result->pg, at, column));
}

int64_t db_int(const struct db_result *result, int row, int column)
{
    struct bytes value = db_text(result, row, column);
    switch (value.size) {
    case 1:
        return value.data[0];
    case 2:
        return (int16_t)((uint16_t)value.data[0] << 8 | value.data[1]);
    case 4:
        return (int32_t)read_u32(value.data);
    case 8:
        return (int64_t)((uint64_t)read_u32(value.data) << 32 | read_u32(value.data + 4));
    default:
        return 0;
    }
}

bool db_bool(const struct db_result *result, int row, int column)
{
    struct bytes value = db_text(result, row, column);
    return value.size == 1 && value.data[0] != 0;
}

struct uuid db_uuid(const struct db_result *result, int row, int column)
{
    struct bytes value = db_text(result, row, column);
    struct uuid uuid = {{0}};
    if (value.size == sizeof(uuid.b)) {
        memcpy(uuid.b, value.data, sizeof(uuid.b));
    }
    return uuid;
}

int db_array_count(struct bytes array)
{
    if (array.size < ARRAY_HEADER || read_u32(array.data) != 1) {
        return 0;
    }
    uint32_t count = read_u32(array.data + 12);
    return count <= array.size / 4 ? (int)count : 0;
}

bool db_array_next(struct bytes array, size_t *at, struct bytes *ret_item)
{
    if (db_array_count(array) == 0) {
        return false;
    }
    size_t from = *at == 0 ? ARRAY_HEADER : *at;
    if (array.size - from < 4) {
        return false;
    }
    uint32_t size = read_u32(array.data + from);
    from += 4;
    if (size == UINT32_MAX) {
        *ret_item = bytes_make(NULL, 0);
        *at = from;
        return true;
    }
    if (size > array.size - from) {
        return false;
    }
    *ret_item = bytes_make(array.data + from, size);
    *at = from + size;
    return true;
}
