/* Life of streams and subscriptions, and what the rest of the edge sees of them. */
#include "edge/streams.h"

#include <stdlib.h>

#include "edge/stream.h"

static struct stream *find(const struct streams *streams, const struct stream_id *id)
{
    return map_get(&streams->by_id, id);
}

static struct stream *create(struct streams *streams, const struct stream_id *id,
                             uint64_t seq, uint32_t tag)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->id = *id;
    if (map_put(&streams->by_id, id, stream) != ERR_OK) {
        free(stream);
        return NULL;
    }
    stream->last = stream->known = seq;
    stream->last_tag = tag;
    list_init(&stream->live);
    list_init(&stream->behind);
    if (id->kind == STREAM_ACCESS) {
        list_init(&stream->guarded);
    }
    streams->io.interest(streams->user, id, true);
    stream->confirm = !PLANTED(CONFIRM);
    return stream;
}

static void stream_used(struct stream *stream)
{
    stream->users++;
    list_remove(&stream->in_idle);
}

static void stream_unused(struct streams *streams, struct stream *stream, int64_t now_ms)
{
    if (--stream->users == 0) {
        stream->idle_since_ms = (uint32_t)now_ms;
        list_push(&streams->idle, &stream->in_idle);
    }
}

static void forget(struct streams *streams, struct stream *stream, int64_t now_ms)
{
    streams->io.interest(streams->user, &stream->id, false);
    map_remove(&streams->by_id, &stream->id);
    stream_held_drop(stream, UINT64_MAX);
    flow_drop_ring(streams, stream);
    list_remove(&stream->in_due);
    list_remove(&stream->in_idle);
    if (stream->access != NULL) {
        list_remove(&stream->in_guarded);
        stream_unused(streams, stream->access, now_ms);
    }
    free(stream);
}

static enum err guard(struct streams *streams, struct stream *stream,
                      const struct stream_open *open, int64_t now_ms)
{
    if (stream->id.kind == STREAM_ACCESS || open->access.kind != STREAM_ACCESS) {
        return ERR_INTERNAL; /* a core that makes no sense */
    }
    if (stream->access == NULL) {
        struct stream *access = find(streams, &open->access);
        if (access == NULL) {
            access = create(streams, &open->access, open->access_seq, 0);
        }
        if (access == NULL) {
            return ERR_UNAVAILABLE;
        }
        stream->access = access;
        list_push(&access->guarded, &stream->in_guarded);
        stream_used(access);
    }
    flow_learn_head(streams, stream->access, open->access_seq, now_ms);
    flow_fetch_if_needed(streams, stream->access);
    return ERR_OK;
}

/* ---------------------------------------------------------------- what callers see */

enum err streams_create(const struct streams_io *io, void *user,
                        const struct streams_limits *limits, struct streams **ret_streams)
{
    struct streams *streams = calloc(1, sizeof(*streams));
    if (streams == NULL) {
        return ERR_UNAVAILABLE;
    }
    streams->io = *io;
    streams->user = user;
    streams->limits = *limits;
    map_init_inside(&streams->by_id, sizeof(struct stream_id),
                    offsetof(struct stream, id));
    list_init(&streams->due);
    list_init(&streams->idle);
    list_init(&streams->rings);
    *ret_streams = streams;
    return ERR_OK;
}

static void free_subscriptions(struct list *list)
{
    for (struct list *node; (node = list_take(list)) != NULL;) {
        free(container_of(node, struct subscription, in_stream));
    }
}

void streams_destroy(struct streams *streams)
{
    if (streams == NULL) {
        return;
    }
    size_t at = 0;
    void *value;
    while (map_next(&streams->by_id, &at, NULL, &value)) {
        struct stream *stream = value;
        free_subscriptions(&stream->live);
        free_subscriptions(&stream->behind);
        stream_held_drop(stream, UINT64_MAX);
        stream_ring_clear(stream);
        free(stream);
    }
    map_finish(&streams->by_id);
    free(streams);
}

static struct subscription *new_subscription(struct stream *stream,
                                             const struct stream_open *open,
                                             const struct uuid *user)
{
    struct subscription *subscription = calloc(1, sizeof(*subscription));
    if (subscription == NULL) {
        return NULL;
    }
    subscription->stream = stream;
    subscription->user = user;
    subscription->cursor = open->resume ? open->resume_seq : open->seq;
    subscription->tag = open->resume ? open->resume_tag : open->tag;
    subscription->checked = subscription->needed = open->access_seq;
    return subscription;
}

/* What this edge holds, and what a core has just read there, are two histories. */
static bool other_history(const struct stream *stream, const struct stream_open *open)
{
    return tags_differ(stream_tag(stream, open->seq), open->tag);
}

struct subscription *streams_open(struct streams *streams, const struct stream_open *open,
                                  const struct uuid *user, int64_t now_ms)
{
    struct stream *stream = find(streams, &open->stream);
    if (stream == NULL) {
        stream = create(streams, &open->stream, open->seq, open->tag);
        if (stream == NULL) {
            return NULL;
        }
        list_push(&streams->idle, &stream->in_idle); /* until it has a user */
        stream->idle_since_ms = (uint32_t)now_ms;
    }
    if (open->has_access && guard(streams, stream, open, now_ms) != ERR_OK) {
        return NULL;
    }
    struct subscription *subscription = new_subscription(stream, open, user);
    if (subscription == NULL) {
        return NULL;
    }
    stream_used(stream);
    subscription->behind = true;
    list_push(&stream->behind, &subscription->in_stream);
    if (other_history(stream, open)) {
        flow_verify(streams, stream);
    }
    flow_learn_head(streams, stream, open->seq, now_ms);
    if (stream->access != NULL && stream->access->last > open->access_seq &&
        !PLANTED(RECHECK)) {
        flow_doubt(streams, subscription, stream->access->last);
    }
    streams_resume(streams, subscription, now_ms);
    return subscription;
}

void streams_close(struct streams *streams, struct subscription *subscription,
                   int64_t now_ms)
{
    struct stream *stream = subscription->stream;
    flow_unlink(streams, subscription);
    free(subscription);
    stream_unused(streams, stream, now_ms);
}

void streams_offer(struct streams *streams, struct publication *publication,
                   int64_t now_ms)
{
    struct stream *stream = find(streams, &publication->stream);
    if (stream != NULL && publication->seq > 0) {
        flow_offer(streams, stream, publication, now_ms);
    }
}

void streams_head(struct streams *streams, const struct stream_id *stream_id,
                  uint64_t seq, int64_t now_ms)
{
    struct stream *stream = find(streams, stream_id);
    if (stream != NULL) {
        flow_learn_head(streams, stream, seq, now_ms);
    }
}

/* Everything held belongs to another history, or is lost: the stream goes on from the
 * head. */
static void jump(struct streams *streams, struct stream *stream,
                 const struct stream_rows *rows, int64_t now_ms)
{
    flow_verify(streams, stream);
    stream->verify = stream->in_doubt = false;
    stream->confirm = !PLANTED(RECONFIRM); /* what came meanwhile was taken for old */
    stream->last = stream->known = rows->head;
    stream->last_tag = rows->head_tag;
    struct walk walk;
    walk_begin(streams, &walk, &stream->live);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        flow_move_to_behind(streams, s);
    }
    walk_end(streams, &walk);
    if (stream->id.kind == STREAM_ACCESS) {
        flow_doubt_scope(streams, stream, stream->last);
        flow_drain_guarded(streams, stream, now_ms);
    }
}

/* The cursor asked about does not fit: what was missed is lost to these readers. */
static void apply_resync(struct streams *streams, struct stream *stream,
                         const struct stream_rows *rows, int64_t now_ms)
{
    bool whole = rows->after >= stream->fetch_last || rows->head < stream->fetch_last;
    if (whole && stream->last > stream->fetch_last) {
        flow_verify(streams, stream); /* it has moved on: which history was meant? */
        return;
    }
    if (whole) {
        jump(streams, stream, rows, now_ms);
    }
    struct walk walk;
    walk_begin(streams, &walk, &stream->behind);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        if (whole || (s->cursor <= rows->after && !s->unchecked)) {
            flow_resync(streams, s);
        }
    }
    walk_end(streams, &walk);
}

/* True if the log does not go on where the cursor stands: waiting would be for ever. */
static bool has_hole(const struct stream *stream, const struct stream_rows *rows)
{
    return rows->row_count > 0 ? rows->rows[0]->seq > rows->after + 1
                               : rows->after < stream->fetch_last;
}

/* Nobody knows of more: the hint was wrong. Who stands beyond it came from there. */
static void unlearn_head(struct streams *streams, struct stream *stream, uint64_t head)
{
    stream->known = head > stream->last ? head : stream->last;
    struct list *const lists[] = {&stream->live, &stream->behind};
    for (int i = 0; i < 2; i++) {
        struct walk walk;
        walk_begin(streams, &walk, lists[i]);
        for (struct subscription *s = walk_next(&walk); s; s = walk_next(&walk)) {
            if (s->cursor > stream->known) {
                flow_resync(streams, s);
            }
        }
        walk_end(streams, &walk);
    }
}

/* What the stream itself lacks is applied; the order of the rows is that of seq. */
static void apply_rows(struct streams *streams, struct stream *stream,
                       const struct stream_rows *rows, int64_t now_ms)
{
    uint64_t before = stream->last;
    bool for_reader = rows->after < stream->fetch_last;
    for (size_t i = 0; i < rows->row_count; i++) {
        if (rows->rows[i]->seq > stream->last && !(for_reader && PLANTED(NOAHEAD))) {
            flow_offer(streams, stream, rows->rows[i], now_ms);
        }
    }
    stream->fetching = false;
    if (stream->in_doubt && !stream->verify) {
        stream->in_doubt = false; /* this was the answer */
        flow_drain_guarded(streams, stream, now_ms);
    }
    if (stream->known == stream->fetch_known && rows->head < stream->known) {
        unlearn_head(streams, stream, rows->head);
    }
    flow_learn_head(streams, stream, rows->head, now_ms);
    if (stream->last > before && flow_has_gap(stream) && !stream->verify) {
        flow_clear_due(stream); /* there is more: go on at once */
    }
}

void streams_rows(struct streams *streams, const struct stream_rows *rows, int64_t now_ms)
{
    struct stream *stream = find(streams, &rows->stream);
    if (stream == NULL || !stream->fetching) {
        return;
    }
    /* What an access stream in doubt has applied says nothing of what was taken away, and
     * its first tag was never known: it begins anew, and so do the checks. */
    bool anew = stream->id.kind == STREAM_ACCESS && stream->in_doubt && !stream->verify;
    if (anew || rows->resync || has_hole(stream, rows)) {
        stream->fetching = false;
        apply_resync(streams, stream, rows, now_ms);
        flow_feed_behind(streams, stream, NULL);
    } else {
        apply_rows(streams, stream, rows, now_ms);
        flow_feed_behind(streams, stream, rows);
    }
}

void streams_fetch_failed(struct streams *streams, const struct stream_id *stream_id,
                          int64_t now_ms)
{
    struct stream *stream = find(streams, stream_id);
    if (stream != NULL && stream->fetching) {
        stream->fetching = false;
        stream->verify = true; /* whatever it was for */
        flow_set_due(streams, stream, now_ms + streams->limits.retry_ms);
    }
}

void streams_verdict(struct streams *streams, struct subscription *subscription,
                     bool allowed, uint64_t access_seq, int64_t now_ms)
{
    if (access_seq < subscription->needed && !PLANTED(VERDICT)) {
        streams->io.recheck(streams->user, subscription); /* says nothing about now */
        return;
    }
    if (!allowed) {
        streams->io.ended(streams->user, subscription);
        streams_close(streams, subscription, now_ms);
        return;
    }
    if (access_seq > subscription->checked) {
        subscription->checked = access_seq;
    }
    subscription->unchecked = false;
    streams_resume(streams, subscription, now_ms);
}

void streams_open_again(struct streams *streams, struct subscription *subscription,
                        uint64_t access_seq, int64_t now_ms)
{
    if (subscription->unchecked && access_seq >= subscription->needed) {
        streams_verdict(streams, subscription, true, access_seq, now_ms);
    } else if (access_seq > subscription->checked) {
        subscription->checked = access_seq;
    }
}

void streams_resume(struct streams *streams, struct subscription *subscription,
                    int64_t now_ms)
{
    (void)now_ms;
    struct stream *stream = subscription->stream;
    if (subscription->behind) {
        flow_feed(streams, subscription, NULL);
    }
    flow_fetch_if_needed(streams, stream);
}

void streams_renew(struct streams *streams, int64_t now_ms)
{
    (void)now_ms;
    size_t at = 0;
    void *value;
    while (map_next(&streams->by_id, &at, NULL, &value)) {
        struct stream *stream = value;
        if (!PLANTED(TAGS)) {
            flow_verify(streams, stream);
        }
        if (stream->id.kind == STREAM_ACCESS) {
            flow_doubt_scope(streams, stream, 0); /* its tag may not be known */
        }
        flow_clear_due(stream);
        flow_fetch_if_needed(streams, stream);
    }
}

void streams_each(struct streams *streams, const struct stream_id *stream_id,
                  void (*each)(void *user, struct subscription *subscription), void *user)
{
    struct stream *stream = find(streams, stream_id);
    if (stream == NULL) {
        return;
    }
    struct walk walk;
    walk_begin(streams, &walk, &stream->live);
    for (struct subscription *s = walk_next(&walk); s != NULL; s = walk_next(&walk)) {
        each(user, s);
    }
    walk_end(streams, &walk);
}

int64_t streams_tick(struct streams *streams, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    LIST_EACH(&streams->due, node) {
        struct stream *stream = container_of(node, struct stream, in_due);
        if (stream->fetch_at_ms <= now_ms) {
            flow_clear_due(stream);
            flow_fetch_if_needed(streams, stream);
        } else if (stream->fetch_at_ms < next_ms) {
            next_ms = stream->fetch_at_ms;
        }
    }
    while (!list_empty(&streams->idle)) {
        struct stream *stream = container_of(streams->idle.next, struct stream, in_idle);
        int64_t for_ms = (uint32_t)now_ms - stream->idle_since_ms;
        int64_t until_ms = now_ms - for_ms + streams->limits.idle_ms;
        if (until_ms > now_ms || stream->fetching) {
            /* A new life must not take an old one's answer for its own. */
            return until_ms < next_ms ? until_ms : next_ms;
        }
        forget(streams, stream, now_ms);
    }
    return next_ms;
}

const struct stream_id *streams_id(const struct subscription *subscription)
{
    return &subscription->stream->id;
}

size_t streams_count(const struct streams *streams)
{
    return streams->by_id.size;
}

const struct streams_counters *streams_counters(const struct streams *streams)
{
    return &streams->counters;
}
