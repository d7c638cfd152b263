/* Walks over protobuf's wire format without trusting a byte of it. */
#include "base/wire_scan.h"

#define VARINT_SIZE_MAX  10
#define FIELD_NUMBER_MAX ((1u << 29) - 1)

struct wire_reader wire_reader_make(struct bytes message)
{
    static const uint8_t nothing;
    const uint8_t *data = message.data != NULL ? message.data : &nothing;
    return (struct wire_reader){.at = data, .end = data + message.size};
}

bool wire_read_varint(struct wire_reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_SIZE_MAX && reader->at < reader->end; i++) {
        uint8_t byte = *reader->at++;
        if (i == VARINT_SIZE_MAX - 1 && byte > 1) {
            return false; /* more than 64 bits */
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

bool wire_read_bytes(struct wire_reader *reader, struct bytes *ret_content)
{
    uint64_t size;
    if (!wire_read_varint(reader, &size) || size > (uint64_t)(reader->end - reader->at)) {
        return false;
    }
    *ret_content = bytes_make(reader->at, (size_t)size);
    reader->at += size;
    return true;
}

static bool skip_fixed(struct wire_reader *reader, size_t size)
{
    if ((size_t)(reader->end - reader->at) < size) {
        return false;
    }
    reader->at += size;
    return true;
}

/* The value of whichever kind goes into *ret_field. */
static bool read_value(struct wire_reader *reader, struct wire_field *ret_field)
{
    switch (ret_field->type) {
    case WIRE_VARINT:
        return wire_read_varint(reader, &ret_field->value);
    case WIRE_64BIT:
        return skip_fixed(reader, 8);
    case WIRE_BYTES:
        return wire_read_bytes(reader, &ret_field->content);
    case WIRE_32BIT:
        return skip_fixed(reader, 4);
    }
    return false;
}

bool wire_skip_value(struct wire_reader *reader, enum wire_type type)
{
    struct wire_field ignored = {.type = type};
    return read_value(reader, &ignored);
}

bool wire_read_key(struct wire_reader *reader, uint32_t *ret_number,
                   enum wire_type *ret_type)
{
    uint64_t key;
    if (!wire_read_varint(reader, &key) || key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MAX) {
        return false;
    }
    unsigned type = key & 7;
    if (type != WIRE_VARINT && type != WIRE_64BIT && type != WIRE_BYTES &&
        type != WIRE_32BIT) {
        return false;
    }
    *ret_number = (uint32_t)(key >> 3);
    *ret_type = (enum wire_type)type;
    return true;
}

bool wire_next(struct wire_reader *reader, struct wire_field *ret_field)
{
    if (reader->at >= reader->end || reader->malformed) {
        return false;
    }
    struct wire_field field = {0};
    if (!wire_read_key(reader, &field.number, &field.type) ||
        !read_value(reader, &field)) {
        reader->malformed = true;
        return false;
    }
    *ret_field = field;
    return true;
}

bool wire_find_bytes(struct bytes message, uint32_t number, struct bytes *ret_content)
{
    struct wire_reader reader = wire_reader_make(message);
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        if (field.number == number) {
            *ret_content = field.content;
            return field.type == WIRE_BYTES;
        }
    }
    return false;
}
