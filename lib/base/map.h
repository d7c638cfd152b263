/* A hash map from keys of one fixed size (or NUL-terminated strings) to pointers.
 * Keyed by a random seed (SipHash), so that clients cannot choose collisions. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MAP_TEXT_KEYS 0 /* key_size of a map with string keys */

struct map_slot;

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t size;
    size_t key_size;
    size_t inside; /* 1 + where the keys lie in the values; 0: the map has copies */
};

/* An empty map; no memory yet. Keys are copied, values are borrowed. */
void map_init(struct map *map, size_t key_size);
/* The same, but the keys lie in the values, at that offset, and stay as they are while
 * they are in the map, and the values lie in blocks of pool.h: a quarter of the memory. A
 * value that replaces another has the same key. */
void map_init_inside(struct map *map, size_t key_size, size_t key_at);
void map_finish(struct map *map);

/* The value, or NULL. */
void *map_get(const struct map *map, const void *key);

/* Adds or replaces. `value` is not NULL. ERR_UNAVAILABLE: no memory, map unchanged. */
MUST_CHECK enum err map_put(struct map *map, const void *key, void *value);

/* Takes the entry out and gives its value, NULL if there was none. */
void *map_remove(struct map *map, const void *key);

/* Walks all entries in no order: start with *cursor = 0; false at the end. Removing
 * the entry just given is allowed, any other change is not. ret_key may be NULL. */
bool map_next(const struct map *map, size_t *cursor, const void **ret_key,
              void **ret_value);

#endif
