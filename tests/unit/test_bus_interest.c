/* What an edge wants, told and learnt: all of it, changes, and what is no such message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus/bus_interest.h"

static struct interest_counts counts;
static struct interest_set set;
static size_t messages;
static bool realloc_fails;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_realloc(void *memory, size_t size)
{
    return realloc_fails ? NULL : __real_realloc(memory, size);
}

static int set_up(void **state)
{
    interest_counts_init(&counts);
    set = (struct interest_set){0};
    messages = 0;
    realloc_fails = false;
    return 0;
}

static int tear_down(void **state)
{
    interest_counts_finish(&counts);
    interest_set_finish(&set);
    return 0;
}

static void learn(void *user, struct bytes message)
{
    assert_true(message.size <= INTEREST_MESSAGE_MAX);
    assert_int_equal(interest_set_learn(&set, message), ERR_OK);
    messages++;
}

static void want(const char *topic)
{
    assert_int_equal(interest_add(&counts, bytes_of_text(topic)), ERR_OK);
}

static void tell_changes(void)
{
    assert_true(interest_tell_changes(&counts, learn, NULL));
}

static bool wanted(const char *topic)
{
    return interest_set_has(&set, interest_bucket(bytes_of_text(topic)));
}

static void an_edge_that_has_not_told_all_wants_everything(void **state)
{
    assert_true(wanted("a"));
    want("a");
    tell_changes();
    assert_true(wanted("a") && wanted("b"));
    interest_tell_all(&counts, learn, NULL);
    assert_true(wanted("a"));
    assert_false(wanted("b"));
}

static void an_edge_that_wants_nothing_can_say_so(void **state)
{
    interest_tell_all(&counts, learn, NULL);
    assert_int_equal(messages, 1);
    assert_false(wanted("a"));
}

static void changes_are_told_once_and_as_they_are_then(void **state)
{
    interest_tell_all(&counts, learn, NULL);
    want("a");
    want("b");
    want("c");
    interest_remove(&counts, bytes_of_text("b"));
    tell_changes();
    assert_int_equal(messages, 2);
    assert_true(wanted("a") && wanted("c"));
    assert_false(wanted("b"));

    tell_changes();
    assert_int_equal(messages, 2);
    interest_remove(&counts, bytes_of_text("a"));
    want("b");
    tell_changes();
    assert_false(wanted("a"));
    assert_true(wanted("b") && wanted("c"));
}

static void a_topic_is_wanted_as_often_as_it_was_asked_for(void **state)
{
    interest_remove(&counts, bytes_of_text("a"));
    interest_tell_all(&counts, learn, NULL);
    want("a");
    want("a");
    interest_remove(&counts, bytes_of_text("a"));
    tell_changes();
    assert_true(wanted("a"));
    interest_remove(&counts, bytes_of_text("a"));
    interest_remove(&counts, bytes_of_text("a"));
    tell_changes();
    assert_false(wanted("a"));
}

/* More than can be counted: it then comes for ever, and is never missed. */
static void a_full_count_stays_wanted(void **state)
{
    interest_tell_all(&counts, learn, NULL);
    for (int i = 0; i < 20; i++) {
        want("a");
    }
    for (int i = 0; i < 19; i++) {
        interest_remove(&counts, bytes_of_text("a"));
    }
    tell_changes();
    assert_true(wanted("a"));
}

static void assert_all_is_to_be_told(void)
{
    size_t before = messages;
    assert_true(interest_has_changed(&counts));
    assert_false(interest_tell_changes(&counts, learn, NULL));
    assert_int_equal(messages, before);
    assert_false(interest_has_changed(&counts));
}

/* A topic that was refused once would be given up later all the same, and be missing from
 * the count of its bucket. */
static void without_memory_nothing_is_refused_and_all_is_told(void **state)
{
    interest_tell_all(&counts, learn, NULL);
    realloc_fails = true;
    want("a");
    assert_all_is_to_be_told();
    want("b");
    interest_remove(&counts, bytes_of_text("a"));
    assert_all_is_to_be_told();
    realloc_fails = false;

    want("c");
    tell_changes();
    assert_true(wanted("c"));
    interest_tell_all(&counts, learn, NULL);
    assert_true(wanted("b") && wanted("c"));
    assert_false(wanted("a"));
}

static void after_too_many_changes_all_is_told(void **state)
{
    for (int i = 0; i < 1024 * 1024; i++) {
        want("a");
        interest_remove(&counts, bytes_of_text("a"));
    }
    want("a");
    assert_all_is_to_be_told();
    interest_tell_all(&counts, learn, NULL);
    assert_true(wanted("a"));
}

static void many_topics_are_many_messages_and_none_is_missed(void **state)
{
    char topic[32];
    for (int i = 0; i < 100000; i++) {
        snprintf(topic, sizeof(topic), "3:%d", i);
        want(topic);
    }
    interest_tell_all(&counts, learn, NULL);
    assert_true(messages > 80);
    for (int i = 0; i < 100000; i++) {
        snprintf(topic, sizeof(topic), "3:%d", i);
        assert_true(wanted(topic));
    }
    int more = 0;
    for (int i = 0; i < 10000; i++) {
        snprintf(topic, sizeof(topic), "other:%d", i);
        more += wanted(topic);
    }
    assert_in_range(more, 700, 1100); /* 100,000 in 2^20 buckets: 9 % */
}

static void refuses_what_is_no_such_message(void **state)
{
    static const uint8_t bad[][5] = {{0, 0, 0}, {0, 0, 0, 1, 0}, {0x00, 0x10, 0, 0}};
    static const size_t sizes[] = {3, 5, 4};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(interest_set_learn(&set, bytes_make(bad[i], sizes[i])),
                         ERR_VALIDATION_ERROR);
    }
    assert_int_equal(interest_set_learn(&set, bytes_make(bad, 0)), ERR_VALIDATION_ERROR);
    assert_true(wanted("a"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_edge_that_has_not_told_all_wants_everything),
        CASE(an_edge_that_wants_nothing_can_say_so),
        CASE(changes_are_told_once_and_as_they_are_then),
        CASE(a_topic_is_wanted_as_often_as_it_was_asked_for),
        CASE(a_full_count_stays_wanted),
        CASE(without_memory_nothing_is_refused_and_all_is_told),
        CASE(after_too_many_changes_all_is_told),
        CASE(many_topics_are_many_messages_and_none_is_missed),
        CASE(refuses_what_is_no_such_message),
    };
    return cmocka_run_group_tests_name("bus interest", tests, NULL, NULL);
}
