/* Prints messages as TypeScript interfaces, with the rules of their fields as comments.
 */
#include "emit_docs.h"

#include <ctype.h>

#include "emit_typescript.h"

#define TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

#define SEEN_MAX        64
#define COMMENT_COL_MAX 48 /* comments of longer fields stand where they can */
#define UNION_VALUES    6  /* longer enums get a name */

/* What was met on the way and is printed once, further down. */
struct seen {
    struct contract *contract;
    const struct contract_message *messages[SEEN_MAX];
    size_t message_count;
    const struct contract_field *enums[SEEN_MAX]; /* a field of that type */
    size_t enum_count;
};

static void see_message(struct seen *seen, const struct contract_message *message)
{
    for (size_t i = 0; i < seen->message_count; i++) {
        if (seen->messages[i] == message) {
            return;
        }
    }
    if (seen->message_count < SEEN_MAX) {
        seen->messages[seen->message_count++] = message;
    }
}

static void see_enum(struct seen *seen, const struct contract_field *field)
{
    for (size_t i = 0; i < seen->enum_count; i++) {
        if (seen->enums[i]->values == field->values) {
            return;
        }
    }
    if (seen->enum_count < SEEN_MAX) {
        seen->enums[seen->enum_count++] = field;
    }
}

static void append_union(const enum_proto *values, struct buf *out)
{
    for (size_t i = 0; i < values->n_value; i++) {
        buf_printf(out, "%s'%s'", i > 0 ? " | " : "", values->value[i]->name);
    }
}

static void append_type(const struct contract_field *field, struct seen *seen,
                        struct buf *out)
{
    bool inline_union = false;
    switch (field->proto->type) {
    case TYPE(STRING):
        buf_append_text(out, field->rule->as_json ? "any" : "string");
        break;
    case TYPE(BYTES):
        buf_append_text(out, "string");
        break;
    case TYPE(BOOL):
        buf_append_text(out, "boolean");
        break;
    case TYPE(MESSAGE):
        see_message(seen, field->message);
        buf_append_text(out, ts_message_name(seen->contract, field->message));
        break;
    case TYPE(ENUM):
        inline_union = field->values->n_value <= UNION_VALUES;
        if (inline_union) {
            buf_append_text(out, field->repeated ? "(" : "");
            append_union(field->values, out);
            buf_append_text(out, field->repeated ? ")" : "");
        } else {
            see_enum(seen, field);
            buf_append_text(out, ts_type_name(seen->contract, field->proto->type_name));
        }
        break;
    case TYPE(INT64):
    case TYPE(UINT64):
    case TYPE(SINT64):
    case TYPE(FIXED64):
    case TYPE(SFIXED64):
        buf_append_text(out, field->rule->json_number ? "number" : "string");
        break;
    default:
        buf_append_text(out, "number");
        break;
    }
    buf_append_text(out, field->repeated ? "[]" : "");
}

static void append_comment(const struct contract_field *field, struct buf *out)
{
    struct buf rules;
    buf_init(&rules, PART_MAX);
    append_rule_words(field, &rules);
    const char *text = field->rule->description;
    buf_append_text(out, "// ");
    buf_append_text(out, text != NULL ? text : "");
    if (rules.size > 0) {
        rules.data[0] = (uint8_t)toupper(rules.data[0]);
        buf_append_char(out, ' ');
        buf_append_bytes(out, buf_bytes(&rules));
        buf_append_char(out, '.');
    }
    buf_finish(&rules);
}

struct line {
    struct buf text;                    /* `name?: type;` */
    const struct contract_field *field; /* NULL: the comment is */
    const char *comment;
};

struct lines {
    struct line items[FIELDS_MAX + 4];
    size_t count;
};

static struct buf *add_line(struct lines *lines, const struct contract_field *field,
                            const char *comment)
{
    struct line *line = &lines->items[lines->count++];
    line->field = field;
    line->comment = comment;
    buf_init(&line->text, PART_MAX);
    return &line->text;
}

static void print_lines(struct lines *lines, struct buf *out)
{
    size_t column = 0;
    for (size_t i = 0; i < lines->count; i++) {
        size_t size = lines->items[i].text.size;
        column = size > column && size <= COMMENT_COL_MAX ? size : column;
    }
    for (size_t i = 0; i < lines->count; i++) {
        struct line *line = &lines->items[i];
        buf_printf(out, "  %-*s ", (int)column, (const char *)line->text.data);
        if (line->field != NULL) {
            append_comment(line->field, out);
        } else {
            buf_printf(out, "// %s", line->comment);
        }
        buf_append_char(out, '\n');
        buf_finish(&line->text);
    }
}

/* What a core puts in front of the payload. */
static void add_reserved(const Belfry__ServerEvent *def, struct lines *lines)
{
    if (def->durable) {
        buf_append_text(
            add_line(lines, NULL, "Where it has its place, such as \"room:…\"."),
            "stream: string;");
        buf_append_text(
            add_line(lines, NULL, "Its place in the stream: 1, 2, 3, … without gaps."),
            "seq: number;");
        buf_append_text(
            add_line(lines, NULL, "Opaque; give it back to resume behind it."),
            "cursor: string;");
    }
    buf_append_text(add_line(lines, NULL, "When it occurred. RFC 3339."),
                    def->scope == BELFRY__SCOPE__SESSION_SCOPE ? "timestamp?: string;"
                                                               : "timestamp: string;");
}

/* Only the lists of a reply itself are there when they are empty. */
static void print_interface(const struct contract_message *message,
                            const Belfry__ServerEvent *event, bool reply,
                            struct seen *seen, struct buf *out)
{
    const char *name = ts_message_name(seen->contract, message);
    if (message->field_count == 0 && event == NULL) {
        buf_printf(out, "interface %s {}\n", name);
        return;
    }
    static struct lines lines;
    lines.count = 0;
    if (event != NULL) {
        add_reserved(event, &lines);
    }
    for (size_t i = 0; i < message->field_count && i < FIELDS_MAX; i++) {
        const struct contract_field *field = &message->fields[i];
        bool sure = field->rule->required || (field->repeated && reply);
        struct buf *text = add_line(&lines, field, NULL);
        buf_printf(text, "%s%s: ", field->json_name, sure ? "" : "?");
        append_type(field, seen, text);
        buf_append_char(text, ';');
    }
    buf_printf(out, "interface %s {\n", name);
    print_lines(&lines, out);
    buf_append_text(out, "}\n");
}

const char *event_stem(struct contract *contract, const struct contract_message *message)
{
    const char *name = ts_message_name(contract, message);
    return arena_printf(&contract->arena, "%.*s", (int)(strlen(name) - strlen("Payload")),
                        name);
}

void append_interface(struct contract *contract, const struct contract_message *message,
                      struct buf *out)
{
    struct seen seen = {.contract = contract};
    print_interface(message, message->server_event,
                    message->server_event == NULL && !message->in_payload, &seen, out);
    for (size_t i = 0; i < seen.message_count; i++) {
        buf_append_char(out, '\n');
        print_interface(seen.messages[i], NULL, false, &seen, out);
    }
    for (size_t i = 0; i < seen.enum_count; i++) {
        const enum_proto *values = seen.enums[i]->values;
        buf_printf(
            out, "\ntype %s =", ts_type_name(contract, seen.enums[i]->proto->type_name));
        for (size_t j = 0; j < values->n_value; j++) {
            buf_printf(out, "\n  | '%s'", values->value[j]->name);
        }
        buf_append_text(out, ";\n");
    }
    /* it stands between fences that bring the last newline */
    while (out->size > 0 && out->data[out->size - 1] == '\n') {
        out->size--;
        out->data[out->size] = '\0';
    }
}
