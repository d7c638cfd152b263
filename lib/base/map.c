/* Finds what belongs to an id or a name in constant time, whoever chose the names. */
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "base/uuid.h"

/* Open addressing with linear probing. Removing shifts the entries behind back, so there
 * are no tombstones and a map that lives long does not get slower. */

#define CAPACITY_MIN 16
#define CAPACITY_MAX ((size_t)1 << 31) /* map_next() keeps an index in half a cursor */

struct map_slot {
    uint64_t hash;
    void *value;   /* NULL: the slot is empty */
    uint8_t key[]; /* key_size bytes, or a char * that the map owns */
};

/* Of a map whose keys lie in the values. */
struct short_slot {
    uint32_t hash;
    ref value;
};

_Static_assert(sizeof(size_t) >= 8, "a cursor of map_next() holds two 32-bit numbers");

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    random_bytes(seed, sizeof(seed));
}

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* SipHash-1-3 (Aumasson, Bernstein), in the byte order of the machine: hashes never
 * leave the process. */
static uint64_t sip_hash(const uint8_t *data, size_t size)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
                     seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573};
    uint64_t last = (uint64_t)size << 56;
    uint64_t word;

    for (; size >= 8; data += 8, size -= 8) {
        memcpy(&word, data, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    memcpy(&word, data, size);
    last |= word;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;

    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_of(const struct map *map, const void *key)
{
    uint64_t hash =
        sip_hash(key, map->key_size == MAP_TEXT_KEYS ? strlen(key) : map->key_size);
    return map->inside != 0 ? (uint32_t)hash : hash;
}

static size_t stride_of(const struct map *map)
{
    if (map->inside != 0) {
        return sizeof(struct short_slot);
    }
    size_t key_size = map->key_size == MAP_TEXT_KEYS ? sizeof(char *) : map->key_size;
    size_t size = sizeof(struct map_slot) + key_size;
    return (size + 7) & ~(size_t)7;
}

static struct map_slot *slot_at(const struct map *map, size_t index)
{
    void *slot = (uint8_t *)map->slots + index * stride_of(map);
    return slot;
}

static void *value_of(const struct map *map, const struct map_slot *slot)
{
    if (map->inside != 0) {
        return ref_to(((const struct short_slot *)(const void *)slot)->value);
    }
    return slot->value;
}

static void set_value(const struct map *map, struct map_slot *slot, void *value)
{
    if (map->inside != 0) {
        ((struct short_slot *)(void *)slot)->value = ref_of(value);
    } else {
        slot->value = value;
    }
}

static uint64_t hash_in(const struct map *map, const struct map_slot *slot)
{
    if (map->inside != 0) {
        return ((const struct short_slot *)(const void *)slot)->hash;
    }
    return slot->hash;
}

static void set_hash(const struct map *map, struct map_slot *slot, uint64_t hash)
{
    if (map->inside != 0) {
        ((struct short_slot *)(void *)slot)->hash = (uint32_t)hash;
    } else {
        slot->hash = hash;
    }
}

static void *key_of(const struct map *map, struct map_slot *slot)
{
    if (map->inside != 0) {
        return (uint8_t *)value_of(map, slot) + map->inside - 1;
    }
    if (map->key_size != MAP_TEXT_KEYS) {
        return slot->key;
    }
    char *text;
    memcpy(&text, slot->key, sizeof(text));
    return text;
}

static bool key_equal(const struct map *map, struct map_slot *slot, const void *key)
{
    if (map->key_size != MAP_TEXT_KEYS) {
        return memcmp(key_of(map, slot), key, map->key_size) == 0;
    }
    return strcmp(key_of(map, slot), key) == 0;
}

/* The index of the entry, or of the empty slot where it belongs. The map has slots, and
 * never all of them are in use. */
static size_t find(const struct map *map, const void *key, uint64_t hash)
{
    size_t index = hash & (map->capacity - 1);
    for (;;) {
        struct map_slot *slot = slot_at(map, index);
        if (value_of(map, slot) == NULL ||
            (hash_in(map, slot) == hash && key_equal(map, slot, key))) {
            return index;
        }
        index = (index + 1) & (map->capacity - 1);
    }
}

void map_init(struct map *map, size_t key_size)
{
    *map = (struct map){.key_size = key_size};
}

void map_init_inside(struct map *map, size_t key_size, size_t key_at)
{
    assert(key_size != MAP_TEXT_KEYS);
    *map = (struct map){.key_size = key_size, .inside = key_at + 1};
}

void map_finish(struct map *map)
{
    for (size_t i = 0; map->key_size == MAP_TEXT_KEYS && i < map->capacity; i++) {
        struct map_slot *slot = slot_at(map, i);
        if (value_of(map, slot) != NULL) {
            free(key_of(map, slot));
        }
    }
    free(map->slots);
    *map = (struct map){.key_size = map->key_size, .inside = map->inside};
}

void *map_get(const struct map *map, const void *key)
{
    if (map->size == 0) {
        return NULL;
    }
    return value_of(map, slot_at(map, find(map, key, hash_of(map, key))));
}

/* Doubles the slots. On ERR_UNAVAILABLE the map is unchanged. */
MUST_CHECK static enum err grow(struct map *map)
{
    struct map bigger = *map;
    bigger.capacity = map->capacity == 0 ? CAPACITY_MIN : map->capacity * 2;
    if (bigger.capacity > CAPACITY_MAX) {
        return ERR_UNAVAILABLE;
    }
    bigger.slots = calloc(bigger.capacity, stride_of(map));
    if (bigger.slots == NULL) {
        return ERR_UNAVAILABLE;
    }
    pthread_once(&seed_once, make_seed);

    for (size_t i = 0; i < map->capacity; i++) {
        struct map_slot *slot = slot_at(map, i);
        if (value_of(map, slot) == NULL) {
            continue;
        }
        /* All keys differ: the first empty slot is the right one. */
        size_t index = hash_in(map, slot) & (bigger.capacity - 1);
        while (value_of(&bigger, slot_at(&bigger, index)) != NULL) {
            index = (index + 1) & (bigger.capacity - 1);
        }
        memcpy(slot_at(&bigger, index), slot, stride_of(map));
    }
    free(map->slots);
    *map = bigger;
    return ERR_OK;
}

enum err map_put(struct map *map, const void *key, void *value)
{
    assert(value != NULL);
    if (map->size > 0) {
        struct map_slot *slot = slot_at(map, find(map, key, hash_of(map, key)));
        if (value_of(map, slot) != NULL) {
            set_value(map, slot, value);
            return ERR_OK;
        }
    }
    if ((map->size + 1) * 4 > map->capacity * 3) {
        TRY(grow(map));
    }

    char *text = NULL;
    if (map->key_size == MAP_TEXT_KEYS) {
        text = strdup(key);
        if (text == NULL) {
            return ERR_UNAVAILABLE;
        }
    }
    /* Hashed only now: the first grow() made the seed. */
    uint64_t hash = hash_of(map, key);
    struct map_slot *slot = slot_at(map, find(map, key, hash));
    set_hash(map, slot, hash);
    set_value(map, slot, value);
    if (text != NULL) {
        memcpy(slot->key, &text, sizeof(text));
    } else if (map->inside == 0) {
        memcpy(slot->key, key, map->key_size);
    }
    map->size++;
    return ERR_OK;
}

/* Closes the gap at `gap`: each entry behind it that the gap would cut off from its home
 * slot moves into it. */
static void shift_back(struct map *map, size_t gap)
{
    size_t mask = map->capacity - 1;
    for (size_t i = (gap + 1) & mask; value_of(map, slot_at(map, i)) != NULL;
         i = (i + 1) & mask) {
        size_t home = hash_in(map, slot_at(map, i)) & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            memcpy(slot_at(map, gap), slot_at(map, i), stride_of(map));
            gap = i;
        }
    }
    set_value(map, slot_at(map, gap), NULL);
}

void *map_remove(struct map *map, const void *key)
{
    if (map->size == 0) {
        return NULL;
    }
    size_t index = find(map, key, hash_of(map, key));
    struct map_slot *slot = slot_at(map, index);
    void *value = value_of(map, slot);
    if (value == NULL) {
        return NULL;
    }
    if (map->key_size == MAP_TEXT_KEYS) {
        free(key_of(map, slot));
    }
    shift_back(map, index);
    map->size--;
    return value;
}

/* Walks downwards from an empty slot. Removing shifts entries only from behind the gap
 * up to the next empty slot, so what moves was given already: nothing is skipped and
 * nothing comes twice. The cursor is the empty slot's index and the steps made. */
bool map_next(const struct map *map, size_t *cursor, const void **ret_key,
              void **ret_value)
{
    if (map->capacity == 0) {
        return false;
    }
    size_t empty = *cursor >> 32;
    size_t steps = *cursor & UINT32_MAX;
    if (steps == 0) {
        while (value_of(map, slot_at(map, empty)) != NULL) {
            empty++;
        }
    }
    while (++steps < map->capacity) {
        struct map_slot *slot = slot_at(map, (empty - steps) & (map->capacity - 1));
        if (value_of(map, slot) != NULL) {
            *cursor = empty << 32 | steps;
            if (ret_key != NULL) {
                *ret_key = key_of(map, slot);
            }
            *ret_value = value_of(map, slot);
            return true;
        }
    }
    *cursor = empty << 32 | (map->capacity - 1);
    return false;
}
