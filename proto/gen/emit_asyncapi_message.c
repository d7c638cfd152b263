/* The messages of the AsyncAPI document: payloads, replies, server events and the
 * refusal, each with an example. */
#include "emit_asyncapi.h"
#include "example.h"

static void print_example(const struct document *document,
                          const struct contract_message *message, enum example_kind kind)
{
    struct json *json = document->json;
    json_open(json, "examples", '[');
    json_open(json, NULL, '{');
    json_text(json, "name", "example");
    json_value(json, "payload");
    append_example(message, kind, json_column(json), json->out);
    json_close(json, '{');
    json_close(json, '[');
}

static void print_schema(const struct document *document, const char *key,
                         const struct contract_message *message, bool input)
{
    json_reference(document->json, key, "#/components/schemas/%s",
                   schema_name(document, message, input));
}

/* The member of the payload that a bare JSON string becomes; NULL: none is taken. */
static const struct contract_field *text_field(const struct contract_event *event)
{
    const Belfry__Resource *resource = event->def->right->resource;
    return resource != NULL &&
                   resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD
               ? find_path(event->payload, resource->id_key)
               : NULL;
}

static void print_payload(const struct document *document,
                          const struct contract_event *event)
{
    struct json *json = document->json;
    if (text_field(event) == NULL) {
        print_schema(document, "payload", event->payload, true);
        return;
    }
    json_open(json, "payload", '{');
    json_open(json, "oneOf", '[');
    print_schema(document, NULL, event->payload, true);
    json_open(json, NULL, '{');
    json_printf(json, "description", "The same as an object with `%s` alone.",
                event->def->right->resource->id_key);
    json_text(json, "type", "string");
    json_text(json, "format", "uuid");
    json_close(json, '{');
    json_close(json, '[');
    json_close(json, '{');
}

static void open_message(const struct document *document, const char *name,
                         const char *title, const char *summary, bool planned,
                         const struct contract_message *message)
{
    struct json *json = document->json;
    json_open(json, name, '{');
    json_text(json, "name", name);
    json_text(json, "title", title);
    json_text(json, "summary", summary);
    print_tags(document, message->domain->def->name);
    json_text(json, "x-protobuf", message->full_name);
    if (planned) {
        json_bool(json, "x-planned", true);
    }
}

static void print_client_messages(const struct document *document,
                                  const struct contract_event *event)
{
    struct contract *contract = document->contract;
    struct json *json = document->json;
    const Belfry__ClientEvent *def = event->def;
    const char *title = title_of(contract, def->name);
    open_message(document, def->name, title, def->purpose, def->planned, event->payload);
    print_payload(document, event);
    print_example(document, event->payload, EXAMPLE_PAYLOAD);
    json_close(json, '{');

    open_message(document, arena_printf(&contract->arena, "%s.reply", def->name),
                 arena_printf(&contract->arena, "%s, reply", title),
                 arena_printf(&contract->arena, "%s was done.", def->name), def->planned,
                 event->reply);
    print_schema(document, "payload", event->reply, false);
    print_example(document, event->reply, EXAMPLE_OUTPUT);
    json_close(json, '{');
}

static void print_server_message(const struct document *document,
                                 const struct contract_message *message)
{
    struct json *json = document->json;
    const Belfry__ServerEvent *def = message->server_event;
    open_message(document, def->name, title_of(document->contract, def->name),
                 def->purpose, def->planned, message);
    if (def->scope == BELFRY__SCOPE__SESSION_SCOPE) {
        print_schema(document, "payload", message, false);
    } else {
        json_open(json, "payload", '{');
        json_open(json, "allOf", '[');
        json_reference(json, NULL, "#/components/schemas/reserved.%s",
                       def->durable ? "durable" : "ephemeral");
        print_schema(document, NULL, message, false);
        json_close(json, '[');
        json_close(json, '{');
    }
    print_example(document, message, EXAMPLE_EVENT);
    json_close(json, '{');
}

static void print_refusal(const struct document *document)
{
    struct json *json = document->json;
    json_open(json, "refusal", '{');
    json_text(json, "name", "refusal");
    json_text(json, "title", "Refusal");
    json_text(
        json, "summary",
        "The client event was refused, and nothing was written. The event ERROR says "
        "the same.");
    json_reference(json, "payload", "#/components/schemas/refusal");
    json_open(json, "examples", '[');
    json_open(json, NULL, '{');
    json_text(json, "name", "example");
    json_open(json, "payload", '{');
    json_open(json, "error", '{');
    json_text(json, "code", err_code(ERR_PERMISSION_DENIED));
    json_text(json, "message", err_message(ERR_PERMISSION_DENIED));
    json_close(json, '{');
    json_close(json, '{');
    json_close(json, '{');
    json_close(json, '[');
    json_close(json, '{');
}

void print_messages(const struct document *document)
{
    const struct contract *contract = document->contract;
    json_open(document->json, "messages", '{');
    for (size_t i = 0; i < contract->event_count; i++) {
        print_client_messages(document, &contract->events[i]);
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        print_server_message(document, contract->server_events[i]);
    }
    print_refusal(document);
    json_close(document->json, '{');
}
