/* Streams at the edge: what local sessions listen to, and the one mechanism behind join,
 * resume, gap, ring and slow reader. Pure logic: time, network and delivery come in
 * through `struct streams_io`, so that tests can play them.
 *
 * The rules (docs/guarantees.md has the reasons):
 *  - A subscription is a cursor: everything up to and with it was delivered. Event s goes
 *    to cursors at s-1, each once, in order; a cursor that is behind is fed from the
 *    ring, else by a catch-up, and never beyond the stream's own last seq.
 *  - A stream's events are applied in the order of seq. A few that come early wait for a
 *    moment; what is missing is fetched. A new stream is confirmed by one fetch once
 *    interest is in place.
 *  - Without subscribers a stream stays for idle_ms, for who comes back, but nothing is
 *    fetched for nobody: one that falls behind is forgotten. Only a user's stream is not,
 *    as its control is also for sessions that are still being connected.
 *  - Fence: an event that carries `after` waits until the access stream of its scope has
 *    been applied that far. Applying an access event marks the subscriptions it touches
 *    as unchecked; their cursors wait until a core has said that they may go on.
 *  - A tag that does not fit the one before it means another history (a restore): the
 *    core decides, and the subscriber hears RESYNC.
 *
 * One thread. Callbacks may call streams_close() for any subscription but the one that is
 * being opened or ended, and nothing else that opens or offers; the owner defers those to
 * the next turn. */
#ifndef EDGE_STREAMS_H
#define EDGE_STREAMS_H

#include "base/err.h"
#include "base/reflist.h"
#include "edge/publication.h"
#include "link/stream_id.h"

struct streams;
struct stream;

/* A client has several, so they are small. */
struct subscription {
    uint64_t checked : 60;  /* access seq at which the right was read; while unchecked:
                               at which it must be read to go on, which is later */
    uint64_t behind : 1;    /* is on the behind list */
    uint64_t unchecked : 1; /* waits for a verdict */
    uint64_t occupant : 1;  /* counted as being in the room (edge/occupancy.h) */
    uint64_t granted : 1;   /* a grant goes with its ephemeral events (link/grant.h) */
    ref stream;
    ref next; /* the owner's to use: a subscription */
    /* From here on is what a delivery needs, so that it is mostly one line of cache. */
    uint64_t cursor;
    uint32_t tag;             /* of the event at the cursor; 0: unknown */
    ref user;                 /* a uuid, the owner's: where it lies tells which owner */
    struct reflist in_stream; /* of the stream's live, or its behind list */
};

static inline struct subscription *subscription_next(const struct subscription *one)
{
    return ref_to(one->next);
}

static inline const struct uuid *subscription_user(const struct subscription *one)
{
    return ref_there(one->user);
}

struct streams_io {
    /* The next event for this subscription. */
    void (*deliver)(void *user, struct subscription *subscription,
                    struct publication *publication);
    /* False: the owner's queue is full; the subscription stays behind until
     * streams_resume(). */
    bool (*ready)(void *user, struct subscription *subscription);
    /* Bus interest in a stream begins or ends. */
    void (*interest)(void *user, const struct stream_id *stream, bool on);
    /* Fetch events after `seq` (whose tag is `tag`): streams_rows(),
     * streams_fetch_failed() or streams_fetch_again() follows. At most one under way for
     * each stream. */
    void (*fetch)(void *user, const struct stream_id *stream, uint64_t seq, uint32_t tag);
    /* Ask whether the subscription may go on: streams_verdict() follows. */
    void (*recheck)(void *user, struct subscription *subscription);
    /* A verdict, or a closing control, has ended it; it is freed after the call, and the
     * owner must not keep it. */
    void (*ended)(void *user, struct subscription *subscription);
    /* Events were lost to this subscription for good: it goes on behind `seq`. */
    void (*resync)(void *user, struct subscription *subscription, uint64_t seq,
                   uint32_t tag);
    /* An event of a user stream that carries control, or one of another stream that tells
     * of something to gain, has been applied. */
    void (*control)(void *user, struct publication *publication);
};

struct streams_limits {
    uint32_t hold_max;     /* early events that wait in a stream: 64 */
    uint32_t hold_ms;      /* before a gap is fetched: 20 */
    uint32_t ring_max;     /* events kept for each stream: 64 */
    size_t ring_bytes_max; /* of all streams together: 64 MB */
    uint32_t idle_ms;      /* a stream without subscribers is forgotten after: 60000 */
    uint32_t retry_ms;     /* a failed fetch is tried again after: 250 */
};

struct streams_counters {
    uint64_t delivered, duplicates, gaps, fetches, fenced, rechecks, resyncs,
        held_dropped;
};

MUST_CHECK enum err streams_create(const struct streams_io *io, void *user,
                                   const struct streams_limits *limits,
                                   struct streams **ret_streams);
void streams_destroy(struct streams *streams); /* accepts NULL; frees subscriptions too */

/* Where a subscription begins, as a core has said. */
struct stream_open {
    struct stream_id stream;
    uint64_t seq; /* head when the right was read */
    uint32_t tag;
    bool has_access;
    struct stream_id access;
    uint64_t access_seq;
    bool resume; /* begin behind resume_seq instead of seq */
    uint64_t resume_seq;
    uint32_t resume_tag; /* 0: unknown */
};

/* Begins. One (owner, stream) pair at most: the caller looks first (its own list). `user`
 * is the owner's, in a block of pool.h, and stays as long: what is called back finds the
 * owner by it.
 * NULL: no memory. Events may be delivered before this returns. */
struct subscription *streams_open(struct streams *streams, const struct stream_open *open,
                                  const struct uuid *user, int64_t now_ms);

/* Ends it: nothing of the stream is delivered to it afterwards. Frees it. */
void streams_close(struct streams *streams, struct subscription *subscription,
                   int64_t now_ms);

/* A publication with a seq came (bus). Takes its own references. */
void streams_offer(struct streams *streams, struct publication *publication,
                   int64_t now_ms);

/* It is known that the stream has reached seq (heads, repeated heads in bus frames). */
void streams_head(struct streams *streams, const struct stream_id *stream, uint64_t seq,
                  int64_t now_ms);

/* The answer to a fetch. `resync`: the cursor did not fit this history. */
struct stream_rows {
    struct stream_id stream;
    uint64_t after; /* as was asked */
    uint64_t head;
    uint64_t first;    /* oldest seq kept */
    uint32_t head_tag; /* of resync only: the tag at head */
    bool resync;
    struct publication **rows; /* borrowed, in order */
    size_t row_count;
};
void streams_rows(struct streams *streams, const struct stream_rows *rows,
                  int64_t now_ms);
void streams_fetch_failed(struct streams *streams, const struct stream_id *stream,
                          int64_t now_ms);
/* The answer had no room for this stream: it is fetched again at once. */
void streams_fetch_again(struct streams *streams, const struct stream_id *stream);

/* The answer to a recheck: read at access_seq. Not allowed: ends it (io->ended). */
void streams_verdict(struct streams *streams, struct subscription *subscription,
                     bool allowed, uint64_t access_seq, int64_t now_ms);

/* A core was asked to open what is open: the right was read again, at access_seq. Older
 * words of a loss do not count any more. */
void streams_open_again(struct streams *streams, struct subscription *subscription,
                        uint64_t access_seq, int64_t now_ms);

/* The owner can take more: feeds the subscription as far as it goes. */
void streams_resume(struct streams *streams, struct subscription *subscription,
                    int64_t now_ms);

/* Nothing held can be trusted, every stream is read and every right checked anew. After
 * another epoch was seen, before anything of it is offered; and after each answer about
 * heads that was asked with `since` 0, which says nothing of what committed before. */
void streams_renew(struct streams *streams, int64_t now_ms);

/* Calls `each` for the subscriptions that get ephemeral events now: checked, not behind.
 */
void streams_each(struct streams *streams, const struct stream_id *stream,
                  void (*each)(void *user, struct subscription *subscription),
                  void *user);

/* Publications for these streams, at most STREAMS_WARM, are about to be offered or
 * brought to each: what that needs is asked for from memory now, all of it at once, as
 * little of it was touched lately. Of the first readers of each stream, `near` is called
 * and, when what that asked for is here, `far`. Changes nothing. */
#define STREAMS_WARM 16
void streams_warm(const struct streams *streams, const struct stream_id *ids,
                  size_t count, void (*near)(const struct subscription *subscription),
                  void (*far)(const struct subscription *subscription));

/* Timers: gaps, retries, idle streams. Call about each 10 ms while anything waits;
 * returns the time of the next need, or INT64_MAX. */
int64_t streams_tick(struct streams *streams, int64_t now_ms);

/* The stream of a subscription, and where it stands. */
const struct stream_id *streams_id(const struct subscription *subscription);
size_t streams_count(const struct streams *streams);
const struct streams_counters *streams_counters(const struct streams *streams);

#endif
