/* Checks that the first who comes into a room is told at once, that those who follow wait
 * and are told together, later where many rooms have news, and that who comes and goes
 * meanwhile is not told at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/news.h"

static const struct uuid room = {{1}}, other_room = {{2}};

static void note(struct news *news, const struct uuid *in, uint8_t user, bool present)
{
    struct room_user key = {*in, {{user}}};
    struct change *change = news_change(news, &key, !present);
    assert_non_null(change);
    change->present = present;
}

/* What a lease would take along now: who comes as 1, 2, …, who goes as -1, -2, …; 0 ends
 * it. */
static const int *take(struct news *news, int64_t now_ms)
{
    static int taken[64];
    int count = 0;
    news_turn(news, now_ms);
    while (!list_empty(&news->due)) {
        struct change *change = container_of(news->due.next, struct change, node);
        int user = change->key.user.b[0];
        if (change->present != change->told) {
            taken[count++] = change->present ? user : -user;
        }
        news_told(news, change, now_ms);
    }
    taken[count] = 0;
    return taken;
}

#define ASSERT_TAKEN(news, now_ms, ...)                                                  \
    do {                                                                                 \
        const int expected[] = {__VA_ARGS__};                                            \
        assert_memory_equal(take(news, now_ms), expected, sizeof(expected));             \
    } while (0)

static void a_lone_one_is_told_at_once(void **state)
{
    struct news news;
    news_init(&news);
    note(&news, &room, 1, true);
    ASSERT_TAKEN(&news, 1000, 1, 0);
    note(&news, &other_room, 2, true);
    ASSERT_TAKEN(&news, 1001, 2, 0); /* another room's pace is its own */
    ASSERT_TAKEN(&news, 1000 + NEWS_PACE_MS, 0);
    note(&news, &room, 1, false);
    ASSERT_TAKEN(&news, 1000 + NEWS_PACE_MS, -1, 0); /* it was calm for so long */
    news_finish(&news);
}

static void those_who_follow_are_told_together(void **state)
{
    struct news news;
    news_init(&news);
    note(&news, &room, 1, true);
    note(&news, &room, 2, true);
    ASSERT_TAKEN(&news, 0, 1, 2, 0); /* came in one turn */
    note(&news, &room, 3, true);
    ASSERT_TAKEN(&news, 10, 0);
    note(&news, &room, 1, false);
    note(&news, &room, 4, true);
    ASSERT_TAKEN(&news, NEWS_PACE_MS - 1, 0);
    ASSERT_TAKEN(&news, NEWS_PACE_MS, 3, -1, 4, 0);
    note(&news, &room, 5, true); /* counts from the last telling */
    ASSERT_TAKEN(&news, 2 * NEWS_PACE_MS - 1, 0);
    ASSERT_TAKEN(&news, 2 * NEWS_PACE_MS, 5, 0);
    news_finish(&news);
}

static void who_comes_and_goes_meanwhile_is_not_told(void **state)
{
    struct news news;
    news_init(&news);
    note(&news, &room, 1, true);
    ASSERT_TAKEN(&news, 0, 1, 0);
    note(&news, &room, 2, true);
    note(&news, &room, 1, false);
    note(&news, &room, 2, false);
    note(&news, &room, 1, true);
    note(&news, &room, 3, true);
    note(&news, &room, 3, false);
    note(&news, &room, 3, true);
    ASSERT_TAKEN(&news, NEWS_PACE_MS, 3, 0);
    news_finish(&news);
}

static void nothing_told_begins_no_pace(void **state)
{
    struct news news;
    news_init(&news);
    note(&news, &room, 1, true);
    note(&news, &room, 1, false);
    ASSERT_TAKEN(&news, 0, 0);
    note(&news, &room, 2, true);
    ASSERT_TAKEN(&news, 1, 2, 0);
    news_finish(&news);
}

static void all_is_due_when_it_is_hurried(void **state)
{
    struct news news;
    news_init(&news);
    note(&news, &room, 1, true);
    note(&news, &other_room, 2, true);
    ASSERT_TAKEN(&news, 0, 1, 2, 0);
    note(&news, &other_room, 3, true);
    note(&news, &room, 4, true);
    news_hurry(&news);
    ASSERT_TAKEN(&news, 1, 4, 3, 0);
    note(&news, &room, 5, true); /* and that was a telling */
    ASSERT_TAKEN(&news, NEWS_PACE_MS, 0);
    ASSERT_TAKEN(&news, NEWS_PACE_MS + 1, 5, 0);
    note(&news, &room, 6, true); /* freed with the rest */
    news_finish(&news);
}

static void note_in_crowd(struct news *news, uint16_t number, uint8_t user)
{
    struct uuid each = {{9, (uint8_t)number, (uint8_t)(number >> 8)}};
    note(news, &each, user, true);
}

/* Tells something of so many other rooms. */
static void crowd(struct news *news, uint16_t rooms, int64_t now_ms)
{
    for (uint16_t i = 0; i < rooms; i++) {
        note_in_crowd(news, i, 1);
        take(news, now_ms);
    }
}

static size_t due_count(const struct news *news)
{
    size_t count = 0;
    LIST_EACH(&news->due, node) {
        count++;
    }
    return count;
}

static void the_more_rooms_have_news_the_longer_they_gather(void **state)
{
    struct news news;
    news_init(&news);
    note(&news, &room, 1, true);
    ASSERT_TAKEN(&news, 0, 1, 0);
    crowd(&news, 799, 1);
    note(&news, &room, 2, true);
    ASSERT_TAKEN(&news, 799, 0);
    ASSERT_TAKEN(&news, 800, 2, 0);
    crowd(&news, 3000, 801);
    note(&news, &room, 3, true);
    ASSERT_TAKEN(&news, 800 + NEWS_PACE_MAX_MS - 1, 0);
    ASSERT_TAKEN(&news, 800 + NEWS_PACE_MAX_MS, 3, 0);
    note(&news, &room, 4, true); /* of the others nothing new came: it is calm again */
    ASSERT_TAKEN(&news, 801 + NEWS_PACE_MAX_MS, 0);
    ASSERT_TAKEN(&news, 800 + NEWS_PACE_MAX_MS + NEWS_PACE_MS, 4, 0);
    news_finish(&news);
}

static void rooms_fall_due_one_by_one_as_they_were_told(void **state)
{
    struct news news;
    news_init(&news);
    for (uint16_t i = 0; i < 1000; i++) {
        note_in_crowd(&news, i, 1);
        news_told(&news, container_of(news.due.next, struct change, node), i);
        note_in_crowd(&news, i, 2);
    }
    news_turn(&news, 999);
    assert_int_equal(due_count(&news), 0);
    for (int64_t ms = 0; ms < 30; ms++) { /* a lease is under way: none takes them */
        news_turn(&news, 1000 + ms);
        assert_int_equal(due_count(&news), 1 + ms);
    }
    take(&news, 1030);
    news_turn(&news, 1031);
    assert_int_equal(due_count(&news), 1);
    news_finish(&news);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lone_one_is_told_at_once),
        cmocka_unit_test(those_who_follow_are_told_together),
        cmocka_unit_test(who_comes_and_goes_meanwhile_is_not_told),
        cmocka_unit_test(nothing_told_begins_no_pace),
        cmocka_unit_test(all_is_due_when_it_is_hurried),
        cmocka_unit_test(the_more_rooms_have_news_the_longer_they_gather),
        cmocka_unit_test(rooms_fall_due_one_by_one_as_they_were_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
