/* The way of an event to the cursors: early ones wait, gaps are fetched, the fence holds,
 * live cursors get it at once and cursors behind are fed. */
#include "edge/stream.h"

/* ---------------------------------------------------------------- moving */

void flow_unlink(struct streams *streams, struct subscription *subscription)
{
    for (struct walk *walk = streams->walks; walk != NULL; walk = walk->outer) {
        if (walk->next == &subscription->in_stream) {
            walk->next = reflist_next(&subscription->in_stream);
        }
    }
    reflist_remove(&subscription->in_stream);
}

void flow_move_to_behind(struct streams *streams, struct subscription *subscription)
{
    if (!subscription->behind) {
        flow_unlink(streams, subscription);
        subscription->behind = true;
        reflist_push(&stream_of(subscription)->behind, &subscription->in_stream);
    }
}

static void move_to_live(struct streams *streams, struct subscription *subscription)
{
    if (subscription->behind) {
        flow_unlink(streams, subscription);
        subscription->behind = false;
        reflist_push(&stream_of(subscription)->live, &subscription->in_stream);
    }
}

/* ---------------------------------------------------------------- fetching */

void flow_set_due(struct streams *streams, struct stream *stream, int64_t at_ms)
{
    struct errand *errand = stream_begin_errand(stream);
    if (errand == NULL) {
        streams->starved = true;
        return;
    }
    if (errand->fetch_at_ms == 0) {
        errand->fetch_at_ms = at_ms;
        reflist_push(&streams->due, &errand->in_due);
    } else if (at_ms < errand->fetch_at_ms) {
        errand->fetch_at_ms = at_ms;
    }
}

void flow_clear_due(struct stream *stream)
{
    struct errand *errand = stream_errand(stream);
    if (errand != NULL && errand->fetch_at_ms != 0) {
        errand->fetch_at_ms = 0;
        reflist_remove(&errand->in_due);
        stream_end_errand(stream);
    }
}

bool flow_is_due(const struct stream *stream)
{
    const struct errand *errand = stream_errand(stream);
    return errand != NULL && errand->fetch_at_ms != 0;
}

bool flow_has_gap(const struct stream *stream)
{
    return stream->known > stream->last && stream_held_next(stream) == NULL;
}

/* True if the access stream has been applied that far. */
static bool fence_passes(const struct stream *stream, uint64_t after)
{
    const struct stream *access = stream_access(stream);
    return access == NULL || (!access->in_doubt && access->last >= after) ||
           PLANTED(FENCE);
}

static bool can_feed(const struct streams *streams, struct subscription *subscription)
{
    const struct stream *stream = stream_of(subscription);
    return !subscription->unchecked && fence_passes(stream, stream->fence) &&
           (streams->io.ready == NULL || streams->io.ready(streams->user, subscription));
}

/* The lowest seq behind which events are needed; false when none are. The stream comes
 * first, its readers next: none of them may hold up the others. */
static bool fetch_from(struct streams *streams, struct stream *stream,
                       uint64_t *ret_after)
{
    bool needed = stream->confirm;
    uint64_t after = *ret_after = stream->last;
    if (stream->verify || (flow_has_gap(stream) && !flow_is_due(stream))) {
        return true;
    }
    REFLIST_EACH(&stream->behind, node)
    {
        struct subscription *subscription =
            container_of(node, struct subscription, in_stream);
        if (subscription->cursor < stream->last &&
            stream_ring_get(stream, subscription->cursor + 1) == NULL &&
            can_feed(streams, subscription)) {
            needed = true;
            if (subscription->cursor < after) {
                after = subscription->cursor;
            }
        }
    }
    *ret_after = after;
    return needed;
}

void flow_fetch_if_needed(struct streams *streams, struct stream *stream)
{
    uint64_t after;
    bool waits = stream->verify && flow_is_due(stream);
    if (stream->fetching || waits || !stream_wanted(stream) ||
        !fetch_from(streams, stream, &after)) {
        return;
    }
    struct errand *errand = stream_begin_errand(stream);
    if (errand == NULL) {
        streams->starved = true;
        return;
    }
    stream->fetching = true;
    stream->confirm = stream->verify = false;
    errand->fetch_known = stream->known;
    errand->fetch_last = stream->last;
    streams->counters.fetches++;
    streams->io.fetch(streams->user, &stream->id, after,
                      after == stream->last ? stream->last_tag : 0);
}

void flow_verify(struct streams *streams, struct stream *stream)
{
    stream_held_drop(stream, UINT64_MAX);
    flow_drop_ring(streams, stream);
    stream->verify = stream->in_doubt = true;
}

/* A gap is fetched a little later, because two cores' publications overtake each other
 * all the time. What an answer under way leaves is settled then. */
static void settle(struct streams *streams, struct stream *stream, int64_t now_ms)
{
    if (stream->fetching) {
        return;
    }
    if (flow_has_gap(stream)) {
        if (!flow_is_due(stream)) {
            streams->counters.gaps++;
            flow_set_due(streams, stream, now_ms + streams->limits.hold_ms);
        }
    } else if (!stream->verify) {
        flow_clear_due(stream);
    }
}

void flow_learn_head(struct streams *streams, struct stream *stream, uint64_t seq,
                     int64_t now_ms)
{
    if (seq > stream->known) {
        stream->known = seq;
    }
    settle(streams, stream, now_ms);
}

/* ---------------------------------------------------------------- feeding cursors */

void flow_resync(struct streams *streams, struct subscription *subscription)
{
    const struct stream *stream = stream_of(subscription);
    subscription->cursor = stream->last;
    subscription->tag = stream->last_tag;
    streams->counters.resyncs++;
    streams->io.resync(streams->user, subscription, stream->last, stream->last_tag);
}

/* Hands the event at cursor + 1 on. The subscription may be gone afterwards. */
static void deliver(struct streams *streams, struct subscription *subscription,
                    struct publication *publication)
{
    if (tags_differ(subscription->tag, publication->prev_tag)) {
        flow_resync(streams, subscription); /* it began in another history */
        return;
    }
    subscription->cursor = publication->seq;
    subscription->tag = publication->tag;
    streams->counters.delivered++;
    streams->io.deliver(streams->user, subscription, publication);
}

/* A subscription that began ahead of the stream, where the stream has now come to: is it
 * the same event? */
static void compare_tag(struct streams *streams, struct subscription *subscription)
{
    const struct stream *stream = stream_of(subscription);
    if (subscription->cursor == stream->last &&
        tags_differ(subscription->tag, stream->last_tag)) {
        flow_resync(streams, subscription);
    }
}

/* A stream that began at a JOIN's seq has not applied what was before it, so that a row
 * from there may be the first to speak of an access event. */
static bool row_passes(struct streams *streams, struct stream *stream,
                       const struct publication *row)
{
    if (fence_passes(stream, row->after) || PLANTED(NOAHEAD)) {
        return true;
    }
    stream->fence = row->after;
    struct stream *access = stream_access(stream);
    if (access->known < row->after) {
        access->known = row->after;
    }
    flow_fetch_if_needed(streams, access);
    return false;
}

/* The event at cursor + 1, if the stream has come that far and it is at hand. */
static struct publication *next_for(struct streams *streams, struct stream *stream,
                                    const struct subscription *subscription,
                                    const struct stream_rows *rows)
{
    uint64_t seq = subscription->cursor + 1;
    struct publication *publication = stream_ring_get(stream, seq);
    bool ahead = seq > stream->last && !PLANTED(NOAHEAD);
    if (publication != NULL || ahead || rows == NULL || rows->row_count == 0) {
        return publication;
    }
    uint64_t index = seq - rows->rows[0]->seq; /* huge if it is before the first */
    if (index >= rows->row_count || rows->rows[index]->seq != seq ||
        !row_passes(streams, stream, rows->rows[index])) {
        return NULL;
    }
    return rows->rows[index];
}

void flow_feed(struct streams *streams, struct subscription *subscription,
               const struct stream_rows *rows)
{
    struct stream *stream = stream_of(subscription);
    struct walk watch; /* its `next` moves on when the subscription is closed */
    walk_begin(streams, &watch, &stream->behind);
    watch.next = &subscription->in_stream;
    struct publication *next;
    while (can_feed(streams, subscription) &&
           (next = next_for(streams, stream, subscription, rows)) != NULL) {
        publication_ref(next);
        deliver(streams, subscription, next);
        publication_unref(next);
        if (watch.next != &subscription->in_stream) {
            walk_end(streams, &watch);
            return;
        }
    }
    walk_end(streams, &watch);
    if (subscription->cursor >= stream->last && !subscription->unchecked) {
        move_to_live(streams, subscription);
        compare_tag(streams, subscription);
    }
}

void flow_feed_behind(struct streams *streams, struct stream *stream,
                      const struct stream_rows *rows)
{
    struct walk walk;
    walk_begin(streams, &walk, &stream->behind);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        flow_feed(streams, s, rows);
    }
    walk_end(streams, &walk);
    flow_fetch_if_needed(streams, stream);
}

/* ---------------------------------------------------------------- applying events */

void flow_drain_guarded(struct streams *streams, struct stream *access, int64_t now_ms)
{
    if (access->id.kind != STREAM_ACCESS) {
        return; /* it guards nothing */
    }
    REFLIST_EACH(&access->guarded, node)
    {
        struct stream *stream = container_of(node, struct stream, in_guarded);
        flow_drain(streams, stream, now_ms);
        flow_feed_behind(streams, stream, NULL);
    }
}

static void fan_out(struct streams *streams, struct stream *stream,
                    struct publication *publication)
{
    struct walk walk;
    walk_begin(streams, &walk, &stream->live);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        if (s->cursor + 1 != publication->seq && !PLANTED(CURSOR)) {
            compare_tag(streams, s); /* it is ahead, or was until now */
            continue;
        }
        if (streams->io.ready != NULL && !streams->io.ready(streams->user, s)) {
            flow_move_to_behind(streams, s);
            continue;
        }
        deliver(streams, s, publication);
    }
    walk_end(streams, &walk);
}

void flow_drop_ring(struct streams *streams, struct stream *stream)
{
    streams->ring_bytes -= stream_ring_bytes(stream);
    stream_ring_clear(stream);
}

static void keep_in_ring(struct streams *streams, struct stream *stream,
                         struct publication *publication)
{
    if (publication->control != NULL && publication->control->n_blanked > 0) {
        /* Deleted content must not be fed again: older events come from the log. */
        flow_drop_ring(streams, stream);
    }
    size_t before = stream_ring_bytes(stream);
    stream_ring_push(stream, publication, streams->limits.ring_max, &streams->rings);
    streams->ring_bytes += stream_ring_bytes(stream) - before;
    while (streams->ring_bytes > streams->limits.ring_bytes_max &&
           !list_empty(&streams->rings)) {
        struct ring *quietest = container_of(streams->rings.next, struct ring, in_rings);
        streams->ring_bytes -= stream_ring_evict(quietest->stream);
    }
}

static void hand_control(struct streams *streams, struct publication *publication)
{
    const Link__Control *control = publication->control;
    if (control != NULL &&
        (publication->stream.kind == STREAM_USER || control->gained != NULL)) {
        streams->io.control(streams->user, publication);
    }
}

static void apply(struct streams *streams, struct stream *stream,
                  struct publication *publication, int64_t now_ms)
{
    stream->last = publication->seq;
    stream->last_tag = publication->tag;
    if (stream->id.kind == STREAM_ACCESS) {
        /* Somebody gained or lost something in this scope; without `who`, everybody. */
        flow_doubt_touched(streams, stream,
                           publication->control != NULL ? publication->control->who
                                                        : NULL,
                           publication->seq);
        flow_drain_guarded(streams, stream, now_ms);
        hand_control(streams, publication);
        return;
    }
    keep_in_ring(streams, stream, publication);
    fan_out(streams, stream, publication);
    /* Few events are fed again from the ring: without frames it takes half the memory,
     * and what was written just now is free while it is still in the caches. */
    publication_drop_frames(publication);
    hand_control(streams, publication);
}

/* True if the event may be applied now; else what it waits for is under way. */
static bool admitted(struct streams *streams, struct stream *stream,
                     const struct publication *publication, int64_t now_ms)
{
    if (tags_differ(stream->last_tag, publication->prev_tag)) {
        /* Another history than ours: a core will say how to go on. */
        flow_verify(streams, stream);
        flow_set_due(streams, stream, now_ms + streams->limits.hold_ms);
        return false;
    }
    if (!fence_passes(stream, publication->after)) {
        streams->counters.fenced++;
        flow_learn_head(streams, stream_access(stream), publication->after, now_ms);
        return false;
    }
    return true;
}

void flow_drain(struct streams *streams, struct stream *stream, int64_t now_ms)
{
    struct publication *next;
    while ((next = stream_held_next(stream)) != NULL &&
           admitted(streams, stream, next, now_ms)) {
        next = stream_held_take(stream);
        apply(streams, stream, next, now_ms);
        publication_unref(next);
    }
    settle(streams, stream, now_ms);
}

/* As nearly every event does: holding it for no time would cost memory. */
static bool goes_at_once(const struct stream *stream,
                         const struct publication *publication)
{
    return publication->seq == stream->last + 1 && stream_held_next(stream) == NULL &&
           !tags_differ(stream->last_tag, publication->prev_tag) &&
           fence_passes(stream, publication->after);
}

void flow_offer(struct streams *streams, struct stream *stream,
                struct publication *publication, int64_t now_ms)
{
    if (publication->seq <= stream->last) {
        streams->counters.duplicates++;
        return;
    }
    if (PLANTED(BASELINE) && stream->ring == 0 && stream_held_count(stream) == 0 &&
        stream->id.kind != STREAM_ACCESS) {
        stream->last = publication->seq - 1;
    }
    if (publication->seq > stream->known) {
        stream->known = publication->seq;
    }
    if (goes_at_once(stream, publication)) {
        apply(streams, stream, publication, now_ms);
    } else if (!stream_hold(stream, publication, streams->limits.hold_max)) {
        streams->counters.held_dropped++;
    }
    flow_drain(streams, stream, now_ms);
}
