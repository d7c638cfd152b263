/* Streams with an io that writes down, in words, what it is told: what the tests of
 * edge/streams.h share. */
#ifndef UNIT_STREAMS_TOLD_H
#define UNIT_STREAMS_TOLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "edge/streams.h"

#define ROOM    1
#define ACCESS  2
#define OUT_MAX 4096

static struct {
    char out[OUT_MAX]; /* what the io was told, in words */
    size_t size;
    struct subscription *full;    /* whose owner takes nothing */
    struct subscription *closing; /* closed inside the next deliver */
    struct subscription *unchecked;
    uint64_t fetch_seq;
    uint32_t fetch_tag;
} told;

static struct streams *streams;
static int64_t now_ms;
static struct uuid *users; /* of the owners a, b, c, d */

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    told.size +=
        (size_t)vsnprintf(told.out + told.size, OUT_MAX - told.size, format, arguments);
    va_end(arguments);
    assert_true(told.size < OUT_MAX);
}

static inline const char *owner_of(const struct subscription *subscription)
{
    static const char *const names[8] = {"a", "b", "c", "d"};
    return names[subscription_user(subscription) - users];
}

static inline void forget(void)
{
    told.size = 0;
    told.out[0] = '\0';
}

static void expect(const char *words)
{
    assert_string_equal(told.out, words);
    forget();
}

/* ---------------------------------------------------------------- the io */

static void on_deliver(void *user, struct subscription *subscription,
                       struct publication *publication)
{
    tell("%s%u ", owner_of(subscription), (unsigned)publication->seq);
    if (told.closing != NULL) {
        struct subscription *closing = told.closing;
        told.closing = NULL;
        streams_close(streams, closing, now_ms);
    }
}

static bool on_ready(void *user, struct subscription *subscription)
{
    return subscription != told.full;
}

static void on_interest(void *user, const struct stream_id *stream, bool on)
{
    tell("%s%u ", on ? "+" : "-", stream->id.b[0]);
}

static void on_fetch(void *user, const struct stream_id *stream, uint64_t seq,
                     uint32_t tag)
{
    tell("fetch:%u>%u ", stream->id.b[0], (unsigned)seq);
    told.fetch_seq = seq;
    told.fetch_tag = tag;
}

static void on_recheck(void *user, struct subscription *subscription)
{
    tell("recheck:%s ", owner_of(subscription));
    told.unchecked = subscription;
}

static void on_ended(void *user, struct subscription *subscription)
{
    tell("ended:%s ", owner_of(subscription));
}

static void on_resync(void *user, struct subscription *subscription, uint64_t seq,
                      uint32_t tag)
{
    tell("resync:%s=%u ", owner_of(subscription), (unsigned)seq);
}

static void on_control(void *user, struct publication *publication)
{
    tell("control:%u ", (unsigned)publication->seq);
}

static struct streams_limits limits(void)
{
    return (struct streams_limits){.hold_max = 4,
                                   .hold_ms = 20,
                                   .ring_max = 4,
                                   .ring_bytes_max = 1 << 20,
                                   .idle_ms = 1000,
                                   .retry_ms = 250};
}

static void begin(struct streams_limits with)
{
    static const struct streams_io io = {on_deliver, on_ready, on_interest, on_fetch,
                                         on_recheck, on_ended, on_resync,   on_control};
    memset(&told, 0, sizeof(told));
    now_ms = 1000;
    pool_give(users);
    users = pool_take(8 * sizeof(*users));
    assert_non_null(users);
    assert_int_equal(streams_create(&io, NULL, &with, &streams), ERR_OK);
}

static inline int setup(void **state)
{
    begin(limits());
    return 0;
}

static inline int teardown(void **state)
{
    streams_destroy(streams);
    pool_give(users);
    users = NULL;
    return 0;
}

/* ---------------------------------------------------------------- what comes in */

static inline struct stream_id id_of(int stream)
{
    struct stream_id id = {.kind = stream == ACCESS ? STREAM_ACCESS : STREAM_ROOM};
    id.id.b[0] = (uint8_t)stream;
    return id;
}

/* The tag of event s is 100 + s, in the history that all of them are of. */
static inline struct publication *event(int stream, uint64_t seq, uint64_t after,
                                        uint32_t history)
{
    struct stream_id id = id_of(stream);
    Link__Publication from = LINK__PUBLICATION__INIT;
    from.has_stream = from.has_seq = true;
    from.stream.data = (uint8_t *)&id;
    from.stream.len = sizeof(id);
    from.seq = seq;
    from.tag = history + (uint32_t)seq;
    from.prev_tag = seq > 1 ? history + (uint32_t)seq - 1 : 0;
    from.after = after;
    from.event = (char *)(uintptr_t) "E";
    struct publication *publication = publication_create(&from);
    assert_non_null(publication);
    return publication;
}

static inline void offer_after(int stream, uint64_t seq, uint64_t after)
{
    struct publication *publication = event(stream, seq, after, 100);
    streams_offer(streams, publication, now_ms);
    publication_unref(publication);
}

static inline void offer(uint64_t seq)
{
    offer_after(ROOM, seq, 0);
}

static inline void head(uint64_t seq)
{
    struct stream_id id = id_of(ROOM);
    streams_head(streams, &id, seq, now_ms);
}

static inline void tick(int64_t ms)
{
    now_ms += ms;
    streams_tick(streams, now_ms);
}

/* Answers the fetch that was asked last: events first … last, the head. */
static inline void rows(int stream, uint64_t first, uint64_t last, uint64_t head_seq)
{
    struct publication *list[16];
    struct stream_rows answer = {.stream = id_of(stream),
                                 .after = told.fetch_seq,
                                 .head = head_seq,
                                 .first = 1,
                                 .rows = list};
    for (uint64_t seq = first; seq <= last; seq++) {
        list[answer.row_count++] = event(stream, seq, 0, 100);
    }
    streams_rows(streams, &answer, now_ms);
    for (size_t i = 0; i < answer.row_count; i++) {
        publication_unref(list[i]);
    }
}

static inline void resync_rows(int stream, uint64_t head_seq, uint32_t tag)
{
    struct stream_rows answer = {.stream = id_of(stream),
                                 .after = told.fetch_seq,
                                 .head = head_seq,
                                 .head_tag = tag,
                                 .first = 1,
                                 .resync = true};
    streams_rows(streams, &answer, now_ms);
}

static inline struct stream_open open_at(uint64_t seq)
{
    return (struct stream_open){
        .stream = id_of(ROOM), .seq = seq, .tag = seq > 0 ? 100 + (uint32_t)seq : 0};
}

static inline struct subscription *opened(int owner, const struct stream_open *open)
{
    users[owner] = (struct uuid){{(uint8_t)(1 + owner)}};
    struct subscription *subscription =
        streams_open(streams, open, &users[owner], now_ms);
    assert_non_null(subscription);
    return subscription;
}

static inline struct subscription *join(int owner, uint64_t seq)
{
    struct stream_open open = open_at(seq);
    return opened(owner, &open);
}

static inline struct subscription *resume(int owner, uint64_t from, uint64_t seq)
{
    struct stream_open open = open_at(seq);
    open.resume = true;
    open.resume_seq = from;
    return opened(owner, &open);
}

static inline struct subscription *join_guarded(int owner, uint64_t seq,
                                                uint64_t access_seq)
{
    struct stream_open open = open_at(seq);
    open.has_access = true;
    open.access = id_of(ACCESS);
    open.access_seq = access_seq;
    return opened(owner, &open);
}

/* a has joined at 5, and the stream is confirmed. */
static inline struct subscription *joined(void)
{
    struct subscription *a = join(0, 5);
    rows(ROOM, 1, 0, 5);
    expect("+1 fetch:1>5 ");
    return a;
}

/* a has joined at 5, read at access seq 3; both streams are confirmed. */
static inline struct subscription *joined_guarded(void)
{
    struct subscription *a = join_guarded(0, 5, 3);
    expect("+1 +2 fetch:2>3 fetch:1>5 ");
    rows(ROOM, 1, 0, 5);
    told.fetch_seq = 3;
    rows(ACCESS, 1, 0, 3);
    expect("");
    return a;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
