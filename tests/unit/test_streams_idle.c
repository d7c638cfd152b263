/* One rule of edge/streams.h in each case: what becomes of streams without users. */
#include "streams_told.h"

static void an_idle_stream_is_forgotten_with_its_access_stream(void **state)
{
    struct subscription *a = joined_guarded();
    streams_close(streams, a, now_ms);
    tick(999);
    expect("");
    tick(1);
    expect("-1 ");
    assert_int_equal(streams_count(streams), 1);
    tick(1000);
    expect("-2 ");
    assert_int_equal(streams_count(streams), 0);
}

static void an_idle_stream_that_is_fetching_is_kept(void **state)
{
    struct subscription *a = join(0, 5);
    streams_close(streams, a, now_ms);
    tick(5000);
    expect("+1 fetch:1>5 ");
    rows(ROOM, 1, 0, 5);
    tick(10);
    expect("-1 ");
}

static void what_nobody_listens_to_is_forgotten_instead_of_fetched(void **state)
{
    streams_close(streams, joined(), now_ms);
    head(1000);
    expect("");
    tick(20);
    expect("-1 ");
    assert_int_equal(streams_count(streams), 0);
    join(1, 1000);
    expect("+1 fetch:1>1000 ");
    offer(1001);
    expect("b1001 ");
}

static void a_failed_fetch_for_nobody_is_not_tried_again(void **state)
{
    struct stream_id id = id_of(ROOM);
    streams_close(streams, join(0, 5), now_ms);
    streams_fetch_failed(streams, &id, now_ms);
    expect("+1 fetch:1>5 ");
    tick(250);
    expect("-1 ");
}

static void pages_for_nobody_are_not_fetched(void **state)
{
    struct subscription *a = joined();
    head(1000);
    tick(20);
    expect("fetch:1>5 ");
    streams_close(streams, a, now_ms);
    rows(ROOM, 6, 7, 1000);
    expect("");
    join(1, 7);
    tick(20);
    expect("fetch:1>7 ");
}

static void an_idle_stream_of_another_history_begins_anew(void **state)
{
    streams_close(streams, joined(), now_ms);
    streams_renew(streams, now_ms);
    expect("");
    join(1, 3);
    expect("-1 +1 fetch:1>3 ");
    rows(ROOM, 1, 0, 3);
    offer(4);
    expect("b4 ");
}

static void an_idle_stream_that_is_behind_begins_anew(void **state)
{
    streams_close(streams, joined(), now_ms);
    offer(7);
    join(1, 1000);
    expect("-1 +1 fetch:1>1000 ");
    offer(1001);
    expect("b1001 ");
    rows(ROOM, 1001, 1002, 1002);
    expect("b1002 ");
    assert_int_equal(streams_count(streams), 1);
}

static void a_resume_in_an_idle_stream_that_is_behind_misses_nothing(void **state)
{
    streams_close(streams, joined(), now_ms);
    resume(1, 4, 7);
    expect("-1 +1 fetch:1>4 ");
    rows(ROOM, 5, 8, 8);
    expect("b5 b6 b7 b8 ");
}

static void an_idle_stream_that_is_fetching_keeps_its_life(void **state)
{
    streams_close(streams, join(0, 5), now_ms);
    expect("+1 fetch:1>5 ");
    join(1, 7);
    expect("");
    rows(ROOM, 6, 7, 7);
    expect("");
    offer(8);
    expect("b8 ");
}

static void an_access_stream_begins_anew_only_if_it_guards_nothing(void **state)
{
    struct subscription *a = joined_guarded();
    struct stream_open other = open_at(1);
    other.stream.id.b[0] = 3;
    other.has_access = true;
    other.access = id_of(ACCESS);
    other.access_seq = 3;
    struct subscription *b = opened(1, &other);
    expect("+3 fetch:3>1 ");
    streams_close(streams, a, now_ms);
    struct subscription *c = join_guarded(2, 50, 9);
    expect("-1 +1 fetch:1>50 "); /* the other room waits for what was lost or gained */
    tick(20);
    expect("fetch:2>3 ");
    rows(ACCESS, 4, 9, 9);
    expect("recheck:b ");
    streams_verdict(streams, b, true, 9, now_ms);
    rows(ROOM, 1, 0, 50);
    streams_close(streams, b, now_ms);
    streams_close(streams, c, now_ms);
    rows(3, 1, 0, 1);
    tick(1000);
    expect("-3 -1 ");
    join_guarded(0, 60, 90);
    expect("+1 -2 +2 fetch:2>90 fetch:1>60 ");
}

static void a_users_stream_is_fetched_for_nobody(void **state)
{
    struct stream_open open = open_at(5);
    open.stream.kind = STREAM_USER;
    struct subscription *a = opened(0, &open);
    struct stream_rows answer = {
        .stream = open.stream, .after = 5, .head = 5, .first = 1};
    streams_rows(streams, &answer, now_ms);
    streams_close(streams, a, now_ms);
    streams_head(streams, &open.stream, 9, now_ms);
    expect("+1 fetch:1>5 ");
    tick(20);
    expect("fetch:1>5 ");
}

static void a_stream_in_use_again_is_not_forgotten(void **state)
{
    streams_close(streams, joined(), now_ms);
    tick(500);
    join(1, 5);
    tick(5000);
    expect("");
    offer(6);
    expect("b6 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_idle_stream_is_forgotten_with_its_access_stream),
        CASE(an_idle_stream_that_is_fetching_is_kept),
        CASE(what_nobody_listens_to_is_forgotten_instead_of_fetched),
        CASE(a_failed_fetch_for_nobody_is_not_tried_again),
        CASE(pages_for_nobody_are_not_fetched),
        CASE(an_idle_stream_of_another_history_begins_anew),
        CASE(an_idle_stream_that_is_behind_begins_anew),
        CASE(a_resume_in_an_idle_stream_that_is_behind_misses_nothing),
        CASE(an_idle_stream_that_is_fetching_keeps_its_life),
        CASE(an_access_stream_begins_anew_only_if_it_guards_nothing),
        CASE(a_users_stream_is_fetched_for_nobody),
        CASE(a_stream_in_use_again_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
