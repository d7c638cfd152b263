/* Prints the contract as an AsyncAPI document: what the server receives and sends, for
 * the tools that read such documents, and for people who know none of ours. */
#include "emit_asyncapi.h"

#include "emit.h"
#include "reach.h"
#include "refusals.h"

#define ASYNCAPI_VERSION    "3.1.0"
#define DOCUMENT_MAX        (2u << 20) /* bytes: it travels in one message of the link */
#define PAYLOAD_MAX_DEFAULT 16384

/* "ROOM_SCOPE" to "ROOM" */
static const char *scope_name(struct contract *contract, Belfry__Scope scope)
{
    const char *name =
        protobuf_c_enum_descriptor_get_value(&belfry__scope__descriptor, (int)scope)
            ->name;
    return arena_printf(&contract->arena, "%.*s", (int)(strlen(name) - strlen("_SCOPE")),
                        name);
}

static const char *name_of(const ProtobufCEnumDescriptor *type, int value)
{
    return protobuf_c_enum_descriptor_get_value(type, value)->name;
}

/* "SEND_MESSAGE" to "Send message" */
const char *title_of(struct contract *contract, const char *name)
{
    char *title = arena_text(&contract->arena, lower_name(contract, name));
    for (char *at = title; at != NULL && *at != '\0'; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
    if (title != NULL) {
        title[0] = name[0];
    }
    return title;
}

/* ---- info and servers ---- */

void print_tags(const struct document *document, const char *only)
{
    const struct contract *contract = document->contract;
    struct json *json = document->json;
    json_open(json, "tags", '[');
    for (size_t i = 0; i < contract->domain_count; i++) {
        const Belfry__Domain *def = contract->domains[i].def;
        if (only != NULL && strcmp(def->name, only) != 0) {
            continue;
        }
        json_open(json, NULL, '{');
        json_text(json, "name", def->name);
        json_text(json, "description", only == NULL ? def->overview : NULL);
        json_close(json, '{');
    }
    json_close(json, '[');
}

static void print_info(const struct document *document)
{
    struct json *json = document->json;
    json_open(json, "info", '{');
    json_text(json, "title", "Belfry");
    json_text(json, "version", BELFRY_VERSION);
    json_text(
        json, "description",
        "Acknowledged, exactly-once, gapless and ordered events. A client event is "
        "answered "
        "by its reply, which is sent only after the change is committed, or by an error, "
        "and then nothing was written. Without an answer, send it again with the same "
        "`clientId`: it has one effect and one answer. Operations with the action "
        "`receive` are client events, those with `send` are server events. Client events "
        "can also be sent as `POST /api/v1/events/{EVENT}`.\n\nOperations marked "
        "`x-planned` are described but not built.");
    json_open(json, "license", '{');
    json_text(json, "name", "MIT");
    json_text(json, "url", "https://opensource.org/license/mit");
    json_close(json, '{');
    print_tags(document, NULL);
    json_close(json, '{');
}

static const struct server {
    const char *name, *path, *subprotocol, *title, *description;
} servers[] = {
    {"socketio", "/socket.io/", NULL, "Socket.IO",
     "Socket.IO protocol 5 on Engine.IO protocol 4, WebSocket transport only. The token "
     "goes into the `auth` payload: `io(url, { transports: [\"websocket\"], auth: { "
     "token "
     "} })`. The acknowledgement of `emit(EVENT, payload, ack)` is the reply, or `{ "
     "error }`. Channel addresses are namespaces."},
    {"json", "/ws", "belfry.v1.json", "Plain JSON frames",
     "The first frame is `{\"hello\":{\"token\":\"…\"}}`, unless the handshake has an "
     "Authorization header. `{\"event\":\"SEND_MESSAGE\",\"id\":7,\"data\":{…}}` is "
     "answered by `{\"reply\":7,\"data\":{…}}` or `{\"reply\":7,\"error\":{…}}`; server "
     "events are `{\"event\":\"MESSAGE_CREATED\",\"data\":{…}}`."},
    {"protobuf", "/ws", "belfry.v1.proto", "Protobuf frames",
     "One protobuf message in each binary frame, ClientFrame to the server and "
     "ServerFrame from it (proto/belfry/client.proto). Payloads and replies are the "
     "messages that `x-protobuf` names."},
};
#define SERVER_COUNT (sizeof(servers) / sizeof(servers[0]))

static void print_security(struct json *json)
{
    json_open(json, "security", '[');
    json_reference(json, NULL, "#/components/securitySchemes/token");
    json_close(json, '[');
}

static void print_servers(const struct document *document)
{
    struct json *json = document->json;
    json_open(json, "servers", '{');
    for (size_t i = 0; i < SERVER_COUNT; i++) {
        json_open(json, servers[i].name, '{');
        json_text(json, "host", "{host}");
        json_text(json, "pathname", servers[i].path);
        json_text(json, "protocol", "ws");
        json_text(json, "title", servers[i].title);
        json_text(json, "description", servers[i].description);
        json_open(json, "variables", '{');
        json_reference(json, "host", "#/components/serverVariables/host");
        json_close(json, '{');
        print_security(json);
        json_text(json, "x-subprotocol", servers[i].subprotocol);
        json_close(json, '{');
    }
    json_close(json, '{');
}

/* ---- channels ---- */

static void print_member(struct json *json, const char *name)
{
    json_reference(json, name, "#/components/messages/%s", name);
}

static void print_channel(const struct document *document,
                          const struct contract_domain *domain)
{
    struct contract *contract = document->contract;
    struct json *json = document->json;
    json_open(json, domain->def->name, '{');
    json_text(json, "address", domain_namespace(domain));
    json_text(json, "title", domain->def->name);
    json_text(json, "description", domain->def->overview);
    json_open(json, "servers", '[');
    for (size_t i = 0; i < SERVER_COUNT; i++) {
        json_reference(json, NULL, "#/servers/%s", servers[i].name);
    }
    json_close(json, '[');
    json_open(json, "messages", '{');
    for (size_t i = 0; i < contract->event_count; i++) {
        const char *name = contract->events[i].def->name;
        if (contract->events[i].domain == domain) {
            print_member(json, name);
            print_member(json, arena_printf(&contract->arena, "%s.reply", name));
        }
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        if (contract->server_events[i]->domain == domain) {
            print_member(json, contract->server_events[i]->server_event->name);
        }
    }
    print_member(json, "refusal");
    json_close(json, '{');
    print_tags(document, domain->def->name);
    json_open(json, "bindings", '{');
    json_open(json, "ws", '{');
    json_text(json, "method", "GET");
    json_text(json, "bindingVersion", "0.1.0");
    json_close(json, '{');
    json_close(json, '{');
    json_close(json, '{');
}

/* ---- operations ---- */

static void print_right(const struct document *document, const Belfry__Right *right)
{
    struct json *json = document->json;
    json_open(json, "x-right", '{');
    json_text(json, "kind",
              right->n_actions > 0        ? "actions"
              : right->subscribed != NULL ? "subscribed"
              : right->self               ? "self"
                                          : "public");
    if (right->n_actions > 0) {
        json_open(json, "actions", '[');
        for (size_t i = 0; i < right->n_actions; i++) {
            json_text(json, NULL,
                      name_of(&belfry__action__descriptor, (int)right->actions[i]));
        }
        json_close(json, '[');
    }
    const Belfry__Resource *resource = right->resource;
    if (resource != NULL || right->subscribed != NULL) {
        const char *type = resource != NULL ? name_of(&belfry__resource_type__descriptor,
                                                      (int)resource->type)
                                            : "ROOM";
        const char *id_key = resource != NULL ? resource->id_key : right->subscribed;
        json_open(json, "resource", '{');
        json_text(json, "type", type);
        json_text(json, "idKey", id_key);
        if (id_key != NULL) {
            json_text(json, "source",
                      name_of(&belfry__resource_id_source__descriptor,
                              resource != NULL ? (int)resource->source
                                               : BELFRY__RESOURCE_ID_SOURCE__PAYLOAD));
        }
        json_close(json, '{');
    }
    json_close(json, '{');
}

static void print_client_extensions(const struct document *document,
                                    const struct contract_event *event)
{
    struct json *json = document->json;
    const Belfry__ClientEvent *def = event->def;
    json_text(json, "x-kind", name_of(&belfry__event_kind__descriptor, (int)def->kind));
    json_text(json, "x-authentication",
              name_of(&belfry__authentication__descriptor, (int)def->authentication));
    print_right(document, def->right);
    json_open(json, "x-rate-limit", '{');
    json_integer(json, "limit", def->rate->limit);
    json_integer(json, "perSeconds", def->rate->per_seconds);
    json_text(json, "by", def->rate->by_connection ? "connection" : "user");
    json_close(json, '{');
    json_integer(json, "x-payload-max-bytes",
                 def->payload_max > 0 ? def->payload_max : PAYLOAD_MAX_DEFAULT);
    json_open(json, "x-causes", '[');
    for (size_t i = 0; i < def->n_causes; i++) {
        json_text(json, NULL, def->causes[i]);
    }
    json_close(json, '[');
    const struct event_refusal *refusals;
    size_t count = event_refusals(document->contract, event, &refusals);
    json_open(json, "x-errors", '[');
    for (size_t i = 0; i < count; i++) {
        json_open(json, NULL, '{');
        json_text(json, "code", refusals[i].code);
        json_text(json, "when", refusals[i].when);
        json_close(json, '{');
    }
    json_close(json, '[');
    if (def->planned) {
        json_bool(json, "x-planned", true);
    }
}

/* The members that both ways have. */
static void open_operation(const struct document *document,
                           const struct contract_domain *domain, const char *name,
                           const char *action, const char *purpose)
{
    struct json *json = document->json;
    json_open(json, name, '{');
    json_text(json, "action", action);
    json_reference(json, "channel", "#/channels/%s", domain->def->name);
    json_text(json, "title", title_of(document->contract, name));
    json_text(json, "summary", purpose);
    print_tags(document, domain->def->name);
    json_open(json, "messages", '[');
    json_reference(json, NULL, "#/channels/%s/messages/%s", domain->def->name, name);
    json_close(json, '[');
}

static void print_client_operation(const struct document *document,
                                   const struct contract_event *event)
{
    struct json *json = document->json;
    const Belfry__ClientEvent *def = event->def;
    const char *channel = event->domain->def->name;
    open_operation(document, event->domain, def->name, "receive", def->purpose);
    if (def->authentication == BELFRY__AUTHENTICATION__REQUIRED) {
        print_security(json);
    }
    json_open(json, "reply", '{');
    json_reference(json, "channel", "#/channels/%s", channel);
    json_open(json, "messages", '[');
    json_reference(json, NULL, "#/channels/%s/messages/%s.reply", channel, def->name);
    json_reference(json, NULL, "#/channels/%s/messages/refusal", channel);
    json_close(json, '[');
    json_close(json, '{');
    print_client_extensions(document, event);
    json_close(json, '{');
}

static void print_server_operation(const struct document *document,
                                   const struct contract_message *message)
{
    struct contract *contract = document->contract;
    struct json *json = document->json;
    const Belfry__ServerEvent *def = message->server_event;
    open_operation(document, message->domain, def->name, "send", def->purpose);
    json_text(json, "x-scope", scope_name(contract, def->scope));
    json_bool(json, "x-durable", def->durable);
    json_bool(json, "x-except-sender", def->except_sender);
    json_text(json, "x-trigger",
              name_of(&belfry__trigger__descriptor, (int)def->trigger));
    json_open(json, "x-caused-by", '[');
    for (size_t i = 0; i < contract->event_count; i++) {
        const Belfry__ClientEvent *client = contract->events[i].def;
        for (size_t j = 0; j < client->n_causes; j++) {
            if (strcmp(client->causes[j], def->name) == 0) {
                json_text(json, NULL, client->name);
            }
        }
    }
    json_close(json, '[');
    json_text(json, "x-handling", def->handling);
    if (def->planned) {
        json_bool(json, "x-planned", true);
    }
    json_close(json, '{');
}

/* ---- the whole ---- */

static void print_components(const struct document *document)
{
    struct json *json = document->json;
    json_open(json, "components", '{');
    print_messages(document);
    print_schemas(document);
    json_open(json, "serverVariables", '{');
    json_open(json, "host", '{');
    json_text(json, "description", "Host and port of an edge, or of what stands before.");
    json_text(json, "default", "localhost:8080");
    json_close(json, '{');
    json_close(json, '{');
    json_open(json, "securitySchemes", '{');
    json_open(json, "token", '{');
    json_text(json, "type", "http");
    json_text(json, "scheme", "bearer");
    json_text(json, "bearerFormat", "JWT");
    json_text(
        json, "description",
        "A JWT with the claims `sub` and `exp`: in the `auth` payload of Socket.IO, "
        "in the hello frame, or in the Authorization header. Never in the URL.");
    json_close(json, '{');
    json_close(json, '{');
    json_close(json, '{');
}

static void print_document(const struct document *document)
{
    struct contract *contract = document->contract;
    struct json *json = document->json;
    json_open(json, NULL, '{');
    json_text(json, "asyncapi", ASYNCAPI_VERSION);
    print_info(document);
    json_text(json, "defaultContentType", "application/json");
    print_servers(document);
    json_open(json, "channels", '{');
    for (size_t i = 0; i < contract->domain_count; i++) {
        print_channel(document, &contract->domains[i]);
    }
    json_close(json, '{');
    json_open(json, "operations", '{');
    for (size_t i = 0; i < contract->event_count; i++) {
        print_client_operation(document, &contract->events[i]);
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        print_server_operation(document, contract->server_events[i]);
    }
    json_close(json, '{');
    print_components(document);
    json_close(json, '{');
    buf_append_char(json->out, '\n');
}

enum err asyncapi_print(struct contract *contract, struct buf *ret_document)
{
    struct json json;
    buf_init(ret_document, DOCUMENT_MAX);
    json_init(&json, ret_document);
    const struct document document = {contract, reach_of(contract, true), &json};
    if (document.reach == NULL) {
        return ERR_UNAVAILABLE;
    }
    print_document(&document);
    return ERR_OK;
}

enum err emit_asyncapi(struct contract *contract, const char *directory)
{
    struct buf document;
    enum err err = asyncapi_print(contract, &document);
    if (err == ERR_OK) {
        err = emit_file(contract, directory, "asyncapi.json", &document);
    }
    buf_finish(&document);
    return err;
}
