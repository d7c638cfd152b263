/* Says the contract's field rules in the words of JSON Schema. */
#include "emit_asyncapi.h"

#include "base/err.h"
#include "reach.h"

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

#define PATTERN_MAX 4096 /* bytes */

struct printer {
    const struct document *document;
    struct json *json;
    bool input; /* of what clients send: nothing else is let in */
};

const char *schema_name(const struct document *document,
                        const struct contract_message *message, bool input)
{
    const char *package = message->domain->file->package;
    const char *name = message->full_name;
    size_t size = package != NULL ? strlen(package) : 0;
    if (size > 0 && strncmp(name, package, size) == 0 && name[size] == '.') {
        name += size + 1;
    }
    bool both = reach_find(document->contract, document->reach, message) ==
                (REACH_IN | REACH_OUT);
    return input && both ? arena_printf(&document->contract->arena, "%s.input", name)
                         : name;
}

/* ---- numbers ---- */

static const struct {
    int type;
    const char *format;
    double min, max; /* of the type itself, where JSON Schema has no word for it */
} integers[] = {
    {TYPE(INT32), "int32", 0, 0},           {TYPE(SINT32), "int32", 0, 0},
    {TYPE(SFIXED32), "int32", 0, 0},        {TYPE(UINT32), NULL, 0, 4294967295.0},
    {TYPE(FIXED32), NULL, 0, 4294967295.0},
};

static void print_range(struct json *json, const struct contract_field *field,
                        const char *min, const char *max)
{
    const Belfry__Field *rule = field->rule;
    if (rule->has_min) {
        json_real(json, min, rule->min);
    }
    if (rule->has_max) {
        json_real(json, max, rule->max);
    }
}

static void print_integer(struct json *json, const struct contract_field *field)
{
    const Belfry__Field *rule = field->rule;
    json_text(json, "type", "integer");
    for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
        if (integers[i].type != (int)field->proto->type) {
            continue;
        }
        json_text(json, "format", integers[i].format);
        if (integers[i].max > 0 && !rule->has_min) {
            json_real(json, "minimum", integers[i].min);
        }
        if (integers[i].max > 0 && !rule->has_max) {
            json_real(json, "maximum", integers[i].max);
        }
    }
    print_range(json, field, "minimum", "maximum");
}

/* 64 bits are a string in JSON, for they do not fit a number there; JSON Schema has no
 * word for the range of such a string. */
static void print_long(struct json *json, const struct contract_field *field)
{
    bool is_signed =
        field->proto->type != TYPE(UINT64) && field->proto->type != TYPE(FIXED64);
    if (field->rule->json_number) {
        json_text(json, "type", "integer");
        print_range(json, field, "minimum", "maximum");
        return;
    }
    json_text(json, "type", "string");
    json_text(json, "pattern", is_signed ? "^-?[0-9]{1,19}$" : "^[0-9]{1,20}$");
    print_range(json, field, "x-minimum", "x-maximum");
}

/* ---- texts ---- */

/* The contract's patterns are POSIX, those of JSON Schema ECMAScript's, which has no
 * classes inside brackets. */
static const char *const classes[][2] = {
    {"[:space:]", "\\s"},       {"[:digit:]", "0-9"}, {"[:alpha:]", "A-Za-z"},
    {"[:alnum:]", "A-Za-z0-9"}, {"[:upper:]", "A-Z"}, {"[:lower:]", "a-z"},
};

static void print_pattern(struct json *json, const char *pattern)
{
    struct buf text;
    buf_init(&text, PATTERN_MAX);
    while (*pattern != '\0') {
        size_t size = 0;
        for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
            if (strncmp(pattern, classes[i][0], strlen(classes[i][0])) == 0) {
                buf_append_text(&text, classes[i][1]);
                size = strlen(classes[i][0]);
            }
        }
        if (size == 0) {
            buf_append_char(&text, *pattern);
            size = 1;
        }
        pattern += size;
    }
    json_printf(json, "pattern", "^(%.*s)$", (int)text.size, (const char *)text.data);
    buf_finish(&text);
}

static void print_string(struct json *json, const Belfry__Field *rule)
{
    if (rule->as_json) {
        return; /* any value */
    }
    json_text(json, "type", "string");
    switch (rule->format) {
    case BELFRY__FORMAT__UUID:
        json_text(json, "format", "uuid");
        break;
    case BELFRY__FORMAT__TIMESTAMP:
        json_text(json, "format", "date-time");
        break;
    case BELFRY__FORMAT__URL:
        json_text(json, "format", "uri");
        json_text(json, "pattern", "^[Hh][Tt][Tt][Pp][Ss]?://");
        break;
    default:
        break;
    }
    if (rule->min_length > 0) {
        json_integer(json, "minLength", rule->min_length);
    }
    if (rule->max_length > 0) {
        json_integer(json, "maxLength", rule->max_length);
    }
    if (rule->pattern != NULL && rule->visible) {
        json_open(json, "allOf", '[');
        json_open(json, NULL, '{');
        json_text(json, "pattern", "\\S");
        json_close(json, '{');
        json_close(json, '[');
    } else if (rule->visible) {
        json_text(json, "pattern", "\\S");
    }
    if (rule->pattern != NULL) {
        print_pattern(json, rule->pattern);
    }
}

static void print_enum(struct json *json, const enum_proto *values)
{
    json_text(json, "type", "string");
    json_open(json, "enum", '[');
    for (size_t i = 0; values != NULL && i < values->n_value; i++) {
        json_text(json, NULL, values->value[i]->name);
    }
    json_close(json, '[');
}

/* ---- fields ---- */

static void print_reference(struct printer *printer, const struct contract_field *field)
{
    /* A $ref lets nothing stand beside it. */
    json_open(printer->json, "allOf", '[');
    json_reference(printer->json, NULL, "#/components/schemas/%s",
                   schema_name(printer->document, field->message, printer->input));
    json_close(printer->json, '[');
}

/* What one value must be; the caller has opened the schema. */
static void print_value(struct printer *printer, const struct contract_field *field)
{
    struct json *json = printer->json;
    switch (field->proto->type) {
    case TYPE(STRING):
        print_string(json, field->rule);
        break;
    case TYPE(BYTES):
        json_text(json, "type", "string");
        json_text(json, "contentEncoding", "base64");
        break;
    case TYPE(BOOL):
        json_text(json, "type", "boolean");
        break;
    case TYPE(ENUM):
        print_enum(json, field->values);
        break;
    case TYPE(MESSAGE):
        print_reference(printer, field);
        break;
    case TYPE(FLOAT):
    case TYPE(DOUBLE):
        json_text(json, "type", "number");
        print_range(json, field, "minimum", "maximum");
        break;
    case TYPE(INT64):
    case TYPE(UINT64):
    case TYPE(SINT64):
    case TYPE(FIXED64):
    case TYPE(SFIXED64):
        print_long(json, field);
        break;
    default:
        print_integer(json, field);
        break;
    }
}

static void print_default(struct json *json, const struct contract_field *field)
{
    const char *value = field->proto->default_value;
    if (value == NULL) {
        return;
    }
    switch (field->proto->type) {
    case TYPE(STRING):
    case TYPE(ENUM):
        json_text(json, "default", value);
        break;
    case TYPE(INT64):
    case TYPE(UINT64):
    case TYPE(SINT64):
    case TYPE(FIXED64):
    case TYPE(SFIXED64):
        if (!field->rule->json_number) {
            json_text(json, "default", value);
            break;
        }
        /* fall through */
    default:
        json_value(json, "default");
        buf_append_text(json->out, value);
        break;
    }
}

static void print_example(struct json *json, const struct contract_field *field)
{
    if (field->rule->example != NULL) {
        json_open(json, "examples", '[');
        json_value(json, NULL);
        buf_append_text(json->out, field->rule->example);
        json_close(json, '[');
    }
}

static void print_list(struct printer *printer, const struct contract_field *field)
{
    struct json *json = printer->json;
    const Belfry__Field *rule = field->rule;
    bool whole = rule->example != NULL && rule->example[0] == '[';
    uint32_t least = rule->required && rule->min_items == 0 ? 1 : rule->min_items;
    json_text(json, "type", "array");
    json_open(json, "items", '{');
    print_value(printer, field);
    if (!whole) {
        print_example(json, field);
    }
    json_close(json, '{');
    if (least > 0) {
        json_integer(json, "minItems", least);
    }
    if (rule->max_items > 0) {
        json_integer(json, "maxItems", rule->max_items);
    }
    if (whole) {
        print_example(json, field);
    }
}

static void print_field(struct printer *printer, const struct contract_field *field)
{
    struct json *json = printer->json;
    json_open(json, field->json_name, '{');
    json_text(json, "description", field->rule->description);
    if (field->repeated) {
        print_list(printer, field);
    } else {
        print_value(printer, field);
        print_default(json, field);
        print_example(json, field);
    }
    json_close(json, '{');
}

/* ---- messages ---- */

static void print_required(struct json *json, const struct contract_message *message)
{
    bool any = false;
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].rule->required) {
            if (!any) {
                json_open(json, "required", '[');
            }
            any = true;
            json_text(json, NULL, message->fields[i].json_name);
        }
    }
    if (any) {
        json_close(json, '[');
    }
}

static void print_message(struct printer *printer, const struct contract_message *message)
{
    struct json *json = printer->json;
    json_open(json, schema_name(printer->document, message, printer->input), '{');
    json_text(json, "type", "object");
    print_required(json, message);
    json_open(json, "properties", '{');
    for (size_t i = 0; i < message->field_count; i++) {
        print_field(printer, &message->fields[i]);
    }
    json_close(json, '{');
    if (printer->input) {
        json_bool(json, "additionalProperties", false);
    }
    json_close(json, '{');
}

/* ---- what the server adds ---- */

static void print_text_member(struct json *json, const char *name, const char *format,
                              const char *description)
{
    json_open(json, name, '{');
    json_text(json, "description", description);
    json_text(json, "type", "string");
    json_text(json, "format", format);
    json_close(json, '{');
}

static void print_reserved(struct json *json, bool durable)
{
    json_open(json, durable ? "reserved.durable" : "reserved.ephemeral", '{');
    json_text(json, "description",
              durable ? "What the server adds to each durable event."
                      : "What the server adds to each ephemeral event.");
    json_text(json, "type", "object");
    json_open(json, "required", '[');
    if (durable) {
        json_text(json, NULL, "stream");
        json_text(json, NULL, "seq");
        json_text(json, NULL, "cursor");
    }
    json_text(json, NULL, "timestamp");
    json_close(json, '[');
    json_open(json, "properties", '{');
    if (durable) {
        print_text_member(json, "stream", NULL, "The stream that the event is of.");
        json_open(json, "seq", '{');
        json_text(json, "description", "Its place in the stream: 1, 2, 3 …");
        json_text(json, "type", "integer");
        json_integer(json, "minimum", 1);
        json_close(json, '{');
        print_text_member(json, "cursor", NULL, "Opaque; give it back to resume here.");
    }
    print_text_member(json, "timestamp", "date-time", "When it was published.");
    json_close(json, '{');
    json_close(json, '{');
}

static void print_codes(struct json *json)
{
    json_open(json, "error.code", '{');
    json_text(json, "description", "What went wrong, for programs.");
    json_text(json, "type", "string");
    json_open(json, "enum", '[');
    for (int code = ERR_OK + 1; code <= ERR_INTERNAL; code++) {
        json_text(json, NULL, err_code((enum err)code));
    }
    json_close(json, '[');
    json_open(json, "x-codes", '{');
    for (int code = ERR_OK + 1; code <= ERR_INTERNAL; code++) {
        json_open(json, err_code((enum err)code), '{');
        json_text(json, "message", err_message((enum err)code));
        json_integer(json, "httpStatus", err_http_status((enum err)code));
        json_close(json, '{');
    }
    json_close(json, '{');
    json_close(json, '{');
}

static void print_error(struct json *json)
{
    json_open(json, "error", '{');
    json_text(json, "description",
              "Why a client event was refused: nothing was written.");
    json_text(json, "type", "object");
    json_open(json, "required", '[');
    json_text(json, NULL, "code");
    json_text(json, NULL, "message");
    json_close(json, '[');
    json_open(json, "properties", '{');
    print_text_member(json, "event", NULL, "The client event that was refused.");
    json_reference(json, "code", "#/components/schemas/error.code");
    print_text_member(json, "message", NULL, "What went wrong, for people.");
    json_open(json, "details", '{');
    json_text(json, "description",
              "More, depending on the code; for VALIDATION_ERROR a list of "
              "{path, rule, message}.");
    json_close(json, '{');
    json_open(json, "retryAfterMs", '{');
    json_text(json, "description", "Trying again sooner does not help.");
    json_text(json, "type", "integer");
    json_integer(json, "minimum", 1);
    json_close(json, '{');
    print_text_member(json, "timestamp", "date-time", "When it was refused.");
    json_close(json, '{');
    json_close(json, '{');

    json_open(json, "refusal", '{');
    json_text(json, "type", "object");
    json_open(json, "required", '[');
    json_text(json, NULL, "error");
    json_close(json, '[');
    json_open(json, "properties", '{');
    json_reference(json, "error", "#/components/schemas/error");
    json_close(json, '{');
    json_close(json, '{');
}

void print_schemas(const struct document *document)
{
    const struct contract *contract = document->contract;
    struct json *json = document->json;
    json_open(json, "schemas", '{');
    for (size_t i = 0; i < contract->message_count; i++) {
        struct printer printer = {document, json, false};
        if ((document->reach[i] & REACH_OUT) != 0) {
            print_message(&printer, contract->messages[i]);
        }
        if ((document->reach[i] & REACH_IN) != 0) {
            printer.input = true;
            print_message(&printer, contract->messages[i]);
        }
    }
    print_reserved(json, true);
    print_reserved(json, false);
    print_codes(json);
    print_error(json);
    json_close(json, '{');
}
