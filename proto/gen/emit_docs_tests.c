/* Which event shows best what a domain is about, and a server test of it that runs as it
 * stands. */
#include "emit_docs.h"

#include <stdio.h>

#include "example.h"

/* Ids that tests/support/event_test.h can make: each as the C expression of a text. */
static const struct maker {
    const char *field, *value;
    bool room, community;
} makers[] = {
    {"roomId", "room", true, true},
    {"communityId", "community", false, true},
    {"messageId", "message", true, true},
    {"userId", "actor_id(bob)", false, true},
};

static const struct maker *maker_of(const struct contract_field *field)
{
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        if (strcmp(makers[i].field, field->json_name) == 0) {
            return &makers[i];
        }
    }
    return NULL;
}

static bool is_id(const struct contract_field *field)
{
    return field->rule->format == BELFRY__FORMAT__UUID;
}

static bool can_be_made(const struct contract_event *event)
{
    for (size_t i = 0; i < event->payload->field_count; i++) {
        const struct contract_field *field = &event->payload->fields[i];
        if (field->rule->required && is_id(field) && maker_of(field) == NULL) {
            return false;
        }
    }
    return true;
}

/* More is better: it is built, changes something, and others hear of it. */
static int worth(const struct contract_event *event)
{
    const Belfry__ClientEvent *def = event->def;
    return (def->planned ? 0 : 4) + (def->kind == BELFRY__EVENT_KIND__CHANGE ? 2 : 0) +
           (def->n_causes > 0 ? 1 : 0);
}

static const struct contract_event *best_event(const struct page *page, bool for_test)
{
    const struct contract_event *best = NULL;
    int most = -1;
    for (size_t i = 0; i < page->event_count; i++) {
        const struct contract_event *event = page->events[i];
        int points = worth(event) + (for_test && can_be_made(event) ? 3 : 0);
        if (points > most) {
            best = event;
            most = points;
        }
    }
    return best;
}

const struct contract_event *main_event(const struct page *page)
{
    return best_event(page, false);
}

const struct contract_message *server_event_named(const struct contract *contract,
                                                  const char *name)
{
    for (size_t i = 0; i < contract->server_event_count; i++) {
        if (strcmp(contract->server_events[i]->server_event->name, name) == 0) {
            return contract->server_events[i];
        }
    }
    return NULL;
}

/* One of this page, if there is one. */
const struct contract_message *main_server_event(const struct page *page)
{
    const struct contract_event *event = main_event(page);
    for (size_t i = 0; event != NULL && i < event->def->n_causes; i++) {
        const struct contract_message *caused =
            server_event_named(page->contract, event->def->causes[i]);
        if (caused->domain == page->domain) {
            return caused;
        }
    }
    return page->server_event_count > 0 ? page->server_events[0] : NULL;
}

/* ---- the test ---- */

struct needs {
    bool community, room, message, bob;
};

static struct needs needs_of(const struct contract_event *event)
{
    struct needs needs = {0};
    for (size_t i = 0; i < event->payload->field_count; i++) {
        const struct contract_field *field = &event->payload->fields[i];
        const struct maker *maker = maker_of(field);
        if (maker != NULL && field->rule->required) {
            needs.room |= maker->room;
            needs.community |= maker->community;
            needs.message |= strcmp(maker->value, "message") == 0;
            needs.bob |= strcmp(maker->field, "userId") == 0;
        }
    }
    return needs;
}

static void append_set_up(const struct needs *needs, struct buf *out)
{
    buf_append_text(out, "    const struct actor *alice = event_actor(\"alice\");\n");
    if (needs->bob) {
        buf_append_text(out, "    const struct actor *bob = event_actor(\"bob\");\n");
    }
    if (needs->community) {
        buf_append_text(out,
                        "    const char *community = make_community(alice, true);\n");
    }
    if (needs->bob && needs->community) {
        buf_append_text(out, "    join_community_as(bob, community);\n");
    }
    if (needs->room) {
        buf_append_text(out,
                        "    const char *room = make_room(alice, community, false);\n");
    }
    if (needs->message) {
        buf_append_text(out,
                        "    const char *message = send_as(alice, room, \"Hello\");\n");
    }
}

/* JSON as the inside of a C string that is a printf format. */
static void append_quoted(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            buf_append_char(out, '\\');
        }
        if (*text == '%') {
            buf_append_char(out, '%');
        }
        buf_append_char(out, *text);
    }
}

static void append_call(const struct contract_event *event, const char *actor,
                        struct buf *out)
{
    struct buf arguments;
    buf_init(&arguments, PART_MAX);
    bool any = false;
    buf_printf(out, "event_test(%s, \"%s\",\n                   \"{", actor,
               event->def->name);
    for (size_t i = 0; i < event->payload->field_count; i++) {
        const struct contract_field *field = &event->payload->fields[i];
        if (!field->rule->required && field->rule->example == NULL) {
            continue;
        }
        const struct maker *maker = field->rule->required ? maker_of(field) : NULL;
        buf_printf(out, "%s\\\"%s\\\":", any ? "," : "", field->json_name);
        any = true;
        if (maker != NULL) {
            buf_append_text(out, "\\\"%s\\\"");
            buf_printf(&arguments, ", %s", maker->value);
            continue;
        }
        struct buf value;
        buf_init(&value, PART_MAX);
        append_example_value(event->payload, field, EXAMPLE_PAYLOAD, -1, &value);
        append_quoted(out, value.data != NULL ? (const char *)value.data : "");
        buf_finish(&value);
    }
    buf_append_text(out, "}\"");
    buf_append_bytes(out, buf_bytes(&arguments));
    buf_append_char(out, ')');
    buf_finish(&arguments);
}

/* Where the first event that it causes is published; NULL: not to be told from here. */
static const char *stream_arguments(const struct contract_event *event,
                                    const struct contract_message *caused,
                                    const struct needs *needs)
{
    switch (caused->server_event->scope) {
    case BELFRY__SCOPE__ROOM_SCOPE:
        return needs->room ? "\"room:%s\", room" : NULL;
    case BELFRY__SCOPE__COMMUNITY_SCOPE:
        return needs->community ? "\"community:%s\", community" : NULL;
    case BELFRY__SCOPE__MEMBERS_SCOPE:
        return needs->community ? "\"members:%s\", community" : NULL;
    case BELFRY__SCOPE__USER_SCOPE:
        return needs->bob ? NULL : "\"user:%s\", actor_id(alice)";
    case BELFRY__SCOPE__CONTACTS_SCOPE:
        return "\"%s\", \"\" /* to many streams */";
    default:
        return NULL;
    }
}

static const struct contract_field *first_required(const struct contract_event *event)
{
    for (size_t i = 0; i < event->payload->field_count; i++) {
        if (event->payload->fields[i].rule->required) {
            return &event->payload->fields[i];
        }
    }
    return NULL;
}

static void append_good_case(const struct page *page, const struct contract_event *event,
                             struct buf *out)
{
    struct contract *contract = page->contract;
    struct needs needs = needs_of(event);
    const char *name = lower_name(contract, event->def->name);
    buf_printf(out, "static void handles_%s(void **state)\n{\n", name);
    append_set_up(&needs, out);
    const struct contract_message *caused =
        event->def->n_causes > 0 ? server_event_named(contract, event->def->causes[0])
                                 : NULL;
    if (caused != NULL && caused->server_event->scope == BELFRY__SCOPE__CONTACTS_SCOPE) {
        buf_append_text(out, "    make_community(alice, true); /* its members are her "
                             "contacts */\n");
    }
    buf_append_text(out, "    const struct event_result *result =\n        ");
    append_call(event, "alice", out);
    if (!can_be_made(event)) {
        buf_append_text(out,
                        ";\n    assert_refused(result, \"NOT_FOUND\"); /* no such one "
                        "*/\n}\n");
        return;
    }
    buf_append_text(out, ";\n    assert_ok(result);\n");
    if (caused != NULL) {
        const char *stream = stream_arguments(event, caused, &needs);
        if (stream != NULL) {
            buf_printf(out, "    assert_published(result, \"%s\", %s);\n",
                       event->def->causes[0], stream);
        }
    }
    buf_append_text(out, "}\n");
}

void set_test_words(const struct page *page, struct words *words)
{
    const struct contract_event *event = best_event(page, true);
    struct buf text, cases;
    buf_init(&text, PART_MAX);
    buf_init(&cases, PART_MAX);
    if (event != NULL) {
        const char *name = lower_name(page->contract, event->def->name);
        const struct contract_field *required = first_required(event);
        const Belfry__Resource *resource = event->def->right->resource;
        append_good_case(page, event, &text);
        buf_printf(&cases, "        event_case(handles_%s),", name);
        if (required != NULL) {
            buf_printf(&text,
                       "\nstatic void refuses_%s_without_%s(void **state)\n{\n"
                       "    const struct actor *alice = event_actor(\"alice\");\n"
                       "    assert_violation(event_test(alice, \"%s\", \"{}\"), \"%s\", "
                       "\"required\");\n}\n",
                       name, required->proto->name, event->def->name,
                       required->json_name);
            buf_printf(&cases, "\n        event_case(refuses_%s_without_%s),", name,
                       required->proto->name);
        }
        if (event->def->right->n_actions > 0 && resource->id_key != NULL) {
            struct needs needs = needs_of(event);
            buf_printf(&text, "\nstatic void hides_from_strangers_%s(void **state)\n{\n",
                       name);
            append_set_up(&needs, &text);
            buf_append_text(
                &text, "    const struct actor *stranger = event_actor(\"stranger\");\n"
                       "    const struct event_result *result =\n        ");
            append_call(event, "stranger", &text);
            buf_append_text(&text, ";\n    assert_refused(result, \"NOT_FOUND\");\n}\n");
            buf_printf(&cases, "\n        event_case(hides_from_strangers_%s),", name);
        }
        text.data[--text.size] = '\0'; /* the text around it has the last newline */
    }
    word_take(words, "server_test", &text);
    word_take(words, "server_cases", &cases);
}
