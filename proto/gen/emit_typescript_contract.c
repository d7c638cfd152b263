/* Prints the contract as a table that TypeScript reads at run time: what the mock server
 * checks payloads against and shapes its answers by. */
#include "emit_typescript.h"

#define PAYLOAD_MAX_DEFAULT 16384

static const char *field_word(const struct contract_field *field)
{
    if (field->rule->as_json) {
        return "json";
    }
    switch (field->proto->type) {
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE:
        return "message";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_ENUM:
        return "enum";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL:
        return "boolean";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_STRING:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES:
        return "string";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_DOUBLE:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FLOAT:
        return "number";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_UINT32:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_FIXED32:
        return "uint32";
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_INT32:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SINT32:
    case GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_SFIXED32:
        return "int32";
    default:
        return field->rule->json_number ? "integer" : "int64";
    }
}

static void print_limits(const Belfry__Field *rule, struct buf *out)
{
    static const char *const formats[] = {"", "uuid", "timestamp", "url"};
    buf_append_text(out, rule->required ? ", required: true" : "");
    if (rule->min_length > 0) {
        buf_printf(out, ", minLength: %u", rule->min_length);
    }
    if (rule->max_length > 0) {
        buf_printf(out, ", maxLength: %u", rule->max_length);
    }
    if (rule->has_min) {
        buf_printf(out, ", min: %.17g", rule->min);
    }
    if (rule->has_max) {
        buf_printf(out, ", max: %.17g", rule->max);
    }
    if (rule->min_items > 0) {
        buf_printf(out, ", minItems: %u", rule->min_items);
    }
    if (rule->max_items > 0) {
        buf_printf(out, ", maxItems: %u", rule->max_items);
    }
    if (rule->format != BELFRY__FORMAT__ANY) {
        buf_printf(out, ", format: \"%s\"", formats[rule->format]);
    }
    if (rule->pattern != NULL) {
        buf_append_text(out, ", pattern: ");
        ts_append_string(out, rule->pattern);
    }
    buf_append_text(out, rule->visible ? ", visible: true" : "");
}

static void print_field(struct contract *contract, const struct contract_field *field,
                        struct buf *out)
{
    buf_printf(out, "      { name: \"%s\", type: \"%s\"", field->json_name,
               field_word(field));
    buf_append_text(out, field->repeated ? ", repeated: true" : "");
    print_limits(field->rule, out);
    if (field->message != NULL) {
        buf_printf(out, ", message: \"%s\"", ts_message_name(contract, field->message));
    }
    if (field->values != NULL) {
        buf_append_text(out, ", values: [");
        for (size_t i = 0; i < field->values->n_value; i++) {
            buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", field->values->value[i]->name);
        }
        buf_append_text(out, "]");
    }
    if (field->rule->example != NULL) { /* JSON is TypeScript */
        buf_printf(out, ", example: %s", field->rule->example);
    }
    buf_append_text(out, " },\n");
}

static void print_client_event(struct contract *contract,
                               const struct contract_event *event, struct buf *out)
{
    static const char *const kinds[] = {"", "read", "change", "ephemeral"};
    const Belfry__ClientEvent *def = event->def;
    const Belfry__Resource *resource = def->right->resource;
    buf_printf(out,
               "    %s: {\n      kind: \"%s\", payload: \"%s\", reply: \"%s\",\n"
               "      namespace: \"%s\", payloadMax: %u, rate: { limit: %u, "
               "perSeconds: %u },\n",
               def->name, kinds[def->kind], ts_message_name(contract, event->payload),
               ts_message_name(contract, event->reply), domain_namespace(event->domain),
               def->payload_max > 0 ? def->payload_max : PAYLOAD_MAX_DEFAULT,
               def->rate->limit, def->rate->per_seconds);
    if (resource != NULL && resource->id_key != NULL) {
        buf_printf(out, "      resource: { type: \"%s\", idKey: \"%s\" },\n",
                   ts_enum_word(&belfry__resource_type__descriptor, resource->type),
                   resource->id_key);
    }
    if (resource != NULL &&
        resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD) {
        buf_printf(out, "      textPayload: \"%s\",\n", resource->id_key);
    }
    if (def->right->subscribed != NULL) {
        buf_printf(out, "      subscribed: \"%s\",\n", def->right->subscribed);
    }
    buf_append_text(out, def->planned ? "      planned: true,\n" : "");
    buf_append_text(out, "      causes: [");
    for (size_t i = 0; i < def->n_causes; i++) {
        buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", def->causes[i]);
    }
    buf_append_text(out, "],\n    },\n");
}

static void print_server_event(struct contract *contract,
                               const struct contract_message *message, struct buf *out)
{
    const Belfry__ServerEvent *def = message->server_event;
    const char *scope = ts_enum_word(&belfry__scope__descriptor, (int)def->scope);
    buf_printf(out, "    %s: { scope: \"%.*s\", payload: \"%s\"%s%s%s },\n", def->name,
               (int)strcspn(scope, "_"), scope, ts_message_name(contract, message),
               def->durable ? ", durable: true" : "",
               def->except_sender ? ", exceptSender: true" : "",
               def->planned ? ", planned: true" : "");
}

void ts_print_contract(struct contract *contract, struct buf *out)
{
    buf_append_text(out, "import type { Contract } from \"../contract_types.js\";\n\n"
                         "export const contract: Contract = {\n  messages: {\n");
    for (size_t i = 0; i < contract->message_count; i++) {
        const struct contract_message *message = contract->messages[i];
        buf_printf(out, "    %s: [%s", ts_message_name(contract, message),
                   message->field_count > 0 ? "\n" : "");
        for (size_t j = 0; j < message->field_count; j++) {
            print_field(contract, &message->fields[j], out);
        }
        buf_append_text(out, message->field_count > 0 ? "    ],\n" : "],\n");
    }
    buf_append_text(out, "  },\n  client: {\n");
    for (size_t i = 0; i < contract->event_count; i++) {
        print_client_event(contract, &contract->events[i], out);
    }
    buf_append_text(out, "  },\n  server: {\n");
    for (size_t i = 0; i < contract->server_event_count; i++) {
        print_server_event(contract, contract->server_events[i], out);
    }
    buf_append_text(out, "  },\n};\n");
}
