/* The section of a page for each client event and each server event. */
#include "emit_docs.h"

#include <stdio.h>

#include "example.h"
#include "refusals.h"

static void set_example(struct words *words, const char *name,
                        const struct contract_message *message, enum example_kind kind,
                        int indent)
{
    struct buf text;
    buf_init(&text, PART_MAX);
    append_example(message, kind, indent, &text);
    word_take(words, name, &text);
}

/* Between the single quotes of a shell. */
static void set_curl(struct words *words, const struct contract_message *payload)
{
    struct buf json, quoted;
    buf_init(&json, PART_MAX);
    buf_init(&quoted, PART_MAX);
    append_example(payload, EXAMPLE_CALL, -1, &json);
    for (size_t i = 0; i < json.size; i++) {
        if (json.data[i] == '\'') {
            buf_append_text(&quoted, "'\\''");
        } else {
            buf_append_char(&quoted, (char)json.data[i]);
        }
    }
    buf_finish(&json);
    word_take(words, "payload_curl", &quoted);
}

static void set_interface(struct words *words, const char *name,
                          struct contract *contract,
                          const struct contract_message *message)
{
    struct buf text;
    buf_init(&text, PART_MAX);
    append_interface(contract, message, &text);
    word_take(words, name, &text);
}

static void set_planned(struct words *words, bool planned)
{
    word_set(words, "planned",
             planned ? "> **Planned:** it is in the contract but not built yet. What "
                       "follows is what it will be; until then no server takes or sends "
                       "it, and `@belfry/client` does not compile a use of it.\n"
                     : "");
}

/* ---- client events ---- */

/* The contract's entry, with what it would be called in a gateway. */
static void set_option(struct words *words, struct contract *contract,
                       const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    const Belfry__Right *right = def->right;
    struct buf text;
    buf_init(&text, PART_MAX);
    buf_printf(
        &text,
        "rpc %s(%s) returns (%s) {  // @SubscribeMessage\n"
        "  option (client_event) = {\n    name: \"%s\"\n    kind: %s\n    right: {",
        event->method, event->payload->full_name, event->reply->proto->name, def->name,
        kind_name(def));
    for (size_t i = 0; i < right->n_actions; i++) {
        buf_printf(&text, " actions: %s",
                   protobuf_c_enum_descriptor_get_value(&belfry__action__descriptor,
                                                        (int)right->actions[i])
                       ->name);
    }
    buf_append_text(&text, right->self ? " self: true" : "");
    buf_append_text(&text, right->public_ ? " public: true" : "");
    if (right->subscribed != NULL) {
        buf_printf(&text, " subscribed: \"%s\"", right->subscribed);
    }
    if (right->resource != NULL) {
        const Belfry__Resource *resource = right->resource;
        buf_printf(&text, "  resource: { type: %s",
                   protobuf_c_enum_descriptor_get_value(
                       &belfry__resource_type__descriptor, (int)resource->type)
                       ->name);
        if (resource->id_key != NULL) {
            buf_printf(&text, "  id_key: \"%s\"  source: %s", resource->id_key,
                       protobuf_c_enum_descriptor_get_value(
                           &belfry__resource_id_source__descriptor, (int)resource->source)
                           ->name);
        }
        buf_append_text(&text, " }");
    }
    buf_printf(
        &text,
        " }  // %s\n    rate: { limit: %u  per_seconds: %u }  // @Throttle(%u, %u)\n",
        right->n_actions > 0 ? "@RequiredActions, @RbacResource" : "no action to hold",
        def->rate->limit, def->rate->per_seconds, def->rate->limit,
        def->rate->per_seconds);
    for (size_t i = 0; i < def->n_causes; i++) {
        buf_printf(&text, "    causes: \"%s\"\n", def->causes[i]);
    }
    buf_append_text(&text, "  };\n}");
    word_take(words, "option", &text);
    word_set(words, "payload_c", c_type_of(contract, event->payload->full_name));
}

static const char *published_words(struct contract *contract,
                                   const struct contract_event *event)
{
    return event->def->n_causes == 0
               ? ""
               : arena_printf(&contract->arena, "; and the core publishes %s",
                              causes_words(contract, event));
}

static const char *lock_words(const Belfry__ClientEvent *def)
{
    static const char *const words[] = {
        "takes shared locks on the user and the scope",
        "takes the exclusive lock of its scope, since it takes rights away",
        "takes the user's exclusive lock, since it ends sessions or tokens",
    };
    return words[def->lock];
}

static void set_runs(struct words *words, struct contract *contract,
                     const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    const char *handler = lower_name(contract, def->name);
    struct buf text;
    buf_init(&text, PART_MAX);
    buf_printf(
        &text,
        "1. The edge checks token, namespace, size (%u bytes) and rate, and sends the "
        "event to a core; after a failure it sends it to another one, with the same "
        "request id.\n"
        "2. The core decodes the payload and checks every rule; all that is broken "
        "is in `details`.\n",
        payload_bytes(def));
    if (def->kind == BELFRY__EVENT_KIND__EPHEMERAL) {
        buf_printf(&text, "3. %s`%s()` answers from memory; PostgreSQL is not asked%s.",
                   def->right->subscribed != NULL
                       ? "The grant that came with the session's subscription is the "
                         "right. "
                       : "",
                   handler, published_words(contract, event));
    } else {
        bool change = def->kind == BELFRY__EVENT_KIND__CHANGE;
        buf_printf(&text,
                   "3. `%s()` binds the arguments of the SQL function `event_%s(a "
                   "admission, …)` and returns `run_sql(request)`.\n"
                   "4. One statement, one transaction: ",
                   handler, handler);
        if (change) {
            buf_printf(
                &text,
                "`admit()` looks for the stored answer of this `clientId`, %s, and "
                "decides the right; the function makes the change; `complete()` "
                "stores the answer.\n"
                "5. After the commit the reply leaves%s.%s\n",
                lock_words(def), published_words(contract, event),
                def->many_streams ? " It writes to several streams, so it runs "
                                    "alone and shares no commit."
                                  : "");
            buf_printf(
                &text,
                "\n```sql\nSELECT o.* FROM admit(…) a,\n       complete(a, CASE WHEN "
                "a.status IS NULL THEN event_%s(a, …) END) o\n```",
                handler);
        } else {
            buf_printf(
                &text,
                "`admit_read()` decides the right and the function reads the rows, "
                "in the same snapshot; nothing is stored.\n"
                "5. The reply leaves%s.\n"
                "\n```sql\nSELECT o.* FROM admit_read(…) a,\n       "
                "complete_read(a, CASE WHEN a.status IS NULL THEN event_%s(a, …) "
                "END) o\n```",
                published_words(contract, event), handler);
        }
    }
    word_take(words, "runs", &text);
}

static void append_field_limits(const struct contract_message *payload, struct buf *out)
{
    for (size_t i = 0; i < payload->field_count; i++) {
        const struct contract_field *field = &payload->fields[i];
        const Belfry__Field *rule = field->rule;
        if (rule->max_length > 0 || rule->max_items > 0 || rule->has_max) {
            buf_printf(out, "- `%s`: ", field->json_name);
            append_rule_words(field, out);
            buf_append_text(out, " (`VALIDATION_ERROR`)\n");
        }
    }
}

static void set_limits(struct words *words, struct contract *contract,
                       const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    struct buf text;
    buf_init(&text, PART_MAX);
    buf_printf(&text,
               "- %s (`RATE_LIMITED`)\n- a payload of %u bytes (`PAYLOAD_TOO_LARGE`)\n",
               rate_words(contract, def->rate), payload_bytes(def));
    append_field_limits(event->payload, &text);
    buf_append_text(&text, "- an answer within 10 s (`BELFRY_REQUEST_TIMEOUT`)");
    word_take(words, "limits", &text);
}

static void set_errors(struct words *words, struct contract *contract,
                       const struct contract_event *event)
{
    const struct event_refusal *refusals;
    size_t count = event_refusals(contract, event, &refusals);
    struct buf text;
    buf_init(&text, PART_MAX);
    buf_append_text(&text, "| code | HTTP | when |\n|---|---|---|");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "\n| `%s` | %d | ", refusals[i].code,
                   err_http_status(err_from_code(refusals[i].code)));
        append_cell(&text, refusals[i].when);
        buf_append_text(&text, " |");
    }
    word_take(words, "errors", &text);
}

static const char *payload_note(const Belfry__ClientEvent *def)
{
    return def->kind == BELFRY__EVENT_KIND__CHANGE
               ? "`clientId` is a UUID that the client makes once for each intent: sent "
                 "again with the same payload it has no second effect and gets the first "
                 "answer. A member that is not listed here is refused."
               : "A member that is not listed here is refused.";
}

static const char *http_note(const Belfry__ClientEvent *def)
{
    if (def->right->subscribed != NULL) {
        return "Over HTTP there is no session that could listen to the room: the answer "
               "is "
               "`PERMISSION_DENIED`.";
    }
    return def->kind == BELFRY__EVENT_KIND__CHANGE
               ? "Status 200 and the reply, or the status of the error below and `{ "
                 "error }`. 504 means that it may have happened: who sends a `clientId`, "
                 "a new UUID for each intent, can send it again with the same one."
               : "Status 200 and the reply, or the status of the error below and `{ "
                 "error }`.";
}

void append_client_event(const struct page *page, const struct contract_event *event,
                         struct buf *out)
{
    static const char *const authentications[] = {"Required", "Optional", "None"};
    struct contract *contract = page->contract;
    const Belfry__ClientEvent *def = event->def;
    struct words words = {.arena = &contract->arena};
    const char *space = domain_namespace(page->domain);
    word_set(&words, "name", def->name);
    word_set(&words, "domain", page->domain->def->name);
    word_set(&words, "purpose", def->purpose);
    word_set(&words, "authentication", authentications[def->authentication]);
    word_set(&words, "rbac", right_words(contract, event));
    word_set(&words, "resource", resource_words(contract, event));
    word_set(&words, "throttle", rate_words(contract, def->rate));
    word_set(&words, "kind", kind_words(def));
    word_set(&words, "causes", causes_words(contract, event));
    set_planned(&words, def->planned);
    word_set(&words, "method", event->method);
    word_set(&words, "handler", lower_name(contract, def->name));
    word_set(&words, "handler_comment",
             def->kind == BELFRY__EVENT_KIND__EPHEMERAL
                 ? "answers from memory"
                 : "binds the arguments of its SQL function");
    word_set(&words, "label", label_of(contract, def->name));
    word_set(&words, "namespace_path", strcmp(space, "/") == 0 ? "" : space);
    word_set(&words, "payload_note", payload_note(def));
    word_set(&words, "http_note", http_note(def));
    set_interface(&words, "payload_type", contract, event->payload);
    set_example(&words, "payload_json", event->payload, EXAMPLE_PAYLOAD, 0);
    set_example(&words, "payload_call", event->payload, EXAMPLE_CALL, 0);
    set_example(&words, "payload_call_deep", event->payload, EXAMPLE_CALL, 4);
    set_example(&words, "payload_script", event->payload, EXAMPLE_SCRIPT, 0);
    set_curl(&words, event->payload);
    set_interface(&words, "reply_type", contract, event->reply);
    set_example(&words, "reply_json", event->reply, EXAMPLE_OUTPUT, 0);
    set_option(&words, contract, event);
    set_runs(&words, contract, event);
    set_errors(&words, contract, event);
    set_limits(&words, contract, event);
    expand(docs_client_event, &words, out);
}

/* ---- server events ---- */

/* The call with which a handler or a function of the core, or an edge, sends it. */
static void append_c_emission(struct contract *contract,
                              const struct contract_message *message, struct buf *out)
{
    static const char *const calls[] = {"",
                                        "send_to_room(request, room_id, ",
                                        "send_to_community(request, community_id, ",
                                        "send_to_community(request, community_id, ",
                                        "send_to_user(request, user_id, ",
                                        "",
                                        "send_to_contacts(request, streams, ",
                                        "broadcast(request, "};
    const Belfry__ServerEvent *def = message->server_event;
    if (def->scope == BELFRY__SCOPE__SESSION_SCOPE) {
        buf_printf(
            out,
            "The edge that holds the session says it itself; no core and no bus are "
            "needed.\n\n```c\nsession_send(session, \"%s\", json);\n```",
            def->name);
        return;
    }
    const char *type = c_type_of(contract, message->full_name);
    bool contacts = def->scope == BELFRY__SCOPE__CONTACTS_SCOPE;
    buf_printf(
        out,
        "```c\n%s event = %s__%s__INIT;\n/* … its fields … */\nTRY(%s\"%s\", "
        "&event.base%s));\n```\n\n"
        "Nothing is stored: whoever is connected hears it, and a client that reads "
        "too slowly misses it first.",
        type, "BELFRY", event_name_of(contract, message->proto->name), calls[def->scope],
        def->name,
        contacts             ? ""
        : def->except_sender ? ", EXCEPT_SENDER"
                             : ", SEND_TO_ALL");
}

static void append_sql_emission(const Belfry__ServerEvent *def, struct buf *out)
{
    static const char *const slots[] = {
        "", "next_slot(3, a.room_id)", "next_slot(1, a.community_id)",
        "next_slot(2, a.community_id)", "next_slot(4, v_user_id)"};
    buf_printf(
        out,
        "```sql\n-- in the SQL function of the change, in its transaction\n"
        "append(a, %s, '%s', v_payload)\n```\n\n"
        "`next_slot` gives the `seq` under a lock that is held until the commit, "
        "`append` writes the row of the log. After the commit the core publishes "
        "it; edges deliver it in the order of `seq`, and read from the log what the "
        "bus has lost.",
        slots[def->scope], def->name);
}

static void append_publish(const struct contract_message *message, struct buf *out)
{
    static const char *const scopes[] = {"",     "ROOM", "COMMUNITY", "",
                                         "USER", "",     "",          "GLOBAL"};
    const Belfry__ServerEvent *def = message->server_event;
    if (def->trigger != BELFRY__TRIGGER__SERVICE || scopes[def->scope][0] == '\0') {
        return;
    }
    buf_printf(out,
               "\n\nA service publishes it with its token:\n\n```sh\ncurl -s "
               "http://localhost:8080/api/v1/publish \\\n"
               "  -H \"Authorization: Bearer $SERVICE_TOKEN\" -H 'Content-Type: "
               "application/json' \\\n  -d '{ \"event\": \"%s\", \"scope\": \"%s\", ",
               def->name, scopes[def->scope]);
    if (def->scope != BELFRY__SCOPE__GLOBAL_SCOPE) {
        buf_append_text(out, "\"id\": \"018f4e9a-1c2b-7d3e-8f40-112233445566\", ");
    }
    buf_append_text(out, "\"data\": ");
    append_example(message, EXAMPLE_OUTPUT, -1, out);
    buf_append_text(out, " }'\n```");
}

static const char *handling_words(const Belfry__ServerEvent *def)
{
    if (def->handling != NULL && def->handling[0] != '\0') {
        return def->handling;
    }
    return def->durable
               ? "Events of a stream come in the order of `seq`, each once: apply "
                 "them as they come, and keep the last `cursor` to resume behind "
                 "it."
               : "Show it and forget it: the next one replaces it, and none is "
                 "repeated after a reconnect.";
}

void append_server_event(const struct page *page, const struct contract_message *message,
                         struct buf *out)
{
    struct contract *contract = page->contract;
    const Belfry__ServerEvent *def = message->server_event;
    struct words words = {.arena = &contract->arena};
    struct buf emission;
    buf_init(&emission, PART_MAX);
    if (def->durable) {
        append_sql_emission(def, &emission);
    } else {
        append_c_emission(contract, message, &emission);
    }
    append_publish(message, &emission);
    word_set(&words, "name", def->name);
    word_set(&words, "purpose", def->purpose);
    word_set(&words, "scope", scope_words(contract, def));
    word_set(&words, "trigger", trigger_words(contract, def));
    word_set(&words, "delivery",
             def->durable ? "durable: numbered, stored, delivered exactly once and in "
                            "order, also after a reconnect"
                          : "ephemeral: not stored, never repeated, dropped first");
    set_planned(&words, def->planned);
    word_set(&words, "message", event_stem(contract, message));
    set_interface(&words, "payload_type", contract, message);
    set_example(&words, "payload_json", message, EXAMPLE_EVENT, 0);
    word_take(&words, "emission", &emission);
    word_set(&words, "handling", handling_words(def));
    expand(docs_server_event, &words, out);
}
