/* What an edge asks cores for when events are missing, and what it does with the answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "edge/edge.h"
#include "edge/repair.h"

/* The last request that went to a core, in words, and its call. */
static struct {
    char out[4096];
    uint32_t limit;
    int count;
    struct upstream_call *call;
} sent;

static struct edge edge;
static struct uuid *user;

void __wrap_upstream_request(struct upstream *up, struct upstream_call *call);
void __wrap_upstream_cancel(struct upstream_call *call);
void __wrap_edge_learn_epoch(struct edge *of, struct bytes epoch);
void __wrap_edge_heads_answered(struct edge *of);
struct subscription *__wrap_session_subscription(const struct session *session,
                                                 const struct stream_id *stream);

void __wrap_upstream_request(struct upstream *up, struct upstream_call *call)
{
    const Link__CatchUp *question = call->request->catch_up;
    size_t size = 0;
    sent.out[0] = 0;
    for (size_t i = 0; i < question->n_streams; i++) {
        size += (size_t)snprintf(sent.out + size, sizeof(sent.out) - size, "%u>%u ",
                                 question->streams[i]->stream.data[1],
                                 (unsigned)question->streams[i]->seq);
        assert_true(size < sizeof(sent.out));
    }
    sent.limit = question->limit;
    sent.call = call;
    sent.count++;
}

void __wrap_upstream_cancel(struct upstream_call *call)
{
}

void __wrap_edge_learn_epoch(struct edge *of, struct bytes epoch)
{
}

void __wrap_edge_heads_answered(struct edge *of)
{
}

struct subscription *__wrap_session_subscription(const struct session *session,
                                                 const struct stream_id *stream)
{
    return NULL;
}

/* ---------------------------------------------------------------- the streams */

static void on_deliver(void *to, struct subscription *subscription,
                       struct publication *publication)
{
}

static void on_interest(void *to, const struct stream_id *stream, bool on)
{
}

static void on_fetch(void *to, const struct stream_id *stream, uint64_t seq, uint32_t tag)
{
    repair_fetch(edge.repair, stream, seq, tag);
}

static int setup(void **state)
{
    static const struct streams_io io = {
        .deliver = on_deliver, .interest = on_interest, .fetch = on_fetch};
    static const struct streams_limits limits = {.hold_max = 4,
                                                 .hold_ms = 20,
                                                 .ring_max = 4,
                                                 .ring_bytes_max = 1 << 20,
                                                 .idle_ms = 1000,
                                                 .retry_ms = 250};
    memset(&sent, 0, sizeof(sent));
    memset(&edge, 0, sizeof(edge));
    user = pool_take(sizeof(*user));
    assert_non_null(user);
    assert_int_equal(streams_create(&io, NULL, &limits, &edge.streams), ERR_OK);
    assert_int_equal(repair_create(&edge, &edge.repair), ERR_OK);
    return 0;
}

static int teardown(void **state)
{
    repair_destroy(edge.repair);
    streams_destroy(edge.streams);
    pool_give(user);
    return 0;
}

static struct stream_id room(int number)
{
    return (struct stream_id){.kind = STREAM_ROOM, .id.b[0] = (uint8_t)number};
}

/* Each is confirmed by a fetch. */
static void join(int number)
{
    struct stream_open open = {.stream = room(number), .seq = 5, .tag = 105};
    assert_non_null(streams_open(edge.streams, &open, user, 0));
}

static void turn(void)
{
    repair_turn(edge.repair, 0);
}

static void expect_sent(int count, const char *words)
{
    assert_int_equal(sent.count, count);
    assert_string_equal(sent.out, words);
}

/* ---------------------------------------------------------------- the cases */

static void a_few_streams_get_many_rows_each(void **state)
{
    join(1);
    turn();
    expect_sent(1, "1>5 ");
    assert_int_equal(sent.limit, 1000);
}

static void many_streams_get_a_few_rows_each(void **state)
{
    for (int i = 1; i <= 100; i++) {
        join(i);
    }
    turn();
    assert_int_equal(sent.count, 1);
    assert_int_equal(sent.limit, 40);
}

/* Answers the request that was sent last: of each of these rooms that it stands at 5, or
 * (more) has come to 7, of which 6 is here. */
static void answer(const int *rooms, size_t count, bool more)
{
    Link__Reply reply = LINK__REPLY__INIT;
    Link__Rows rows = LINK__ROWS__INIT;
    Link__StreamRows streams[8];
    Link__StreamRows *list[8];
    struct stream_id ids[8];
    Link__Publication event = LINK__PUBLICATION__INIT;
    Link__Publication *events[1] = {&event};
    event.has_stream = event.has_seq = true;
    event.stream.len = sizeof(ids[0]);
    event.seq = 6;
    event.tag = 106;
    event.prev_tag = 105;
    event.event = (char *)(uintptr_t) "E";
    for (size_t i = 0; i < count; i++) {
        ids[i] = room(rooms[i]);
        link__stream_rows__init(&streams[i]);
        streams[i].stream.data = event.stream.data = (uint8_t *)&ids[i];
        streams[i].stream.len = sizeof(ids[i]);
        streams[i].head = more ? 7 : 5;
        streams[i].first = 1;
        streams[i].rows = events;
        streams[i].n_rows = more ? 1 : 0;
        list[i] = &streams[i];
    }
    rows.streams = list;
    rows.n_streams = count;
    reply.body_case = LINK__REPLY__BODY_ROWS;
    reply.rows = &rows;
    sent.call->done(sent.call, UPSTREAM_REPLY, &reply);
}

static void who_found_no_room_in_an_answer_is_asked_about_again_at_once(void **state)
{
    join(1);
    join(2);
    join(3);
    turn();
    expect_sent(1, "1>5 2>5 3>5 ");
    answer((int[]){1}, 1, false);
    turn();
    expect_sent(2, "2>5 3>5 ");
    answer((int[]){2, 3}, 2, false);
    turn();
    assert_int_equal(sent.count, 2);
}

static void who_found_no_room_comes_before_who_goes_on(void **state)
{
    join(1);
    join(2);
    turn();
    answer((int[]){1}, 1, true);
    turn();
    expect_sent(2, "2>5 1>6 ");
}

static void an_answer_about_nobody_is_a_failure(void **state)
{
    join(1);
    join(2);
    turn();
    answer(NULL, 0, false);
    turn();
    assert_int_equal(sent.count, 1);
    streams_tick(edge.streams, INT64_MAX);
    turn();
    expect_sent(2, "1>5 2>5 ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_few_streams_get_many_rows_each),
        CASE(many_streams_get_a_few_rows_each),
        CASE(who_found_no_room_in_an_answer_is_asked_about_again_at_once),
        CASE(who_found_no_room_comes_before_who_goes_on),
        CASE(an_answer_about_nobody_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
