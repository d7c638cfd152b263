/* Frames publications for the bus: one message for all that has the same audience, one
 * for each topic where the bus routes. */
#include "core/publish.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "core/chaos.h"
#include "core/handle.h"
#include "core/recent.h"
#include "link/stream_id.h"

#define PENDING_MAX_BYTES (32 * 1024 * 1024)
#define FRAME_ROOM        (BUS_PAYLOAD_MAX - 4096) /* frame, ids, tags around the parts */
#define HEAD_BYTES        40                       /* of one head, packed, at most */
#define HEADS_EACH_FRAME  32
#define COPIED_MAX        512 /* by several topics, in one flush: see edge/copies.h */
#define BEAT_MS           100
#define IDLE_BEATS        10 /* without anything recent: each second, as a sign of life */

static struct metric durable_total = METRIC_COUNTER_LABEL(
    "belfry_core_publications_total", "class=\"durable\"", "Publications for the bus.");
static struct metric ephemeral_total = METRIC_COUNTER_LABEL(
    "belfry_core_publications_total", "class=\"ephemeral\"", "Publications for the bus.");
static struct metric dropped_total =
    METRIC_COUNTER("belfry_core_publications_dropped_total",
                   "Publications that the bus did not take; edges find durable ones.");
static struct metric frames_total =
    METRIC_COUNTER("belfry_core_bus_frames_total", "Messages given to the bus.");

/* Fields of link.proto's BusFrame, which is put together from packed parts. */
enum { FRAME_CORE_ID = 1, FRAME_EPOCH = 2, FRAME_PUBLICATION = 3, FRAME_RECENT = 4 };

/* A publication of this turn, in the publisher's arena: it outlives its request. */
struct pending {
    struct bytes packed;
    struct stream_id *streams; /* whose topics it goes to */
    size_t stream_count;
    bool global;
    const char *topic;
    struct pending *next; /* of the same chain */
    struct pending *last; /* of the chain's first: its end */
    struct pending *next_chain;
};

/* What goes into the same frames. */
struct chains {
    struct map by_key; /* topic, or audience -> its first */
    struct pending *first, *last;
};

struct publisher {
    struct bus *bus;
    const struct link_key *key;
    struct uuid core_id;
    struct uuid epoch;
    struct arena arena; /* what waits for the flush */
    struct pending **pending;
    size_t pending_count, pending_capacity;
    size_t copied_count; /* of them, those for several topics */
    struct recent recent;
    uv_timer_t *beat;
    int silent_beats;
    struct buf frame;
};

/* ------------------------------------------------------------------ frames */

static size_t collect_heads(struct publisher *publisher, size_t most,
                            Link__Head ***ret_heads)
{
    size_t count = publisher->recent.count < most ? publisher->recent.count : most;
    Link__Head **heads =
        count > 0 ? arena_alloc(&publisher->arena, count * sizeof(Link__Head *)) : NULL;
    if (heads == NULL) {
        return 0;
    }
    size_t at = 0;
    /* the newest first: there may be more than fit */
    for (struct list *node = publisher->recent.order.prev;
         node != &publisher->recent.order && at < count; node = node->prev) {
        heads[at++] = &container_of(node, struct recent_head, node)->head;
    }
    *ret_heads = heads;
    return at;
}

static void begin_frame(struct publisher *publisher)
{
    struct buf *frame = &publisher->frame;
    buf_clear(frame);
    frame_begin(frame);
    frame_append_bytes(frame, FRAME_CORE_ID, bytes_make(publisher->core_id.b, 16));
    frame_append_bytes(frame, FRAME_EPOCH, bytes_make(publisher->epoch.b, 16));
}

/* `count`: publications that are in it. */
static void send_frame(struct publisher *publisher, const char *topic, size_t count,
                       Link__Head **heads, size_t head_count)
{
    struct buf *frame = &publisher->frame;
    for (size_t i = 0; i < head_count; i++) {
        frame_append_member(frame, FRAME_RECENT, &heads[i]->base);
    }
    chaos_point("mid-publish");
    enum err err = frame_finish(publisher->key, FRAME_BUS, frame);
    if (err == ERR_OK) {
        err = bus_publish(publisher->bus, bytes_of_text(topic), buf_bytes(frame));
    }
    metric_add(&frames_total, 1);
    if (err != ERR_OK) {
        metric_add(&dropped_total, (int64_t)count);
    }
    publisher->silent_beats = 0;
}

/* Sends a chain in as few frames as hold it. */
static void send_chain(struct publisher *publisher, const char *topic,
                       struct pending *first, Link__Head **heads, size_t head_count)
{
    size_t room = FRAME_ROOM - head_count * HEAD_BYTES;
    size_t size = 0;
    size_t count = 0;
    begin_frame(publisher);
    for (struct pending *at = first; at != NULL; at = at->next) {
        if (count > 0 && size + at->packed.size + 8 > room) {
            send_frame(publisher, topic, count, heads, head_count);
            begin_frame(publisher);
            count = 0;
            size = 0;
        }
        size += at->packed.size + 8;
        frame_append_bytes(&publisher->frame, FRAME_PUBLICATION, at->packed);
        count++;
    }
    send_frame(publisher, topic, count, heads, head_count);
}

/* ------------------------------------------------------------------ what waits */

static void note_recent(struct publisher *publisher, const Link__Publication *publication)
{
    struct stream_id stream;
    if (publication->has_seq &&
        stream_from_bytes(bytes_make(publication->stream.data, publication->stream.len),
                          &stream)) {
        recent_note(&publisher->recent, &stream, publication->seq, clock_ms());
    }
}

static void note_stream(struct pending *pending, ProtobufCBinaryData bytes)
{
    if (stream_from_bytes(bytes_make(bytes.data, bytes.len),
                          &pending->streams[pending->stream_count])) {
        pending->stream_count++;
    }
}

/* NULL: no memory. */
static struct pending *make_pending(struct publisher *publisher,
                                    const Link__Publication *publication, size_t size)
{
    struct arena *arena = &publisher->arena;
    struct pending *pending = arena_alloc(arena, sizeof(*pending));
    uint8_t *packed = arena_alloc(arena, size);
    struct stream_id *streams =
        arena_alloc(arena, (publication->n_streams + 1) * sizeof(*streams));
    if (pending == NULL || packed == NULL || streams == NULL) {
        return NULL;
    }
    link__publication__pack(publication, packed);
    pending->packed = bytes_make(packed, size);
    pending->streams = streams;
    pending->global = !publication->has_stream && publication->n_streams == 0;
    if (publication->has_stream) {
        note_stream(pending, publication->stream);
    }
    for (size_t i = 0; i < publication->n_streams; i++) {
        note_stream(pending, publication->streams[i]);
    }
    return pending;
}

static bool add_one(struct publisher *publisher, const Link__Publication *publication)
{
    size_t size = link__publication__get_packed_size(publication);
    if (size > FRAME_ROOM / 2) {
        return false;
    }
    if (publisher->pending_count == publisher->pending_capacity) {
        size_t capacity = publisher->pending_capacity * 2 + 64;
        struct pending **grown =
            realloc(publisher->pending, capacity * sizeof(struct pending *));
        if (grown == NULL) {
            return false;
        }
        publisher->pending = grown;
        publisher->pending_capacity = capacity;
    }
    struct pending *pending = make_pending(publisher, publication, size);
    if (pending == NULL) {
        return false;
    }
    publisher->pending[publisher->pending_count++] = pending;
    return true;
}

void publisher_add(struct publisher *publisher, Link__Publication *const *publications,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const Link__Publication *publication = publications[i];
        if (publication->n_streams > 1 && publisher->copied_count++ == COPIED_MAX) {
            publisher_flush(publisher);
            publisher->copied_count = 1;
        }
        metric_add(publication->has_seq ? &durable_total : &ephemeral_total, 1);
        note_recent(publisher, publication);
        /* the last quarter is kept for what is durable */
        bool full = !publication->has_seq &&
                    publisher->arena.used_bytes > PENDING_MAX_BYTES / 4 * 3;
        if (full || !add_one(publisher, publication)) {
            metric_add(&dropped_total, 1);
        }
    }
}

/* ------------------------------------------------------------------ flush */

static void chain(struct pending *first, struct pending *next)
{
    if (first->last == NULL) {
        first->last = first;
    }
    first->last->next = next;
    first->last = next;
}

static void begin_chain(struct publisher *publisher, struct chains *chains,
                        const void *key, struct pending *entry, const char *topic)
{
    entry->topic = arena_text(&publisher->arena, topic);
    if (entry->topic == NULL || map_put(&chains->by_key, key, entry) != ERR_OK) {
        metric_add(&dropped_total, 1);
        return;
    }
    if (chains->first == NULL) {
        chains->first = entry;
    } else {
        chains->last->next_chain = entry;
    }
    chains->last = entry;
}

/* A publication that goes to several topics has an entry in each of their chains. */
static void route(struct publisher *publisher, struct chains *chains,
                  const struct pending *pending, const char *topic)
{
    const void *key = topic;
    uint64_t audience = 1;
    if (!bus_routes_topics(publisher->bus)) {
        audience = bus_audience(publisher->bus, bytes_of_text(topic));
        key = &audience;
    }
    if (audience == 0) {
        return;
    }
    struct pending *first = map_get(&chains->by_key, key);
    const struct pending *last =
        first == NULL || first->last == NULL ? first : first->last;
    if (last != NULL && last->packed.data == pending->packed.data) {
        return; /* under another of its topics, with the same audience */
    }
    struct pending *entry = arena_alloc(&publisher->arena, sizeof(*entry));
    if (entry == NULL) {
        metric_add(&dropped_total, 1);
        return;
    }
    *entry = (struct pending){.packed = pending->packed};
    if (first != NULL) {
        chain(first, entry);
    } else {
        begin_chain(publisher, chains, key, entry, topic);
    }
}

static void route_all(struct publisher *publisher, struct chains *chains)
{
    for (size_t i = 0; i < publisher->pending_count; i++) {
        const struct pending *pending = publisher->pending[i];
        if (pending->global) {
            route(publisher, chains, pending, "global");
        }
        for (size_t k = 0; k < pending->stream_count; k++) {
            char topic[STREAM_TEXT_SIZE];
            stream_format(&pending->streams[k], topic);
            route(publisher, chains, pending, topic);
        }
    }
}

void publisher_flush(struct publisher *publisher)
{
    if (publisher->pending_count == 0) {
        return;
    }
    recent_prune(&publisher->recent, clock_ms());
    bool routes = bus_routes_topics(publisher->bus);
    struct chains chains = {0};
    map_init(&chains.by_key, routes ? MAP_TEXT_KEYS : sizeof(uint64_t));
    route_all(publisher, &chains);
    Link__Head **heads = NULL;
    size_t head_count = !routes && publisher->recent.count <= HEADS_EACH_FRAME
                            ? collect_heads(publisher, HEADS_EACH_FRAME, &heads)
                            : 0;
    bool several = chains.first != chains.last; /* one is best sent from where it is */
    if (several) {
        bus_cork(publisher->bus);
    }
    for (struct pending *first = chains.first; first != NULL; first = first->next_chain) {
        send_chain(publisher, first->topic, first, heads, head_count);
    }
    if (several) {
        bus_uncork(publisher->bus);
    }
    map_finish(&chains.by_key);
    publisher->pending_count = 0;
    publisher->copied_count = 0;
    arena_reset(&publisher->arena);
}

/* What was committed lately, once more, and a sign of life when there is nothing. */
static void on_beat(uv_timer_t *timer)
{
    struct publisher *publisher = timer->data;
    publisher_flush(publisher);
    recent_prune(&publisher->recent, clock_ms());
    if (publisher->recent.count == 0 && ++publisher->silent_beats < IDLE_BEATS) {
        return;
    }
    Link__Head **heads = NULL;
    size_t count = collect_heads(publisher, FRAME_ROOM / HEAD_BYTES, &heads);
    begin_frame(publisher);
    send_frame(publisher, "heads", 0, heads, count);
    arena_reset(&publisher->arena);
}

/* ------------------------------------------------------------------ life */

enum err publisher_open(uv_loop_t *loop, struct bus *bus, const struct link_key *key,
                        struct uuid core_id, struct publisher **ret_publisher)
{
    metrics_register(&durable_total);
    metrics_register(&ephemeral_total);
    metrics_register(&dropped_total);
    metrics_register(&frames_total);
    struct publisher *publisher = calloc(1, sizeof(*publisher));
    uv_timer_t *beat = calloc(1, sizeof(*beat));
    if (publisher == NULL || beat == NULL) {
        free(publisher);
        free(beat);
        return ERR_UNAVAILABLE;
    }
    publisher->bus = bus;
    publisher->key = key;
    publisher->core_id = core_id;
    publisher->beat = beat;
    arena_init(&publisher->arena, PENDING_MAX_BYTES);
    buf_init(&publisher->frame, FRAME_MAX_BYTES);
    recent_init(&publisher->recent);
    uv_timer_init(loop, beat);
    beat->data = publisher;
    uv_timer_start(beat, on_beat, BEAT_MS, BEAT_MS);
    *ret_publisher = publisher;
    return ERR_OK;
}

void publisher_close(struct publisher *publisher)
{
    if (publisher == NULL) {
        return;
    }
    publisher_flush(publisher);
    handle_close(publisher->beat);
    recent_finish(&publisher->recent);
    arena_finish(&publisher->arena);
    buf_finish(&publisher->frame);
    free(publisher->pending);
    free(publisher);
}

void publisher_set_epoch(struct publisher *publisher, struct uuid epoch)
{
    publisher->epoch = epoch;
}
