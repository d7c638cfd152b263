/* Prints the contract as TypeScript: the names of all events, and the type of every
 * payload and reply, a file for each domain. */
#include "emit_typescript.h"

#include "emit.h"

#define HEAD "// Made by belfry-gen from proto/events: do not edit.\n"

/* ---- what a file needs from others ---- */

struct imports {
    struct buf lines;
    const char *names[512];
    size_t count;
};

static void import_name(struct imports *imports, const char *name, const char *from)
{
    for (size_t i = 0; i < imports->count; i++) {
        if (strcmp(imports->names[i], name) == 0) {
            return;
        }
    }
    if (imports->count < sizeof(imports->names) / sizeof(imports->names[0])) {
        imports->names[imports->count++] = name;
        buf_printf(&imports->lines, "import type { %s } from \"%s.js\";\n", name, from);
    }
}

/* ---- fields ---- */

static const char *scalar_type(const struct contract_field *field)
{
    switch (field->proto->type) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
        return "boolean";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES:
        return "string";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT64:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT64:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT64:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED64:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED64:
        return field->rule->json_number ? "number" : "string";
    default:
        return "number";
    }
}

static const char *field_type(struct contract *contract,
                              const struct contract_message *message,
                              const struct contract_field *field, struct imports *imports)
{
    if (field->rule->as_json) {
        import_name(imports, "JsonValue", "../wire");
        return "JsonValue";
    }
    if (field->message != NULL) {
        const char *name = ts_message_name(contract, field->message);
        if (field->message->domain != message->domain) {
            import_name(imports, name,
                        arena_printf(&contract->arena, "./%s",
                                     field->message->domain->def->name));
        }
        return name;
    }
    if (field->proto->type_name != NULL) {
        const char *name = ts_type_name(contract, field->proto->type_name);
        import_name(imports, name, "./enums");
        return name;
    }
    return scalar_type(field);
}

static bool is_reply(const struct contract *contract,
                     const struct contract_message *message)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        if (contract->events[i].reply == message) {
            return true;
        }
    }
    return false;
}

/* "What is said. 1 to 4000 characters." */
static const char *field_doc(struct contract *contract,
                             const struct contract_field *field)
{
    const Belfry__Field *rule = field->rule;
    struct buf text;
    buf_init(&text, 64 * 1024);
    buf_append_text(&text, rule->description != NULL ? rule->description : "");
    if (rule->max_length > 0) {
        buf_printf(&text, " %u to %u characters.", rule->min_length, rule->max_length);
    }
    if (rule->max_items > 0) {
        buf_printf(&text, " %u to %u items.", rule->min_items, rule->max_items);
    }
    if (rule->has_min) {
        buf_printf(&text, " At least %.17g.", rule->min);
    }
    if (rule->has_max) {
        buf_printf(&text, " At most %.17g.", rule->max);
    }
    if (rule->format != BELFRY__FORMAT__ANY) {
        static const char *const words[] = {"", "A UUID.", "RFC 3339.", "A URL."};
        buf_printf(&text, " %s", words[rule->format]);
    }
    if (rule->pattern != NULL) {
        buf_printf(&text, " Pattern: %s", rule->pattern);
    }
    const char *kept =
        arena_text(&contract->arena, text.data != NULL ? (const char *)text.data : "");
    buf_finish(&text);
    return kept;
}

static void print_field(struct contract *contract, const struct contract_message *message,
                        const struct contract_field *field, struct imports *imports,
                        struct buf *out)
{
    const char *doc = field_doc(contract, field);
    if (doc[0] != '\0') {
        ts_append_doc(out, "  ", doc);
    }
    bool there =
        field->rule->required || (field->repeated && is_reply(contract, message));
    buf_printf(out, "  %s%s: %s%s;\n", field->json_name, there ? "" : "?",
               field_type(contract, message, field, imports),
               field->repeated ? "[]" : "");
}

/* ---- messages ---- */

static const char *planned_mark(bool planned)
{
    return planned ? " @planned not built yet: cannot be sent, is not received" : "";
}

static const char *message_doc(struct contract *contract,
                               const struct contract_message *message)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        bool reply = event->reply == message;
        if (reply || event->payload == message) {
            return arena_printf(&contract->arena, "%s %s: %s%s",
                                reply ? "The answer to" : "The payload of",
                                event->def->name, event->def->purpose,
                                planned_mark(event->def->planned));
        }
    }
    const Belfry__ServerEvent *event = message->server_event;
    return event == NULL
               ? NULL
               : arena_printf(&contract->arena, "The payload of %s: %s%s", event->name,
                              event->purpose, planned_mark(event->planned));
}

/* What the system puts in front of a server event's own fields. */
static const char *envelope(const struct contract_message *message)
{
    const Belfry__ServerEvent *event = message->server_event;
    if (event == NULL || event->scope == BELFRY__SCOPE__SESSION_SCOPE) {
        return NULL;
    }
    return event->durable ? "DurableEvent" : "EphemeralEvent";
}

static void print_message(struct contract *contract,
                          const struct contract_message *message, struct imports *imports,
                          struct buf *out)
{
    const char *doc = message_doc(contract, message);
    const char *name = ts_message_name(contract, message);
    const char *base = envelope(message);
    buf_append_char(out, '\n');
    if (doc != NULL) {
        ts_append_doc(out, "", doc);
    }
    if (base != NULL) {
        import_name(imports, base, "../wire");
    }
    if (message->field_count == 0) {
        /* an interface without members would take anything */
        buf_printf(out, "export type %s = %s;\n", name,
                   base != NULL ? base : "Record<string, never>");
        return;
    }
    buf_printf(out, "export interface %s%s%s {\n", name, base != NULL ? " extends " : "",
               base != NULL ? base : "");
    for (size_t i = 0; i < message->field_count; i++) {
        print_field(contract, message, &message->fields[i], imports, out);
    }
    buf_append_text(out, "}\n");
}

static void print_domain(struct contract *contract, const struct contract_domain *domain,
                         struct buf *out)
{
    struct imports imports = {.count = 0};
    struct buf body;
    buf_init(&imports.lines, OUTPUT_MAX);
    buf_init(&body, OUTPUT_MAX);
    for (size_t i = 0; i < contract->message_count; i++) {
        const struct contract_message *message = contract->messages[i];
        if (message->domain == domain) {
            print_message(contract, message, &imports, &body);
        }
    }
    buf_append_text(out, HEAD);
    buf_append_bytes(out, buf_bytes(&imports.lines));
    buf_append_bytes(out, buf_bytes(&body));
    out->failed = out->failed || imports.lines.failed || body.failed;
    buf_finish(&imports.lines);
    buf_finish(&body);
}

static void print_enum(const char *name, const enum_proto *values, struct buf *out)
{
    buf_printf(out, "\nexport type %s =", name);
    for (size_t i = 0; i < values->n_value; i++) {
        buf_printf(out, "\n  | \"%s\"", values->value[i]->name);
    }
    buf_append_text(out, ";\n");
}

static void print_enums(struct contract *contract, struct buf *out)
{
    const char *seen[256];
    size_t count = 0;
    buf_append_text(out, HEAD "export {};\n");
    for (size_t i = 0; i < contract->message_count; i++) {
        const struct contract_message *message = contract->messages[i];
        for (size_t j = 0; j < message->field_count; j++) {
            const struct contract_field *field = &message->fields[j];
            const char *type = field->proto->type_name;
            bool known = field->values == NULL;
            for (size_t k = 0; k < count && !known; k++) {
                known = strcmp(seen[k], type) == 0;
            }
            if (!known && count < sizeof(seen) / sizeof(seen[0])) {
                seen[count++] = type;
                print_enum(ts_type_name(contract, type), field->values, out);
            }
        }
    }
}

/* ---- events.ts ---- */

static void print_names(struct contract *contract, struct buf *out)
{
    buf_append_text(out, "\n/** What a client can send. */\n"
                         "export const ClientEvents = {\n");
    for (size_t i = 0; i < contract->event_count; i++) {
        const Belfry__ClientEvent *def = contract->events[i].def;
        ts_append_doc(out, "  ",
                      arena_printf(&contract->arena, "%s%s", def->purpose,
                                   planned_mark(def->planned)));
        buf_printf(out, "  %s: \"%s\",\n", def->name, def->name);
    }
    buf_append_text(out, "} as const;\n\n/** What a server can send. */\n"
                         "export const ServerEvents = {\n");
    for (size_t i = 0; i < contract->server_event_count; i++) {
        const Belfry__ServerEvent *def = contract->server_events[i]->server_event;
        ts_append_doc(out, "  ",
                      arena_printf(&contract->arena, "%s%s", def->purpose,
                                   planned_mark(def->planned)));
        buf_printf(out, "  %s: \"%s\",\n", def->name, def->name);
    }
    buf_append_text(out, "} as const;\n\n/** Why the server refuses an event. */\n"
                         "export const ErrorCodes = {\n");
#define X(name, message, http)                                                           \
    if (ERR_##name != ERR_OK) {                                                          \
        ts_append_doc(out, "  ", message ".");                                           \
        buf_append_text(out, "  " #name ": \"" #name "\",\n");                           \
    }
    ERR_LIST(X)
#undef X
    buf_append_text(out, "} as const;\n");
}

enum client_map { PAYLOADS, REPLIES, KINDS };

static void print_client_map(struct contract *contract, enum client_map map, bool planned,
                             struct buf *out)
{
    static const char *const kinds[] = {"", "read", "change", "ephemeral"};
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        const Belfry__Resource *resource = event->def->right->resource;
        bool text = map == PAYLOADS && resource != NULL &&
                    resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD;
        if (event->def->planned != planned) {
            continue;
        }
        if (map == KINDS) {
            buf_printf(out, "  %s: \"%s\",\n", event->def->name, kinds[event->def->kind]);
        } else {
            buf_printf(out, "  %s: %s.%s%s;\n", event->def->name,
                       map == PAYLOADS ? event->payload->domain->def->name
                                       : event->reply->domain->def->name,
                       ts_message_name(contract,
                                       map == PAYLOADS ? event->payload : event->reply),
                       text ? " | string" : "");
        }
    }
}

static void print_server_map(struct contract *contract, bool planned, struct buf *out)
{
    for (size_t i = 0; i < contract->server_event_count; i++) {
        const struct contract_message *message = contract->server_events[i];
        if (message->server_event->planned == planned) {
            buf_printf(out, "  %s: %s.%s;\n", message->server_event->name,
                       message->domain->def->name, ts_message_name(contract, message));
        }
    }
}

static void print_maps(struct contract *contract, struct buf *out)
{
    for (int planned = 0; planned <= 1; planned++) {
        const char *prefix = planned ? "Planned" : "";
        const char *what = planned ? "@planned not built yet; " : "";
        buf_printf(out,
                   "\n/** %sevent to payload */\nexport interface %sClientPayloads {\n",
                   what, prefix);
        print_client_map(contract, PAYLOADS, planned, out);
        buf_printf(out,
                   "}\n\n/** %sevent to reply */\nexport interface %sClientReplies {\n",
                   what, prefix);
        print_client_map(contract, REPLIES, planned, out);
        buf_printf(out,
                   "}\n\n/** %sserver event to payload */\n"
                   "export interface %sServerPayloads {\n",
                   what, prefix);
        print_server_map(contract, planned, out);
        buf_append_text(out, "}\n");
    }
    buf_append_text(out, "\n/** How an event is treated: only a change takes a clientId, "
                         "an ephemeral one is never sent late. */\n"
                         "export const clientEventKinds: Record<keyof ClientPayloads, "
                         "\"read\" | \"change\" | \"ephemeral\"> = {\n");
    print_client_map(contract, KINDS, false, out);
    buf_append_text(out, "};\n");
}

static void print_events(struct contract *contract, struct buf *out)
{
    buf_append_text(out, HEAD);
    for (size_t i = 0; i < contract->domain_count; i++) {
        const char *name = contract->domains[i].def->name;
        buf_printf(out, "import type * as %s from \"./%s.js\";\n", name, name);
    }
    print_names(contract, out);
    print_maps(contract, out);
}

static void print_index(struct contract *contract, struct buf *out)
{
    buf_append_text(out, HEAD "export * from \"./enums.js\";\n"
                              "export * from \"./events.js\";\n");
    for (size_t i = 0; i < contract->domain_count; i++) {
        buf_printf(out, "export type * from \"./%s.js\";\n",
                   contract->domains[i].def->name);
    }
}

/* ---- files ---- */

static enum err write_file(struct contract *contract, const char *directory,
                           const char *name, struct buf *text)
{
    const char *file = arena_printf(&contract->arena, "%s.ts", name);
    enum err err = emit_file(contract, directory, file, text);
    buf_clear(text);
    return err;
}

static enum err write_all(struct contract *contract, const char *directory,
                          struct buf *text)
{
    print_enums(contract, text);
    TRY(write_file(contract, directory, "enums", text));
    for (size_t i = 0; i < contract->domain_count; i++) {
        print_domain(contract, &contract->domains[i], text);
        TRY(write_file(contract, directory, contract->domains[i].def->name, text));
    }
    print_events(contract, text);
    TRY(write_file(contract, directory, "events", text));
    buf_append_text(text, HEAD);
    ts_print_contract(contract, text);
    TRY(write_file(contract, directory, "contract", text));
    print_index(contract, text);
    return write_file(contract, directory, "index", text);
}

enum err emit_typescript(struct contract *contract, const char *directory)
{
    struct buf text;
    buf_init(&text, OUTPUT_MAX);
    enum err err = write_all(contract, directory, &text);
    buf_finish(&text);
    return err;
}
