/* Keeps one client from taking what belongs to the others, in bounded memory however
 * many there are. */
#include "edge/limits.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/metrics.h"

#define KEY_SIZE     48 /* most ids with their event fit as they are */
#define AGED_AT_ONCE 2

static struct metric refused =
    METRIC_COUNTER_LABEL("belfry_edge_rate_limited_total", "mode=\"enforce\"",
                         "Events over a rate limit; in dry-run they were let through.");
static struct metric would_refuse =
    METRIC_COUNTER_LABEL("belfry_edge_rate_limited_total", "mode=\"dry-run\"",
                         "Events over a rate limit; in dry-run they were let through.");
static struct metric evicted = METRIC_COUNTER(
    "belfry_edge_limit_buckets_evicted_total",
    "Rate limit buckets that went before they were full, for want of room.");

struct limit_key {
    uint8_t b[KEY_SIZE];
};

/* A token bucket as the time at which it will be full again: a token costs `interval`,
 * and there is none while that time is more than the whole period ahead. */
struct bucket {
    struct list node; /* in limits->used */
    struct limit_key key;
    int64_t full_at_us;
};

struct limits {
    enum edge_limits_mode mode;
    size_t buckets_max;
    struct map buckets; /* struct limit_key -> struct bucket */
    struct list used;   /* longest ago first */
};

struct limits *limits_create(enum edge_limits_mode mode, size_t buckets_max)
{
    metrics_register(&refused);
    metrics_register(&would_refuse);
    metrics_register(&evicted);
    struct limits *limits = calloc(1, sizeof(*limits));
    if (limits != NULL) {
        limits->mode = mode;
        limits->buckets_max = buckets_max > 0 ? buckets_max : LIMITS_BUCKETS;
        map_init(&limits->buckets, KEY_SIZE);
        list_init(&limits->used);
    }
    return limits;
}

void limits_destroy(struct limits *limits)
{
    if (limits == NULL) {
        return;
    }
    LIST_EACH(&limits->used, node) {
        free(container_of(node, struct bucket, node));
    }
    map_finish(&limits->buckets);
    free(limits);
}

void limits_set_mode(struct limits *limits, enum edge_limits_mode mode)
{
    limits->mode = mode;
}

size_t limits_buckets(const struct limits *limits)
{
    return limits->buckets.size;
}

/* The size stands before the bytes, so that no key is the beginning of another one. */
static struct limit_key key_make(struct bytes bytes)
{
    assert(bytes.size <= LIMITS_KEY_MAX);
    struct limit_key key = {{(uint8_t)bytes.size}};
    if (bytes.size < KEY_SIZE) {
        memcpy(key.b + 1, bytes.data, bytes.size);
    } else {
        SHA256(bytes.data, bytes.size, key.b + 1);
    }
    return key;
}

static void bucket_destroy(struct limits *limits, struct bucket *bucket)
{
    map_remove(&limits->buckets, &bucket->key);
    list_remove(&bucket->node);
    free(bucket);
}

static struct bucket *bucket_oldest(struct limits *limits)
{
    return list_empty(&limits->used)
               ? NULL
               : container_of(limits->used.next, struct bucket, node);
}

/* A full bucket says no more than none. A few go with each use: the table shrinks with
 * its traffic, and nobody waits for a great clean-up. */
static void age(struct limits *limits, int64_t now_us)
{
    for (int i = 0; i < AGED_AT_ONCE; i++) {
        struct bucket *oldest = bucket_oldest(limits);
        if (oldest == NULL || oldest->full_at_us > now_us) {
            return;
        }
        bucket_destroy(limits, oldest);
    }
}

/* NULL: no memory. */
static struct bucket *bucket_get(struct limits *limits, struct limit_key key,
                                 int64_t now_us)
{
    struct bucket *bucket = map_get(&limits->buckets, &key);
    if (bucket != NULL) {
        list_remove(&bucket->node);
        list_push(&limits->used, &bucket->node);
        return bucket;
    }
    age(limits, now_us);
    if (limits->buckets.size >= limits->buckets_max) {
        metric_add(&evicted, 1);
        bucket_destroy(limits, bucket_oldest(limits));
    }
    bucket = calloc(1, sizeof(*bucket));
    if (bucket == NULL) {
        return NULL;
    }
    bucket->key = key;
    bucket->full_at_us = now_us;
    if (map_put(&limits->buckets, &key, bucket) != ERR_OK) {
        free(bucket);
        return NULL;
    }
    list_push(&limits->used, &bucket->node);
    return bucket;
}

bool limits_take(struct limits *limits, struct bytes key, uint32_t limit,
                 uint32_t per_seconds, int64_t now_ms, uint32_t *ret_retry_after_ms)
{
    if (limits->mode == LIMITS_OFF || limit == 0 || per_seconds == 0) {
        return true;
    }
    int64_t now_us = now_ms * 1000;
    struct bucket *bucket = bucket_get(limits, key_make(key), now_us);
    if (bucket == NULL) {
        return true; /* out of memory is no reason to refuse */
    }
    int64_t period_us = (int64_t)per_seconds * 1000000;
    int64_t interval_us = period_us / limit;
    interval_us = interval_us > 0 ? interval_us : 1;
    int64_t full_at_us = bucket->full_at_us > now_us ? bucket->full_at_us : now_us;
    full_at_us += interval_us;
    if (full_at_us - now_us <= period_us) {
        bucket->full_at_us = full_at_us;
        return true;
    }
    if (limits->mode == LIMITS_DRY_RUN) {
        metric_add(&would_refuse, 1);
        return true;
    }
    metric_add(&refused, 1);
    if (ret_retry_after_ms != NULL) {
        int64_t wait_ms = (full_at_us - now_us - period_us + 999) / 1000;
        *ret_retry_after_ms = wait_ms < UINT32_MAX ? (uint32_t)wait_ms : UINT32_MAX;
    }
    return false;
}
