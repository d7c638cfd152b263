/* One value of JSON by its field's type. */
#include "core/transcode_parts.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/json_scan.h"

bool decoder_refuse_type(struct decoder *decoder, const struct path *path,
                         const char *wanted)
{
    violations_add(decoder->violations, path, "type", "must be %s", wanted);
    return false;
}

bool decoder_keep(struct decoder *decoder, const void *memory)
{
    decoder->full = decoder->full || memory == NULL;
    return memory != NULL;
}

/* The text of a string. NULL: it is none, or the arena is full. */
static char *text_of(struct decoder *decoder, struct bytes value, size_t *ret_size)
{
    if (value.data[0] != '"') {
        return NULL;
    }
    size_t room = value.size - 1; /* without quotes, with NUL; escapes only get shorter */
    char *text = arena_alloc(decoder->arena, room);
    if (decoder_keep(decoder, text)) {
        *ret_size = (size_t)json_unescape(value, text, room);
    }
    return text;
}

static bool is_number(struct bytes value)
{
    return value.data[0] == '-' || (value.data[0] >= '0' && value.data[0] <= '9');
}

/* The integer that a number is. False: it has a fraction or an exponent, or is too large.
 */
static bool integer_of(struct bytes value, int64_t *ret_number)
{
    char text[24];
    if (!is_number(value) || value.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    char *end;
    errno = 0;
    *ret_number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0';
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
                         struct bytes value, const struct path *path, bool is_signed,
                         void *ret)
{
    if (rule->json_number) {
        int64_t number;
        if (!integer_of(value, &number) || (!is_signed && number < 0)) {
            return decoder_refuse_type(decoder, path, "an integer");
        }
        *(int64_t *)ret = number;
        return true;
    }
    size_t size;
    const char *text = text_of(decoder, value, &size);
    if (text == NULL || !is_decimal(text, size) || (!is_signed && text[0] == '-')) {
        return decoder_refuse_type(decoder, path, "an integer, written as a string");
    }
    errno = 0;
    if (is_signed) {
        *(int64_t *)ret = strtoll(text, NULL, 10);
    } else {
        *(uint64_t *)ret = strtoull(text, NULL, 10);
    }
    return errno == 0 || decoder_refuse_type(decoder, path, "an integer of 64 bits");
}

static bool decode_int32(struct decoder *decoder, struct bytes value,
                         const struct path *path, bool is_signed, void *ret)
{
    int64_t number;
    int64_t least = is_signed ? INT32_MIN : 0;
    int64_t most = is_signed ? INT32_MAX : UINT32_MAX;
    if (!integer_of(value, &number) || number < least || number > most) {
        return decoder_refuse_type(decoder, path,
                                   is_signed ? "an integer" : "an integer, not negative");
    }
    uint32_t bits = (uint32_t)number;
    memcpy(ret, &bits, sizeof(bits));
    return true;
}

static bool decode_enum(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                        struct bytes value, const struct path *path, void *ret)
{
    size_t size;
    const char *name = text_of(decoder, value, &size);
    if (name == NULL) {
        return decoder_refuse_type(decoder, path, "the name of a value");
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

/* What json_valid() lets pass and jansson does not. */
static void note_refused(struct decoder *decoder, struct bytes value,
                         const json_error_t *error)
{
    size_t at = error->position > 0 ? (size_t)error->position : 0;
    at = (size_t)(value.data - decoder->json.data) + (at < value.size ? at : value.size);
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        note_at(decoder->violations, decoder->json, at, "duplicate_key",
                "is given twice");
        break;
    case json_error_numeric_overflow:
        note_at(decoder->violations, decoder->json, at, "type", "is too large a number");
        break;
    case json_error_out_of_memory:
        decoder->full = true;
        break;
    default:
        note_at(decoder->violations, decoder->json, at, "malformed", "is not valid JSON");
    }
}

/* Any JSON, kept as text in one form. */
static bool decode_any(struct decoder *decoder, struct bytes value, char **ret_text)
{
    json_error_t error;
    json_t *any = json_loadb((const char *)value.data, value.size,
                             JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (any == NULL) {
        note_refused(decoder, value, &error);
        *ret_text = (char *)"{}"; /* refused, but it was given */
        return false;
    }
    char *dump =
        json_dumps(any, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    char *copy = dump != NULL ? arena_text(decoder->arena, dump) : NULL;
    free(dump);
    json_decref(any);
    *ret_text = copy;
    return decoder_keep(decoder, copy);
}

static bool decode_text(struct decoder *decoder, const struct field_rule *rule,
                        struct bytes value, const struct path *path, void *ret)
{
    if (rule->as_json) {
        return decode_any(decoder, value, ret);
    }
    size_t size;
    char *text = text_of(decoder, value, &size);
    if (text == NULL) {
        return decoder_refuse_type(decoder, path, "a string");
    }
    *(char **)ret = text;
    return true;
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

static bool decode_bytes(struct decoder *decoder, struct bytes value,
                         const struct path *path, void *ret)
{
    size_t size = 0;
    const char *text = text_of(decoder, value, &size);
    if (text == NULL || !is_base64(text, size)) {
        return decoder_refuse_type(decoder, path, "a string of base64");
    }
    uint8_t *data = arena_alloc(decoder->arena, size / 4 * 3 + 1);
    if (!decoder_keep(decoder, data)) {
        return false;
    }
    EVP_DecodeBlock(data, (const unsigned char *)text, (int)size);
    size_t padding = size > 0 ? (text[size - 1] == '=') + (text[size - 2] == '=') : 0;
    *(ProtobufCBinaryData *)ret = (ProtobufCBinaryData){size / 4 * 3 - padding, data};
    return true;
}

static bool decode_real(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                        struct bytes value, const struct path *path, void *ret)
{
    if (!is_number(value)) {
        return decoder_refuse_type(decoder, path, "a number");
    }
    const char *text = arena_copy(decoder->arena, value);
    if (!decoder_keep(decoder, text)) {
        return false;
    }
    double number = strtod(text, NULL);
    if (isinf(number)) {
        violations_add(decoder->violations, path, "type", "is too large a number");
        return false;
    }
    if (field->type == PROTOBUF_C_TYPE_FLOAT) {
        *(float *)ret = (float)number;
    } else {
        *(double *)ret = number;
    }
    return true;
}

bool value_decode(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                  const struct field_rule *rule, struct bytes value,
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
        *(protobuf_c_boolean *)ret = value.data[0] == 't';
        return value.data[0] == 't' || value.data[0] == 'f' ||
               decoder_refuse_type(decoder, path, "true or false");
    case PROTOBUF_C_TYPE_ENUM:
        return decode_enum(decoder, field, value, path, ret);
    case PROTOBUF_C_TYPE_STRING:
        return decode_text(decoder, rule, value, path, ret);
    case PROTOBUF_C_TYPE_BYTES:
        return decode_bytes(decoder, value, path, ret);
    case PROTOBUF_C_TYPE_MESSAGE:
        return value.data[0] == '{'
                   ? message_decode(decoder, rule->message, value, path, ret)
                   : decoder_refuse_type(decoder, path, "an object");
    }
    return false;
}
