/* Example payloads: one writer for documents, curl lines and tests, so that all of them
 * say the same and a test of one is a test of all. */
#include "example.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

#define EXAMPLE_TIME  "2026-01-02T03:04:05.678Z"
#define EXAMPLE_SEQ   13
#define NAME_SIZE_MAX 80

/* ---- values by a field's name ---- */

/* clang-format off */
static const struct {
    const char *name, *value;
} texts[] = {
    {"username", "alice"},      {"authorName", "alice"},
    {"name", "General"},        {"content", "Hello"},
    {"text", "Hello"},          {"reason", "off topic"},
    {"cursor", "13.77aa01fe"},  {"event", "SEND_MESSAGE"},
    {"message", "Connected"},   {"label", "Firefox on Linux"},
    {"emoji", "👍"},            {"mimeType", "image/png"},
};
/* clang-format on */

/* What an id is of: "id" of a Room is a roomId, one of userIds is a userId. */
static void id_name(const struct contract_message *message,
                    const struct contract_field *field, char ret_name[NAME_SIZE_MAX])
{
    const char *name = field->json_name;
    if (strcmp(name, "id") == 0) {
        snprintf(ret_name, NAME_SIZE_MAX, "%sId", message->proto->name);
        ret_name[0] = (char)tolower((unsigned char)ret_name[0]);
        return;
    }
    snprintf(ret_name, NAME_SIZE_MAX, "%s", name);
    size_t size = strlen(ret_name);
    if (field->repeated && size > 1 && ret_name[size - 1] == 's') {
        ret_name[size - 1] = '\0';
    }
}

/* A UUID that looks like one of ours and always is the same for the same name. */
static void append_id(struct buf *out, const char *name)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (const char *at = name; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    }
    buf_printf(out, "018f4e9a-1c2b-7d3e-8f40-%012llx",
               (unsigned long long)(hash & UINT64_C(0xffffffffffff)));
}

static void append_text(const struct contract_field *field, struct buf *out)
{
    const Belfry__Field *rule = field->rule;
    const char *value = "text";
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value = strcmp(field->json_name, texts[i].name) == 0 ? texts[i].value : value;
    }
    size_t size = strlen(value);
    if (rule->max_length > 0 && size > rule->max_length) {
        size = rule->max_length;
    }
    buf_append_char(out, '"');
    buf_append(out, value, size);
    for (; size < rule->min_length; size++) {
        buf_append_char(out, 'x');
    }
    buf_append_char(out, '"');
}

static void append_string(const struct contract_message *message,
                          const struct contract_field *field, struct buf *out)
{
    char name[NAME_SIZE_MAX];
    if (field->rule->as_json) {
        buf_append_text(out, "{}");
        return;
    }
    switch (field->rule->format) {
    case BELFRY__FORMAT__UUID:
        id_name(message, field, name);
        buf_append_char(out, '"');
        append_id(out, name);
        buf_append_char(out, '"');
        break;
    case BELFRY__FORMAT__TIMESTAMP:
        buf_append_text(out, "\"" EXAMPLE_TIME "\"");
        break;
    case BELFRY__FORMAT__URL:
        buf_append_text(out, "\"https://example.com/\"");
        break;
    default:
        append_text(field, out);
        break;
    }
}

static bool is_64_bits(const field_proto *proto)
{
    return proto->type == TYPE(INT64) || proto->type == TYPE(UINT64) ||
           proto->type == TYPE(SINT64) || proto->type == TYPE(FIXED64) ||
           proto->type == TYPE(SFIXED64);
}

static void append_number(const struct contract_field *field, struct buf *out)
{
    const Belfry__Field *rule = field->rule;
    const char *given = field->proto->default_value;
    double value = strcmp(field->json_name, "seq") == 0 ? EXAMPLE_SEQ : 3;
    if (rule->has_max && value > rule->max) {
        value = floor(rule->max);
    }
    if (rule->has_min && value < rule->min) {
        value = ceil(rule->min);
    }
    bool quoted = is_64_bits(field->proto) && !rule->json_number;
    buf_append_text(out, quoted ? "\"" : "");
    if (given != NULL) {
        buf_append_text(out, given);
    } else {
        buf_printf(out, "%.0f", value);
    }
    buf_append_text(out, quoted ? "\"" : "");
}

static bool is_client_id(const struct contract_field *field)
{
    return strcmp(field->json_name, "clientId") == 0;
}

static void append_item(const struct contract_message *message,
                        const struct contract_field *field, enum example_kind kind,
                        int indent, struct buf *out)
{
    const field_proto *proto = field->proto;
    const char *example = field->rule->example;
    if (kind == EXAMPLE_SCRIPT && is_client_id(field)) {
        example = "crypto.randomUUID()";
    }
    if (example != NULL) {
        buf_append_text(out, example);
        return;
    }
    switch (proto->type) {
    case TYPE(STRING):
        append_string(message, field, out);
        break;
    case TYPE(BYTES):
        buf_append_text(out, "\"AAEC\"");
        break;
    case TYPE(BOOL):
        buf_append_text(out,
                        proto->default_value != NULL ? proto->default_value : "true");
        break;
    case TYPE(ENUM):
        buf_printf(out, "\"%s\"",
                   field->values != NULL ? field->values->value[0]->name : "");
        break;
    case TYPE(MESSAGE):
        append_example(field->message, kind == EXAMPLE_EVENT ? EXAMPLE_OUTPUT : kind,
                       indent, out);
        break;
    default:
        append_number(field, out);
        break;
    }
}

void append_example_value(const struct contract_message *message,
                          const struct contract_field *field, enum example_kind kind,
                          int indent, struct buf *out)
{
    const char *example = field->rule->example;
    bool whole = example != NULL && example[0] == '[';
    if (!field->repeated || whole) {
        append_item(message, field, kind, indent, out);
        return;
    }
    uint32_t count = field->rule->min_items > 1 ? field->rule->min_items : 1;
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        append_item(message, field, kind, indent, out);
    }
    buf_append_char(out, ']');
}

/* ---- which fields ---- */

static bool belongs(const struct contract_field *field, enum example_kind kind)
{
    if (field->rule->required || field->rule->example != NULL) {
        return true;
    }
    switch (kind) {
    case EXAMPLE_PAYLOAD:
    case EXAMPLE_SCRIPT:
        return is_client_id(field) || field->rule->min_items > 0;
    case EXAMPLE_CALL:
        return field->rule->min_items > 0;
    default:
        break;
    }
    return field->repeated || field->message != NULL;
}

struct members {
    struct buf *out;
    int indent; /* of the object; negative: one line */
    bool any;
};

static void begin_member(struct members *members, const char *name)
{
    buf_append_text(members->out, members->any ? "," : "");
    if (members->indent >= 0) {
        buf_printf(members->out, "\n%*s", members->indent + 2, "");
    } else {
        buf_append_text(members->out, members->any ? " " : "");
    }
    buf_printf(members->out, "\"%s\": ", name);
    members->any = true;
}

static void append_stream(const Belfry__ServerEvent *def, struct buf *out)
{
    static const struct {
        const char *kind, *id;
    } streams[] = {
        {"", ""},
        {"room", "roomId"},
        {"community", "communityId"},
        {"members", "communityId"},
        {"user", "userId"},
    };
    buf_printf(out, "\"%s:", streams[def->scope].kind);
    append_id(out, streams[def->scope].id);
    buf_append_char(out, '"');
}

/* What a core puts in front of a server event's own members. */
static void append_reserved(const Belfry__ServerEvent *def, struct members *members)
{
    if (def->durable) {
        begin_member(members, "stream");
        append_stream(def, members->out);
        begin_member(members, "seq");
        buf_printf(members->out, "%d", EXAMPLE_SEQ);
        begin_member(members, "cursor");
        buf_append_text(members->out, "\"13.77aa01fe\"");
    }
    /* what an edge says to one session alone has none */
    if (def->scope != BELFRY__SCOPE__SESSION_SCOPE) {
        begin_member(members, "timestamp");
        buf_append_text(members->out, "\"" EXAMPLE_TIME "\"");
    }
}

void append_example(const struct contract_message *message, enum example_kind kind,
                    int indent, struct buf *out)
{
    struct members members = {out, indent, false};
    int inner = indent >= 0 ? indent + 2 : indent;
    buf_append_char(out, '{');
    if (kind == EXAMPLE_EVENT && message->server_event != NULL) {
        append_reserved(message->server_event, &members);
    }
    for (size_t i = 0; i < message->field_count; i++) {
        const struct contract_field *field = &message->fields[i];
        if (belongs(field, kind)) {
            begin_member(&members, field->json_name);
            append_example_value(message, field, kind, inner, out);
        }
    }
    if (members.any && indent >= 0) {
        buf_printf(out, "\n%*s", indent, "");
    }
    buf_append_char(out, '}');
}
