/* One rule of edge/streams.h in each case: order, cursors, life and limits. */
#include "edge/stream.h"
#include "streams_told.h"

static bool errands_fail; /* there is no memory for one */

void *__real_pool_take(size_t size);
void *__wrap_pool_take(size_t size);

void *__wrap_pool_take(size_t size)
{
    return errands_fail && size == sizeof(struct errand) ? NULL : __real_pool_take(size);
}

/* ---------------------------------------------------------------- order */

static void a_join_begins_at_the_head_and_is_confirmed_once(void **state)
{
    join(0, 5);
    expect("+1 fetch:1>5 ");
    assert_int_equal(told.fetch_tag, 105);
    rows(ROOM, 6, 7, 7);
    expect("a6 a7 ");
    tick(1000);
    expect("");
}

static void an_early_event_waits_and_the_gap_is_fetched(void **state)
{
    joined();
    offer(7);
    tick(10);
    expect("");
    tick(10);
    expect("fetch:1>5 ");
    rows(ROOM, 6, 6, 7);
    expect("a6 a7 ");
    tick(1000);
    expect("");
}

static void events_that_overtake_each_other_need_no_fetch(void **state)
{
    joined();
    offer(8);
    offer(7);
    offer(6);
    expect("a6 a7 a8 ");
    tick(1000);
    expect("");
}

static void a_duplicate_is_dropped(void **state)
{
    joined();
    offer(6);
    offer(6);
    offer(5);
    offer(8);
    offer(8);
    offer(7);
    expect("a6 a7 a8 ");
}

static void the_hold_drops_the_farthest_and_fetches_it_later(void **state)
{
    joined();
    for (uint64_t seq = 12; seq > 6; seq--) {
        offer(seq);
    }
    offer(6);
    expect("a6 a7 a8 a9 a10 "); /* what goes at once takes no place */
    tick(20);
    expect("fetch:1>10 ");
    rows(ROOM, 11, 12, 12);
    expect("a11 a12 ");
}

static void pages_are_fetched_one_after_the_other(void **state)
{
    joined();
    head(9);
    tick(20);
    expect("fetch:1>5 ");
    rows(ROOM, 6, 7, 9);
    expect("a6 a7 fetch:1>7 ");
    rows(ROOM, 8, 9, 9);
    expect("a8 a9 ");
}

static void a_head_that_is_not_true_is_asked_about_once(void **state)
{
    joined();
    head(50);
    tick(20);
    expect("fetch:1>5 ");
    rows(ROOM, 1, 0, 5);
    for (int i = 0; i < 10; i++) {
        tick(100);
    }
    expect("");
    offer(6);
    expect("a6 ");
}

static void a_failed_fetch_is_tried_again(void **state)
{
    struct stream_id id = id_of(ROOM);
    join(0, 5);
    expect("+1 fetch:1>5 ");
    streams_fetch_failed(streams, &id, now_ms);
    tick(249);
    expect("");
    tick(1);
    expect("fetch:1>5 ");
}

static void a_fetch_that_found_no_room_is_made_again_at_once(void **state)
{
    struct stream_id id = id_of(ROOM);
    joined();
    streams_fetch_again(streams, &id); /* none is under way */
    expect("");
    resume(1, 2, 5);
    streams_fetch_again(streams, &id);
    expect("fetch:1>2 fetch:1>2 ");
    rows(ROOM, 3, 5, 5);
    expect("b3 b4 b5 ");
    tick(1000);
    expect("");
}

static void a_doubt_lasts_until_a_fetch_behind_the_stream_finds_room(void **state)
{
    struct stream_id id = id_of(ROOM);
    joined();
    streams_renew(streams, now_ms);
    resume(1, 2, 5);
    streams_fetch_again(streams, &id);
    expect("fetch:1>5 fetch:1>5 ");
    rows(ROOM, 1, 0, 5);
    expect("fetch:1>2 ");
}

static void what_there_was_no_memory_for_is_fetched_later(void **state)
{
    errands_fail = true;
    join(0, 5);
    expect("+1 ");
    tick(10);
    expect("");
    errands_fail = false;
    tick(10);
    expect("fetch:1>5 ");
    rows(ROOM, 1, 0, 5);
    errands_fail = true;
    offer(7); /* is not kept */
    tick(1000);
    expect("");
    errands_fail = false;
    tick(10);
    expect("fetch:1>5 ");
    rows(ROOM, 6, 7, 7);
    expect("a6 a7 ");
}

static void an_answer_older_than_what_came_since_loses_nothing(void **state)
{
    join(0, 5);
    offer(6);
    expect("+1 fetch:1>5 a6 ");
    rows(ROOM, 1, 0, 5);
    expect("");
    offer(7);
    expect("a7 ");
}

/* ---------------------------------------------------------------- cursors */

static void a_resume_is_fed_from_the_ring(void **state)
{
    joined();
    offer(6);
    offer(7);
    offer(8);
    expect("a6 a7 a8 ");
    resume(1, 6, 8);
    expect("b7 b8 ");
    offer(9);
    expect("a9 b9 ");
}

static void a_resume_behind_the_ring_is_fetched_and_goes_first(void **state)
{
    joined();
    resume(1, 2, 5);
    expect("fetch:1>2 ");
    offer(6);
    expect("a6 ");
    rows(ROOM, 3, 5, 5);
    expect("b3 b4 b5 b6 ");
    offer(7);
    expect("a7 b7 ");
}

static void a_cursor_ahead_of_the_edge_waits_for_its_turn(void **state)
{
    joined();
    join(1, 7);
    expect("");
    offer(6);
    offer(7);
    expect("a6 a7 ");
    offer(8);
    expect("a8 b8 ");
}

static void a_readers_fetch_never_runs_ahead_of_the_stream(void **state)
{
    joined();
    offer_after(ROOM, 7, 0);
    resume(1, 3, 5);
    expect("fetch:1>3 ");
    rows(ROOM, 4, 5, 7);
    expect("b4 b5 ");
    tick(20);
    expect("fetch:1>5 ");
    rows(ROOM, 6, 6, 7);
    expect("a6 b6 a7 b7 ");
}

static void readers_do_not_hold_the_stream_up(void **state)
{
    joined();
    offer(8);
    resume(1, 1, 5);
    expect("fetch:1>1 ");
    tick(20);
    rows(ROOM, 2, 3, 8);
    expect("b2 b3 fetch:1>5 ");
    rows(ROOM, 6, 7, 8);
    expect("a6 a7 a8 fetch:1>3 ");
    rows(ROOM, 4, 5, 8);
    expect("b4 b5 b6 b7 b8 ");
}

static void a_gap_that_closes_does_not_hold_a_reader_up(void **state)
{
    joined();
    offer(7);
    resume(1, 3, 5);
    offer(6);
    expect("fetch:1>3 a6 a7 ");
    rows(ROOM, 4, 7, 7);
    expect("b4 b5 b6 b7 ");
}

static void a_slow_reader_falls_behind_and_goes_on(void **state)
{
    struct subscription *a = joined();
    join(1, 5);
    told.full = a;
    offer(6);
    offer(7);
    expect("b6 b7 ");
    assert_true(a->behind);
    told.full = NULL;
    streams_resume(streams, a, now_ms);
    expect("a6 a7 ");
    assert_false(a->behind);
}

static void a_slow_reader_behind_the_ring_is_fetched(void **state)
{
    struct subscription *a = joined();
    told.full = a;
    for (uint64_t seq = 6; seq <= 11; seq++) {
        offer(seq);
    }
    expect("");
    told.full = NULL;
    streams_resume(streams, a, now_ms);
    expect("fetch:1>5 ");
    rows(ROOM, 6, 11, 11);
    expect("a6 a7 a8 a9 a10 a11 ");
}

/* ---------------------------------------------------------------- life and limits */

static void a_subscription_may_be_closed_in_its_own_delivery(void **state)
{
    told.closing = joined();
    offer(6);
    offer(7);
    expect("a6 ");
}

static void the_next_one_may_be_closed_in_a_delivery(void **state)
{
    joined();
    told.closing = join(1, 5);
    join(2, 5);
    offer(6);
    expect("a6 c6 ");
}

static void one_that_is_fed_may_be_closed_in_its_own_delivery(void **state)
{
    struct subscription *a = joined();
    told.full = a;
    offer(6);
    offer(7);
    told.full = NULL;
    told.closing = a;
    streams_resume(streams, a, now_ms);
    expect("a6 ");
}

static void the_next_one_may_be_closed_while_rows_are_fed(void **state)
{
    joined();
    resume(1, 2, 5);
    told.closing = resume(2, 3, 5);
    rows(ROOM, 3, 5, 5);
    expect("fetch:1>2 b3 b4 b5 ");
}

static void a_ring_of_one_works(void **state)
{
    streams_destroy(streams);
    struct streams_limits small = limits();
    small.ring_max = 1;
    begin(small);
    joined();
    offer(6);
    offer(7);
    resume(1, 6, 7);
    expect("a6 a7 b7 ");
}

static void rings_keep_to_their_bytes(void **state)
{
    struct publication *publication = event(ROOM, 1, 0, 100);
    struct streams_limits small = limits();
    small.ring_bytes_max = publication_bytes(publication) * 2;
    publication_unref(publication);
    streams_destroy(streams);
    begin(small);
    joined();
    offer(6);
    offer(7);
    offer(8);
    expect("a6 a7 a8 ");
    resume(1, 6, 8);
    expect("b7 b8 ");
    resume(2, 5, 8);
    expect("fetch:1>5 ");
}

static void a_ring_keeps_no_frames(void **state)
{
    joined();
    struct publication *publication = event(ROOM, 6, 0, 100);
    publication->frames[0].frame = frame_create(bytes_of_text("{}"), false);
    streams_offer(streams, publication, now_ms);
    expect("a6 ");
    assert_int_equal(publication->refs, 2);
    assert_null(publication->frames[0].frame);
    publication_unref(publication);
}

static void tell_near(const struct subscription *subscription)
{
    tell("near:%s ", owner_of(subscription));
}

static void tell_far(const struct subscription *subscription)
{
    tell("far:%s ", owner_of(subscription));
}

static void the_first_readers_are_warmed_and_nothing_changes(void **state)
{
    struct stream_id ids[3] = {id_of(ROOM), id_of(77), id_of(ROOM)};
    joined();
    resume(1, 5, 5);
    streams_warm(streams, ids, 2, tell_near, tell_far);
    expect("near:a near:b far:a far:b ");
    streams_warm(streams, ids, 3, tell_near, tell_far);
    expect("near:a near:a near:b near:b far:a far:a far:b far:b ");
    streams_warm(streams, ids, 0, tell_near, tell_far);
    offer(6);
    expect("a6 b6 ");
}

static void a_deleted_event_is_not_fed_from_the_ring(void **state)
{
    joined();
    offer(6);
    struct publication *deletion = event(ROOM, 7, 0, 100);
    deletion->control = calloc(1, sizeof(*deletion->control));
    link__control__init(deletion->control);
    deletion->control->blanked = calloc(1, sizeof(uint64_t));
    deletion->control->blanked[0] = 6;
    deletion->control->n_blanked = 1;
    streams_offer(streams, deletion, now_ms);
    publication_unref(deletion);
    expect("a6 a7 ");
    resume(1, 5, 7);
    expect("fetch:1>5 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_join_begins_at_the_head_and_is_confirmed_once),
        CASE(an_early_event_waits_and_the_gap_is_fetched),
        CASE(events_that_overtake_each_other_need_no_fetch),
        CASE(a_duplicate_is_dropped),
        CASE(the_hold_drops_the_farthest_and_fetches_it_later),
        CASE(pages_are_fetched_one_after_the_other),
        CASE(a_head_that_is_not_true_is_asked_about_once),
        CASE(a_failed_fetch_is_tried_again),
        CASE(a_fetch_that_found_no_room_is_made_again_at_once),
        CASE(a_doubt_lasts_until_a_fetch_behind_the_stream_finds_room),
        CASE(what_there_was_no_memory_for_is_fetched_later),
        CASE(an_answer_older_than_what_came_since_loses_nothing),
        CASE(a_resume_is_fed_from_the_ring),
        CASE(a_resume_behind_the_ring_is_fetched_and_goes_first),
        CASE(a_cursor_ahead_of_the_edge_waits_for_its_turn),
        CASE(a_readers_fetch_never_runs_ahead_of_the_stream),
        CASE(readers_do_not_hold_the_stream_up),
        CASE(a_gap_that_closes_does_not_hold_a_reader_up),
        CASE(a_slow_reader_falls_behind_and_goes_on),
        CASE(a_slow_reader_behind_the_ring_is_fetched),
        CASE(a_subscription_may_be_closed_in_its_own_delivery),
        CASE(the_next_one_may_be_closed_in_a_delivery),
        CASE(one_that_is_fed_may_be_closed_in_its_own_delivery),
        CASE(the_next_one_may_be_closed_while_rows_are_fed),
        CASE(a_ring_of_one_works),
        CASE(rings_keep_to_their_bytes),
        CASE(a_ring_keeps_no_frames),
        CASE(the_first_readers_are_warmed_and_nothing_changes),
        CASE(a_deleted_event_is_not_fed_from_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
