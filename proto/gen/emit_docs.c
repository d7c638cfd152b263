/* Writes the pages of docs/events: one for each domain, laid out as event pages of
 * gateways are, and an index of all events. */
#include "emit_docs.h"

#include <stdio.h>
#include <stdlib.h>

#include "example.h"

static int by_line_of_event(const void *a, const void *b)
{
    const struct contract_event *const *left = a, *const *right = b;
    return (*left)->place.line - (*right)->place.line;
}

static int by_line_of_message(const void *a, const void *b)
{
    const struct contract_message *const *left = a, *const *right = b;
    return (*left)->place.line - (*right)->place.line;
}

/* False: out of memory. */
static bool open_page(struct contract *contract, const struct contract_domain *domain,
                      struct page *ret_page)
{
    *ret_page = (struct page){.contract = contract, .domain = domain};
    ret_page->events = arena_alloc(&contract->arena, (contract->event_count + 1) *
                                                         sizeof(*ret_page->events));
    ret_page->server_events =
        arena_alloc(&contract->arena, (contract->server_event_count + 1) *
                                          sizeof(*ret_page->server_events));
    if (ret_page->events == NULL || ret_page->server_events == NULL) {
        return false;
    }
    for (size_t i = 0; i < contract->event_count; i++) {
        if (contract->events[i].domain == domain) {
            ret_page->events[ret_page->event_count++] = &contract->events[i];
        }
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        if (contract->server_events[i]->domain == domain) {
            ret_page->server_events[ret_page->server_event_count++] =
                contract->server_events[i];
        }
    }
    qsort(ret_page->events, ret_page->event_count, sizeof(*ret_page->events),
          by_line_of_event);
    qsort(ret_page->server_events, ret_page->server_event_count,
          sizeof(*ret_page->server_events), by_line_of_message);
    return true;
}

/* ---- tables ---- */

/* Where an event is explained: the anchor that Markdown makes of its heading. */
static void append_link(const struct page *page, const char *file, const char *name,
                        struct buf *out)
{
    buf_printf(out, "[`%s`](%s#%s)", name, file, lower_name(page->contract, name));
}

static void append_summary(const struct page *page, const char *file, struct buf *out)
{
    struct contract *contract = page->contract;
    if (page->event_count > 0) {
        buf_append_text(out, "| client event | kind | right | causes | built |\n"
                             "|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < page->event_count; i++) {
        const struct contract_event *event = page->events[i];
        const Belfry__Right *right = event->def->right;
        buf_append_text(out, "| ");
        append_link(page, file, event->def->name, out);
        buf_printf(out, " | %s | ", kind_name(event->def));
        if (right->n_actions > 0) {
            buf_printf(out, "%s on %s", action_words(contract, event),
                       resource_noun(right->resource->type));
        } else {
            buf_append_text(out, right->self                 ? "self"
                                 : right->subscribed != NULL ? "subscribed"
                                                             : "public");
        }
        buf_printf(out, " | %s | %s |\n",
                   event->def->n_causes > 0 ? causes_words(contract, event) : "none",
                   event->def->planned ? "**planned**" : "yes");
    }
    if (page->server_event_count > 0) {
        buf_append_text(out, "\n| server event | scope | delivery | trigger | built |\n"
                             "|---|---|---|---|---|\n");
    }
    for (size_t i = 0; i < page->server_event_count; i++) {
        const Belfry__ServerEvent *def = page->server_events[i]->server_event;
        buf_append_text(out, "| ");
        append_link(page, file, def->name, out);
        buf_printf(out, " | %s%s | %s | %s | %s |\n", scope_name(def),
                   def->except_sender ? " except sender" : "",
                   def->durable ? "durable" : "ephemeral", trigger_words(contract, def),
                   def->planned ? "**planned**" : "yes");
    }
}

static void append_limits(const struct page *page, struct buf *out)
{
    buf_append_text(out, "| event | events | in | for each | payload |\n"
                         "|---|---|---|---|---|\n");
    for (size_t i = 0; i < page->event_count; i++) {
        const Belfry__ClientEvent *def = page->events[i]->def;
        buf_printf(out, "| `%s`%s | %u | %u s | %s | %u bytes |\n", def->name,
                   def->planned ? " (planned)" : "", def->rate->limit,
                   def->rate->per_seconds,
                   def->rate->by_connection ? "connection" : "user", payload_bytes(def));
    }
}

/* How a session comes to hear the page's events. */
static void append_streams(const struct page *page, struct buf *out)
{
    static const char *const how[] = {
        "",
        "the room's stream, `room:<uuid>`: after `JOIN_ROOM` or `JOIN_ALL_ROOMS`",
        "the community's stream, `community:<uuid>`: by itself, from connect, for every "
        "member",
        "the members' stream, `members:<uuid>`: while the session follows the member "
        "list",
        "the user's stream, `user:<uuid>`: by itself, from connect",
        "the session itself: always",
        "all who share a community or a direct room with the user: by itself",
        "every session: by itself",
    };
    buf_append_text(out, "| events | arrive on |\n|---|---|\n");
    for (int scope = 1; scope < (int)(sizeof(how) / sizeof(how[0])); scope++) {
        bool any = false;
        for (size_t i = 0; i < page->server_event_count; i++) {
            const Belfry__ServerEvent *def = page->server_events[i]->server_event;
            if ((int)def->scope == scope) {
                buf_printf(out, "%s`%s`", any ? ", " : "| ", def->name);
                any = true;
            }
        }
        if (any) {
            buf_printf(out, " | %s |\n", how[scope]);
        }
    }
}

/* ---- one page ---- */

/* Takes what a part has written, without the last newline, which stands around it. */
static void take_part(struct words *words, const char *name, struct buf *part)
{
    if (part->size > 0 && part->data[part->size - 1] == '\n') {
        part->data[--part->size] = '\0';
    }
    word_take(words, name, part);
}

static void set_part(struct words *words, const char *name, const struct page *page,
                     void (*append)(const struct page *page, struct buf *out))
{
    struct buf part;
    buf_init(&part, PART_MAX);
    append(page, &part);
    take_part(words, name, &part);
}

static void set_others(struct words *words, const struct page *page)
{
    struct contract *contract = page->contract;
    struct buf text;
    buf_init(&text, PART_MAX);
    bool any = false;
    for (size_t i = 0; i < contract->domain_count; i++) {
        const char *name = contract->domains[i].def->name;
        if (&contract->domains[i] != page->domain) {
            buf_printf(&text, "%s[%s](%s.md)", any ? ", " : "", name, name);
            any = true;
        }
    }
    buf_append_text(&text, any ? "" : "none");
    word_take(words, "others", &text);
}

/* A rule of an example of VALIDATION_ERROR that the domain's main event really has. */
static void set_violation(struct words *words, const struct contract_event *event)
{
    const struct contract_field *required = NULL, *long_one = NULL;
    for (size_t i = 0; event != NULL && i < event->payload->field_count; i++) {
        const struct contract_field *field = &event->payload->fields[i];
        required = required == NULL && field->rule->required ? field : required;
        long_one = long_one == NULL && field->rule->max_length > 0 ? field : long_one;
    }
    if (long_one != NULL) {
        word_set(words, "bad_path", long_one->json_name);
        word_set(words, "bad_rule", "max_length");
        word_printf(words, "bad_message",
                    "must not have more than %u characters, but has %u",
                    long_one->rule->max_length, long_one->rule->max_length + 1);
        return;
    }
    word_set(words, "bad_path", required != NULL ? required->json_name : "colour");
    word_set(words, "bad_rule", required != NULL ? "required" : "unknown_field");
    word_set(words, "bad_message",
             required != NULL ? "is required" : "is not a field of this message");
}

static void set_guide(struct words *words, const struct page *page)
{
    struct contract *contract = page->contract;
    const struct contract_event *event = main_event(page);
    const struct contract_message *server = main_server_event(page);
    const Belfry__Resource *resource = event != NULL ? event->def->right->resource : NULL;
    const char *noun = resource != NULL ? resource_noun(resource->type) : "resource";
    word_set(words, "name", event != NULL ? event->def->name : "");
    word_printf(words, "not_found", "%s not found", domain_title(contract, noun));
    set_violation(words, event);
    set_part(words, "streams", page, append_streams);
    set_part(words, "limits", page, append_limits);
    set_part(words, "flows", page, append_flows);
    set_part(words, "troubles", page, append_troubles);
    set_test_words(page, words);
    word_set(words, "test_event", server != NULL ? server->server_event->name : "");
    word_set(words, "test_message", server != NULL ? event_stem(contract, server) : "");
    struct buf json, payload;
    buf_init(&json, PART_MAX);
    buf_init(&payload, PART_MAX);
    if (server != NULL) {
        append_example(server, EXAMPLE_EVENT, 2, &json);
    }
    if (event != NULL) {
        append_example(event->payload, EXAMPLE_CALL, 2, &payload);
    }
    word_take(words, "test_json", &json);
    word_take(words, "payload", &payload);
    word_set(words, "test_word",
             server != NULL && server->server_event->durable ? "cursor" : "[{]");
    set_others(words, page);
    struct buf guide;
    buf_init(&guide, PART_MAX);
    expand(docs_guide, words, &guide);
    take_part(words, "guide", &guide);
}

static enum err write_page(const struct page *page, const char *directory)
{
    struct contract *contract = page->contract;
    const Belfry__Domain *def = page->domain->def;
    const char *space = domain_namespace(page->domain);
    bool own_space = strcmp(space, "/") != 0;
    struct words words = {.arena = &contract->arena};
    struct buf part, out;
    word_set(&words, "domain", def->name);
    word_set(&words, "title", domain_title(contract, def->name));
    word_printf(&words, "contract", "proto/%s", page->domain->file->name);
    word_set(&words, "overview", def->overview != NULL ? def->overview : "");
    word_set(&words, "namespace", space);
    word_set(&words, "namespace_path", own_space ? space : "");
    word_set(&words, "namespace_note",
             own_space
                 ? "it accepts this domain's client events; `/` accepts all"
                 : "it carries every event; a contract file may name one of its own");
    buf_init(&part, PART_MAX);
    append_summary(page, "", &part);
    take_part(&words, "summary", &part);
    for (size_t i = 0; i < page->event_count; i++) {
        append_client_event(page, page->events[i], &part);
    }
    take_part(&words, "client_events", &part);
    for (size_t i = 0; i < page->server_event_count; i++) {
        append_server_event(page, page->server_events[i], &part);
    }
    take_part(&words, "server_events", &part);
    set_guide(&words, page);
    buf_init(&out, OUTPUT_MAX);
    expand(docs_page, &words, &out);
    enum err err = emit_file(contract, directory,
                             arena_printf(&contract->arena, "%s.md", def->name), &out);
    buf_finish(&out);
    return err;
}

/* ---- the index ---- */

static void append_domain(const struct page *page, struct buf *out)
{
    const Belfry__Domain *def = page->domain->def;
    const char *file = arena_printf(&page->contract->arena, "%s.md", def->name);
    buf_printf(out, "## %s\n\n[%s](%s): %s\n\n", domain_title(page->contract, def->name),
               file, file, def->overview != NULL ? def->overview : "");
    append_summary(page, file, out);
    buf_append_char(out, '\n');
}

static void set_count(struct words *words, const struct contract *contract)
{
    size_t planned = 0, all = contract->event_count + contract->server_event_count;
    for (size_t i = 0; i < contract->event_count; i++) {
        planned += contract->events[i].def->planned ? 1 : 0;
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        planned += contract->server_events[i]->server_event->planned ? 1 : 0;
    }
    word_printf(words, "count",
                "%zu client events and %zu server events; %zu are built, %zu planned.",
                contract->event_count, contract->server_event_count, all - planned,
                planned);
}

enum err emit_docs(struct contract *contract, const char *directory)
{
    struct words words = {.arena = &contract->arena};
    struct buf domains, out;
    buf_init(&domains, PART_MAX);
    buf_init(&out, OUTPUT_MAX);
    enum err err = ERR_OK;
    for (size_t i = 0; err == ERR_OK && i < contract->domain_count; i++) {
        struct page page;
        err = open_page(contract, &contract->domains[i], &page)
                  ? write_page(&page, directory)
                  : ERR_INTERNAL;
        append_domain(&page, &domains);
    }
    set_count(&words, contract);
    take_part(&words, "domains", &domains);
    expand(docs_index, &words, &out);
    if (err == ERR_OK) {
        err = emit_file(contract, directory, "README.md", &out);
    }
    buf_finish(&out);
    return err;
}
