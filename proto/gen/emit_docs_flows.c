/* How events play together: a diagram of what an event's contract says happens, and the
 * steps that the domain tells; and what can go wrong. */
#include "emit_docs.h"

static void append_payload_names(const struct contract_message *message, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct contract_field *field = &message->fields[i];
        bool shown = field->rule->required || strcmp(field->json_name, "clientId") == 0;
        if (shown) {
            buf_printf(out, "%s%s", any ? ", " : "", field->json_name);
            any = true;
        }
    }
    buf_append_text(out, any ? "" : "{}");
}

static void append_right(const struct contract_event *event, struct buf *out)
{
    const Belfry__Right *right = event->def->right;
    for (size_t i = 0; i < right->n_actions; i++) {
        buf_printf(out, "%s%s", i > 0 ? " and " : "",
                   protobuf_c_enum_descriptor_get_value(&belfry__action__descriptor,
                                                        (int)right->actions[i])
                       ->name);
    }
    if (right->n_actions > 0) {
        buf_printf(out, " on the %s", resource_noun(right->resource->type));
    } else {
        buf_append_text(out, right->self ? "own data only" : "nothing to hold");
    }
}

static const char *audience(const Belfry__ServerEvent *def)
{
    static const char *const words[] = {
        "",
        "everyone who listens to the room",
        "everyone in the community",
        "everyone with the member list open",
        "the user's sessions",
        "the session",
        "the user's contacts",
        "everyone",
    };
    return words[def->scope];
}

static void append_core(struct contract *contract, const struct contract_event *event,
                        struct buf *out)
{
    const Belfry__ClientEvent *def = event->def;
    const char *name = lower_name(contract, def->name);
    buf_append_text(out, "    K->>K: decode, check every rule\n");
    if (def->kind == BELFRY__EVENT_KIND__EPHEMERAL) {
        buf_append_text(out, def->right->subscribed != NULL
                                 ? "    K->>K: the subscription's grant is the right\n"
                                 : "");
        return;
    }
    bool change = def->kind == BELFRY__EVENT_KIND__CHANGE;
    buf_printf(out, "    K->>D: %s: ", change ? "admit()" : "admit_read()");
    append_right(event, out);
    buf_printf(out, ", then event_%s()%s\n", name, change ? ", complete()" : "");
    buf_printf(out, "    D-->>K: %s\n",
               change ? "committed: the reply, and the events with their seq"
                      : "the rows, of one snapshot");
}

/* Other clients hear it, and in most scopes the sender's own sessions do, too. */
static void append_fan_out(const struct contract_message *caused, struct buf *out)
{
    const Belfry__ServerEvent *def = caused->server_event;
    buf_printf(out, "    K->>B: %s (%s)\n", def->name,
               def->durable ? "after the commit" : "not stored");
    buf_printf(out, "    B->>E: %s\n", def->name);
    buf_printf(out, "    E->>O: %s (to %s%s)\n", def->name, audience(def),
               def->except_sender ? ", except the sender" : "");
    if (!def->except_sender && def->scope != BELFRY__SCOPE__CONTACTS_SCOPE) {
        buf_printf(out, "    E->>C: %s (if the sender is one of them)\n", def->name);
    }
}

static void append_diagram(const struct page *page, const struct contract_event *event,
                           struct buf *out)
{
    struct contract *contract = page->contract;
    const Belfry__ClientEvent *def = event->def;
    buf_append_text(out, "```mermaid\nsequenceDiagram\n"
                         "    participant C as Client\n"
                         "    participant E as Edge\n"
                         "    participant K as Core\n"
                         "    participant D as PostgreSQL\n"
                         "    participant B as Bus\n"
                         "    participant O as Other clients\n\n");
    buf_printf(out, "    C->>E: %s (", def->name);
    append_payload_names(event->payload, out);
    buf_printf(out, ")\n    E->>E: token, size, rate (%u per %u s)\n", def->rate->limit,
               def->rate->per_seconds);
    buf_append_text(out, "    E->>K: request, with the same id on every attempt\n");
    append_core(contract, event, out);
    buf_append_text(out, "    K-->>E: reply\n    E-->>C: acknowledgement (");
    append_payload_names(event->reply, out);
    buf_append_text(out, ")\n");
    for (size_t i = 0; i < def->n_causes; i++) {
        const struct contract_message *caused =
            server_event_named(contract, def->causes[i]);
        if (def->planned || !caused->server_event->planned) {
            append_fan_out(caused, out);
        }
    }
    buf_append_text(out, "```\n\n");
}

static const struct contract_event *ephemeral_event(const struct page *page)
{
    for (size_t i = 0; i < page->event_count; i++) {
        const Belfry__ClientEvent *def = page->events[i]->def;
        if (def->kind == BELFRY__EVENT_KIND__EPHEMERAL && def->n_causes > 0) {
            return page->events[i];
        }
    }
    return NULL;
}

static void append_example_head(struct buf *out, int *number, const char *title)
{
    (*number)++;
    buf_printf(out, "### Example %d: %s\n\n", *number, title);
}

static void append_event_flow(const struct page *page, const struct contract_event *event,
                              int *number, struct buf *out)
{
    append_example_head(out, number, label_of(page->contract, event->def->name));
    buf_printf(out, "%s%s\n\n", event->def->purpose,
               event->def->planned ? " This event is planned: so it will be." : "");
    append_diagram(page, event, out);
}

void append_flows(const struct page *page, struct buf *out)
{
    int number = 0;
    const struct contract_event *event = main_event(page);
    const struct contract_event *ephemeral = ephemeral_event(page);
    if (event != NULL) {
        append_event_flow(page, event, &number, out);
    }
    if (ephemeral != NULL && ephemeral != event) {
        append_event_flow(page, ephemeral, &number, out);
    }
    const Belfry__Domain *def = page->domain->def;
    for (size_t i = 0; i < def->n_flows; i++) {
        const Belfry__Flow *flow = def->flows[i];
        append_example_head(out, &number, flow->title);
        for (size_t j = 0; j < flow->n_steps; j++) {
            buf_printf(out, "%zu. %s\n", j + 1, flow->steps[j]);
        }
        if (flow->n_updates > 0) {
            buf_printf(out, "%zu. Clients update:\n", flow->n_steps + 1);
        }
        for (size_t j = 0; j < flow->n_updates; j++) {
            buf_printf(out, "   - %s\n", flow->updates[j]);
        }
        buf_append_char(out, '\n');
    }
}

static void append_point(struct buf *out, const char *label, const char *text, bool code)
{
    if (text != NULL && text[0] != '\0') {
        buf_printf(out, code ? "   - **%s:** `%s`\n" : "   - **%s:** %s\n", label, text);
    }
}

void append_troubles(const struct page *page, struct buf *out)
{
    const Belfry__Domain *def = page->domain->def;
    for (size_t i = 0; i < def->n_troubles; i++) {
        const Belfry__Trouble *trouble = def->troubles[i];
        /* behind the three of every page */
        buf_printf(out, "%zu. **%s**\n", i + 4, trouble->symptom);
        append_point(out, "Cause", trouble->cause, false);
        append_point(out, "Solution", trouble->solution, false);
        append_point(out, "Prevention", trouble->prevention, false);
        append_point(out, "Command", trouble->command, true);
        buf_append_char(out, '\n');
    }
}
