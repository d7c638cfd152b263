/* Reads JSON into messages by descriptor: the one place where a client's JSON becomes
 * typed values. They are read from the text itself: a tree of jansson's in between would
 * cost more than all the rest, and is made only of a member that keeps any JSON. */
#include "core/transcode_parts.h"

#include "base/json_scan.h"

#define KEY_MAX 128 /* of a contract's member, written with an escape */

static size_t list_size(struct bytes list)
{
    size_t size = 0, at = 0;
    struct bytes item;
    while (json_next(list, &at, NULL, &item)) {
        size++;
    }
    return size;
}

static void decode_list(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                        const struct field_rule *rule, struct bytes value,
                        const struct path *path, ProtobufCMessage *message)
{
    if (value.data[0] != '[') {
        decoder_refuse_type(decoder, path, "a list");
        return;
    }
    size_t size = list_size(value);
    if (!decoder->lenient && rule->max_items > 0 && size > rule->max_items) {
        violations_add(decoder->violations, path, "max_items",
                       "must not have more than %u items", rule->max_items);
        return;
    }
    uint8_t *items = arena_alloc(decoder->arena, (size + 1) * value_size(field->type));
    if (!decoder_keep(decoder, items)) {
        return;
    }
    /* An item that cannot be read leaves a hole, so that the others keep their places;
     * in our own JSON it is left out. */
    size_t count = 0, at = 0;
    struct bytes item;
    struct path item_path = {.up = path};
    for (; json_next(value, &at, NULL, &item) &&
           decoder->violations->count < VIOLATIONS_MAX;
         item_path.index++) {
        void *place = items + count * value_size(field->type);
        bool read = value_decode(decoder, field, rule, item, &item_path, place);
        count += read || !decoder->lenient;
    }
    *(size_t *)member_at(message, field->quantifier_offset) = count;
    *(uint8_t **)member_at(message, field->offset) = items;
}

static void decode_field(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                         const struct field_rule *rule, struct bytes value,
                         const struct path *path, ProtobufCMessage *message)
{
    if (value.data[0] == 'n' && !rule->as_json) {
        return; /* absent */
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        decode_list(decoder, field, rule, value, path, message);
    } else if (value_decode(decoder, field, rule, value, path,
                            member_at(message, field->offset)) &&
               field->label == PROTOBUF_C_LABEL_OPTIONAL && has_flag(field->type)) {
        *(protobuf_c_boolean *)member_at(message, field->quantifier_offset) = 1;
    }
}

/* The number of the field with that key, n_fields if there is none. */
static unsigned field_of(const struct message_rules *rules, struct bytes key)
{
    char text[KEY_MAX + 3];
    if (memchr(key.data, '\\', key.size) != NULL) {
        int size =
            json_unescape(bytes_make(key.data - 1, key.size + 2), text, sizeof(text));
        key = bytes_make(text, size >= 0 ? (size_t)size : 0);
    }
    unsigned i = 0;
    while (i < rules->descriptor->n_fields &&
           !bytes_equal_text(key, rules->fields[i].json_name)) {
        i++;
    }
    return i;
}

static void refuse_unknown(struct decoder *decoder, const struct message_rules *rules,
                           struct bytes object, const struct path *path)
{
    size_t at = 0;
    struct bytes key, value;
    while (json_next(object, &at, &key, &value) &&
           decoder->violations->count < VIOLATIONS_MAX) {
        if (field_of(rules, key) == rules->descriptor->n_fields) {
            struct path member = {.up = path, .name = key};
            violations_add(decoder->violations, &member, "unknown_field",
                           "is not a field of this message");
        }
    }
}

/* Each field's value, none where it is not given. True: there were other members, too. */
static bool find_values(struct decoder *decoder, const struct message_rules *rules,
                        struct bytes object, const struct path *path,
                        struct bytes *ret_values)
{
    bool others = false;
    size_t at = 0;
    struct bytes key, value;
    while (json_next(object, &at, &key, &value)) {
        unsigned i = field_of(rules, key);
        if (i == rules->descriptor->n_fields) {
            others = true;
        } else if (ret_values[i].data != NULL) {
            struct path member = {.up = path, .name = key};
            violations_add(decoder->violations, &member, "duplicate_key",
                           "is given twice");
        } else {
            ret_values[i] = value;
        }
    }
    return others;
}

bool message_decode(struct decoder *decoder, const struct message_rules *rules,
                    struct bytes object, const struct path *path,
                    ProtobufCMessage **ret_message)
{
    const ProtobufCMessageDescriptor *descriptor = rules->descriptor;
    ProtobufCMessage *message = arena_alloc(decoder->arena, descriptor->sizeof_message);
    struct bytes *values =
        arena_alloc(decoder->arena, (descriptor->n_fields + 1) * sizeof(*values));
    if (!decoder_keep(decoder, message) || !decoder_keep(decoder, values)) {
        return false;
    }
    protobuf_c_message_init(descriptor, message);
    bool others = find_values(decoder, rules, object, path, values);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const struct field_rule *rule = &rules->fields[i];
        if (values[i].data != NULL) {
            struct path member = {.up = path, .name = bytes_of_text(rule->json_name)};
            decode_field(decoder, &descriptor->fields[i], rule, values[i], &member,
                         message);
        }
    }
    if (others && !decoder->lenient) {
        refuse_unknown(decoder, rules, object, path);
    }
    *ret_message = message;
    return true;
}

/* ---- whole payloads ---- */

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
    decoder->json = json;
    ProtobufCMessage *message = NULL;
    message_decode(decoder, rules, json, NULL, &message);
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
