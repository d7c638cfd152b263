/* Says in sentences what the contract says in options. */
#include "docs_words.h"

#include <ctype.h>

#include "template.h"

#define WORDS_BYTES_MAX (1u << 20)

static const char *action_name(Belfry__Action action)
{
    return protobuf_c_enum_descriptor_get_value(&belfry__action__descriptor, (int)action)
        ->name;
}

static const char *in_arena(struct contract *contract, struct buf *text)
{
    struct words words = {.arena = &contract->arena};
    word_take(&words, "", text);
    return words.items[0].value;
}

void append_cell(struct buf *out, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) {
        if (*text == '|') {
            buf_append_text(out, "\\|");
        } else {
            buf_append_char(out, *text == '\n' ? ' ' : *text);
        }
    }
}

const char *label_of(struct contract *contract, const char *event_name)
{
    char *label = arena_text(&contract->arena, event_name);
    for (char *at = label; label != NULL && *at != '\0'; at++) {
        *at = *at == '_' ? ' ' : (char)(at == label ? *at : tolower((unsigned char)*at));
    }
    return label;
}

const char *domain_title(struct contract *contract, const char *domain_name)
{
    char *title = arena_text(&contract->arena, domain_name);
    if (title != NULL) {
        title[0] = (char)toupper((unsigned char)title[0]);
    }
    return title;
}

const char *c_type_of(struct contract *contract, const char *full_name)
{
    struct buf text;
    buf_init(&text, WORDS_BYTES_MAX);
    bool start = true;
    for (const char *at = full_name; *at != '\0'; at++) {
        if (*at == '.') {
            buf_append_text(&text, "__");
        } else {
            buf_append_char(&text, start ? (char)toupper((unsigned char)*at) : *at);
        }
        start = *at == '.';
    }
    return in_arena(contract, &text);
}

uint32_t payload_bytes(const Belfry__ClientEvent *def)
{
    return def->payload_max > 0 ? def->payload_max : PAYLOAD_MAX_DEFAULT;
}

/* ---- rights ---- */

const char *resource_noun(Belfry__ResourceType type)
{
    static const char *const nouns[] = {"", "instance", "community", "room", "message"};
    return nouns[type];
}

const char *action_words(struct contract *contract, const struct contract_event *event)
{
    const Belfry__Right *right = event->def->right;
    struct buf text;
    buf_init(&text, WORDS_BYTES_MAX);
    for (size_t i = 0; i < right->n_actions; i++) {
        buf_printf(&text, "%s`%s`", i > 0 ? ", " : "", action_name(right->actions[i]));
    }
    return in_arena(contract, &text);
}

const char *right_words(struct contract *contract, const struct contract_event *event)
{
    const Belfry__Right *right = event->def->right;
    if (right->n_actions > 0) {
        return action_words(contract, event);
    }
    if (right->subscribed != NULL) {
        return arena_printf(&contract->arena,
                            "none (`subscribed`): the session must listen to the room "
                            "named by `%s`",
                            right->subscribed);
    }
    return right->self ? "none (`self`): it acts on the caller's own data only"
                       : "none (`public`): anybody who may send it at all";
}

const char *resource_words(struct contract *contract, const struct contract_event *event)
{
    const Belfry__Resource *resource = event->def->right->resource;
    const char *subscribed = event->def->right->subscribed;
    static const char *const sources[] = {"",     "PAYLOAD", "TEXT_PAYLOAD",
                                          "BODY", "QUERY",   "PARAM"};
    static const char *const types[] = {"", "INSTANCE", "COMMUNITY", "ROOM", "MESSAGE"};
    if (resource == NULL) {
        return subscribed == NULL
                   ? "none"
                   : arena_printf(&contract->arena,
                                  "type `ROOM`, idKey `%s`, source `PAYLOAD`",
                                  subscribed);
    }
    if (resource->id_key == NULL) {
        return arena_printf(&contract->arena, "type `%s`", types[resource->type]);
    }
    const char *more = resource->type == BELFRY__RESOURCE_TYPE__MESSAGE
                           ? " (decided on the message's room)"
                       : resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD
                           ? " (the payload may be that one string)"
                           : "";
    return arena_printf(&contract->arena, "type `%s`, idKey `%s`, source `%s`%s",
                        types[resource->type], resource->id_key,
                        sources[resource->source], more);
}

const char *rate_words(struct contract *contract, const Belfry__RateLimit *rate)
{
    return arena_printf(&contract->arena, "%u per %u s, for each %s", rate->limit,
                        rate->per_seconds, rate->by_connection ? "connection" : "user");
}

const char *kind_name(const Belfry__ClientEvent *def)
{
    static const char *const names[] = {"", "READ", "CHANGE", "EPHEMERAL"};
    return names[def->kind];
}

const char *kind_words(const Belfry__ClientEvent *def)
{
    static const char *const words[] = {
        "",
        "READ: answers from one snapshot and changes nothing",
        ("CHANGE: happens exactly once for each `clientId`; the reply means it is "
         "committed"),
        "EPHEMERAL: nothing is stored, and it may be dropped",
    };
    return words[def->kind];
}

/* ---- server events ---- */

const char *scope_name(const Belfry__ServerEvent *def)
{
    static const char *const names[] = {"",     "room",    "community", "members",
                                        "user", "session", "contacts",  "global"};
    return names[def->scope];
}

const char *scope_words(struct contract *contract, const Belfry__ServerEvent *def)
{
    static const char *const words[] = {
        "",
        "Room-specific: all sessions that listen to the room",
        "Community-specific: all sessions of the community's members",
        "Community-specific: the sessions that opened the community's member list",
        "User-specific: all sessions of the user",
        "User-specific: this session alone",
        ("User-specific: the sessions of everybody who shares a community or a direct "
         "room with the user, each once"),
        "Global broadcast: every session",
    };
    return arena_printf(&contract->arena, "%s%s", words[def->scope],
                        def->except_sender ? ", except the sender's" : "");
}

static void append_cause(struct buf *out, const Belfry__ClientEvent *event, bool *any)
{
    buf_printf(out, "%s`%s`%s", *any ? ", " : "", event->name,
               event->planned ? " (planned)" : "");
    *any = true;
}

const char *trigger_words(struct contract *contract, const Belfry__ServerEvent *def)
{
    static const char *const words[] = {
        "", "", "lifecycle (connect, disconnect, drain)", "a timer",
        "a service: `POST /api/v1/publish` with a service token"};
    struct buf text;
    buf_init(&text, WORDS_BYTES_MAX);
    bool any = false;
    for (size_t i = 0; i < contract->event_count; i++) {
        const Belfry__ClientEvent *event = contract->events[i].def;
        for (size_t j = 0; j < event->n_causes; j++) {
            if (strcmp(event->causes[j], def->name) == 0) {
                append_cause(&text, event, &any);
            }
        }
    }
    if (def->trigger != BELFRY__TRIGGER__CLIENT_EVENT) {
        buf_printf(&text, "%s%s", any ? ", and " : "", words[def->trigger]);
    }
    return in_arena(contract, &text);
}

static bool is_planned(const struct contract *contract, const char *server_event)
{
    for (size_t i = 0; i < contract->server_event_count; i++) {
        const Belfry__ServerEvent *def = contract->server_events[i]->server_event;
        if (strcmp(def->name, server_event) == 0) {
            return def->planned;
        }
    }
    return false;
}

const char *causes_words(struct contract *contract, const struct contract_event *event)
{
    struct buf text;
    buf_init(&text, WORDS_BYTES_MAX);
    for (size_t i = 0; i < event->def->n_causes; i++) {
        const char *cause = event->def->causes[i];
        buf_printf(&text, "%s`%s`%s", i > 0 ? ", " : "", cause,
                   !event->def->planned && is_planned(contract, cause) ? " (planned)"
                                                                       : "");
    }
    buf_append_text(&text, event->def->n_causes == 0 ? "nothing that others hear" : "");
    return in_arena(contract, &text);
}

/* ---- rules ---- */

struct list_words {
    struct buf *out;
    bool any;
};

static void between(struct list_words *list)
{
    buf_append_text(list->out, list->any ? ", " : "");
    list->any = true;
}

static void append_span(struct list_words *list, uint32_t min, uint32_t max,
                        const char *one, const char *many)
{
    between(list);
    if (min == max) {
        buf_printf(list->out, "%u %s", max, max == 1 ? one : many);
    } else if (max == 0) {
        buf_printf(list->out, "at least %u %s", min, min == 1 ? one : many);
    } else if (min == 0) {
        buf_printf(list->out, "at most %u %s", max, max == 1 ? one : many);
    } else {
        buf_printf(list->out, "%u to %u %s", min, max, many);
    }
}

static void append_range(struct list_words *list, const Belfry__Field *rule)
{
    between(list);
    if (rule->has_min && rule->has_max) {
        buf_printf(list->out, "%.17g to %.17g", rule->min, rule->max);
    } else if (rule->has_min) {
        buf_printf(list->out, "at least %.17g", rule->min);
    } else {
        buf_printf(list->out, "at most %.17g", rule->max);
    }
}

void append_rule_words(const struct contract_field *field, struct buf *out)
{
    static const char *const formats[] = {"", "UUID", "RFC 3339", "http(s) URL"};
    const Belfry__Field *rule = field->rule;
    struct list_words list = {out, false};
    if (rule->min_items > 0 || rule->max_items > 0) {
        append_span(&list, rule->min_items, rule->max_items, "item", "items");
    }
    if (rule->min_length > 0 || rule->max_length > 0) {
        append_span(&list, rule->min_length, rule->max_length, "character", "characters");
    }
    if (rule->has_min || rule->has_max) {
        append_range(&list, rule);
    }
    if (rule->format != BELFRY__FORMAT__ANY) {
        between(&list);
        buf_append_text(out, formats[rule->format]);
    }
    if (rule->visible) {
        between(&list);
        buf_append_text(out, "not only white space");
    }
    if (rule->pattern != NULL) {
        between(&list);
        buf_printf(out, "matches ^(%s)$", rule->pattern);
    }
}
