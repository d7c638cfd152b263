/* The members of protobuf-c structs by descriptor: where they are, how large they are. */
#ifndef CORE_RULES_MEMBER_H
#define CORE_RULES_MEMBER_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

static inline void *member_at(const ProtobufCMessage *message, unsigned offset)
{
    return (uint8_t *)(uintptr_t)message + offset;
}

/* Bytes of one value of this type. */
static inline size_t value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

/* True for types with a has_ flag when optional; the others are pointers. */
static inline bool has_flag(ProtobufCType type)
{
    return type != PROTOBUF_C_TYPE_STRING && type != PROTOBUF_C_TYPE_MESSAGE;
}

static inline size_t item_count(const ProtobufCMessage *message,
                                const ProtobufCFieldDescriptor *field)
{
    return *(const size_t *)member_at(message, field->quantifier_offset);
}

static inline const void *item_at(const ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *field, size_t index)
{
    const uint8_t *items = *(uint8_t *const *)member_at(message, field->offset);
    return items + index * value_size(field->type);
}

#endif
