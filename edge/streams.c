/* Life of streams and subscriptions, and what the rest of the edge sees of them. */
#include "edge/streams.h"

#include "edge/stream.h"

static struct stream *find(const struct streams *streams, const struct stream_id *id)
{
    return map_get(&streams->by_id, id);
}

static struct stream *create(struct streams *streams, const struct stream_id *id,
                             uint64_t seq, uint32_t tag)
{
    struct stream *stream = pool_take(sizeof(*stream));
    if (stream == NULL) {
        return NULL;
    }
    stream->id = *id;
    if (map_put(&streams->by_id, id, stream) != ERR_OK) {
        pool_give(stream);
        return NULL;
    }
    stream->last = stream->known = seq;
    stream->last_tag = tag;
    reflist_init(&stream->live);
    reflist_init(&stream->behind);
    if (id->kind == STREAM_ACCESS) {
        reflist_init(&stream->guarded);
    }
    streams->io.interest(streams->user, id, true);
    stream->confirm = !PLANTED(CONFIRM);
    return stream;
}

static void stream_used(struct stream *stream)
{
    stream->users++;
    reflist_remove(&stream->in_idle);
}

static void stream_unused(struct streams *streams, struct stream *stream, int64_t now_ms)
{
    if (--stream->users == 0) {
        stream->idle_since_ms = (uint32_t)now_ms;
        reflist_push(&streams->idle, &stream->in_idle);
    }
}

static void forget(struct streams *streams, struct stream *stream, int64_t now_ms)
{
    streams->io.interest(streams->user, &stream->id, false);
    map_remove(&streams->by_id, &stream->id);
    stream_held_drop(stream, UINT64_MAX);
    flow_drop_ring(streams, stream);
    stream->fetching = false;
    flow_clear_due(stream);
    stream_end_errand(stream);
    reflist_remove(&stream->in_idle);
    if (stream->access != 0) {
        reflist_remove(&stream->in_guarded);
        stream_unused(streams, stream_access(stream), now_ms);
    }
    pool_give(stream);
}

static enum err guard(struct streams *streams, struct stream *stream,
                      const struct stream_open *open, int64_t now_ms)
{
    if (stream->id.kind == STREAM_ACCESS || open->access.kind != STREAM_ACCESS) {
        return ERR_INTERNAL; /* a core that makes no sense */
    }
    if (stream->access == 0) {
        struct stream *access = find(streams, &open->access);
        if (access == NULL) {
            access = create(streams, &open->access, open->access_seq, 0);
        }
        if (access == NULL) {
            return ERR_UNAVAILABLE;
        }
        stream->access = ref_of(access);
        reflist_push(&access->guarded, &stream->in_guarded);
        stream_used(access);
    }
    flow_learn_head(streams, stream_access(stream), open->access_seq, now_ms);
    flow_fetch_if_needed(streams, stream_access(stream));
    return ERR_OK;
}

/* ---------------------------------------------------------------- what callers see */

enum err streams_create(const struct streams_io *io, void *user,
                        const struct streams_limits *limits, struct streams **ret_streams)
{
    struct streams *streams = pool_take(sizeof(*streams));
    if (streams == NULL) {
        return ERR_UNAVAILABLE;
    }
    streams->io = *io;
    streams->user = user;
    streams->limits = *limits;
    map_init_inside(&streams->by_id, sizeof(struct stream_id),
                    offsetof(struct stream, id));
    reflist_init(&streams->due);
    reflist_init(&streams->idle);
    list_init(&streams->rings);
    *ret_streams = streams;
    return ERR_OK;
}

static void free_subscriptions(struct reflist *list)
{
    for (struct reflist *node; (node = reflist_take(list)) != NULL;) {
        pool_give(container_of(node, struct subscription, in_stream));
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
        pool_give(stream_errand(stream));
        pool_give(stream);
    }
    map_finish(&streams->by_id);
    pool_give(streams);
}

static struct subscription *new_subscription(struct stream *stream,
                                             const struct stream_open *open,
                                             const struct uuid *user)
{
    struct subscription *subscription = pool_take(sizeof(*subscription));
    if (subscription == NULL) {
        return NULL;
    }
    subscription->stream = ref_of(stream);
    subscription->user = ref_of(user);
    subscription->cursor = open->resume ? open->resume_seq : open->seq;
    subscription->tag = open->resume ? open->resume_tag : open->tag;
    subscription->checked = open->access_seq;
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
        reflist_push(&streams->idle, &stream->in_idle); /* until it has a user */
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
    reflist_push(&stream->behind, &subscription->in_stream);
    if (other_history(stream, open)) {
        flow_verify(streams, stream);
    }
    flow_learn_head(streams, stream, open->seq, now_ms);
    const struct stream *access = stream_access(stream);
    if (access != NULL && access->last > open->access_seq && !PLANTED(RECHECK)) {
        flow_doubt(streams, subscription, access->last);
    }
    streams_resume(streams, subscription, now_ms);
    return subscription;
}

void streams_close(struct streams *streams, struct subscription *subscription,
                   int64_t now_ms)
{
    struct stream *stream = stream_of(subscription);
    flow_unlink(streams, subscription);
    pool_give(subscription);
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

/* The stream as it was when what has come now was asked for. */
struct asked {
    uint64_t known, last;
};

/* The fetch is over. */
static void fetched(struct stream *stream)
{
    stream->fetching = false;
    stream_end_errand(stream);
}

/* The cursor asked about does not fit: what was missed is lost to these readers. */
static void apply_resync(struct streams *streams, struct stream *stream,
                         const struct asked *asked, const struct stream_rows *rows,
                         int64_t now_ms)
{
    bool whole = rows->after >= asked->last || rows->head < asked->last;
    if (whole && stream->last > asked->last) {
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
static bool has_hole(const struct asked *asked, const struct stream_rows *rows)
{
    return rows->row_count > 0 ? rows->rows[0]->seq > rows->after + 1
                               : rows->after < asked->last;
}

/* Nobody knows of more: the hint was wrong. Who stands beyond it came from there. */
static void unlearn_head(struct streams *streams, struct stream *stream, uint64_t head)
{
    stream->known = head > stream->last ? head : stream->last;
    struct reflist *const lists[] = {&stream->live, &stream->behind};
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
                       const struct asked *asked, const struct stream_rows *rows,
                       int64_t now_ms)
{
    uint64_t before = stream->last;
    bool for_reader = rows->after < asked->last;
    for (size_t i = 0; i < rows->row_count; i++) {
        if (rows->rows[i]->seq > stream->last && !(for_reader && PLANTED(NOAHEAD))) {
            flow_offer(streams, stream, rows->rows[i], now_ms);
        }
    }
    fetched(stream);
    if (stream->in_doubt && !stream->verify) {
        stream->in_doubt = false; /* this was the answer */
        flow_drain_guarded(streams, stream, now_ms);
    }
    if (stream->known == asked->known && rows->head < stream->known) {
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
    const struct errand *errand = stream_errand(stream);
    const struct asked asked = {errand->fetch_known, errand->fetch_last};
    if (anew || rows->resync || has_hole(&asked, rows)) {
        fetched(stream);
        apply_resync(streams, stream, &asked, rows, now_ms);
        flow_feed_behind(streams, stream, NULL);
    } else {
        apply_rows(streams, stream, &asked, rows, now_ms);
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
    if (subscription->unchecked && access_seq < subscription->checked &&
        !PLANTED(VERDICT)) {
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
    if (!subscription->unchecked) {
        if (access_seq > subscription->checked) {
            subscription->checked = access_seq;
        }
    } else if (access_seq >= subscription->checked) {
        streams_verdict(streams, subscription, true, access_seq, now_ms);
    }
}

void streams_resume(struct streams *streams, struct subscription *subscription,
                    int64_t now_ms)
{
    (void)now_ms;
    struct stream *stream = stream_of(subscription);
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

/* What could not be asked for while there was no memory. */
static void make_up(struct streams *streams)
{
    streams->starved = false;
    size_t at = 0;
    void *value;
    while (map_next(&streams->by_id, &at, NULL, &value)) {
        flow_fetch_if_needed(streams, value);
    }
}

int64_t streams_tick(struct streams *streams, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    if (streams->starved) {
        make_up(streams);
    }
    if (streams->starved) {
        next_ms = now_ms + streams->limits.retry_ms;
    }
    REFLIST_EACH(&streams->due, node)
    {
        struct errand *errand = container_of(node, struct errand, in_due);
        struct stream *stream = ref_to(errand->stream);
        if (errand->fetch_at_ms <= now_ms) {
            flow_clear_due(stream);
            flow_fetch_if_needed(streams, stream);
        } else if (errand->fetch_at_ms < next_ms) {
            next_ms = errand->fetch_at_ms;
        }
    }
    while (!reflist_empty(&streams->idle)) {
        struct stream *stream =
            container_of(reflist_next(&streams->idle), struct stream, in_idle);
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
    return &stream_of(subscription)->id;
}

size_t streams_count(const struct streams *streams)
{
    return streams->by_id.size;
}

const struct streams_counters *streams_counters(const struct streams *streams)
{
    return &streams->counters;
}
