/* Reads JSON into messages by descriptor: the one place where a client's JSON becomes
 * typed values, and the only one that knows jansson. */
#include "core/transcode_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/json_scan.h"

struct decoder {
    struct arena *arena;
    struct violations *violations;
    bool lenient; /* our own JSON: what is unknown is left out */
    bool full;    /* the arena is */
};

/* ---- values ---- */

static bool refuse_type(struct decoder *decoder, const struct path *path,
                        const char *wanted)
{
    violations_add(decoder->violations, path, "type", "must be %s", wanted);
    return false;
}

/* A decimal number as JSON writes it, and nothing else. */
static bool is_decimal(const char *text, size_t size)
{
    size_t at = size > 0 && text[0] == '-';
    if (at == size || (text[at] == '0' && (size > at + 1 || at == 1))) {
        return false;
    }
    for (; at < size; at++) {
        if (text[at] < '0' || text[at] > '9') {
            return false;
        }
    }
    return true;
}

/* 64-bit integers: a string of digits, or a number where the contract says so. */
static bool decode_int64(struct decoder *decoder, const struct field_rule *rule,
                         const json_t *value, const struct path *path, bool is_signed,
                         void *ret)
{
    if (rule->json_number) {
        if (!json_is_integer(value) || (!is_signed && json_integer_value(value) < 0)) {
            return refuse_type(decoder, path, "an integer");
        }
        *(int64_t *)ret = json_integer_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    if (text == NULL || !is_decimal(text, json_string_length(value)) ||
        (!is_signed && text[0] == '-')) {
        return refuse_type(decoder, path, "an integer, written as a string");
    }
    errno = 0;
    if (is_signed) {
        *(int64_t *)ret = strtoll(text, NULL, 10);
    } else {
        *(uint64_t *)ret = strtoull(text, NULL, 10);
    }
    return errno == 0 || refuse_type(decoder, path, "an integer of 64 bits");
}

static bool decode_int32(struct decoder *decoder, const json_t *value,
                         const struct path *path, bool is_signed, void *ret)
{
    json_int_t number = json_integer_value(value);
    int64_t least = is_signed ? INT32_MIN : 0;
    int64_t most = is_signed ? INT32_MAX : UINT32_MAX;
    if (!json_is_integer(value) || number < least || number > most) {
        return refuse_type(decoder, path,
                           is_signed ? "an integer" : "an integer, not negative");
    }
    uint32_t bits = (uint32_t)number;
    memcpy(ret, &bits, sizeof(bits));
    return true;
}

static bool decode_enum(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                        const json_t *value, const struct path *path, void *ret)
{
    const char *name = json_string_value(value);
    if (name == NULL) {
        return refuse_type(decoder, path, "the name of a value");
    }
    const ProtobufCEnumValue *found =
        protobuf_c_enum_descriptor_get_value_by_name(field->descriptor, name);
    if (found == NULL) {
        if (!decoder->lenient) {
            violations_add(decoder->violations, path, "enum", "is not a known value");
        }
        return false;
    }
    *(int *)ret = found->value;
    return true;
}

static bool keep(struct decoder *decoder, const void *memory)
{
    decoder->full = decoder->full || memory == NULL;
    return memory != NULL;
}

static bool decode_text(struct decoder *decoder, const struct field_rule *rule,
                        const json_t *value, const struct path *path, void *ret)
{
    struct bytes text = bytes_make(json_string_value(value), json_string_length(value));
    char *dump = NULL;
    if (rule->as_json) {
        dump =
            json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        text = bytes_of_text(dump);
        decoder->full = decoder->full || dump == NULL;
    } else if (text.data == NULL) {
        return refuse_type(decoder, path, "a string");
    }
    char *copy = arena_copy(decoder->arena, text);
    free(dump);
    *(char **)ret = copy;
    return keep(decoder, copy);
}

/* RFC 4648 section 4, padding included; EVP_DecodeBlock alone is too forgiving. */
static bool is_base64(const char *text, size_t size)
{
    size_t padding = size >= 2 && text[size - 1] == '=' ? 1 + (text[size - 2] == '=') : 0;
    for (size_t i = 0; i < size - padding; i++) {
        char c = text[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(c >= '0' && c <= '9') && c != '+' && c != '/') {
            return false;
        }
    }
    return size % 4 == 0 && size < INT32_MAX;
}

static bool decode_bytes(struct decoder *decoder, const json_t *value,
                         const struct path *path, void *ret)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (text == NULL || !is_base64(text, size)) {
        return refuse_type(decoder, path, "a string of base64");
    }
    uint8_t *data = arena_alloc(decoder->arena, size / 4 * 3 + 1);
    if (!keep(decoder, data)) {
        return false;
    }
    EVP_DecodeBlock(data, (const unsigned char *)text, (int)size);
    size_t padding = size > 0 ? (text[size - 1] == '=') + (text[size - 2] == '=') : 0;
    *(ProtobufCBinaryData *)ret = (ProtobufCBinaryData){size / 4 * 3 - padding, data};
    return true;
}

static bool decode_message(struct decoder *decoder, const struct message_rules *rules,
                           const json_t *object, const struct path *path,
                           ProtobufCMessage **ret_message);

static bool decode_real(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                        const json_t *value, const struct path *path, void *ret)
{
    if (!json_is_number(value)) {
        return refuse_type(decoder, path, "a number");
    }
    if (field->type == PROTOBUF_C_TYPE_FLOAT) {
        *(float *)ret = (float)json_number_value(value);
    } else {
        *(double *)ret = json_number_value(value);
    }
    return true;
}

/* False: something was noted, and *ret is unchanged. */
static bool decode_value(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                         const struct field_rule *rule, const json_t *value,
                         const struct path *path, void *ret)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return decode_int32(decoder, value, path, true, ret);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return decode_int32(decoder, value, path, false, ret);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return decode_int64(decoder, rule, value, path, true, ret);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return decode_int64(decoder, rule, value, path, false, ret);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        return decode_real(decoder, field, value, path, ret);
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)ret = json_is_true(value);
        return json_is_boolean(value) || refuse_type(decoder, path, "true or false");
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(decoder, field, value, path, ret);
    case PROTOBUF_C_TYPE_STRING:
        return decode_text(decoder, rule, value, path, ret);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(decoder, value, path, ret);
    case PROTOBUF_C_TYPE_MESSAGE:
        return decode_message(decoder, rule->message, value, path, ret);
    }
    return false;
}

static void decode_list(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                        const struct field_rule *rule, const json_t *value,
                        const struct path *path, ProtobufCMessage *message)
{
    if (!json_is_array(value)) {
        refuse_type(decoder, path, "a list");
        return;
    }
    size_t size = json_array_size(value);
    if (!decoder->lenient && rule->max_items > 0 && size > rule->max_items) {
        violations_add(decoder->violations, path, "max_items",
                       "must not have more than %u items", rule->max_items);
        return;
    }
    uint8_t *items = arena_alloc(decoder->arena, (size + 1) * value_size(field->type));
    if (!keep(decoder, items)) {
        return;
    }
    /* An item that cannot be read leaves a hole, so that the others keep their places;
     * in our own JSON it is left out. */
    size_t count = 0;
    for (size_t i = 0; i < size && decoder->violations->count < VIOLATIONS_MAX; i++) {
        struct path item = {.up = path, .index = i};
        void *place = items + count * value_size(field->type);
        bool read =
            decode_value(decoder, field, rule, json_array_get(value, i), &item, place);
        count += read || !decoder->lenient;
    }
    *(size_t *)member_at(message, field->quantifier_offset) = count;
    *(uint8_t **)member_at(message, field->offset) = items;
}

static void decode_field(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                         const struct field_rule *rule, const json_t *value,
                         const struct path *path, ProtobufCMessage *message)
{
    if (json_is_null(value) && !rule->as_json) {
        return; /* absent */
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        decode_list(decoder, field, rule, value, path, message);
    } else if (decode_value(decoder, field, rule, value, path,
                            member_at(message, field->offset)) &&
               field->label == PROTOBUF_C_LABEL_OPTIONAL && has_flag(field->type)) {
        *(protobuf_c_boolean *)member_at(message, field->quantifier_offset) = 1;
    }
}

static void refuse_unknown(struct decoder *decoder, const struct message_rules *rules,
                           const json_t *object, const struct path *path)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        bool known = false;
        for (unsigned i = 0; i < rules->descriptor->n_fields && !known; i++) {
            known = strcmp(rules->fields[i].json_name, key) == 0;
        }
        if (!known) {
            struct path member = {.up = path, .name = bytes_of_text(key)};
            violations_add(decoder->violations, &member, "unknown_field",
                           "is not a field of this message");
        }
        if (decoder->violations->count == VIOLATIONS_MAX) {
            return;
        }
    }
}

/* As deep as the contract nests messages: it holds no recursive ones. */
static bool decode_message(struct decoder *decoder, const struct message_rules *rules,
                           const json_t *object, const struct path *path,
                           ProtobufCMessage **ret_message)
{
    if (!json_is_object(object)) {
        return refuse_type(decoder, path, "an object");
    }
    const ProtobufCMessageDescriptor *descriptor = rules->descriptor;
    ProtobufCMessage *message = arena_alloc(decoder->arena, descriptor->sizeof_message);
    if (!keep(decoder, message)) {
        return false;
    }
    protobuf_c_message_init(descriptor, message);
    size_t known = 0;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const struct field_rule *rule = &rules->fields[i];
        const json_t *value = json_object_get(object, rule->json_name);
        if (value != NULL) {
            struct path member = {.up = path, .name = bytes_of_text(rule->json_name)};
            decode_field(decoder, &descriptor->fields[i], rule, value, &member, message);
            known++;
        }
    }
    if (!decoder->lenient && known < json_object_size(object)) {
        refuse_unknown(decoder, rules, object, path);
    }
    *ret_message = message;
    return true;
}

/* ---- whole payloads ---- */

/* What json_valid() lets pass and jansson does not. */
static void note_refused(struct decoder *decoder, struct bytes json,
                         const json_error_t *error)
{
    size_t at = error->position > 0 ? (size_t)error->position : 0;
    at = at < json.size ? at : json.size;
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        note_at(decoder->violations, json, at, "duplicate_key", "is given twice");
        break;
    case json_error_numeric_overflow:
        note_at(decoder->violations, json, at, "type", "is too large a number");
        break;
    case json_error_out_of_memory:
        decoder->full = true;
        break;
    default:
        note_at(decoder->violations, json, at, "malformed", "is not valid JSON");
    }
}

/* NULL: something was noted, or the decoder is full. */
static ProtobufCMessage *decode(struct decoder *decoder,
                                const struct message_rules *rules, struct bytes json)
{
    enum json_type type;
    if (!json_valid(json, &type)) {
        note_invalid(decoder->violations, json);
        return NULL;
    }
    if (type != JSON_OBJECT_TYPE) {
        violations_add(decoder->violations, NULL, "malformed", "must be a JSON object");
        return NULL;
    }
    json_error_t error;
    json_t *object =
        json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        note_refused(decoder, json, &error);
        return NULL;
    }
    ProtobufCMessage *message = NULL;
    decode_message(decoder, rules, object, NULL, &message);
    json_decref(object);
    return message;
}

enum err transcode_from_json(const struct message_rules *rules, struct bytes json,
                             struct arena *arena, ProtobufCMessage **ret_message,
                             struct violations *violations)
{
    if (violations->arena == NULL) {
        violations->arena = arena;
    }
    struct decoder decoder = {.arena = arena, .violations = violations};
    ProtobufCMessage *message = decode(&decoder, rules, json);
    if (decoder.full) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    if (message == NULL) {
        return ERR_VALIDATION_ERROR;
    }
    /* Also when a field could not be read: all that is wrong is told at once. */
    TRY(rules_check(rules, message, violations));
    *ret_message = message;
    return ERR_OK;
}

enum err transcode_json_to_protobuf(const struct message_rules *rules, struct bytes json,
                                    struct arena *arena, struct buf *out)
{
    struct violations violations;
    violations_init(&violations, arena);
    struct decoder decoder = {.arena = arena, .violations = &violations, .lenient = true};
    ProtobufCMessage *message = decode(&decoder, rules, json);
    if (decoder.full) {
        return ERR_LIMIT_REACHED;
    }
    if (message == NULL || violations.count > 0) {
        return ERR_INTERNAL;
    }
    return transcode_to_protobuf(message, out);
}
