/* What one stream keeps: events that came early, and the ring of recent events from which
 * cursors that fell behind are fed. */
#include "edge/stream.h"

#include <stdlib.h>

bool stream_hold(struct stream *stream, struct publication *publication, uint32_t max)
{
    if (stream->held == NULL) {
        stream->held = calloc(max, sizeof(*stream->held));
        if (stream->held == NULL) {
            return false;
        }
    }
    uint32_t at = stream->held_count;
    while (at > 0 && stream->held[at - 1]->seq > publication->seq) {
        at--;
    }
    if (at > 0 && stream->held[at - 1]->seq == publication->seq) {
        return false;
    }
    if (stream->held_count == max) {
        if (at == max) {
            return false;
        }
        publication_unref(stream->held[--stream->held_count]);
    }
    memmove(stream->held + at + 1, stream->held + at,
            (stream->held_count - at) * sizeof(*stream->held));
    stream->held[at] = publication_ref(publication);
    stream->held_count++;
    return true;
}

struct publication *stream_held_next(const struct stream *stream)
{
    if (stream->held_count > 0 && stream->held[0]->seq == stream->last + 1) {
        return stream->held[0];
    }
    return NULL;
}

struct publication *stream_held_take(struct stream *stream)
{
    struct publication *first = stream->held[0];
    stream->held_count--;
    memmove(stream->held, stream->held + 1, stream->held_count * sizeof(*stream->held));
    if (stream->held_count == 0) {
        free(stream->held);
        stream->held = NULL;
    }
    return first;
}

void stream_held_drop(struct stream *stream, uint64_t seq)
{
    while (stream->held_count > 0 && stream->held[0]->seq <= seq) {
        publication_unref(stream_held_take(stream));
    }
}

static bool ring_grow(struct stream *stream, uint32_t max)
{
    uint32_t capacity = stream->ring_capacity == 0 ? 4 : stream->ring_capacity * 2;
    if (capacity > max) {
        capacity = max;
    }
    struct publication **ring = calloc(capacity, sizeof(*ring));
    if (ring == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < stream->ring_count; i++) {
        ring[i] = stream->ring[(stream->ring_start + i) % stream->ring_capacity];
    }
    free(stream->ring);
    stream->ring = ring;
    stream->ring_start = 0;
    stream->ring_capacity = capacity;
    return true;
}

void stream_ring_push(struct stream *stream, struct publication *publication,
                      uint32_t max)
{
    if (max == 0) {
        return;
    }
    if (stream->ring_count >= max) {
        stream_ring_evict(stream);
    }
    if (stream->ring_count == stream->ring_capacity && !ring_grow(stream, max)) {
        stream_ring_clear(stream);
        return;
    }
    uint32_t at = (stream->ring_start + stream->ring_count) % stream->ring_capacity;
    stream->ring[at] = publication_ref(publication);
    stream->ring_count++;
    stream->ring_bytes += publication_bytes(publication);
}

struct publication *stream_ring_get(const struct stream *stream, uint64_t seq)
{
    if (stream->ring_count == 0 || seq > stream->last ||
        seq + stream->ring_count <= stream->last) {
        return NULL;
    }
    uint64_t from_end = stream->last - seq; /* 0: the newest */
    uint32_t index = stream->ring_count - 1 - (uint32_t)from_end;
    return stream->ring[(stream->ring_start + index) % stream->ring_capacity];
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
    if (stream->ring_count == 0) {
        return 0;
    }
    struct publication *oldest = stream->ring[stream->ring_start];
    size_t bytes = publication_bytes(oldest);
    publication_unref(oldest);
    stream->ring_start = (stream->ring_start + 1) % stream->ring_capacity;
    stream->ring_count--;
    stream->ring_bytes -= bytes;
    if (stream->ring_count == 0) {
        free(stream->ring);
        stream->ring = NULL;
        stream->ring_capacity = stream->ring_start = 0;
    }
    return bytes;
}

void stream_ring_clear(struct stream *stream)
{
    while (stream->ring_count > 0) {
        stream_ring_evict(stream);
    }
}
