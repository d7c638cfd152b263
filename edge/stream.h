/* The insides of streams.h, shared by its four files: stream.c (what one stream keeps),
 * stream_flow.c (the way of an event to the cursors), stream_rows.c (the answers to
 * fetches), streams.c (life, and the outside). */
#ifndef EDGE_STREAM_H
#define EDGE_STREAM_H

#include "base/map.h"
#include "edge/planted.h"
#include "edge/streams.h"

/* Applied events, up to the stream's last. */
struct ring {
    struct stream *stream;
    struct list in_rings; /* longest quiet first */
    struct publication **events;
    uint32_t start, count, capacity;
    size_t bytes;
};

/* Early events, sorted by seq. */
struct early {
    uint32_t count;
    struct publication *events[];
};

/* What a stream has only while something is under way. */
struct errand {
    ref stream;
    struct reflist in_due; /* of those with fetch_at_ms */
    int64_t fetch_at_ms;   /* a gap or a failed fetch is due then; 0: nothing is */
    uint64_t fetch_known; /* `known` and `last` when the fetch under way was asked: its */
    uint64_t fetch_last;  /* answer may be older than what has come since */
    struct early *held;   /* NULL: none */
};

/* Each user has one, so it is small. */
struct stream {
    struct stream_id id;
    bool confirm : 1;  /* fetch even if nothing seems to be missing */
    bool verify : 1;   /* fetch behind `last` itself, so that a core compares its tag */
    bool in_doubt : 1; /* until that is answered; as an access stream it lets nothing pass
                        */
    bool fetching : 1;
    uint32_t last_tag; /* of the last event; 0: unknown */
    uint64_t last;     /* applied up to here */
    uint64_t known;    /* it has reached at least this */
    uint64_t fence; /* how far `access` must have been applied before readers are fed */

    struct reflist live;   /* subscriptions whose cursor is at `last` (or ahead of it) */
    struct reflist behind; /* the others: being fed, unchecked, or with a slow reader */
    ref access;            /* stream; 0: none, as of an access stream */
    ref ring;              /* 0: none */
    ref errand;            /* 0: nothing is under way */
    uint32_t users; /* subscriptions; of an access stream: streams that it guards */
    uint32_t idle_since_ms; /* by the last 32 bits of the clock */
    struct reflist in_idle; /* streams without users */

    union {
        struct reflist guarded;    /* of an access stream: its streams */
        struct reflist in_guarded; /* of the others */
    };
};

static inline struct stream *stream_access(const struct stream *stream)
{
    return ref_to(stream->access);
}

static inline struct ring *stream_ring(const struct stream *stream)
{
    return ref_to(stream->ring);
}

static inline struct errand *stream_errand(const struct stream *stream)
{
    return ref_to(stream->errand);
}

static inline struct stream *stream_of(const struct subscription *subscription)
{
    return ref_there(subscription->stream);
}

/* Made if there is none. NULL: no memory. */
struct errand *stream_begin_errand(struct stream *stream);
/* Frees it if nothing is under way any more. */
void stream_end_errand(struct stream *stream);

/* False: nobody listens, so nothing is fetched. Not of a user's stream: what it carries
 * is also for sessions that are still being connected, and it is short. */
static inline bool stream_wanted(const struct stream *stream)
{
    return stream->users > 0 || stream->id.kind == STREAM_USER;
}

/* They cannot be of the same event; 0: unknown. */
static inline bool tags_differ(uint32_t a, uint32_t b)
{
    return a != 0 && b != 0 && a != b && !PLANTED(TAGS);
}

/* Keeps an early event, at most `max`; the farthest gives way to a nearer one. False: not
 * kept (there already, or no room). Takes its own reference. */
bool stream_hold(struct stream *stream, struct publication *publication, uint32_t max);

uint32_t stream_held_count(const struct stream *stream);

/* The held event that comes next, still held; NULL: it is not there. */
struct publication *stream_held_next(const struct stream *stream);

/* Takes the first held event out; the caller gets its reference. */
struct publication *stream_held_take(struct stream *stream);

/* Forgets held events up to and with `seq`. */
void stream_held_drop(struct stream *stream, uint64_t seq);

static inline size_t stream_ring_bytes(const struct stream *stream)
{
    return stream->ring != 0 ? stream_ring(stream)->bytes : 0;
}

/* Appends the event `last` to the ring, which then holds at most `max` and is the least
 * quiet of `rings`. Takes its own reference. No memory: the ring is emptied instead. */
void stream_ring_push(struct stream *stream, struct publication *publication,
                      uint32_t max, struct list *rings);

/* The tag of the event `seq`; 0: unknown. */
uint32_t stream_tag(const struct stream *stream, uint64_t seq);

/* The event `seq`, or NULL when the ring does not hold it. */
struct publication *stream_ring_get(const struct stream *stream, uint64_t seq);

/* Lets the oldest event go; the bytes that became free. */
size_t stream_ring_evict(struct stream *stream);

void stream_ring_clear(struct stream *stream);

/* A walk over a list whose nodes may be removed by what is called on the way. */
struct walk {
    struct walk *outer;
    struct reflist *head;
    struct reflist *next;
};

struct streams {
    struct streams_io io;
    void *user;
    struct streams_limits limits;
    struct streams_counters counters;
    struct map by_id;    /* struct stream_id -> struct stream */
    struct reflist due;  /* errands with something to do at fetch_at_ms */
    struct reflist idle; /* streams without users, longest first */
    bool starved;      /* there was no memory for an errand: all streams are looked at */
    struct list rings; /* struct ring */
    size_t ring_bytes;
    struct walk *walks;
};

static inline struct stream *streams_find(const struct streams *streams,
                                          const struct stream_id *id)
{
    return map_get(&streams->by_id, id);
}

/* ---- stream_flow.c ---- */

static inline void walk_begin(struct streams *streams, struct walk *walk,
                              struct reflist *head)
{
    walk->outer = streams->walks;
    walk->head = head;
    walk->next = reflist_next(head);
    streams->walks = walk;
}

/* NULL at the end. */
static inline struct subscription *walk_next(struct walk *walk)
{
    struct reflist *node = walk->next;
    if (node == walk->head) {
        return NULL;
    }
    walk->next = reflist_next(node);
    return container_of(node, struct subscription, in_stream);
}

static inline void walk_end(struct streams *streams, struct walk *walk)
{
    streams->walks = walk->outer;
}

/* Out of its list, and out of the way of every walk. */
void flow_unlink(struct streams *streams, struct subscription *subscription);

/* The stream has reached seq; what is missing is fetched a little later, because two
 * cores' publications overtake each other all the time. */
void flow_learn_head(struct streams *streams, struct stream *stream, uint64_t seq,
                     int64_t now_ms);

/* The history is in doubt: nothing held is given out before a core has compared tags. */
void flow_verify(struct streams *streams, struct stream *stream);

/* A fetch is due at that time, or (clear) no longer. */
void flow_set_due(struct streams *streams, struct stream *stream, int64_t at_ms);
void flow_clear_due(struct stream *stream);
bool flow_is_due(const struct stream *stream);
bool flow_has_gap(const struct stream *stream);
void flow_drop_ring(struct streams *streams, struct stream *stream);
void flow_fetch_if_needed(struct streams *streams, struct stream *stream);

/* An event with a seq came, from wherever: kept, and applied when it is its turn. */
void flow_offer(struct streams *streams, struct stream *stream,
                struct publication *publication, int64_t now_ms);

/* Applies what is held and may go. */
void flow_drain(struct streams *streams, struct stream *stream, int64_t now_ms);

/* Feeds a cursor that is behind from the ring, or the rows of a catch-up (or NULL); the
 * subscription may be gone afterwards. */
void flow_feed(struct streams *streams, struct subscription *subscription,
               const struct stream_rows *rows);
/* All of them, and fetches what is still missing. */
void flow_feed_behind(struct streams *streams, struct stream *stream,
                      const struct stream_rows *rows);

/* What comes before the stream's last event is lost to this subscription. */
void flow_resync(struct streams *streams, struct subscription *subscription);

/* The right was read at too low an access seq: nothing more until a verdict. */
void flow_doubt(struct streams *streams, struct subscription *subscription,
                uint64_t access_seq);
/* Those whom an access event at that seq touches and who were not checked at it; who
 * NULL: all in the scope. */
void flow_doubt_touched(struct streams *streams, struct stream *access,
                        const Link__Who *who, uint64_t access_seq);
/* Everybody in the scope, whatever was read before: the access stream itself is in
 * doubt, or has jumped. */
void flow_doubt_scope(struct streams *streams, struct stream *access,
                      uint64_t access_seq);
/* Applies and feeds what the fence of this access stream has held back. */
void flow_drain_guarded(struct streams *streams, struct stream *access, int64_t now_ms);
void flow_move_to_behind(struct streams *streams, struct subscription *subscription);

#endif
