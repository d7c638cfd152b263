/* What cores know of edges that they hear through a broker, which may lose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "bus/bus_driver.h"
#include "bus/bus_wishes.h"
#include "seeded.h"

static struct wishes core;
static struct wishes_teller edge, other;
static size_t heard, lost;
static size_t lose_at; /* which message is lost, from 1; 0: none */
static int asked;
static struct uuid asked_edge;

static void start_core(void)
{
    wishes_init(&core);
    for (int i = 0; i < WISHES_EVERY_BEATS; i++) {
        wishes_beat(&core);
    }
}

static int set_up(void **state)
{
    start_core();
    wishes_teller_init(&edge, uuid_v7());
    wishes_teller_init(&other, uuid_v7());
    heard = lost = lose_at = 0;
    asked = 0;
    return 0;
}

static int tear_down(void **state)
{
    wishes_finish(&core);
    wishes_teller_finish(&edge);
    wishes_teller_finish(&other);
    return 0;
}

static void hear(void *user, struct bytes message)
{
    if (++heard == lose_at) {
        lost++;
        return;
    }
    asked += wishes_hear(&core, message, &asked_edge);
}

static void want(struct wishes_teller *teller, const char *topic)
{
    assert_int_equal(interest_add(&teller->interest, bytes_of_text(topic)), ERR_OK);
}

/* The name of one of many topics; until the next is asked for. */
static const char *many(int topic)
{
    static char name[32];
    snprintf(name, sizeof(name), "many:%d", topic);
    return name;
}

static void want_many(int from, int to)
{
    for (int i = from; i < to; i++) {
        want(&edge, many(i));
    }
}

static void tell_changes(struct wishes_teller *teller)
{
    wishes_tell_changes(teller, hear, NULL);
}

static void tell_all(struct wishes_teller *teller)
{
    wishes_tell_all(teller, hear, NULL);
}

static void sign(struct wishes_teller *teller)
{
    wishes_tell_sign(teller, hear, NULL);
}

static uint64_t audience(const char *topic)
{
    return wishes_audience(&core, bytes_of_text(topic));
}

/* The next message, or the one after so many more. */
static void lose_after(size_t count)
{
    lose_at = heard + 1 + count;
}

static void learns_all_and_changes(void **state)
{
    want(&edge, "a");
    tell_all(&edge);
    assert_true(audience("a") != 0);
    assert_true(audience("b") == 0);

    want(&edge, "b");
    interest_remove(&edge.interest, BYTES_LITERAL("a"));
    tell_changes(&edge);
    assert_true(audience("a") == 0);
    assert_true(audience("b") != 0);
    sign(&edge);
    assert_int_equal(asked, 0);
}

static void knows_edges_apart(void **state)
{
    want(&edge, "a");
    want(&other, "a");
    want(&other, "b");
    tell_all(&edge);
    tell_all(&other);
    assert_int_equal(core.edges.count, 2);
    assert_true(audience("a") != audience("b"));
    assert_true(audience("b") != 0);
}

static void an_edge_that_is_not_known_wants_everything_and_is_asked(void **state)
{
    want(&edge, "a");
    sign(&edge);
    assert_int_equal(asked, 1);
    assert_true(uuid_equal(asked_edge, edge.id));
    assert_true(audience("nobody's") != 0);

    want(&other, "a");
    tell_changes(&other); /* the first that is heard of it */
    assert_int_equal(asked, 2);
    assert_true(uuid_equal(asked_edge, other.id));
    tell_all(&edge);
    assert_true(audience("nobody's") != 0);
    tell_all(&other);
    assert_true(audience("nobody's") == 0);
    assert_true(audience("a") != 0);
}

static void a_change_that_is_lost_is_noticed_by_the_next(void **state)
{
    tell_all(&edge);
    lose_after(0);
    want(&edge, "a");
    tell_changes(&edge);
    assert_true(audience("a") == 0);

    want(&edge, "b");
    tell_changes(&edge);
    assert_int_equal(asked, 1);
    assert_true(audience("a") != 0 && audience("nobody's") != 0);
    want(&edge, "c");
    tell_changes(&edge);
    assert_int_equal(asked, 1); /* once is enough */

    tell_all(&edge);
    assert_true(audience("a") != 0 && audience("b") != 0 && audience("c") != 0);
    assert_true(audience("nobody's") == 0);
}

static void a_change_that_is_lost_is_noticed_by_a_sign_of_life(void **state)
{
    tell_all(&edge);
    lose_after(0);
    want(&edge, "a");
    tell_changes(&edge);
    sign(&edge);
    assert_int_equal(asked, 1);
    assert_true(audience("a") != 0);
    sign(&edge); /* the answer was lost, or the question */
    assert_int_equal(asked, 2);
    tell_all(&edge);
    sign(&edge);
    assert_int_equal(asked, 2);
}

/* Of several parts; each may be the one that is lost. */
static void an_answer_that_is_not_whole_is_not_believed(void **state)
{
    want_many(0, 5000);
    size_t before = heard;
    tell_all(&edge);
    size_t parts = heard - before;
    assert_true(parts > 3);
    assert_true(audience("nobody's") == 0);
    for (size_t i = 0; i < parts; i++) {
        wishes_reset(&core);
        for (int k = 0; k < WISHES_EVERY_BEATS; k++) {
            wishes_beat(&core);
        }
        sign(&edge);
        lose_after(i);
        asked = 0;
        tell_all(&edge);
        assert_true(audience("nobody's") != 0);
        sign(&edge);
        assert_int_equal(asked, 1);
        tell_all(&edge);
        assert_true(audience("nobody's") == 0);
        assert_true(audience("many:0") != 0 && audience("many:4999") != 0);
    }
    assert_int_equal(lost, parts);
}

/* The last part of one answer and the first of the next are lost: what is left is not one
 * of both, for where the parts end has moved. */
static void parts_of_two_answers_are_not_taken_for_one(void **state)
{
    want_many(0, 2000);
    tell_changes(&edge);
    lose_after(1);
    tell_all(&edge);

    for (int i = 0; i < 1000; i += 2) {
        interest_remove(&edge.interest, bytes_of_text(many(i)));
    }
    tell_changes(&edge);
    lose_after(0);
    tell_all(&edge);
    assert_int_equal(lost, 2);
    sign(&edge);
    for (int i = 1000; i < 2000; i++) {
        assert_true(audience(many(i)) != 0);
    }
}

static void what_was_told_before_is_forgotten_when_all_is_told(void **state)
{
    want(&edge, "a");
    tell_all(&edge);
    lose_after(0);
    interest_remove(&edge.interest, BYTES_LITERAL("a"));
    tell_changes(&edge);
    assert_true(audience("a") != 0);
    tell_all(&edge);
    assert_true(audience("a") == 0);
}

static void many_changes_are_several_messages(void **state)
{
    tell_all(&edge);
    size_t before = heard;
    want_many(0, 5000);
    tell_changes(&edge);
    assert_true(heard > before + 3);
    sign(&edge);
    assert_int_equal(asked, 0);
    assert_true(audience("many:4999") != 0 && audience("nobody's") == 0);
}

static void more_changes_than_are_noted_are_told_as_all(void **state)
{
    tell_all(&edge);
    for (int i = 0; i < 1024 * 1024; i++) {
        want(&edge, "b");
        interest_remove(&edge.interest, BYTES_LITERAL("b"));
    }
    want(&edge, "a");
    tell_changes(&edge);
    assert_true(audience("a") != 0 && audience("b") == 0);
    sign(&edge);
    assert_int_equal(asked, 0);
}

static void all_that_is_told_instead_of_changes_is_missed(void **state)
{
    tell_all(&edge);
    for (int i = 0; i < 1024 * 1024; i++) {
        want(&edge, "a");
        interest_remove(&edge.interest, BYTES_LITERAL("a"));
    }
    want(&edge, "b");
    lose_after(0);
    tell_changes(&edge);
    assert_int_equal(lost, 1);
    sign(&edge);
    assert_int_equal(asked, 1);
    assert_true(audience("b") != 0);
}

static void who_is_silent_is_forgotten(void **state)
{
    tell_all(&edge);
    want(&other, "a");
    tell_all(&other);
    for (int i = 0; i < WISHES_SILENT_MAX; i++) {
        wishes_beat(&core);
        sign(&other);
    }
    assert_int_equal(core.edges.count, 2);
    wishes_beat(&core);
    assert_int_equal(core.edges.count, 1);
    assert_true(audience("a") != 0);

    assert_int_equal(asked, 0);
    sign(&edge); /* it was only slow */
    assert_int_equal(asked, 1);
    assert_true(audience("nobody's") != 0);
}

static void who_leaves_is_forgotten_at_once(void **state)
{
    want(&edge, "a");
    tell_all(&edge);
    wishes_tell_leave(&edge, hear, NULL);
    wishes_tell_leave(&other, hear, NULL);
    assert_int_equal(core.edges.count, 0);
    assert_true(audience("a") == 0);
    assert_int_equal(asked, 0);
}

/* It may not have heard of all of them yet. */
static void a_core_that_starts_sends_everything_to_all(void **state)
{
    tell_all(&edge);
    wishes_reset(&core);
    assert_true(audience("nobody's") == WISHES_EVERYBODY);
    tell_all(&edge);
    for (int i = 0; i < WISHES_EVERY_BEATS; i++) {
        assert_true(audience("nobody's") == WISHES_EVERYBODY);
        wishes_beat(&core);
    }
    assert_true(audience("nobody's") == 0);
}

static void more_edges_than_can_be_known_get_everything(void **state)
{
    for (int i = 0; i < BUS_EDGES_MAX; i++) {
        edge.id = uuid_v7();
        tell_all(&edge);
    }
    assert_true(audience("nobody's") == 0);
    sign(&other);
    assert_int_equal(core.edges.count, BUS_EDGES_MAX);
    assert_int_equal(asked, 0);
    assert_true(audience("nobody's") == WISHES_EVERYBODY);
}

static void hear_raw(const char *message, size_t size)
{
    hear(NULL, bytes_make(message, size));
}

static void nonsense_is_dropped(void **state)
{
    char message[64] = "A0123456789abcdef";
    hear_raw("", 0);
    hear_raw("A", 1);
    hear_raw(message, 24);
    message[0] = 'X';
    hear_raw(message, 25);
    assert_int_equal(core.edges.count, 0);

    message[0] = 'A';
    hear_raw(message, 25 + 3); /* no whole word */
    assert_int_equal(core.edges.count, 1);
    assert_true(audience("a") != 0); /* rather too much */
    assert_int_equal(asked, 0);      /* it would say the same again, for ever */
    message[0] = 'S';
    hear_raw(message, 25);
    assert_int_equal(asked, 1);
}

/* ---- messages under way, of which some are lost: what is believed is true ---- */

#define TOPICS   3000 /* more than one message tells */
#define UNDERWAY 64
#define SEEDS    5
#define ROUNDS   100

static bool wanted[TOPICS];
static struct buf underway[UNDERWAY]; /* oldest first */
static size_t underway_count;
static bool lossy;

static void put_underway(void *user, struct bytes message)
{
    if (underway_count == UNDERWAY || (lossy && random_below(3) == 0)) {
        return;
    }
    struct buf *buf = &underway[underway_count++];
    buf_init(buf, 2 * INTEREST_MESSAGE_MAX);
    buf_append(buf, message.data, message.size);
}

static void put_all_underway(void)
{
    wishes_tell_changes(&edge, put_underway, NULL);
    wishes_tell_all(&edge, put_underway, NULL);
}

/* At most so many; what the core asks for then is under way, too, or its question is
 * lost. */
static void arrive(size_t count)
{
    for (; count > 0 && underway_count > 0; count--) {
        struct uuid id;
        struct buf first = underway[0];
        memmove(underway, underway + 1, --underway_count * sizeof(first));
        bool asks = wishes_hear(&core, buf_bytes(&first), &id);
        buf_finish(&first);
        if (asks && !(lossy && random_below(3) == 0)) {
            put_all_underway();
        }
    }
}

static void toggle(int topic)
{
    wanted[topic] = !wanted[topic];
    if (wanted[topic]) {
        want(&edge, many(topic));
    } else {
        interest_remove(&edge.interest, bytes_of_text(many(topic)));
    }
}

static void toggle_some(void)
{
    uint32_t from = random_below(TOPICS);
    for (uint32_t i = from, to = from + random_below(TOPICS - from); i < to; i++) {
        toggle((int)i);
    }
}

static void act(void)
{
    switch (random_below(16)) {
    case 0:
        wishes_reset(&core);
        core.everybody = 0;
        break;
    case 1:
        for (int i = 0; i <= WISHES_SILENT_MAX; i++) {
            wishes_beat(&core);
        }
        break;
    case 2:
    case 3:
        wishes_tell_sign(&edge, put_underway, NULL);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        put_all_underway();
        break;
    case 8:
    case 9:
        arrive(random_below(UNDERWAY));
        break;
    default:
        toggle_some();
        if (random_below(2) == 0) {
            wishes_tell_changes(&edge, put_underway, NULL);
        }
    }
}

static void assert_believed(void)
{
    size_t too_much = 0;
    for (int i = 0; i < TOPICS; i++) {
        bool has = audience(many(i)) != 0;
        assert_true(has || !wanted[i]);
        too_much += has && !wanted[i];
    }
    assert_true(too_much < 20); /* of the same bucket as one that is wanted */
}

static void whatever_was_lost_what_is_believed_in_the_end_is_true(void **state)
{
    for (uint32_t first = 1; first <= SEEDS; first++) {
        seed = first;
        for (int round = 0; round < ROUNDS; round++) {
            lossy = true;
            for (int i = 0; i < 10; i++) {
                act();
            }
            lossy = false;
            arrive(UNDERWAY * UNDERWAY);
            wishes_tell_changes(&edge, put_underway, NULL);
            wishes_tell_sign(&edge, put_underway, NULL);
            arrive(UNDERWAY * UNDERWAY);
            assert_believed();
        }
    }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(learns_all_and_changes),
        CASE(knows_edges_apart),
        CASE(an_edge_that_is_not_known_wants_everything_and_is_asked),
        CASE(a_change_that_is_lost_is_noticed_by_the_next),
        CASE(a_change_that_is_lost_is_noticed_by_a_sign_of_life),
        CASE(an_answer_that_is_not_whole_is_not_believed),
        CASE(parts_of_two_answers_are_not_taken_for_one),
        CASE(what_was_told_before_is_forgotten_when_all_is_told),
        CASE(many_changes_are_several_messages),
        CASE(more_changes_than_are_noted_are_told_as_all),
        CASE(all_that_is_told_instead_of_changes_is_missed),
        CASE(who_is_silent_is_forgotten),
        CASE(who_leaves_is_forgotten_at_once),
        CASE(a_core_that_starts_sends_everything_to_all),
        CASE(more_edges_than_can_be_known_get_everything),
        CASE(nonsense_is_dropped),
        CASE(whatever_was_lost_what_is_believed_in_the_end_is_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
