/* Lets an edge serve events that were written after it: all it knows about them comes
 * from the cores, while it runs. */
#include "edge/catalogue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"
#include "base/list.h"
#include "base/map.h"

#define HASH_MAX     64
#define EVENTS_MAX   10000
#define VERSIONS_MAX 16 /* more at once are not a deploy but a mistake */
#define NEAR_MAX     4  /* edits */

/* What cores of one hash know. */
struct version {
    struct list node; /* in catalogue->versions */
    uint8_t hash[HASH_MAX];
    size_t hash_size;
    struct map events; /* name -> struct catalogue_event */
};

struct catalogue {
    struct list versions; /* oldest first */
    size_t version_count;
};

struct catalogue *catalogue_create(void)
{
    struct catalogue *catalogue = calloc(1, sizeof(*catalogue));
    if (catalogue != NULL) {
        list_init(&catalogue->versions);
    }
    return catalogue;
}

static void event_destroy(struct catalogue_event *event)
{
    free((char *)event->name);
    free((char *)event->name_space);
    free((char *)event->subscribed_key);
    free((char *)event->text_key);
    free(event);
}

static void version_destroy(struct version *version)
{
    size_t cursor = 0;
    void *event;
    while (map_next(&version->events, &cursor, NULL, &event)) {
        event_destroy(event);
    }
    map_finish(&version->events);
    list_remove(&version->node);
    free(version);
}

void catalogue_destroy(struct catalogue *catalogue)
{
    if (catalogue == NULL) {
        return;
    }
    LIST_EACH(&catalogue->versions, node) {
        version_destroy(container_of(node, struct version, node));
    }
    free(catalogue);
}

static struct version *version_find(const struct catalogue *catalogue, struct bytes hash)
{
    LIST_EACH(&catalogue->versions, node) {
        struct version *version = container_of(node, struct version, node);
        if (bytes_equal(bytes_make(version->hash, version->hash_size), hash)) {
            return version;
        }
    }
    return NULL;
}

/* A copy, NULL for NULL and for "". ret_failed: no memory. */
static char *copy_text(const char *text, bool *ret_failed)
{
    if (text == NULL || text[0] == '\0') {
        return NULL;
    }
    char *copy = strdup(text);
    *ret_failed = *ret_failed || copy == NULL;
    return copy;
}

static enum err event_create(const Link__CatalogueEvent *row,
                             struct catalogue_event **ret_event)
{
    size_t name_size = strlen(row->name);
    if (name_size == 0 || name_size > CATALOGUE_NAME_MAX ||
        !utf8_valid(bytes_of_text(row->name)) ||
        row->authentication > CATALOGUE_LOGIN_NONE) {
        return ERR_VALIDATION_ERROR;
    }
    struct catalogue_event *event = calloc(1, sizeof(*event));
    if (event == NULL) {
        return ERR_UNAVAILABLE;
    }
    bool failed = false;
    event->name = copy_text(row->name, &failed);
    event->name_space =
        copy_text(row->namespace_[0] != '\0' ? row->namespace_ : "/", &failed);
    event->subscribed_key = copy_text(row->subscribed_key, &failed);
    event->text_key = copy_text(row->text_key, &failed);
    event->authentication = (enum catalogue_authentication)row->authentication;
    event->subscribed_field = row->has_subscribed_field ? row->subscribed_field : 0;
    event->changes = row->changes;
    event->limit = row->has_limit ? row->limit : 0;
    event->per_seconds = row->has_per_seconds ? row->per_seconds : 0;
    event->by_connection = row->has_by_connection && row->by_connection;
    event->payload_max = row->has_payload_max ? row->payload_max : 0;
    if (failed) {
        event_destroy(event);
        return ERR_UNAVAILABLE;
    }
    *ret_event = event;
    return ERR_OK;
}

static enum err add_event(struct version *version, const Link__CatalogueEvent *row)
{
    if (map_get(&version->events, row->name) != NULL) {
        return ERR_VALIDATION_ERROR; /* which of the two would hold? */
    }
    struct catalogue_event *event;
    TRY(event_create(row, &event));
    enum err err = map_put(&version->events, event->name, event);
    if (err != ERR_OK) {
        event_destroy(event);
    }
    return err;
}

static enum err version_create(const Link__Catalogue *message,
                               struct version **ret_version)
{
    struct version *version = calloc(1, sizeof(*version));
    if (version == NULL) {
        return ERR_UNAVAILABLE;
    }
    map_init(&version->events, MAP_TEXT_KEYS);
    memcpy(version->hash, message->hash.data, message->hash.len);
    version->hash_size = message->hash.len;
    for (size_t i = 0; i < message->n_events; i++) {
        enum err err = add_event(version, message->events[i]);
        if (err != ERR_OK) {
            version_destroy(version);
            return err;
        }
    }
    *ret_version = version;
    return ERR_OK;
}

enum err catalogue_add(struct catalogue *catalogue, const Link__Catalogue *message)
{
    if (message->hash.len == 0 || message->hash.len > HASH_MAX ||
        message->n_events > EVENTS_MAX) {
        return ERR_VALIDATION_ERROR;
    }
    struct version *version =
        version_find(catalogue, bytes_make(message->hash.data, message->hash.len));
    if (version != NULL) {
        list_remove(&version->node);
        list_push(&catalogue->versions, &version->node);
        return ERR_OK;
    }
    TRY(version_create(message, &version));
    list_push(&catalogue->versions, &version->node);
    catalogue->version_count++;
    if (catalogue->version_count > VERSIONS_MAX) {
        version_destroy(container_of(catalogue->versions.next, struct version, node));
        catalogue->version_count--;
    }
    return ERR_OK;
}

void catalogue_prune(struct catalogue *catalogue,
                     bool (*in_use)(void *user, struct bytes hash), void *user)
{
    LIST_EACH(&catalogue->versions, node) {
        struct version *version = container_of(node, struct version, node);
        if (!in_use(user, bytes_make(version->hash, version->hash_size))) {
            version_destroy(version);
            catalogue->version_count--;
        }
    }
}

bool catalogue_hash_known(const struct catalogue *catalogue, struct bytes hash)
{
    return version_find(catalogue, hash) != NULL;
}

bool catalogue_hash_has(const struct catalogue *catalogue, struct bytes hash,
                        const char *name)
{
    const struct version *version = version_find(catalogue, hash);
    return version != NULL && map_get(&version->events, name) != NULL;
}

const struct catalogue_event *catalogue_find(const struct catalogue *catalogue,
                                             struct bytes name)
{
    char text[CATALOGUE_NAME_MAX + 1];
    if (name.size == 0 || name.size > CATALOGUE_NAME_MAX ||
        memchr(name.data, 0, name.size) != NULL) {
        return NULL;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    for (struct list *node = catalogue->versions.prev; node != &catalogue->versions;
         node = node->prev) {
        struct version *version = container_of(node, struct version, node);
        const struct catalogue_event *event = map_get(&version->events, text);
        if (event != NULL) {
            return event;
        }
    }
    return NULL;
}

bool catalogue_has_namespace(const struct catalogue *catalogue, struct bytes name_space)
{
    LIST_EACH(&catalogue->versions, node) {
        struct version *version = container_of(node, struct version, node);
        size_t cursor = 0;
        void *event;
        while (map_next(&version->events, &cursor, NULL, &event)) {
            const char *text = ((struct catalogue_event *)event)->name_space;
            if (bytes_equal_text(name_space, text)) {
                return true;
            }
        }
    }
    return false;
}

static char upper(uint8_t c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c == '-' || c == '.' ? '_' : c);
}

/* How many letters must be put in, taken out, changed or swapped with their neighbour to
 * make one of the other (optimal string alignment); case does not count. */
static size_t distance(struct bytes a, const char *b)
{
    size_t rows[3][CATALOGUE_NAME_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    size_t b_size = strlen(b);
    for (size_t j = 0; j <= b_size; j++) {
        last[j] = j;
    }
    for (size_t i = 1; i <= a.size; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            char x = upper(a.data[i - 1]), y = upper((uint8_t)b[j - 1]);
            size_t best = last[j - 1] + (x != y);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && x == upper((uint8_t)b[j - 2]) &&
                y == upper(a.data[i - 2]) && before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_size];
}

const char *catalogue_nearest(const struct catalogue *catalogue, struct bytes name)
{
    if (name.size == 0 || name.size > CATALOGUE_NAME_MAX) {
        return NULL;
    }
    size_t limit = name.size / 3 + 1;
    size_t best = (limit < NEAR_MAX ? limit : NEAR_MAX) + 1;
    const char *nearest = NULL;
    LIST_EACH(&catalogue->versions, node) {
        struct version *version = container_of(node, struct version, node);
        size_t cursor = 0;
        void *value;
        while (map_next(&version->events, &cursor, NULL, &value)) {
            const char *candidate = ((struct catalogue_event *)value)->name;
            size_t edits = distance(name, candidate);
            /* Of two that are as near, always the same one. */
            if (edits < best ||
                (edits == best && nearest != NULL && strcmp(candidate, nearest) < 0)) {
                best = edits;
                nearest = candidate;
            }
        }
    }
    return nearest;
}
