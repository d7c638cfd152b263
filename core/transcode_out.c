/* Writes messages as JSON by descriptor: what we say is made of typed values, never of
 * bytes that a client sent. */
#include "core/transcode_parts.h"

#include <inttypes.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"

static void write_message(const struct message_rules *rules,
                          const ProtobufCMessage *message, struct buf *out);

static void write_bytes(const ProtobufCBinaryData *bytes, struct buf *out)
{
    size_t size = (bytes->len + 2) / 3 * 4;
    unsigned char *text = size < INT32_MAX ? malloc(size + 1) : NULL;
    if (text == NULL) {
        out->failed = true;
        return;
    }
    EVP_EncodeBlock(text, bytes->data, (int)bytes->len);
    buf_append_char(out, '"');
    buf_append(out, text, size);
    buf_append_char(out, '"');
    free(text);
}

static void write_text(const struct field_rule *rule, const char *text, struct buf *out)
{
    struct bytes bytes = bytes_of_text(text);
    if (!rule->as_json) {
        buf_append_json_string(out, bytes);
    } else if (json_valid(bytes, NULL)) {
        buf_append_bytes(out, bytes);
    } else {
        buf_append_text(out, "null");
    }
}

static void write_enum(const ProtobufCFieldDescriptor *field, int number, struct buf *out)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(field->descriptor, number);
    if (value == NULL) {
        buf_printf(out, "%d", number); /* as the protobuf JSON mapping has it */
    } else {
        buf_printf(out, "\"%s\"", value->name);
    }
}

static void write_real(double number, struct buf *out)
{
    char text[32];
    if (!isfinite(number)) {
        buf_append_text(out, "null");
        return;
    }
    /* 0.1 and not 0.10000000000000001, as long as it reads back as the same number */
    snprintf(text, sizeof(text), "%.15g", number);
    if (strtod(text, NULL) != number) {
        snprintf(text, sizeof(text), "%.17g", number);
    }
    buf_append_text(out, text);
}

static void write_value(const ProtobufCFieldDescriptor *field,
                        const struct field_rule *rule, const void *value, struct buf *out)
{
    const char *quote = rule->json_number ? "" : "\"";
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_printf(out, "%" PRId32, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_printf(out, "%" PRIu32, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buf_printf(out, "%s%" PRId64 "%s", quote, *(const int64_t *)value, quote);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_printf(out, "%s%" PRIu64 "%s", quote, *(const uint64_t *)value, quote);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        write_real((double)*(const float *)value, out);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        write_real(*(const double *)value, out);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_append_text(out, *(const protobuf_c_boolean *)value ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(field, *(const int *)value, out);
        break;
    case PROTOBUF_C_TYPE_STRING:
        write_text(rule, *(char *const *)value, out);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        write_bytes(value, out);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        write_message(rule->message, *(ProtobufCMessage *const *)value, out);
        break;
    }
}

static void write_list(const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field,
                       const struct field_rule *rule, struct buf *out)
{
    size_t count = item_count(message, field);
    buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        write_value(field, rule, item_at(message, field, i), out);
    }
    buf_append_char(out, ']');
}

/* As deep as the contract nests messages: it holds no recursive ones. */
static void write_message(const struct message_rules *rules,
                          const ProtobufCMessage *message, struct buf *out)
{
    bool first = true;
    buf_append_char(out, '{');
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
        if (!repeated && !field_is_set(message, field)) {
            continue;
        }
        buf_append_text(out, first ? "\"" : ",\"");
        buf_append_text(out, rules->fields[i].json_name);
        buf_append_text(out, "\":");
        if (repeated) {
            write_list(message, field, &rules->fields[i], out);
        } else {
            write_value(field, &rules->fields[i], member_at(message, field->offset), out);
        }
        first = false;
    }
    buf_append_char(out, '}');
}

enum err transcode_to_json(const struct message_rules *rules,
                           const ProtobufCMessage *message, struct buf *out)
{
    write_message(rules, message, out);
    return out->failed ? ERR_LIMIT_REACHED : ERR_OK;
}

bool transcode_member(const struct message_rules *rules, const ProtobufCMessage *message,
                      const char *json_name, struct buf *out)
{
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        if (strcmp(rules->fields[i].json_name, json_name) != 0) {
            continue;
        }
        const void *value = member_at(message, field->offset);
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            write_list(message, field, &rules->fields[i], out);
        } else if (!field_is_set(message, field)) {
            return true;
        } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
            const ProtobufCEnumValue *name = protobuf_c_enum_descriptor_get_value(
                field->descriptor, *(const int *)value);
            buf_append_text(out, name != NULL ? name->name : "");
        } else {
            write_value(field, &rules->fields[i], value, out);
        }
        return !out->failed;
    }
    return false;
}
