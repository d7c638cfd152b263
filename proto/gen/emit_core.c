/* Prints the core's side of the contract: handler prototypes, and the tables that the
 * one path of dispatch obeys. */
#include "emit.h"

#include <ctype.h>
#include <openssl/sha.h>

#define PAYLOAD_MAX_DEFAULT 16384

/* ---- names, as protobuf-c makes them of a full name ---- */

/* "belfry.SetPresence.Status" to "Belfry__SetPresence__Status" */
static void append_c_type(struct buf *out, const char *full_name)
{
    bool start = true;
    for (const char *at = full_name; *at != '\0'; at++) {
        if (*at == '.') {
            buf_append_text(out, "__");
            start = true;
        } else if (*at == '_') {
            start = true;
        } else {
            buf_append_char(out, start ? (char)toupper((unsigned char)*at) : *at);
            start = false;
        }
    }
}

/* "belfry.SetPresence" to "belfry__set_presence" */
static void append_c_name(struct buf *out, const char *full_name)
{
    bool was_upper = false, start = true;
    for (const char *at = full_name; *at != '\0'; at++) {
        bool upper = isupper((unsigned char)*at);
        if (*at == '.') {
            buf_append_text(out, "__");
            start = true;
            was_upper = false;
            continue;
        }
        if (upper && !was_upper && !start) {
            buf_append_char(out, '_');
        }
        buf_append_char(out, (char)tolower((unsigned char)*at));
        was_upper = upper;
        start = false;
    }
}

static void append_c_string(struct buf *out, const char *text)
{
    if (text == NULL) {
        buf_append_text(out, "NULL");
        return;
    }
    buf_append_char(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\') {
            buf_append_char(out, '\\');
            buf_append_char(out, *at);
        } else if ((unsigned char)*at < 0x20 || (unsigned char)*at >= 0x7f ||
                   *at == '?') {
            buf_printf(out, "\\%03o", (unsigned char)*at);
        } else {
            buf_append_char(out, *at);
        }
    }
    buf_append_char(out, '"');
}

/* Words into a C comment's lines of at most 90 columns, " * " in front of all but the
 * first. */
static void append_comment(struct buf *out, const char *text)
{
    size_t column = 2;
    buf_append_text(out, "/*");
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        bool wraps = column + 1 + word > 86;
        buf_append_text(out, wraps ? "\n * " : " ");
        column = (wraps ? 3 : column + 1) + word;
        for (size_t i = 0; i < word; i++) {
            /* the end of the comment must be ours */
            bool ends = i > 0 && text[i] == '/' && text[i - 1] == '*';
            buf_append_char(out, ends ? '|' : text[i]);
        }
        text += word;
        text += strspn(text, " ");
    }
    buf_append_text(out, " */\n");
}

/* ---- events.gen.h ---- */

static bool planned(const struct contract_event *event)
{
    return event->def->planned;
}

static void print_header(struct contract *contract, struct buf *out)
{
    buf_append_text(
        out, "/* Made by belfry-gen from proto/events: the handlers that the contract "
             "asks for. */\n"
             "#ifndef EVENTS_GEN_H\n#define EVENTS_GEN_H\n\n"
             "#include \"core/event.h\"\n#include \"core/request.h\"\n");
    for (size_t i = 0; i < contract->domain_count; i++) {
        const char *name = contract->domains[i].file->name;
        buf_printf(out, "#include \"%.*s.pb-c.h\"\n",
                   (int)(strlen(name) - strlen(".proto")), name);
    }
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        if (planned(event)) {
            continue;
        }
        buf_append_char(out, '\n');
        append_comment(out, arena_printf(&contract->arena, "%s: %s", event->def->name,
                                         event->def->purpose));
        buf_printf(out, "enum err %s(struct request *request,\n              const ",
                   lower_name(contract, event->def->name));
        append_c_type(out, event->payload->full_name);
        buf_append_text(out, " *payload);\n");
    }
    buf_append_text(out, "\n/* The rules of messages, for replies and publications made "
                         "in C. */\n");
    for (size_t i = 0; i < contract->message_count; i++) {
        if (contract->messages[i]->in_use) {
            buf_append_text(out, "extern const struct message_rules rules_");
            append_c_name(out, contract->messages[i]->full_name);
            buf_append_text(out, ";\n");
        }
    }
    buf_append_text(out, "\n#endif\n");
}

/* ---- events.gen.c ---- */

static const char *format_word(const Belfry__Field *rule)
{
    static const char *const words[] = {"FORMAT_ANY", "FORMAT_UUID", "FORMAT_TIMESTAMP",
                                        "FORMAT_URL"};
    return words[rule->format];
}

static void print_field_rule(const struct contract_field *field, struct buf *out)
{
    const Belfry__Field *rule = field->rule;
    buf_append_text(out, "    {.json_name = ");
    append_c_string(out, field->json_name);
    if (rule->required) {
        buf_append_text(out, ", .required = true");
    }
    if (rule->min_length > 0) {
        buf_printf(out, ", .min_length = %u", rule->min_length);
    }
    if (rule->max_length > 0) {
        buf_printf(out, ", .max_length = %u", rule->max_length);
    }
    if (rule->has_min || rule->has_max) {
        buf_append_text(out, ",\n     .has_range = true");
        if (rule->has_min) {
            buf_printf(out, ", .min = %.17g", rule->min);
        } else {
            buf_append_text(out, ", .min = -HUGE_VAL");
        }
        if (rule->has_max) {
            buf_printf(out, ", .max = %.17g", rule->max);
        } else {
            buf_append_text(out, ", .max = HUGE_VAL");
        }
    }
    if (rule->pattern != NULL) {
        buf_append_text(out, ",\n     .pattern = ");
        append_c_string(out, rule->pattern);
    }
    if (rule->format != BELFRY__FORMAT__ANY) {
        buf_printf(out, ", .format = %s", format_word(rule));
    }
    if (rule->min_items > 0) {
        buf_printf(out, ", .min_items = %u", rule->min_items);
    }
    if (rule->max_items > 0) {
        buf_printf(out, ", .max_items = %u", rule->max_items);
    }
    buf_append_text(out, rule->visible ? ", .visible = true" : "");
    buf_append_text(out, rule->as_json ? ", .as_json = true" : "");
    buf_append_text(out, rule->json_number ? ", .json_number = true" : "");
    if (field->message != NULL) {
        buf_append_text(out, ",\n     .message = &rules_");
        append_c_name(out, field->message->full_name);
    }
    buf_append_text(out, "},\n");
}

static void print_rules(struct contract *contract, struct buf *out)
{
    for (size_t i = 0; i < contract->message_count; i++) {
        const struct contract_message *message = contract->messages[i];
        if (!message->in_use) {
            continue;
        }
        buf_append_char(out, '\n');
        if (message->field_count > 0) {
            buf_append_text(out, "static const struct field_rule fields_");
            append_c_name(out, message->full_name);
            buf_append_text(out, "[] = {\n");
            for (size_t j = 0; j < message->field_count; j++) {
                print_field_rule(&message->fields[j], out);
            }
            buf_append_text(out, "};\n");
        }
        buf_append_text(out, "const struct message_rules rules_");
        append_c_name(out, message->full_name);
        buf_append_text(out, " = {\n    .descriptor = &");
        append_c_name(out, message->full_name);
        buf_append_text(out, "__descriptor,\n    .fields = ");
        if (message->field_count > 0) {
            buf_append_text(out, "fields_");
            append_c_name(out, message->full_name);
        } else {
            buf_append_text(out, "NULL");
        }
        buf_append_text(out, ",\n};\n");
    }
}

static void print_thunks(struct contract *contract, struct buf *out)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        if (planned(event)) {
            continue;
        }
        const char *name = lower_name(contract, event->def->name);
        buf_printf(out,
                   "\nstatic enum err call_%s(struct request *request, const "
                   "ProtobufCMessage *payload)\n{\n    return %s(request, (const ",
                   name, name);
        append_c_type(out, event->payload->full_name);
        buf_append_text(out, " *)payload);\n}\n");
    }
}

/* The number of the payload's own field that names the room of a `subscribed` event;
 * 0: there is none. */
static uint32_t subscribed_field(const struct contract_event *event)
{
    const char *key = event->def->right->subscribed;
    bool own = key != NULL && strchr(key, '.') == NULL;
    return own ? (uint32_t)find_path(event->payload, key)->proto->number : 0;
}

static void print_right(const struct contract_event *event, struct buf *out)
{
    const Belfry__Right *right = event->def->right;
    const Belfry__Resource *resource = right->resource;
    static const char *const types[] = {"RESOURCE_NONE", "RESOURCE_INSTANCE",
                                        "RESOURCE_COMMUNITY", "RESOURCE_ROOM",
                                        "RESOURCE_MESSAGE"};
    uint64_t mask = 0;
    for (size_t i = 0; i < right->n_actions; i++) {
        mask |= UINT64_C(1) << (right->actions[i] - 1);
    }
    buf_printf(out, "     .right = %s,\n",
               right->n_actions > 0             ? "RIGHT_ACTIONS"
               : right->subscribed != NULL      ? "RIGHT_SUBSCRIBED"
               : right->has_self && right->self ? "RIGHT_SELF"
                                                : "RIGHT_PUBLIC");
    if (mask != 0) {
        buf_printf(out, "     .actions = UINT64_C(0x%llx),\n", (unsigned long long)mask);
    }
    if (resource != NULL) {
        buf_printf(out, "     .resource = %s,\n", types[resource->type]);
    } else if (right->subscribed != NULL) {
        buf_append_text(out, "     .resource = RESOURCE_ROOM,\n");
    }
    const char *id_key = resource != NULL ? resource->id_key : right->subscribed;
    if (id_key != NULL) {
        buf_append_text(out, "     .id_key = ");
        append_c_string(out, id_key);
        buf_append_text(out, ",\n");
    }
    if (right->subscribed != NULL) {
        buf_printf(out, "     .id_field = %u,\n", subscribed_field(event));
    }
    if (resource != NULL &&
        resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD) {
        buf_append_text(out, "     .text_payload = true,\n");
    }
}

static uint32_t payload_max(const Belfry__ClientEvent *def)
{
    return def->payload_max > 0 ? def->payload_max : PAYLOAD_MAX_DEFAULT;
}

static void print_event(struct contract *contract, const struct contract_event *event,
                        struct buf *out)
{
    static const char *const kinds[] = {"", "EVENT_READ", "EVENT_CHANGE",
                                        "EVENT_EPHEMERAL"};
    static const char *const authentications[] = {"AUTH_REQUIRED", "AUTH_OPTIONAL",
                                                  "AUTH_NONE"};
    static const char *const locks[] = {"LOCK_SHARED", "LOCK_REVOKES",
                                        "LOCK_REVOKES_USER"};
    const Belfry__ClientEvent *def = event->def;
    const char *name = lower_name(contract, def->name);
    buf_printf(out, "    {.name = \"%s\",\n     .sql_function = \"event_%s\",\n",
               def->name, name);
    buf_append_text(out, "     .name_space = ");
    append_c_string(out, domain_namespace(event->domain));
    buf_printf(out, ",\n     .kind = %s,\n     .authentication = %s,\n", kinds[def->kind],
               authentications[def->authentication]);
    print_right(event, out);
    buf_printf(out, "     .lock = %s,\n", locks[def->lock]);
    if (def->many_streams) {
        buf_append_text(out, "     .many_streams = true,\n");
    }
    if (def->shortcut) {
        buf_printf(out, "     .sql_shortcut = \"run_%s\",\n", name);
        if (def->kind == BELFRY__EVENT_KIND__CHANGE) {
            buf_printf(out, "     .sql_lone = \"lone_%s\",\n", name);
        }
    }
    buf_printf(out, "     .limit = %u,\n     .per_seconds = %u,\n", def->rate->limit,
               def->rate->per_seconds);
    if (def->rate->by_connection) {
        buf_append_text(out, "     .limit_by_connection = true,\n");
    }
    buf_printf(out, "     .payload_max = %u,\n     .payload = &rules_", payload_max(def));
    append_c_name(out, event->payload->full_name);
    buf_append_text(out, ",\n     .reply = &rules_");
    append_c_name(out, event->reply->full_name);
    buf_printf(out, ",\n     .handle = call_%s},\n", name);
}

static void print_event_table(struct contract *contract, struct buf *out)
{
    size_t count = 0;
    buf_append_text(out, "\nconst struct event_def event_table[] = {\n");
    for (size_t i = 0; i < contract->event_count; i++) {
        if (!planned(&contract->events[i])) {
            print_event(contract, &contract->events[i], out);
            count++;
        }
    }
    /* C has no empty arrays. */
    buf_append_text(out, count == 0 ? "    {.name = NULL},\n" : "");
    buf_printf(out, "};\nconst size_t event_count = %zu;\n", count);
}

static void print_server_event_table(struct contract *contract, struct buf *out)
{
    static const char *const scopes[] = {
        "",           "SCOPE_ROOM",    "SCOPE_COMMUNITY", "SCOPE_MEMBERS",
        "SCOPE_USER", "SCOPE_SESSION", "SCOPE_CONTACTS",  "SCOPE_GLOBAL"};
    size_t count = 0;
    buf_append_text(out, "\nconst struct server_event_def server_event_table[] = {\n");
    for (size_t i = 0; i < contract->server_event_count; i++) {
        const struct contract_message *message = contract->server_events[i];
        const Belfry__ServerEvent *def = message->server_event;
        if (def->planned) {
            continue;
        }
        buf_printf(
            out, "    {.name = \"%s\",\n     .scope = %s,\n%s%s     .payload = &rules_",
            def->name, scopes[def->scope], def->durable ? "     .durable = true,\n" : "",
            def->except_sender ? "     .except_sender = true,\n" : "");
        append_c_name(out, message->full_name);
        buf_append_text(out, "},\n");
        count++;
    }
    buf_append_text(out, count == 0 ? "    {.name = NULL},\n" : "");
    buf_printf(out, "};\nconst size_t server_event_count = %zu;\n", count);
}

/* Over what CatalogueEvent in link.proto carries, and nothing else: a core that differs
 * only inside looks the same to an edge. */
static void print_catalogue_hash(struct contract *contract, struct buf *out)
{
    struct buf text;
    buf_init(&text, OUTPUT_MAX);
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        const Belfry__ClientEvent *def = event->def;
        if (planned(event)) {
            continue;
        }
        const Belfry__Resource *resource = def->right->resource;
        bool text_payload = resource != NULL &&
                            resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD;
        const char *subscribed = def->right->subscribed;
        buf_printf(&text, "%s %s %d %d %s %u %u %u %d %u %s\n", def->name,
                   domain_namespace(event->domain), (int)def->authentication,
                   def->kind == BELFRY__EVENT_KIND__CHANGE,
                   subscribed != NULL ? subscribed : "-", subscribed_field(event),
                   def->rate->limit, def->rate->per_seconds, def->rate->by_connection,
                   payload_max(def), text_payload ? resource->id_key : "-");
    }
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256(text.data != NULL ? text.data : (const uint8_t *)"", text.size, hash);
    buf_append_text(out, "\nconst uint8_t event_catalogue_hash[32] = {");
    for (size_t i = 0; i < sizeof(hash); i++) {
        buf_printf(out, "%s0x%02x,", i % 12 == 0 ? "\n    " : " ", hash[i]);
    }
    buf_append_text(out, "\n};\n");
    buf_finish(&text);
}

static void print_source(struct contract *contract, struct buf *out)
{
    buf_append_text(out,
                    "/* Made by belfry-gen from proto/events: the contract as tables. "
                    "*/\n#include \"events.gen.h\"\n\n#include <math.h>\n");
    print_rules(contract, out);
    print_thunks(contract, out);
    print_event_table(contract, out);
    print_server_event_table(contract, out);
    print_catalogue_hash(contract, out);
}

enum err emit_core(struct contract *contract, const char *directory)
{
    struct buf header, source;
    buf_init(&header, OUTPUT_MAX);
    buf_init(&source, OUTPUT_MAX);
    print_header(contract, &header);
    print_source(contract, &source);
    enum err err = emit_file(contract, directory, "events.gen.h", &header);
    if (err == ERR_OK) {
        err = emit_file(contract, directory, "events.gen.c", &source);
    }
    if (err == ERR_OK) {
        err = emit_description(contract, directory);
    }
    buf_finish(&header);
    buf_finish(&source);
    return err;
}
