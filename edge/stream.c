/* What one stream keeps: events that came early, and the ring of recent events from which
 * cursors that fell behind are fed. */
#include "edge/stream.h"

#include <stdlib.h>

struct errand *stream_begin_errand(struct stream *stream)
{
    struct errand *errand = stream_errand(stream);
    if (errand == NULL) {
        errand = pool_take(sizeof(*errand));
        if (errand == NULL) {
            return NULL;
        }
        errand->stream = ref_of(stream);
        stream->errand = ref_of(errand);
    }
    return errand;
}

void stream_end_errand(struct stream *stream)
{
    struct errand *errand = stream_errand(stream);
    if (errand != NULL && errand->held == NULL && errand->fetch_at_ms == 0 &&
        !stream->fetching) {
        stream->errand = 0;
        pool_give(errand);
    }
}

static struct early *held_of(const struct stream *stream)
{
    const struct errand *errand = stream_errand(stream);
    return errand != NULL ? errand->held : NULL;
}

/* NULL: no memory. */
static struct early *begin_holding(struct stream *stream, uint32_t max)
{
    struct early *held = malloc(sizeof(*held) + max * sizeof(struct publication *));
    struct errand *errand = held != NULL ? stream_begin_errand(stream) : NULL;
    if (errand == NULL) {
        free(held);
        return NULL;
    }
    held->count = 0;
    return errand->held = held;
}

bool stream_hold(struct stream *stream, struct publication *publication, uint32_t max)
{
    struct early *held = held_of(stream);
    if (held == NULL && max > 0) {
        held = begin_holding(stream, max);
    }
    if (held == NULL) {
        return false;
    }
    uint32_t at = held->count;
    while (at > 0 && held->events[at - 1]->seq > publication->seq) {
        at--;
    }
    if (at > 0 && held->events[at - 1]->seq == publication->seq) {
        return false;
    }
    if (held->count == max) {
        if (at == max) {
            return false;
        }
        publication_unref(held->events[--held->count]);
    }
    memmove(held->events + at + 1, held->events + at,
            (held->count - at) * sizeof(held->events[0]));
    held->events[at] = publication_ref(publication);
    held->count++;
    return true;
}

uint32_t stream_held_count(const struct stream *stream)
{
    const struct early *held = held_of(stream);
    return held != NULL ? held->count : 0;
}

struct publication *stream_held_next(const struct stream *stream)
{
    const struct early *held = held_of(stream);
    return held != NULL && held->events[0]->seq == stream->last + 1 ? held->events[0]
                                                                    : NULL;
}

struct publication *stream_held_take(struct stream *stream)
{
    struct early *held = held_of(stream);
    struct publication *first = held->events[0];
    held->count--;
    memmove(held->events, held->events + 1, held->count * sizeof(held->events[0]));
    if (held->count == 0) {
        free(held);
        stream_errand(stream)->held = NULL;
        stream_end_errand(stream);
    }
    return first;
}

void stream_held_drop(struct stream *stream, uint64_t seq)
{
    while (held_of(stream) != NULL && held_of(stream)->events[0]->seq <= seq) {
        publication_unref(stream_held_take(stream));
    }
}

static bool ring_grow(struct ring *ring, uint32_t max)
{
    uint32_t capacity = ring->capacity == 0 ? 4 : ring->capacity * 2;
    if (capacity > max) {
        capacity = max;
    }
    struct publication **events = calloc(capacity, sizeof(*events));
    if (events == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < ring->count; i++) {
        events[i] = ring->events[(ring->start + i) % ring->capacity];
    }
    free(ring->events);
    ring->events = events;
    ring->start = 0;
    ring->capacity = capacity;
    return true;
}

static void ring_destroy(struct stream *stream)
{
    struct ring *ring = stream_ring(stream);
    list_remove(&ring->in_rings);
    free(ring->events);
    pool_give(ring);
    stream->ring = 0;
}

/* NULL: no memory. */
static struct ring *ring_with_room(struct stream *stream, uint32_t max)
{
    struct ring *ring = stream_ring(stream);
    if (ring == NULL) {
        ring = pool_take(sizeof(*ring));
        if (ring == NULL) {
            return NULL;
        }
        ring->stream = stream;
        stream->ring = ref_of(ring);
    }
    if (ring->count < ring->capacity || ring_grow(ring, max)) {
        return ring;
    }
    stream_ring_clear(stream);
    if (stream->ring != 0) { /* it was empty */
        ring_destroy(stream);
    }
    return NULL;
}

void stream_ring_push(struct stream *stream, struct publication *publication,
                      uint32_t max, struct list *rings)
{
    if (max == 0) {
        return;
    }
    if (stream->ring != 0 && stream_ring(stream)->count >= max) {
        stream_ring_evict(stream);
    }
    struct ring *ring = ring_with_room(stream, max);
    if (ring == NULL) {
        return;
    }
    ring->events[(ring->start + ring->count) % ring->capacity] =
        publication_ref(publication);
    ring->count++;
    ring->bytes += publication_bytes(publication);
    list_remove(&ring->in_rings);
    list_push(rings, &ring->in_rings);
}

struct publication *stream_ring_get(const struct stream *stream, uint64_t seq)
{
    const struct ring *ring = stream_ring(stream);
    if (ring == NULL || seq > stream->last || seq + ring->count <= stream->last) {
        return NULL;
    }
    uint64_t from_end = stream->last - seq; /* 0: the newest */
    uint32_t index = ring->count - 1 - (uint32_t)from_end;
    return ring->events[(ring->start + index) % ring->capacity];
}

uint32_t stream_tag(const struct stream *stream, uint64_t seq)
{
    if (seq == stream->last) {
        return stream->last_tag;
    }
    const struct publication *publication = stream_ring_get(stream, seq);
    return publication != NULL ? publication->tag : 0;
}

size_t stream_ring_evict(struct stream *stream)
{
    struct ring *ring = stream_ring(stream);
    if (ring == NULL) {
        return 0;
    }
    struct publication *oldest = ring->events[ring->start];
    size_t bytes = publication_bytes(oldest);
    publication_unref(oldest);
    ring->start = (ring->start + 1) % ring->capacity;
    ring->count--;
    ring->bytes -= bytes;
    if (ring->count == 0) {
        ring_destroy(stream);
    }
    return bytes;
}

void stream_ring_clear(struct stream *stream)
{
    while (stream->ring != 0 && stream_ring(stream)->count > 0) {
        stream_ring_evict(stream);
    }
}
