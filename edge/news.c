#include "edge/news.h"

#include <stdlib.h>

/* A room of which something was told; for news->pace_ms. */
struct pace {
    struct uuid room;
    int64_t told_ms;
    struct list in_told;
    struct list waiting; /* struct change, in order */
};

void news_init(struct news *news)
{
    map_init(&news->changes, sizeof(struct room_user));
    map_init(&news->paces, sizeof(struct uuid));
    list_init(&news->due);
    list_init(&news->told);
    news->pace_ms = NEWS_PACE_MS;
}

static void free_values(struct map *map)
{
    size_t at = 0;
    void *value;
    while (map_next(map, &at, NULL, &value)) {
        free(value);
    }
    map_finish(map);
}

void news_finish(struct news *news)
{
    free_values(&news->changes);
    free_values(&news->paces);
}

struct change *news_change(struct news *news, const struct room_user *key, bool told)
{
    struct change *change = map_get(&news->changes, key);
    if (change != NULL) {
        return change;
    }
    change = calloc(1, sizeof(*change));
    if (change == NULL || map_put(&news->changes, key, change) != ERR_OK) {
        free(change);
        return NULL;
    }
    change->key = *key;
    change->present = change->told = told;
    struct pace *pace = map_get(&news->paces, &key->room);
    list_push(pace != NULL ? &pace->waiting : &news->due, &change->node);
    return change;
}

/* A map keeps what a burst made it grow to: it is given back when the last is out. */
static void take_out(struct map *map, const void *key)
{
    map_remove(map, key);
    if (map->size == 0) {
        map_finish(map);
    }
}

static void forget(struct news *news, struct change *change)
{
    list_remove(&change->node);
    take_out(&news->changes, &change->key);
    free(change);
}

/* Without memory the room hears of what follows at once. */
static void begin_pace(struct news *news, const struct uuid *room, int64_t now_ms)
{
    if (map_get(&news->paces, room) != NULL) {
        return;
    }
    struct pace *pace = calloc(1, sizeof(*pace));
    if (pace == NULL || map_put(&news->paces, room, pace) != ERR_OK) {
        free(pace);
        return;
    }
    pace->room = *room;
    pace->told_ms = now_ms;
    list_init(&pace->waiting);
    list_push(&news->told, &pace->in_told);
}

void news_told(struct news *news, struct change *change, int64_t now_ms)
{
    if (change->present != change->told) {
        begin_pace(news, &change->key.room, now_ms);
    }
    forget(news, change);
}

static void end_pace(struct news *news, struct pace *pace)
{
    LIST_EACH(&pace->waiting, node) {
        struct change *change = container_of(node, struct change, node);
        if (change->present == change->told) {
            forget(news, change);
        } else {
            list_remove(&change->node);
            list_push(&news->due, &change->node);
        }
    }
    list_remove(&pace->in_told);
    take_out(&news->paces, &pace->room);
    free(pace);
}

/* Rooms whose pace has ended are not in the count, but most will be again once they are
 * told: until then it gets no shorter, else each end would bring on those of others. */
static void set_pace(struct news *news)
{
    int64_t ms = (int64_t)news->paces.size;
    if (ms < NEWS_PACE_MS) {
        ms = NEWS_PACE_MS;
    } else if (ms > NEWS_PACE_MAX_MS) {
        ms = NEWS_PACE_MAX_MS;
    }
    if (ms > news->pace_ms || list_empty(&news->due)) {
        news->pace_ms = ms;
    }
}

void news_turn(struct news *news, int64_t now_ms)
{
    set_pace(news);
    LIST_EACH(&news->told, node) {
        struct pace *pace = container_of(node, struct pace, in_told);
        if (now_ms - pace->told_ms < news->pace_ms) {
            return;
        }
        end_pace(news, pace);
    }
}

void news_hurry(struct news *news)
{
    LIST_EACH(&news->told, node) {
        end_pace(news, container_of(node, struct pace, in_told));
    }
}
