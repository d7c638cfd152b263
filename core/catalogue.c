/* Tells edges which events there are: all that they need to admit one without knowing it
 * by name at build time. */
#include "core/core.h"
#include "core/worker.h"

/* The payload member that names the room, for `subscribed` events. */
static const char *subscribed_key(const struct event_def *event)
{
    return event->right == RIGHT_SUBSCRIBED ? event->id_key : NULL;
}

static void fill(const struct event_def *event, Link__CatalogueEvent *entry)
{
    link__catalogue_event__init(entry);
    entry->name = (char *)event->name;
    entry->namespace_ = (char *)event->name_space;
    entry->authentication = (uint32_t)event->authentication;
    entry->changes = event->kind == EVENT_CHANGE;
    entry->subscribed_key = (char *)subscribed_key(event);
    entry->has_subscribed_field = event->id_field > 0;
    entry->subscribed_field = event->id_field;
    entry->has_limit = event->limit > 0;
    entry->limit = event->limit;
    entry->has_per_seconds = event->limit > 0;
    entry->per_seconds = event->per_seconds;
    entry->has_by_connection = event->limit_by_connection;
    entry->by_connection = event->limit_by_connection;
    entry->has_payload_max = true;
    entry->payload_max = event->payload_max;
    entry->text_key = event->text_payload ? (char *)event->id_key : NULL;
}

static enum err make(struct request *request, const Link__GetCatalogue *question)
{
    struct arena *arena = &request->arena;
    Link__Catalogue *catalogue = arena_alloc(arena, sizeof(*catalogue));
    if (catalogue == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__catalogue__init(catalogue);
    struct bytes hash = bytes_make(event_catalogue_hash, 32);
    catalogue->hash = (ProtobufCBinaryData){32, (uint8_t *)event_catalogue_hash};
    if (!question->has_known ||
        !bytes_equal(hash, bytes_make(question->known.data, question->known.len))) {
        Link__CatalogueEvent *entries =
            arena_alloc(arena, event_count * sizeof(*entries));
        catalogue->events = arena_alloc(arena, event_count * sizeof(*catalogue->events));
        if (entries == NULL || catalogue->events == NULL) {
            return ERR_LIMIT_REACHED;
        }
        for (size_t i = 0; i < event_count; i++) {
            fill(&event_table[i], &entries[i]);
            catalogue->events[i] = &entries[i];
        }
        catalogue->n_events = event_count;
    }
    request->reply.body_case = LINK__REPLY__BODY_CATALOGUE;
    request->reply.catalogue = catalogue;
    return ERR_OK;
}

void answer_catalogue(struct request *request, const Link__Request *message)
{
    enum err err = make(request, message->get_catalogue);
    if (err != ERR_OK) {
        refuse(request, err, NULL, NULL);
    }
    request_finish(request);
}
