/* Why: without it a core sends everything to every edge, which grows with the square of
 * the system. */
#include "bus/bus_interest.h"

#include <stdlib.h>

#define BUCKETS     (1u << 20)
#define WORD_SIZE   4
#define WANTED      0x80000000u
#define TOLD        0xffffffffu
#define COUNT_MAX   15u                   /* a bucket that has reached it stays wanted */
#define CHANGED_MAX (BUCKETS * WORD_SIZE) /* beyond it, telling all is less */

uint32_t interest_bucket(struct bytes topic)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < topic.size; i++) {
        hash = (hash ^ topic.data[i]) * 0x100000001b3u;
    }
    return (uint32_t)(hash ^ hash >> 32) % BUCKETS;
}

static void word_put(uint8_t *at, uint32_t word)
{
    at[0] = (uint8_t)(word >> 24);
    at[1] = (uint8_t)(word >> 16);
    at[2] = (uint8_t)(word >> 8);
    at[3] = (uint8_t)word;
}

static uint32_t word_at(struct bytes words, size_t at)
{
    const uint8_t *b = words.data + at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* ---- the edge's end ---- */

void interest_counts_init(struct interest_counts *counts)
{
    *counts = (struct interest_counts){0};
    buf_init(&counts->changed, CHANGED_MAX);
}

void interest_counts_finish(struct interest_counts *counts)
{
    free(counts->halves);
    buf_finish(&counts->changed);
}

static unsigned count_get(const struct interest_counts *counts, uint32_t bucket)
{
    return counts->halves[bucket / 2] >> (bucket % 2 * 4) & COUNT_MAX;
}

static void count_set(struct interest_counts *counts, uint32_t bucket, unsigned count)
{
    unsigned shift = bucket % 2 * 4;
    uint8_t *half = &counts->halves[bucket / 2];
    *half = (uint8_t)((*half & ~(COUNT_MAX << shift)) | count << shift);
}

static void note_change(struct interest_counts *counts, uint32_t bucket)
{
    uint8_t word[WORD_SIZE];
    word_put(word, bucket);
    buf_append(&counts->changed, word, sizeof(word));
}

enum err interest_add(struct interest_counts *counts, struct bytes topic)
{
    if (counts->halves == NULL) {
        counts->halves = calloc(1, BUCKETS / 2);
        if (counts->halves == NULL) {
            return ERR_UNAVAILABLE;
        }
    }
    uint32_t bucket = interest_bucket(topic);
    unsigned count = count_get(counts, bucket);
    if (count == 0) {
        note_change(counts, bucket);
    }
    if (count < COUNT_MAX) {
        count_set(counts, bucket, count + 1);
    }
    return ERR_OK;
}

void interest_remove(struct interest_counts *counts, struct bytes topic)
{
    if (counts->halves == NULL) {
        return;
    }
    uint32_t bucket = interest_bucket(topic);
    unsigned count = count_get(counts, bucket);
    if (count == 0 || count == COUNT_MAX) {
        return;
    }
    count_set(counts, bucket, count - 1);
    if (count == 1) {
        note_change(counts, bucket);
    }
}

struct telling {
    uint8_t words[INTEREST_MESSAGE_MAX];
    size_t size;
    interest_send_fn *send;
    void *user;
};

static void send_words(struct telling *telling)
{
    if (telling->size > 0) {
        telling->send(telling->user, bytes_make(telling->words, telling->size));
        telling->size = 0;
    }
}

static void tell_word(struct telling *telling, uint32_t word)
{
    if (telling->size == INTEREST_MESSAGE_MAX) {
        send_words(telling);
    }
    word_put(telling->words + telling->size, word);
    telling->size += WORD_SIZE;
}

bool interest_has_changed(const struct interest_counts *counts)
{
    return counts->changed.size > 0 || counts->changed.failed;
}

bool interest_tell_changes(struct interest_counts *counts, interest_send_fn *send,
                           void *user)
{
    bool known = !counts->changed.failed;
    struct bytes changed = known ? buf_bytes(&counts->changed) : bytes_make(NULL, 0);
    struct telling telling = {.send = send, .user = user};
    for (size_t at = 0; at < changed.size; at += WORD_SIZE) {
        uint32_t bucket = word_at(changed, at);
        tell_word(&telling, bucket | (count_get(counts, bucket) > 0 ? WANTED : 0));
    }
    send_words(&telling);
    buf_finish(&counts->changed); /* after a storm it is large, and seldom needed */
    return known;
}

void interest_tell_all(const struct interest_counts *counts, interest_send_fn *send,
                       void *user)
{
    struct telling telling = {.send = send, .user = user};
    for (uint32_t bucket = 0; counts->halves != NULL && bucket < BUCKETS; bucket++) {
        if (count_get(counts, bucket) > 0) {
            tell_word(&telling, bucket | WANTED);
        }
    }
    tell_word(&telling, TOLD);
    send_words(&telling);
}

/* ---- the core's end ---- */

void interest_set_finish(struct interest_set *set)
{
    free(set->bits);
    *set = (struct interest_set){0};
}

static bool learn_word(struct interest_set *set, uint32_t word)
{
    uint32_t bucket = word & ~WANTED;
    if (word == TOLD) {
        set->told = true;
        return true;
    }
    if (bucket >= BUCKETS) {
        return false;
    }
    uint8_t bit = (uint8_t)(1u << bucket % 8);
    uint8_t *byte = &set->bits[bucket / 8];
    *byte = (uint8_t)(word & WANTED ? *byte | bit : *byte & ~bit);
    return true;
}

enum err interest_set_learn(struct interest_set *set, struct bytes message)
{
    if (message.size == 0 || message.size % WORD_SIZE != 0) {
        return ERR_VALIDATION_ERROR;
    }
    if (set->bits == NULL) {
        set->bits = calloc(1, BUCKETS / 8);
        if (set->bits == NULL) {
            return ERR_UNAVAILABLE;
        }
    }
    for (size_t at = 0; at < message.size; at += WORD_SIZE) {
        if (!learn_word(set, word_at(message, at))) {
            return ERR_VALIDATION_ERROR;
        }
    }
    return ERR_OK;
}

bool interest_set_has(const struct interest_set *set, uint32_t bucket)
{
    return !set->told || set->bits[bucket / 8] >> bucket % 8 & 1;
}
