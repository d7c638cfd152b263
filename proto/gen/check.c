/* Refuses events that say too little, contradict themselves, or promise what cannot be
 * kept. */
#include "check.h"

#include <ctype.h>

#define PAYLOAD_MAX 65536 /* the largest message an edge takes */

static const char *action_name(Belfry__Action action)
{
    return protobuf_c_enum_descriptor_get_value(&belfry__action__descriptor, (int)action)
        ->name;
}

static const char *resource_name(Belfry__ResourceType type)
{
    return protobuf_c_enum_descriptor_get_value(&belfry__resource_type__descriptor,
                                                (int)type)
        ->name;
}

/* ---- names ---- */

static bool is_upper_snake(const char *name)
{
    bool start = true;
    for (const char *at = name; *at != '\0'; at++) {
        if (*at == '_') {
            if (start) {
                return false;
            }
            start = true;
        } else if (isupper((unsigned char)*at) ||
                   (isdigit((unsigned char)*at) && at != name)) {
            start = false;
        } else {
            return false;
        }
    }
    return !start;
}

static void check_name(struct contract *contract, struct place place, const char *name)
{
    if (!is_upper_snake(name)) {
        contract_error(contract, place, "%s: an event's name is UPPER_SNAKE", name);
    } else if (strlen(name) > EVENT_NAME_MAX) {
        contract_error(contract, place, "%s: an event's name has at most %d letters",
                       name, EVENT_NAME_MAX);
    }
}

static const struct contract_message *find_server_event(const struct contract *contract,
                                                        const char *name)
{
    for (size_t i = 0; i < contract->server_event_count; i++) {
        if (strcmp(contract->server_events[i]->server_event->name, name) == 0) {
            return contract->server_events[i];
        }
    }
    return NULL;
}

static void refuse_twice(struct contract *contract, const char *name, struct place place,
                         struct place other)
{
    contract_error(contract, place, "%s: this name is taken at %s:%d", name, other.file,
                   other.line);
}

/* The events are sorted by name, so equal ones are neighbours. */
static void check_unique(struct contract *contract)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        const struct contract_message *server =
            find_server_event(contract, event->def->name);
        if (i > 0 && strcmp(event->def->name, event[-1].def->name) == 0) {
            refuse_twice(contract, event->def->name, event->place, event[-1].place);
        }
        if (server != NULL) {
            refuse_twice(contract, event->def->name, server->place, event->place);
        }
    }
    for (size_t i = 1; i < contract->server_event_count; i++) {
        const struct contract_message *server = contract->server_events[i];
        const struct contract_message *before = contract->server_events[i - 1];
        if (strcmp(server->server_event->name, before->server_event->name) == 0) {
            refuse_twice(contract, server->server_event->name, server->place,
                         before->place);
        }
    }
}

/* ---- rights ---- */

/* Which resource an action is decided on. A message leads to its room. */
static bool belongs(Belfry__Action action, Belfry__ResourceType type)
{
    switch (type) {
    case BELFRY__RESOURCE_TYPE__INSTANCE:
        return action <= BELFRY__ACTION__ANNOUNCE;
    case BELFRY__RESOURCE_TYPE__COMMUNITY:
        return action >= BELFRY__ACTION__VIEW_COMMUNITY &&
               action <= BELFRY__ACTION__CREATE_ROOM;
    case BELFRY__RESOURCE_TYPE__ROOM:
        return action >= BELFRY__ACTION__VIEW_ROOM &&
               action <= BELFRY__ACTION__PIN_MESSAGE;
    case BELFRY__RESOURCE_TYPE__MESSAGE:
        return action >= BELFRY__ACTION__VIEW_ROOM;
    default:
        return false;
    }
}

static void check_id_key(struct contract *contract, const struct contract_event *event,
                         const char *key)
{
    const struct contract_field *field = find_path(event->payload, key);
    const char *name = event->def->name;
    if (field == NULL) {
        contract_error(contract, event->place, "%s: \"%s\" names no field of %s", name,
                       key, event->payload->proto->name);
    } else if (field->rule->format != BELFRY__FORMAT__UUID) {
        contract_error(contract, event->place, "%s: \"%s\" must have the format UUID",
                       name, key);
    } else if (!field->rule->required) {
        contract_error(contract, event->place, "%s: \"%s\" must be required", name, key);
    }
}

/* Where the id comes from must be able to hold it. */
static void check_source(struct contract *contract, const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    const Belfry__Resource *resource = def->right->resource;
    const char *key = resource->id_key;
    Belfry__ResourceIdSource source = resource->source;
    const char *name = protobuf_c_enum_descriptor_get_value(
                           &belfry__resource_id_source__descriptor, (int)source)
                           ->name;
    if (key == NULL) {
        if (resource->has_source) {
            contract_error(contract, event->place,
                           "%s: the source %s is of an id, and there is no id_key",
                           def->name, name);
        }
        return;
    }
    if (source != BELFRY__RESOURCE_ID_SOURCE__PAYLOAD &&
        source != BELFRY__RESOURCE_ID_SOURCE__BODY && strchr(key, '.') != NULL) {
        contract_error(contract, event->place,
                       "%s: a %s is one field, its id_key has no dots", def->name, name);
    }
    if (source == BELFRY__RESOURCE_ID_SOURCE__QUERY && def->has_kind &&
        def->kind != BELFRY__EVENT_KIND__READ) {
        contract_error(contract, event->place,
                       "%s: a QUERY is of a GET, which only a READ can be", def->name);
    }
    for (size_t i = 0; source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD &&
                       event->payload != NULL && i < event->payload->field_count;
         i++) {
        const struct contract_field *field = &event->payload->fields[i];
        if (field->rule->required && strcmp(field->json_name, key) != 0) {
            contract_error(contract, event->place,
                           "%s: a TEXT_PAYLOAD is one field, but %s is required, too",
                           def->name, field->json_name);
        }
    }
}

static void check_resource(struct contract *contract, const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    const Belfry__Right *right = def->right;
    const Belfry__Resource *resource = right->resource;
    if (!resource->has_type) {
        contract_error(contract, event->place, "%s: the resource has no type", def->name);
        return;
    }
    if (resource->type == BELFRY__RESOURCE_TYPE__INSTANCE) {
        if (resource->id_key != NULL) {
            contract_error(contract, event->place, "%s: INSTANCE has no id_key",
                           def->name);
        }
    } else if (resource->id_key == NULL) {
        contract_error(contract, event->place, "%s: the resource needs an id_key",
                       def->name);
    } else if (event->payload != NULL) {
        check_id_key(contract, event, resource->id_key);
    }
    check_source(contract, event);
    for (size_t i = 0; i < right->n_actions; i++) {
        if (!belongs(right->actions[i], resource->type)) {
            contract_error(contract, event->place, "%s: %s is no action on a resource %s",
                           def->name, action_name(right->actions[i]),
                           resource_name(resource->type));
        }
    }
}

static void check_right(struct contract *contract, const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    const Belfry__Right *right = def->right;
    int kinds = right == NULL ? 0
                              : (right->n_actions > 0) + (right->self != 0) +
                                    (right->subscribed != NULL) + (right->public_ != 0);
    if (kinds != 1) {
        contract_error(contract, event->place,
                       "%s: needs exactly one kind of right (actions, self, subscribed, "
                       "public), has %d",
                       def->name, kinds);
        return;
    }
    if (right->n_actions > 0 && right->resource == NULL) {
        contract_error(contract, event->place, "%s: actions need a resource", def->name);
    }
    if (right->resource != NULL) {
        if (right->subscribed != NULL || right->public_) {
            contract_error(contract, event->place,
                           "%s: a resource goes with actions or self only", def->name);
        }
        check_resource(contract, event);
    }
    if (right->subscribed != NULL) {
        if (def->kind != BELFRY__EVENT_KIND__EPHEMERAL) {
            contract_error(contract, event->place,
                           "%s: the right subscribed is for EPHEMERAL events", def->name);
        }
        if (event->payload != NULL) {
            check_id_key(contract, event, right->subscribed);
        }
    }
    if ((right->self || right->subscribed != NULL) &&
        def->authentication != BELFRY__AUTHENTICATION__REQUIRED) {
        contract_error(contract, event->place,
                       "%s: the rights self and subscribed need authentication REQUIRED",
                       def->name);
    }
}

/* ---- client events ---- */

static void check_kind(struct contract *contract, const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    if (!def->has_kind) {
        contract_error(contract, event->place,
                       "%s: needs a kind (READ, CHANGE, EPHEMERAL)", def->name);
        return;
    }
    if (def->kind == BELFRY__EVENT_KIND__CHANGE) {
        const struct contract_field *field =
            event->payload != NULL ? find_path(event->payload, "clientId") : NULL;
        if (field == NULL || field->rule->format != BELFRY__FORMAT__UUID ||
            field->rule->required) {
            contract_error(
                contract, event->place,
                "%s: a CHANGE needs an optional field client_id of format UUID",
                def->name);
        }
        if (def->lock == BELFRY__LOCK__REVOKES && def->right != NULL &&
            def->right->resource == NULL) {
            contract_error(contract, event->place,
                           "%s: REVOKES needs a resource, whose scope it locks",
                           def->name);
        }
        return;
    }
    if (def->lock != BELFRY__LOCK__SHARED) {
        contract_error(contract, event->place, "%s: only a CHANGE has a lock", def->name);
    }
    if (def->many_streams) {
        contract_error(contract, event->place, "%s: only a CHANGE writes to streams",
                       def->name);
    }
    if (def->shortcut && def->kind != BELFRY__EVENT_KIND__READ) {
        contract_error(contract, event->place, "%s: what runs no SQL has no shortcut",
                       def->name);
    }
}

/* The scope whose stream an event of this resource writes to in a batch. */
static Belfry__Scope own_scope(const Belfry__Right *right)
{
    if (right == NULL || right->resource == NULL) {
        return BELFRY__SCOPE__USER_SCOPE;
    }
    switch (right->resource->type) {
    case BELFRY__RESOURCE_TYPE__ROOM:
    case BELFRY__RESOURCE_TYPE__MESSAGE:
        return BELFRY__SCOPE__ROOM_SCOPE;
    case BELFRY__RESOURCE_TYPE__COMMUNITY:
        return BELFRY__SCOPE__COMMUNITY_SCOPE;
    default:
        return BELFRY__SCOPE__USER_SCOPE;
    }
}

/* A built event's list may name what is planned: it is whole from the start, and outputs
 * say what does not come yet. */
static void check_causes(struct contract *contract, const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    for (size_t i = 0; i < def->n_causes; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(def->causes[i], def->causes[j]) == 0) {
                contract_error(contract, event->place, "%s: causes %s twice", def->name,
                               def->causes[i]);
            }
        }
        const struct contract_message *server =
            find_server_event(contract, def->causes[i]);
        if (server == NULL) {
            contract_error(contract, event->place,
                           "%s: causes %s, which is no server event", def->name,
                           def->causes[i]);
            continue;
        }
        if (server->server_event->durable && def->has_kind &&
            def->kind != BELFRY__EVENT_KIND__CHANGE) {
            contract_error(contract, event->place,
                           "%s: only a CHANGE can cause %s, which is durable", def->name,
                           def->causes[i]);
        }
        if (server->server_event->durable && def->kind == BELFRY__EVENT_KIND__CHANGE &&
            def->lock != BELFRY__LOCK__REVOKES && !def->many_streams &&
            (def->planned || !server->server_event->planned) &&
            server->server_event->scope <= BELFRY__SCOPE__USER_SCOPE &&
            server->server_event->scope != own_scope(def->right)) {
            contract_error(contract, event->place,
                           "%s: needs many_streams: %s is not on its resource's stream",
                           def->name, def->causes[i]);
        }
    }
}

static void check_errors(struct contract *contract, const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    for (size_t i = 0; i < def->n_errors; i++) {
        const Belfry__EventError *error = def->errors[i];
        if (!error->has_code || error->when == NULL || error->when[0] == '\0') {
            contract_error(contract, event->place,
                           "%s: each of errors needs a code, and when it is given",
                           def->name);
            continue;
        }
        for (size_t j = 0; j < i; j++) {
            const Belfry__EventError *other = def->errors[j];
            if (other->code == error->code && other->when != NULL &&
                strcmp(other->when, error->when) == 0) {
                contract_error(contract, event->place, "%s: says twice: %s", def->name,
                               error->when);
            }
        }
    }
}

static void check_client_event(struct contract *contract,
                               const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    check_name(contract, event->place, def->name);
    if (strcmp(event_name_of(contract, event->method), def->name) != 0) {
        contract_error(contract, event->place, "%s: the rpc %s should be called %s",
                       def->name, event->method, event_name_of(contract, event->method));
    }
    if (def->purpose == NULL || def->purpose[0] == '\0') {
        contract_error(contract, event->place, "%s: needs a purpose", def->name);
    }
    if (def->rate == NULL || def->rate->limit == 0 || def->rate->per_seconds == 0) {
        contract_error(contract, event->place,
                       "%s: needs a rate with limit and per_seconds", def->name);
    }
    if (def->payload_max > PAYLOAD_MAX) {
        contract_error(contract, event->place, "%s: payload_max is at most %d", def->name,
                       PAYLOAD_MAX);
    }
    if (event->payload == NULL || event->reply == NULL) {
        contract_error(contract, event->place,
                       "%s: payload and reply must be messages of the contract",
                       def->name);
    }
    check_kind(contract, event);
    check_right(contract, event);
    check_causes(contract, event);
    check_errors(contract, event);
}

/* ---- server events ---- */

static bool is_caused(const struct contract *contract, const Belfry__ServerEvent *def)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        const Belfry__ClientEvent *event = contract->events[i].def;
        for (size_t j = 0; j < event->n_causes; j++) {
            if (strcmp(event->causes[j], def->name) == 0 &&
                (def->planned || !event->planned)) {
                return true;
            }
        }
    }
    return false;
}

/* The names that a core adds to the payload when it publishes. */
static void check_reserved(struct contract *contract,
                           const struct contract_message *message)
{
    static const char *const reserved[] = {"timestamp", "stream", "seq", "cursor"};
    const Belfry__ServerEvent *def = message->server_event;
    size_t count = def->durable ? 4 : 1;
    for (size_t i = 0; i < message->field_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (strcmp(message->fields[i].json_name, reserved[j]) == 0) {
                contract_error(contract, message->fields[i].place,
                               "%s: %s is a reserved name in %s server events", def->name,
                               reserved[j], def->durable ? "durable" : "all");
            }
        }
    }
}

static void check_server_event(struct contract *contract,
                               const struct contract_message *message)
{
    const Belfry__ServerEvent *def = message->server_event;
    struct place place = message->place;
    check_name(contract, place, def->name);
    if (def->purpose == NULL || def->purpose[0] == '\0') {
        contract_error(contract, place, "%s: needs a purpose", def->name);
    }
    if (def->handling == NULL || def->handling[0] == '\0') {
        contract_error(contract, place, "%s: needs handling: what a client does with it",
                       def->name);
    }
    if (!def->has_scope || !def->has_trigger) {
        contract_error(contract, place, "%s: needs a scope and a trigger", def->name);
        return;
    }
    if (def->trigger == BELFRY__TRIGGER__CLIENT_EVENT && !is_caused(contract, def)) {
        contract_error(contract, place, "%s: no client event causes it", def->name);
    }
    if (def->durable && def->except_sender) {
        contract_error(contract, place,
                       "%s: a durable event goes to everyone, except_sender is for "
                       "ephemeral ones",
                       def->name);
    }
    if (def->durable && (def->scope == BELFRY__SCOPE__CONTACTS_SCOPE ||
                         def->scope == BELFRY__SCOPE__GLOBAL_SCOPE ||
                         def->scope == BELFRY__SCOPE__SESSION_SCOPE)) {
        contract_error(contract, place,
                       "%s: this scope has no stream, its events are ephemeral",
                       def->name);
    }
    check_reserved(contract, message);
}

void check_events(struct contract *contract)
{
    check_unique(contract);
    for (size_t i = 0; i < contract->event_count; i++) {
        check_client_event(contract, &contract->events[i]);
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        check_server_event(contract, contract->server_events[i]);
    }
}

void contract_check(struct contract *contract)
{
    check_messages(contract);
    check_events(contract);
}
