/* One rule of edge/streams.h in each case: the fence, rechecks, other histories. */
#include "streams_told.h"

/* ---------------------------------------------------------------- fence and recheck */

static void the_fence_holds_until_the_access_event_is_applied(void **state)
{
    struct subscription *a = joined_guarded();
    offer_after(ROOM, 6, 4);
    expect("");
    tick(20);
    expect("fetch:2>3 ");
    rows(ACCESS, 4, 4, 4);
    expect("recheck:a ");
    streams_verdict(streams, a, true, 4, now_ms);
    expect("a6 ");
}

static void a_row_from_before_the_stream_began_waits_for_its_fence(void **state)
{
    struct stream_open other = open_at(1);
    other.stream.id.b[0] = 3;
    other.has_access = true;
    other.access = id_of(ACCESS);
    other.access_seq = 3;
    opened(0, &other);
    join_guarded(1, 5, 4); /* event 5 was a loss that this edge has not applied */
    rows(ROOM, 1, 0, 5);
    forget();
    struct stream_open late = open_at(4);
    late.has_access = true;
    late.access = id_of(ACCESS);
    late.access_seq = 3;
    struct subscription *c = opened(2, &late);
    expect("fetch:1>4 ");
    struct publication *loss = event(ROOM, 5, 4, 100);
    struct stream_rows answer = {
        .stream = id_of(ROOM), .after = 4, .head = 5, .first = 1, .rows = &loss};
    answer.row_count = 1;
    streams_rows(streams, &answer, now_ms);
    publication_unref(loss);
    expect("");
    offer_after(ACCESS, 4, 0);
    expect("recheck:a recheck:c ");
    streams_verdict(streams, c, false, 4, now_ms);
    expect("ended:c ");
}

static void who_may_no_longer_read_gets_nothing_more(void **state)
{
    struct subscription *a = joined_guarded();
    offer_after(ACCESS, 4, 0);
    offer_after(ROOM, 6, 4);
    expect("recheck:a ");
    streams_verdict(streams, a, false, 4, now_ms);
    expect("ended:a ");
    offer_after(ROOM, 7, 4);
    expect("");
}

static void what_the_fence_made_it_drop_is_fetched(void **state)
{
    struct subscription *a = joined_guarded();
    for (uint64_t seq = 6; seq <= 11; seq++) {
        offer_after(ROOM, seq, 4);
    }
    offer_after(ACCESS, 4, 0);
    streams_verdict(streams, a, true, 4, now_ms);
    expect("recheck:a a6 a7 a8 a9 ");
    tick(20);
    expect("fetch:1>9 ");
}

static void a_right_read_too_early_is_read_again(void **state)
{
    joined_guarded();
    offer_after(ACCESS, 4, 0);
    expect("recheck:a ");
    struct subscription *b = join_guarded(1, 5, 3);
    expect("recheck:b ");
    streams_verdict(streams, b, true, 4, now_ms);
    offer(6);
    expect("b6 ");
    offer_after(ACCESS, 5, 0);
    expect("recheck:b ");
}

static void a_right_read_later_is_left_alone(void **state)
{
    joined_guarded();
    join_guarded(1, 5, 4);
    offer_after(ACCESS, 4, 0);
    expect("recheck:a ");
}

static void a_verdict_read_too_early_is_asked_for_again(void **state)
{
    struct subscription *a = joined_guarded();
    offer_after(ACCESS, 4, 0);
    offer_after(ACCESS, 5, 0);
    expect("recheck:a ");
    streams_verdict(streams, a, true, 4, now_ms);
    expect("recheck:a ");
    streams_verdict(streams, a, false, 4, now_ms);
    expect("recheck:a ");
    streams_verdict(streams, a, true, 5, now_ms);
    offer(6);
    expect("a6 ");
}

static void count_each(void *user, struct subscription *subscription)
{
    tell("each:%s ", owner_of(subscription));
}

static void ephemeral_events_go_to_checked_readers_only(void **state)
{
    struct stream_id id = id_of(ROOM);
    joined_guarded();
    join_guarded(1, 5, 4);
    offer_after(ACCESS, 4, 0);
    expect("recheck:a ");
    streams_each(streams, &id, count_each, NULL);
    expect("each:b ");
}

/* ---------------------------------------------------------------- another history */

static void another_history_is_asked_about_and_jumps(void **state)
{
    joined();
    offer(6);
    struct publication *other = event(ROOM, 7, 0, 900);
    streams_offer(streams, other, now_ms);
    publication_unref(other);
    expect("a6 ");
    tick(20);
    expect("fetch:1>6 ");
    assert_int_equal(told.fetch_tag, 106);
    resync_rows(ROOM, 7, 907);
    expect("resync:a=7 fetch:1>7 ");
    rows(ROOM, 1, 0, 7);
    other = event(ROOM, 8, 0, 900);
    streams_offer(streams, other, now_ms);
    publication_unref(other);
    expect("a8 ");
}

static void a_join_in_another_history_gets_nothing_of_this_one(void **state)
{
    joined();
    offer(6);
    offer(7);
    expect("a6 a7 ");
    struct stream_open open = open_at(6);
    open.tag = 906;
    opened(1, &open);
    expect("fetch:1>7 ");
    resync_rows(ROOM, 6, 906);
    expect("resync:b=6 resync:a=6 fetch:1>6 ");
}

static void a_reader_too_far_behind_is_resynced_alone(void **state)
{
    joined();
    resume(1, 2, 5);
    expect("fetch:1>2 ");
    resync_rows(ROOM, 5, 105);
    expect("resync:b=5 ");
    offer(6);
    expect("a6 b6 ");
}

static void another_epoch_reads_all_anew_and_checks_all_again(void **state)
{
    struct subscription *a = joined_guarded();
    streams_renew(streams, now_ms);
    assert_non_null(strstr(told.out, "fetch:1>5 "));
    assert_non_null(strstr(told.out, "fetch:2>3 "));
    assert_non_null(strstr(told.out, "recheck:a "));
    forget();
    offer_after(ROOM, 6, 3);
    streams_verdict(streams, a, true, 3, now_ms);
    expect("");
    told.fetch_seq = 3;
    rows(ACCESS, 1, 0, 3);
    expect("recheck:a fetch:2>3 ");
    streams_verdict(streams, a, true, 3, now_ms);
    expect("a6 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_fence_holds_until_the_access_event_is_applied),
        CASE(a_row_from_before_the_stream_began_waits_for_its_fence),
        CASE(who_may_no_longer_read_gets_nothing_more),
        CASE(what_the_fence_made_it_drop_is_fetched),
        CASE(a_right_read_too_early_is_read_again),
        CASE(a_right_read_later_is_left_alone),
        CASE(a_verdict_read_too_early_is_asked_for_again),
        CASE(ephemeral_events_go_to_checked_readers_only),
        CASE(another_history_is_asked_about_and_jumps),
        CASE(a_join_in_another_history_gets_nothing_of_this_one),
        CASE(a_reader_too_far_behind_is_resynced_alone),
        CASE(another_epoch_reads_all_anew_and_checks_all_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
