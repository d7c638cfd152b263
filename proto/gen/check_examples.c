/* Refuses examples and defaults that break their own field's rules: what the documents
 * show is what a core would take. */
#include "check.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/uuid.h"
#include "core/rules.h"

#define TEXT_MAX 65536 /* the largest message an edge takes */

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* One value under check; the first thing wrong with it is told. */
struct example {
    struct contract *contract;
    const struct contract_field *of;
    const char *what; /* "example" or "default" */
    bool refused;
};

static void refuse(struct example *example, const struct contract_field *field,
                   const char *problem)
{
    if (example->refused) {
        return;
    }
    example->refused = true;
    if (field == example->of) {
        contract_error(example->contract, example->of->place, "%s: the %s %s",
                       example->of->proto->name, example->what, problem);
    } else {
        contract_error(example->contract, example->of->place, "%s: in the %s, %s %s",
                       example->of->proto->name, example->what, field->json_name,
                       problem);
    }
}

/* ---- text ---- */

static bool fits_pattern(const char *pattern, const char *text)
{
    char anchored[1024];
    regex_t regex;
    snprintf(anchored, sizeof(anchored), "^(%s)$", pattern);
    if (regcomp(&regex, anchored, REG_EXTENDED | REG_NOSUB) != 0) {
        return true; /* refused by itself */
    }
    bool fits = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return fits;
}

static const char *format_problem(Belfry__Format format, struct bytes text)
{
    struct uuid uuid;
    switch (format) {
    case BELFRY__FORMAT__UUID:
        return uuid_parse(text, &uuid) ? NULL : "is no UUID";
    case BELFRY__FORMAT__TIMESTAMP:
        return text_is_timestamp(text) ? NULL : "is no time of RFC 3339";
    case BELFRY__FORMAT__URL:
        return text_is_url(text) ? NULL : "is no http or https URL";
    default:
        return NULL;
    }
}

static void check_text(struct example *example, const struct contract_field *field,
                       const char *text)
{
    const Belfry__Field *rule = field->rule;
    struct text_shape shape = text_shape_of(bytes_of_text(text));
    const char *problem = format_problem(rule->format, bytes_of_text(text));
    if (problem != NULL) {
        refuse(example, field, problem);
    } else if (shape.length < rule->min_length) {
        refuse(example, field, "is shorter than min_length");
    } else if (rule->max_length > 0 && shape.length > rule->max_length) {
        refuse(example, field, "is longer than max_length");
    } else if (rule->visible && !shape.visible) {
        refuse(example, field, "has nothing visible");
    } else if (rule->pattern != NULL && !fits_pattern(rule->pattern, text)) {
        refuse(example, field, "does not match the pattern");
    }
}

static void check_string(struct example *example, const struct contract_field *field,
                         enum json_type type, struct bytes value)
{
    if (field->rule->as_json) {
        if (field->rule->max_length > 0 &&
            text_shape_of(value).length > field->rule->max_length) {
            refuse(example, field, "is longer than max_length");
        }
        return;
    }
    char *text = arena_alloc(&example->contract->arena, TEXT_MAX);
    if (type != JSON_STRING_TYPE) {
        refuse(example, field, "is no string");
    } else if (text == NULL || json_unescape(value, text, TEXT_MAX) < 0) {
        refuse(example, field, "is too long");
    } else {
        check_text(example, field, text);
    }
}

/* ---- numbers and names ---- */

static void check_number(struct example *example, const struct contract_field *field,
                         const char *text)
{
    const Belfry__Field *rule = field->rule;
    int32_t type = field->proto->type;
    bool is_unsigned = type == TYPE(UINT32) || type == TYPE(UINT64) ||
                       type == TYPE(FIXED32) || type == TYPE(FIXED64);
    char *end;
    double number = strtod(text, &end);
    if (*text == '\0' || *end != '\0') {
        refuse(example, field, "is no number");
    } else if (type != TYPE(FLOAT) && type != TYPE(DOUBLE) &&
               strspn(text, "-0123456789") != strlen(text)) {
        refuse(example, field, "is no whole number");
    } else if (is_unsigned && number < 0) {
        refuse(example, field, "is below 0");
    } else if (!field_is_64_bits(field) && type != TYPE(DOUBLE) && type != TYPE(FLOAT) &&
               (number > (is_unsigned ? UINT32_MAX : INT32_MAX) || number < INT32_MIN)) {
        refuse(example, field, "has more than 32 bits");
    } else if (rule->has_min && number < rule->min) {
        refuse(example, field, "is less than min");
    } else if (rule->has_max && number > rule->max) {
        refuse(example, field, "is more than max");
    }
}

/* 64-bit integers are strings in JSON, but for json_number. */
static void check_json_number(struct example *example, const struct contract_field *field,
                              enum json_type type, struct bytes value)
{
    bool quoted = field_is_64_bits(field) && !field->rule->json_number;
    if (type != (quoted ? JSON_STRING_TYPE : JSON_NUMBER_TYPE)) {
        refuse(example, field,
               quoted ? "is no string, as JSON writes 64 bits" : "is no number");
        return;
    }
    const char *text = arena_printf(&example->contract->arena, "%.*s",
                                    (int)(value.size - (quoted ? 2 : 0)),
                                    (const char *)value.data + (quoted ? 1 : 0));
    if (text != NULL) {
        check_number(example, field, text);
    }
}

static void check_enum(struct example *example, const struct contract_field *field,
                       struct bytes value)
{
    const enum_proto *values = field->values;
    for (size_t i = 0; values != NULL && i < values->n_value; i++) {
        const char *name = values->value[i]->name;
        if (value.size == strlen(name) + 2 &&
            memcmp(value.data + 1, name, value.size - 2) == 0) {
            return;
        }
    }
    refuse(example, field, "is no name of its enum");
}

/* ---- objects and lists ---- */

static void check_value(struct example *example, const struct contract_field *field,
                        struct bytes value);

static const struct contract_field *field_of(const struct contract_message *message,
                                             struct bytes key)
{
    for (size_t i = 0; i < message->field_count; i++) {
        if (bytes_equal_text(key, message->fields[i].json_name)) {
            return &message->fields[i];
        }
    }
    return NULL;
}

static void check_object(struct example *example, const struct contract_field *field,
                         struct bytes object)
{
    struct bytes key, value;
    for (size_t at = 0; json_next(object, &at, &key, &value);) {
        const struct contract_field *member = field_of(field->message, key);
        if (member == NULL) {
            refuse(example, field, "has a member that is no field");
            return;
        }
        check_value(example, member, value);
    }
    for (size_t i = 0; i < field->message->field_count; i++) {
        const struct contract_field *member = &field->message->fields[i];
        if (member->rule->required && !json_member(object, member->json_name, &value)) {
            refuse(example, member, "is missing");
        }
    }
}

static void check_item(struct example *example, const struct contract_field *field,
                       struct bytes value)
{
    enum json_type type = JSON_INVALID;
    (void)json_valid(value, &type);
    switch (field->proto->type) {
    case TYPE(STRING):
        check_string(example, field, type, value);
        break;
    case TYPE(BYTES):
        if (type != JSON_STRING_TYPE) {
            refuse(example, field, "is no string");
        }
        break;
    case TYPE(BOOL):
        if (type != JSON_BOOL_TYPE) {
            refuse(example, field, "is neither true nor false");
        }
        break;
    case TYPE(ENUM):
        check_enum(example, field, value);
        break;
    case TYPE(MESSAGE):
        if (type != JSON_OBJECT_TYPE) {
            refuse(example, field, "is no object");
        } else if (field->message != NULL) {
            check_object(example, field, value);
        }
        break;
    default:
        check_json_number(example, field, type, value);
        break;
    }
}

static void check_value(struct example *example, const struct contract_field *field,
                        struct bytes value)
{
    enum json_type type = JSON_INVALID;
    struct bytes item;
    size_t count = 0;
    if (!field->repeated) {
        check_item(example, field, value);
        return;
    }
    if (!json_valid(value, &type) || type != JSON_ARRAY_TYPE) {
        refuse(example, field, "is no list");
        return;
    }
    for (size_t at = 0; json_next(value, &at, NULL, &item); count++) {
        check_item(example, field, item);
    }
    if (count < field->rule->min_items) {
        refuse(example, field, "has fewer items than min_items");
    } else if (field->rule->max_items > 0 && count > field->rule->max_items) {
        refuse(example, field, "has more items than max_items");
    }
}

void check_example(struct contract *contract, const struct contract_field *field)
{
    const char *text = field->rule->example;
    struct example example = {contract, field, "example", false};
    size_t at = 0;
    struct bytes value;
    if (text == NULL) {
        return;
    }
    if (!json_valid(bytes_of_text(text), NULL)) {
        refuse(&example, field, "is not JSON");
    } else if (json_scan_value(bytes_of_text(text), &at, &value) != JSON_INVALID) {
        check_value(&example, field, value);
    }
}

/* protoc has checked the type and the names of enums. */
void check_default(struct contract *contract, const struct contract_field *field)
{
    const char *text = field->proto->default_value;
    struct example example = {contract, field, "default", false};
    if (text == NULL) {
        return;
    }
    if (field->proto->type == TYPE(STRING)) {
        check_text(&example, field, text);
    } else if (field_is_number(field)) {
        check_number(&example, field, text);
    }
}
