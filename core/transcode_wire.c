/* Reads protobuf from clients: every byte of the wire format is checked before protobuf-c
 * unpacks it, because that takes invalid UTF-8, cuts strings at NUL, keeps unknown fields
 * and enum values, and recurses as deep as the sender likes. */
#include "core/transcode_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/wire_scan.h"

#define FIELDS_MAX 64 /* of one message, as the generator allows */

/* One message on the wire. */
struct wire {
    struct wire_reader in;
    const struct message_rules *rules;
    const struct path *path; /* NULL: the payload itself */
    unsigned depth;
    bool lenient;
    struct violations *violations;
    uint32_t counts[FIELDS_MAX]; /* values seen of each field */
};

static bool check_message(struct wire *wire);

static bool malformed(struct wire *wire, const struct path *path, const char *message)
{
    violations_add(wire->violations, path, "malformed", "%s", message);
    return false;
}

static enum wire_type wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* A varint must be one that the field can hold, not one that is cut to fit. */
static void check_number(struct wire *wire, const ProtobufCFieldDescriptor *field,
                         uint64_t value, const struct path *path)
{
    bool fits = true;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
        fits = (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        fits = value <= UINT32_MAX;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fits = value <= 1;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        if ((int64_t)value < INT32_MIN || (int64_t)value > INT32_MAX ||
            protobuf_c_enum_descriptor_get_value(field->descriptor,
                                                 (int)(int64_t)value) == NULL) {
            violations_add(wire->violations, path, "enum", "is not a known value");
        }
        break;
    default:
        break;
    }
    if (!fits) {
        violations_add(wire->violations, path, "type", "does not fit its type");
    }
}

static bool check_content(struct wire *wire, const ProtobufCFieldDescriptor *field,
                          const struct field_rule *rule, struct bytes content,
                          const struct path *path)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        struct wire inner = {
            .in = wire_reader_make(content),
            .rules = rule->message,
            .path = path,
            .depth = wire->depth + 1,
            .lenient = wire->lenient,
            .violations = wire->violations,
        };
        return check_message(&inner);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        if (!utf8_valid(content)) {
            violations_add(wire->violations, path, "utf8",
                           "must be UTF-8 without NUL characters");
        } else if (rule->as_json && !json_valid(content, NULL)) {
            violations_add(wire->violations, path, "malformed", "must be JSON");
        }
    }
    return true;
}

static bool check_packed(struct wire *wire, const ProtobufCFieldDescriptor *field,
                         struct bytes content, const struct path *path)
{
    enum wire_type type = wire_type_of(field->type);
    uint32_t *count = &wire->counts[field - wire->rules->descriptor->fields];
    struct wire_reader items = wire_reader_make(content);
    while (items.at < items.end) {
        uint64_t value = 0;
        bool complete = type == WIRE_VARINT ? wire_read_varint(&items, &value)
                                            : wire_skip_value(&items, type);
        if (!complete) {
            return malformed(wire, path, "is cut off");
        }
        if (type == WIRE_VARINT) {
            struct path item = {.up = path, .index = *count};
            check_number(wire, field, value, &item);
        }
        ++*count;
    }
    return true;
}

/* One value of a known field, of its own wire type. */
static bool check_value(struct wire *wire, const ProtobufCFieldDescriptor *field,
                        const struct field_rule *rule, const struct path *path)
{
    uint64_t value;
    struct bytes content;
    switch (wire_type_of(field->type)) {
    case WIRE_VARINT:
        if (!wire_read_varint(&wire->in, &value)) {
            return malformed(wire, path, "has a bad varint");
        }
        check_number(wire, field, value, path);
        return true;
    case WIRE_64BIT:
    case WIRE_32BIT:
        return wire_skip_value(&wire->in, wire_type_of(field->type)) ||
               malformed(wire, path, "is cut off");
    default:
        if (!wire_read_bytes(&wire->in, &content)) {
            return malformed(wire, path, "is longer than what holds it");
        }
        return check_content(wire, field, rule, content, path);
    }
}

static bool check_known(struct wire *wire, const ProtobufCFieldDescriptor *field,
                        enum wire_type type)
{
    size_t index = (size_t)(field - wire->rules->descriptor->fields);
    const struct field_rule *rule = &wire->rules->fields[index];
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    struct path path = {.up = wire->path, .name = bytes_of_text(rule->json_name)};
    bool packed = repeated && type == WIRE_BYTES && wire_type_of(field->type) != type;
    if (!packed && wire_type_of(field->type) != type) {
        violations_add(wire->violations, &path, "type", "has the wrong wire type");
        return wire_skip_value(&wire->in, type) || malformed(wire, &path, "is cut off");
    }
    bool sound;
    if (packed) {
        struct bytes content;
        sound = wire_read_bytes(&wire->in, &content)
                    ? check_packed(wire, field, content, &path)
                    : malformed(wire, &path, "is longer than what holds it");
    } else if (repeated) {
        struct path item = {.up = &path, .index = wire->counts[index]++};
        sound = check_value(wire, field, rule, &item);
    } else {
        /* "The last one wins" would join messages piece by piece: as in JSON, once. */
        if (wire->counts[index]++ > 0) {
            violations_add(wire->violations, &path, "duplicate_key", "is given twice");
            return false;
        }
        sound = check_value(wire, field, rule, &path);
    }
    if (sound && !wire->lenient && rule->max_items > 0 &&
        wire->counts[index] > rule->max_items) {
        violations_add(wire->violations, &path, "max_items",
                       "must not have more than %u items", rule->max_items);
        return false;
    }
    return sound;
}

/* False: stop, the rest means nothing. */
static bool check_message(struct wire *wire)
{
    if (wire->depth > JSON_DEPTH_MAX || wire->rules->descriptor->n_fields > FIELDS_MAX) {
        violations_add(wire->violations, wire->path, "too_deep", "is nested too deeply");
        return false;
    }
    while (wire->in.at < wire->in.end && wire->violations->count < VIOLATIONS_MAX) {
        uint32_t number;
        enum wire_type type;
        if (!wire_read_key(&wire->in, &number, &type)) {
            return malformed(wire, wire->path,
                             "has a field number or a wire type that is not in use");
        }
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(wire->rules->descriptor, number);
        if (field != NULL) {
            if (!check_known(wire, field, type)) {
                return false;
            }
            continue;
        }
        if (!wire->lenient) {
            char name[16];
            snprintf(name, sizeof(name), "#%u", number);
            struct path path = {.up = wire->path, .name = bytes_of_text(name)};
            violations_add(wire->violations, &path, "unknown_field",
                           "is not a field of this message");
        }
        if (!wire_skip_value(&wire->in, type)) {
            return malformed(wire, wire->path, "is cut off");
        }
    }
    return true;
}

bool wire_check(const struct message_rules *rules, struct bytes packed, bool lenient,
                struct violations *violations)
{
    struct wire wire = {
        .in = wire_reader_make(packed),
        .rules = rules,
        .depth = 1,
        .lenient = lenient,
        .violations = violations,
    };
    return check_message(&wire) && violations->count == 0;
}

static void *arena_allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void arena_free(void *arena, void *pointer)
{
    /* goes with the arena */
}

enum err wire_unpack(const struct message_rules *rules, struct bytes packed,
                     struct arena *arena, ProtobufCMessage **ret_message)
{
    ProtobufCAllocator allocator = {arena_allocate, arena_free, arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(rules->descriptor, &allocator,
                                                          packed.size, packed.data);
    if (message == NULL) {
        return ERR_PAYLOAD_TOO_LARGE; /* the format is right: only memory can fail */
    }
    *ret_message = message;
    return ERR_OK;
}

enum err transcode_from_protobuf(const struct message_rules *rules, struct bytes packed,
                                 struct arena *arena, ProtobufCMessage **ret_message,
                                 struct violations *violations)
{
    if (violations->arena == NULL) {
        violations->arena = arena;
    }
    if (!wire_check(rules, packed, false, violations)) {
        return ERR_VALIDATION_ERROR;
    }
    ProtobufCMessage *message;
    TRY(wire_unpack(rules, packed, arena, &message));
    TRY(rules_check(rules, message, violations));
    *ret_message = message;
    return ERR_OK;
}

enum err transcode_protobuf_to_json(const struct message_rules *rules,
                                    struct bytes packed, struct arena *arena,
                                    struct buf *out)
{
    struct violations violations;
    violations_init(&violations, arena);
    if (!wire_check(rules, packed, true, &violations)) {
        return ERR_INTERNAL;
    }
    ProtobufCMessage *message;
    TRY(wire_unpack(rules, packed, arena, &message));
    return transcode_to_json(rules, message, out);
}

enum err transcode_to_protobuf(const ProtobufCMessage *message, struct buf *out)
{
    /* Packed in one piece: protobuf-c's own buffers would be many small appends. */
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    if (packed == NULL) {
        return ERR_LIMIT_REACHED;
    }
    protobuf_c_message_pack(message, packed);
    buf_append(out, packed, size);
    free(packed);
    return out->failed ? ERR_LIMIT_REACHED : ERR_OK;
}
