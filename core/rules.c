/* Holds the contract's field rules against a message and says everything that is broken,
 * so that a client need not find its mistakes one by one. */
#include "core/rules.h"

#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "base/uuid.h"
#include "core/rules_member.h"

#define PATH_SIZE_MAX 256
#define NAME_SIZE_MAX 64
#define MARK_RUN_MAX  16
#define PATTERNS_MAX  64

/* ---- violations ---- */

void violations_init(struct violations *violations, struct arena *arena)
{
    violations->arena = arena;
    violations->count = 0;
}

/* A member's name may be the client's own: no longer than it helps, and cut between
 * characters. What is not UTF-8 cannot be quoted. */
static void append_name(struct buf *out, struct bytes name)
{
    size_t at = 0;
    while (at < name.size && at < NAME_SIZE_MAX) {
        size_t size =
            name.data[at] < 0x80 ? 1 : utf8_size(name.data + at, name.size - at);
        buf_append(out, size > 0 ? (const void *)(name.data + at) : "?",
                   size > 0 ? size : 1);
        at += size > 0 ? size : 1;
    }
    if (at < name.size) {
        buf_append_text(out, "…");
    }
}

/* As deep as the payload was read. */
static void append_path(struct buf *out, const struct path *path)
{
    if (path == NULL) {
        return;
    }
    append_path(out, path->up);
    if (path->name.data == NULL) {
        buf_printf(out, "[%zu]", path->index);
        return;
    }
    if (path->up != NULL) {
        buf_append_char(out, '.');
    }
    append_name(out, path->name);
}

void violations_add_at(struct violations *violations, const char *path, const char *rule,
                       const char *message)
{
    if (violations->count == VIOLATIONS_MAX) {
        return;
    }
    const char *own_path = NULL, *own_message = NULL;
    if (violations->arena != NULL) {
        own_path = arena_text(violations->arena, path);
        own_message = arena_text(violations->arena, message);
    }
    violations->items[violations->count++] = (struct violation){
        .path = own_path != NULL ? own_path : "",
        .rule = rule,
        .message = own_message != NULL ? own_message : "is not valid",
    };
}

static void format_path(const struct path *path, struct buf *ret_text)
{
    buf_init(ret_text, PATH_SIZE_MAX);
    append_path(ret_text, path);
}

void violations_add(struct violations *violations, const struct path *path,
                    const char *rule, const char *format, ...)
{
    if (violations->count == VIOLATIONS_MAX) {
        return;
    }
    char message[160];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    struct buf text;
    format_path(path, &text);
    violations_add_at(violations, text.data != NULL ? (const char *)text.data : "", rule,
                      message);
    buf_finish(&text);
}

void violations_json(const struct violations *violations, struct buf *out)
{
    buf_append_char(out, '[');
    for (size_t i = 0; i < violations->count; i++) {
        const struct violation *violation = &violations->items[i];
        buf_append_text(out, i > 0 ? ",{\"path\":" : "{\"path\":");
        buf_append_json_string(out, bytes_of_text(violation->path));
        buf_append_text(out, ",\"rule\":");
        buf_append_json_string(out, bytes_of_text(violation->rule));
        buf_append_text(out, ",\"message\":");
        buf_append_json_string(out, bytes_of_text(violation->message));
        buf_append_char(out, '}');
    }
    buf_append_char(out, ']');
}

/* ---- single values ---- */

/* What is being checked. */
struct check {
    struct violations *violations;
    size_t before; /* violations that were there already: of fields that cannot be read */
};

/* True if decoding has noted something at this path. */
static bool noted(const struct check *check, const struct path *path)
{
    if (check->before == 0) {
        return false;
    }
    struct buf text;
    format_path(path, &text);
    bool found = false;
    for (size_t i = 0; i < check->before && !found && text.data != NULL; i++) {
        found = strcmp(check->violations->items[i].path, (const char *)text.data) == 0;
    }
    buf_finish(&text);
    return found;
}

/* The pattern, compiled once. NULL: there is no room; the contract's check has compiled
 * it before. */
static const regex_t *compiled(const char *pattern)
{
    static struct {
        const char *pattern;
        regex_t regex;
    } kept[PATTERNS_MAX];
    static size_t count;
    for (size_t i = 0; i < count; i++) {
        if (kept[i].pattern == pattern) {
            return &kept[i].regex;
        }
    }
    char anchored[1024];
    int size = snprintf(anchored, sizeof(anchored), "^(%s)$", pattern);
    if (count == PATTERNS_MAX || size < 0 || (size_t)size >= sizeof(anchored) ||
        regcomp(&kept[count].regex, anchored, REG_EXTENDED | REG_NOSUB) != 0) {
        return NULL;
    }
    kept[count].pattern = pattern;
    return &kept[count++].regex;
}

static bool fits_format(struct bytes text, enum field_format format)
{
    struct uuid uuid;
    switch (format) {
    case FORMAT_UUID:
        return uuid_parse(text, &uuid);
    case FORMAT_TIMESTAMP:
        return text_is_timestamp(text);
    case FORMAT_URL:
        return text_is_url(text);
    case FORMAT_ANY:
        break;
    }
    return true;
}

static void check_format(struct check *check, const struct field_rule *rule,
                         struct bytes text, const struct path *path)
{
    static const char *const words[] = {"", "a UUID", "a time (RFC 3339)",
                                        "a URL (http or https)"};
    if (!fits_format(text, rule->format)) {
        violations_add(check->violations, path, "format", "must be %s",
                       words[rule->format]);
    }
}

/* A text that keeps its limits may be matched: patterns cost time. */
static void check_pattern(struct check *check, const struct field_rule *rule,
                          const char *text, const struct path *path)
{
    const regex_t *regex = compiled(rule->pattern);
    if (regex == NULL || regexec(regex, text, 0, NULL, 0) != 0) {
        violations_add(check->violations, path, "pattern",
                       "does not have the right form");
    }
}

static void check_text(struct check *check, const struct field_rule *rule,
                       const char *text, const struct path *path)
{
    struct bytes bytes = bytes_of_text(text);
    if (rule->format != FORMAT_ANY) {
        check_format(check, rule, bytes, path);
        return;
    }
    struct text_shape shape = text_shape_of(bytes);
    if (shape.length < rule->min_length) {
        violations_add(check->violations, path, "min_length",
                       "must have at least %u character%s", rule->min_length,
                       rule->min_length == 1 ? "" : "s");
        return;
    }
    if (rule->max_length > 0 && shape.length > rule->max_length) {
        violations_add(check->violations, path, "max_length",
                       "must not have more than %u characters, but has %zu",
                       rule->max_length, shape.length);
        return;
    }
    if (rule->visible && !shape.visible) {
        violations_add(check->violations, path, "visible",
                       "must have something that can be seen");
    }
    if (!rule->as_json && shape.mark_run > MARK_RUN_MAX) {
        violations_add(check->violations, path, "format",
                       "must not have more than %d combining marks in a row",
                       MARK_RUN_MAX);
    }
    if (rule->pattern != NULL) {
        check_pattern(check, rule, text, path);
    }
}

/* As a double: limits of 64-bit fields are below 2^53, where that is exact enough. */
static bool number_of(ProtobufCType type, const void *value, double *ret_number)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        *ret_number = *(const int32_t *)value;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        *ret_number = *(const uint32_t *)value;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        *ret_number = (double)*(const int64_t *)value;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        *ret_number = (double)*(const uint64_t *)value;
        return true;
    case PROTOBUF_C_TYPE_FLOAT:
        *ret_number = (double)*(const float *)value;
        return true;
    case PROTOBUF_C_TYPE_DOUBLE:
        *ret_number = *(const double *)value;
        return true;
    default:
        return false;
    }
}

static void check_number(struct check *check, const struct field_rule *rule,
                         double number, const struct path *path)
{
    if (!isfinite(number)) {
        violations_add(check->violations, path, "type", "must be a number");
    } else if (rule->has_range && number < rule->min) {
        violations_add(check->violations, path, "min", "must be at least %.17g",
                       rule->min);
    } else if (rule->has_range && number > rule->max) {
        violations_add(check->violations, path, "max", "must be at most %.17g",
                       rule->max);
    }
}

/* ---- fields and messages ---- */

static void check_message(struct check *check, const struct message_rules *rules,
                          const ProtobufCMessage *message, const struct path *path);

static void check_value(struct check *check, const ProtobufCFieldDescriptor *field,
                        const struct field_rule *rule, const void *value,
                        const struct path *path)
{
    double number;
    if (noted(check, path)) {
        return; /* could not be read */
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        check_text(check, rule, *(char *const *)value, path);
    } else if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        check_message(check, rule->message, *(ProtobufCMessage *const *)value, path);
    } else if (number_of(field->type, value, &number)) {
        check_number(check, rule, number, path);
    }
}

bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *value = member_at(message, field->offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return item_count(message, field) > 0;
    }
    if (!has_flag(field->type)) {
        const void *pointer = *(void *const *)value;
        return pointer != NULL && pointer != field->default_value;
    }
    return field->label == PROTOBUF_C_LABEL_REQUIRED ||
           *(const protobuf_c_boolean *)member_at(message, field->quantifier_offset);
}

static void check_list(struct check *check, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field,
                       const struct field_rule *rule, const struct path *path)
{
    size_t count = item_count(message, field);
    if (count < rule->min_items) {
        violations_add(check->violations, path, "min_items",
                       "must have at least %u item%s", rule->min_items,
                       rule->min_items == 1 ? "" : "s");
    } else if (rule->max_items > 0 && count > rule->max_items) {
        violations_add(check->violations, path, "max_items",
                       "must not have more than %u items", rule->max_items);
        return;
    }
    for (size_t i = 0; i < count && check->violations->count < VIOLATIONS_MAX; i++) {
        struct path item = {.up = path, .index = i};
        check_value(check, field, rule, item_at(message, field, i), &item);
    }
}

/* As deep as the contract nests messages: it holds no recursive ones. */
static void check_message(struct check *check, const struct message_rules *rules,
                          const ProtobufCMessage *message, const struct path *path)
{
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const struct field_rule *rule = &rules->fields[i];
        struct path member = {.up = path, .name = bytes_of_text(rule->json_name)};
        if (noted(check, &member)) {
            continue;
        }
        if (!field_is_set(message, field)) {
            if (rule->required) {
                violations_add(check->violations, &member, "required", "is required");
            }
        } else if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            check_list(check, message, field, rule, &member);
        } else {
            check_value(check, field, rule, member_at(message, field->offset), &member);
        }
    }
}

enum err rules_check(const struct message_rules *rules, const ProtobufCMessage *message,
                     struct violations *violations)
{
    struct check check = {violations, violations->count};
    check_message(&check, rules, message, NULL);
    return violations->count > 0 ? ERR_VALIDATION_ERROR : ERR_OK;
}
