/* Life of streams and subscriptions, and what the rest of the edge sees of them. */
#include "edge/streams.h"

#include "edge/stream.h"

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

/* The stream, if there is one; but what nobody has listened to is forgotten if it is
 * behind `seq`, as who begins there has no need of what lies between, or if its history
 * is in doubt. A new life must not take an old one's answer for its own. */
static struct stream *find_current(struct streams *streams, const struct stream_id *id,
                                   uint64_t seq, int64_t now_ms)
{
    struct stream *stream = streams_find(streams, id);
    if (stream != NULL && !stream_wanted(stream) && !stream->fetching &&
        (stream->last < seq || stream->in_doubt)) {
        forget(streams, stream, now_ms);
        return NULL;
    }
    return stream;
}

static enum err guard(struct streams *streams, struct stream *stream,
                      const struct stream_open *open, int64_t now_ms)
{
    if (stream->id.kind == STREAM_ACCESS || open->access.kind != STREAM_ACCESS) {
        return ERR_INTERNAL; /* a core that makes no sense */
    }
    if (stream->access == 0) {
        struct stream *access =
            find_current(streams, &open->access, open->access_seq, now_ms);
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
    struct stream *stream = find_current(streams, &open->stream, open->seq, now_ms);
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
    struct stream *stream = streams_find(streams, &publication->stream);
    if (stream != NULL && publication->seq > 0) {
        flow_offer(streams, stream, publication, now_ms);
    }
}

void streams_head(struct streams *streams, const struct stream_id *stream_id,
                  uint64_t seq, int64_t now_ms)
{
    struct stream *stream = streams_find(streams, stream_id);
    if (stream != NULL) {
        flow_learn_head(streams, stream, seq, now_ms);
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
    struct stream *stream = streams_find(streams, stream_id);
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

#define READERS_WARM 16

void streams_warm(const struct streams *streams, const struct stream_id *ids,
                  size_t count, void (*near)(const struct subscription *subscription),
                  void (*far)(const struct subscription *subscription))
{
    const struct reflist *heads[STREAMS_WARM], *at[STREAMS_WARM];
    const struct subscription *readers[STREAMS_WARM * READERS_WARM];
    size_t lists = 0, found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct stream *stream = streams_find(streams, &ids[i]);
        if (stream != NULL) {
            heads[lists] = &stream->live;
            at[lists] = reflist_next(&stream->live);
            __builtin_prefetch(at[lists++]);
            if (stream->ring != 0) {
                __builtin_prefetch(stream_ring(stream));
            }
        }
    }
    /* One step in each list, then the next: a step waits for the one before. */
    for (int step = 0; step < READERS_WARM && lists > 0; step++) {
        size_t left = 0;
        for (size_t i = 0; i < lists; i++) {
            if (at[i] == heads[i]) {
                continue;
            }
            readers[found] = container_of(at[i], struct subscription, in_stream);
            near(readers[found++]);
            heads[left] = heads[i];
            at[left] = reflist_next(at[i]);
            __builtin_prefetch(at[left++]);
        }
        lists = left;
    }
    for (size_t i = 0; i < found; i++) {
        far(readers[i]);
    }
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
        if (errand->fetch_at_ms > now_ms) {
            if (errand->fetch_at_ms < next_ms) {
                next_ms = errand->fetch_at_ms;
            }
        } else if (stream_wanted(stream) || stream->fetching) {
            flow_clear_due(stream);
            flow_fetch_if_needed(streams, stream);
        } else {
            forget(streams, stream, now_ms);
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
