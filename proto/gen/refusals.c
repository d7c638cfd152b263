/* One list of what can go wrong with an event, for every output that tells of it: what
 * follows from its authentication, right, rules, limits and kind, and what the contract
 * adds. */
#include "refusals.h"

#include "docs_words.h"

#define OWN_RULES_MAX 16 /* what an event can be refused for by itself */

struct list {
    struct contract *contract;
    const struct contract_event *event;
    struct event_refusal *items;
    size_t count;
};

static void add(struct list *list, enum err code, const char *when)
{
    list->items[list->count++] = (struct event_refusal){err_code(code), when};
}

/* ---- who ---- */

static void add_identity(struct list *list)
{
    const Belfry__ClientEvent *def = list->event->def;
    bool needs_user = def->authentication == BELFRY__AUTHENTICATION__REQUIRED ||
                      def->right->self || def->right->subscribed != NULL;
    bool asks_sql = def->kind != BELFRY__EVENT_KIND__EPHEMERAL;
    if (needs_user && asks_sql) {
        add(list, ERR_UNAUTHENTICATED,
            "There is no user (an anonymous session, HTTP without a token), or the "
            "session, the token or the user was revoked.");
    } else if (needs_user) {
        add(list, ERR_UNAUTHENTICATED,
            "There is no user: an anonymous session, HTTP without a token.");
    } else if (asks_sql) {
        add(list, ERR_UNAUTHENTICATED, "The session, the token or the user was revoked.");
    }
    add(list, ERR_TOKEN_EXPIRED,
        "HTTP only: the token's `exp` has passed. A WebSocket session ends with "
        "`CONNECTION_ERROR` instead.");
}

/* ---- the right ---- */

/* Who cannot even see it is told that it is not there. */
static bool only_needs_to_see(const Belfry__Right *right)
{
    return right->n_actions == 1 && (right->actions[0] == BELFRY__ACTION__VIEW_ROOM ||
                                     right->actions[0] == BELFRY__ACTION__VIEW_COMMUNITY);
}

static void add_right(struct list *list)
{
    struct arena *arena = &list->contract->arena;
    const Belfry__Right *right = list->event->def->right;
    const Belfry__Resource *resource = right->resource;
    bool instance = resource != NULL && resource->type == BELFRY__RESOURCE_TYPE__INSTANCE;
    if (right->subscribed != NULL) {
        add(list, ERR_PERMISSION_DENIED,
            "The session does not listen to the room (`JOIN_ROOM` comes first), or lost "
            "the right to; over HTTP there is no session, so always.");
    } else if (right->n_actions > 0 && instance) {
        add(list, ERR_PERMISSION_DENIED,
            arena_printf(arena, "The caller lacks %s on the instance.",
                         action_words(list->contract, list->event)));
    } else if (right->n_actions > 0 && !only_needs_to_see(right)) {
        add(list, ERR_PERMISSION_DENIED,
            arena_printf(arena, "The caller can see the %s but lacks %s there.",
                         resource_noun(resource->type),
                         action_words(list->contract, list->event)));
    }
    if (resource != NULL && !instance) {
        add(list, ERR_NOT_FOUND,
            arena_printf(arena,
                         right->n_actions > 0
                             ? "There is no such %s, or the caller may not see it."
                             : "There is no such %s.",
                         resource_noun(resource->type)));
    }
}

/* ---- the payload ---- */

static const char *violation_words(struct list *list)
{
    const struct contract_message *payload = list->event->payload;
    struct buf text;
    buf_init(&text, 65536);
    for (size_t i = 0; i < payload->field_count; i++) {
        if (payload->fields[i].rule->required) {
            buf_printf(&text, "%s`%s`", text.size > 0 ? ", " : "",
                       payload->fields[i].json_name);
        }
    }
    const char *when =
        payload->field_count == 0
            ? "The payload is no object, or has a member: it takes none."
        : text.size == 0
            ? "A rule of the payload is broken, or there is a member that the contract "
              "does not know."
            : arena_printf(&list->contract->arena,
                           "%s missing, a rule of the payload broken, or a member that "
                           "the contract does not know.",
                           (const char *)text.data);
    buf_finish(&text);
    return when;
}

/* ---- the rest ---- */

static void add_limits(struct list *list)
{
    struct arena *arena = &list->contract->arena;
    const Belfry__ClientEvent *def = list->event->def;
    add(list, ERR_RATE_LIMITED,
        arena_printf(arena, "More than %s; `retryAfterMs` says how long to wait.",
                     rate_words(list->contract, def->rate)));
    add(list, ERR_PAYLOAD_TOO_LARGE,
        arena_printf(arena, "The payload has more than %u bytes.", payload_bytes(def)));
    if (def->planned) {
        add(list, ERR_UNKNOWN_EVENT, "Always, as long as the event is planned.");
    }
    add(list, ERR_UNAVAILABLE,
        def->kind == BELFRY__EVENT_KIND__EPHEMERAL
            ? "No core could take it; `retryAfterMs`."
            : "No core, or no PostgreSQL, could take it; surely nothing was written; "
              "`retryAfterMs`.");
    add(list, ERR_INTERNAL, "A mistake of the server's.");
}

static void add_own(struct list *list)
{
    const Belfry__ClientEvent *def = list->event->def;
    for (size_t i = 0; i < def->n_errors; i++) {
        const ProtobufCEnumValue *code = protobuf_c_enum_descriptor_get_value(
            &belfry__event_error__code__descriptor, (int)def->errors[i]->code);
        add(list, err_from_code(code->name),
            def->errors[i]->when != NULL ? def->errors[i]->when : "");
    }
}

/* By code as in err.h; what follows from the contract's words comes before its own. */
static void sort(struct list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct event_refusal item = list->items[i];
        size_t at = i;
        while (at > 0 &&
               err_from_code(list->items[at - 1].code) > err_from_code(item.code)) {
            list->items[at] = list->items[at - 1];
            at--;
        }
        list->items[at] = item;
    }
}

size_t event_refusals(struct contract *contract, const struct contract_event *event,
                      const struct event_refusal **ret_refusals)
{
    struct list list = {.contract = contract, .event = event};
    list.items = arena_alloc(&contract->arena, (OWN_RULES_MAX + event->def->n_errors) *
                                                   sizeof(*list.items));
    if (list.items == NULL) {
        return 0;
    }
    add_identity(&list);
    add_right(&list);
    add(&list, ERR_VALIDATION_ERROR, violation_words(&list));
    if (event->def->kind == BELFRY__EVENT_KIND__CHANGE) {
        add(&list, ERR_CONFLICT,
            "The `clientId` was used before, for another event or another payload.");
    }
    add_limits(&list);
    add_own(&list);
    sort(&list);
    *ret_refusals = list.items;
    return list.count;
}
