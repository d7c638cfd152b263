/* Checks that events are found in the newest catalogue that has them, while several
 * versions run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "edge/catalogue.h"

struct event {
    const char *name;
    const char *name_space;
    uint32_t limit;
};

static enum err add(struct catalogue *catalogue, const char *hash,
                    const struct event *events, size_t count)
{
    Link__CatalogueEvent rows[8];
    Link__CatalogueEvent *pointers[8];
    for (size_t i = 0; i < count; i++) {
        link__catalogue_event__init(&rows[i]);
        rows[i].name = (char *)events[i].name;
        rows[i].namespace_ = (char *)events[i].name_space;
        rows[i].changes = true;
        rows[i].has_limit = events[i].limit > 0;
        rows[i].limit = events[i].limit;
        rows[i].has_per_seconds = true;
        rows[i].per_seconds = 10;
        rows[i].subscribed_key = (char *)"roomId";
        pointers[i] = &rows[i];
    }
    Link__Catalogue message = LINK__CATALOGUE__INIT;
    message.hash = (ProtobufCBinaryData){strlen(hash), (uint8_t *)hash};
    message.n_events = count;
    message.events = pointers;
    return catalogue_add(catalogue, &message);
}

static const struct event version1[] = {
    {"SEND_MESSAGE", "/messages", 10}, {"JOIN_ROOM", "/", 0}, {"OLD", "/", 0}};
static const struct event version2[] = {
    {"SEND_MESSAGE", "/messages", 20}, {"JOIN_ROOM", "/", 0}, {"POLL", "/polls", 0}};

static const struct catalogue_event *find(const struct catalogue *catalogue,
                                          const char *name)
{
    return catalogue_find(catalogue, bytes_of_text(name));
}

static bool only_v2(void *user, struct bytes hash)
{
    return bytes_equal_text(hash, "v2");
}

static void what_a_core_says_is_found(void **state)
{
    struct catalogue *catalogue = catalogue_create();
    assert_null(find(catalogue, "SEND_MESSAGE"));
    assert_int_equal(add(catalogue, "v1", version1, 3), ERR_OK);
    const struct catalogue_event *event = find(catalogue, "SEND_MESSAGE");
    assert_string_equal(event->name, "SEND_MESSAGE");
    assert_string_equal(event->name_space, "/messages");
    assert_string_equal(event->subscribed_key, "roomId");
    assert_null(event->text_key);
    assert_int_equal(event->limit, 10);
    assert_int_equal(event->per_seconds, 10);
    assert_int_equal(event->payload_max, 0);
    assert_true(event->changes);
    assert_int_equal(event->authentication, CATALOGUE_LOGIN_REQUIRED);
    assert_null(find(catalogue, "send_message"));
    assert_null(find(catalogue, ""));
    assert_null(catalogue_find(catalogue, bytes_make("SEND_MESSAGE\0", 13)));
    assert_true(catalogue_has_namespace(catalogue, bytes_of_text("/messages")));
    assert_false(catalogue_has_namespace(catalogue, bytes_of_text("/polls")));
    catalogue_destroy(catalogue);
}

static void the_newest_of_several_versions_wins(void **state)
{
    struct catalogue *catalogue = catalogue_create();
    assert_int_equal(add(catalogue, "v1", version1, 3), ERR_OK);
    assert_int_equal(add(catalogue, "v2", version2, 3), ERR_OK);
    assert_int_equal(find(catalogue, "SEND_MESSAGE")->limit, 20);
    assert_non_null(find(catalogue, "OLD"));
    assert_non_null(find(catalogue, "POLL"));
    assert_int_equal(add(catalogue, "v1", version1, 3), ERR_OK); /* rolled back */
    assert_int_equal(find(catalogue, "SEND_MESSAGE")->limit, 10);
    catalogue_destroy(catalogue);
}

static void each_hash_knows_its_own_events(void **state)
{
    struct catalogue *catalogue = catalogue_create();
    struct bytes v1 = bytes_of_text("v1"), v2 = bytes_of_text("v2");
    assert_int_equal(add(catalogue, "v1", version1, 3), ERR_OK);
    assert_int_equal(add(catalogue, "v2", version2, 3), ERR_OK);
    assert_true(catalogue_hash_known(catalogue, v1));
    assert_false(catalogue_hash_known(catalogue, bytes_of_text("v3")));
    assert_false(catalogue_hash_known(catalogue, bytes_make(NULL, 0)));
    assert_true(catalogue_hash_has(catalogue, v1, "OLD"));
    assert_false(catalogue_hash_has(catalogue, v2, "OLD"));
    assert_true(catalogue_hash_has(catalogue, v2, "POLL"));
    assert_false(catalogue_hash_has(catalogue, v1, "POLL"));
    catalogue_prune(catalogue, only_v2, NULL);
    assert_false(catalogue_hash_known(catalogue, v1));
    assert_null(find(catalogue, "OLD"));
    assert_int_equal(find(catalogue, "SEND_MESSAGE")->limit, 20);
    catalogue_destroy(catalogue);
}

static void a_bad_catalogue_changes_nothing(void **state)
{
    static const struct event twice[] = {{"A", "/", 0}, {"A", "/", 0}};
    static const struct event unnamed[] = {{"", "/", 0}};
    static const struct event not_utf8[] = {{"\xff", "/", 0}};
    static const struct event too_long[] = {
        {"A2345678901234567890123456789012345678901234567890123456789012345", "/", 0}};
    struct catalogue *catalogue = catalogue_create();
    assert_int_equal(add(catalogue, "v1", version1, 3), ERR_OK);
    assert_int_equal(add(catalogue, "x", twice, 2), ERR_VALIDATION_ERROR);
    assert_int_equal(add(catalogue, "x", unnamed, 1), ERR_VALIDATION_ERROR);
    assert_int_equal(add(catalogue, "x", not_utf8, 1), ERR_VALIDATION_ERROR);
    assert_int_equal(add(catalogue, "x", too_long, 1), ERR_VALIDATION_ERROR);
    assert_int_equal(add(catalogue, "", version2, 3), ERR_VALIDATION_ERROR);
    assert_false(catalogue_hash_known(catalogue, bytes_of_text("x")));
    assert_null(find(catalogue, "A"));
    assert_non_null(find(catalogue, "OLD"));
    catalogue_destroy(catalogue);
}

static void versions_are_bounded(void **state)
{
    struct catalogue *catalogue = catalogue_create();
    for (char c = 'a'; c <= 'z'; c++) {
        char hash[] = {c, '\0'};
        assert_int_equal(add(catalogue, hash, version1, 3), ERR_OK);
    }
    assert_false(catalogue_hash_known(catalogue, bytes_of_text("a")));
    assert_true(catalogue_hash_known(catalogue, bytes_of_text("z")));
    assert_true(catalogue_hash_known(catalogue, bytes_of_text("k")));
    catalogue_destroy(catalogue);
}

static void a_slip_finds_the_name_that_was_meant(void **state)
{
    struct catalogue *catalogue = catalogue_create();
    assert_null(catalogue_nearest(catalogue, bytes_of_text("SEND_MESSAGE")));
    assert_int_equal(add(catalogue, "v2", version2, 3), ERR_OK);
    static const char *const slips[] = {"SEND_MESAGE", "send_message", "SEND-MESSAGE",
                                        "SNED_MESSAGE", "SEND_MESSAGES"};
    for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
        const char *near = catalogue_nearest(catalogue, bytes_of_text(slips[i]));
        assert_non_null(near);
        assert_string_equal(near, "SEND_MESSAGE");
    }
    assert_string_equal(catalogue_nearest(catalogue, bytes_of_text("PULL")), "POLL");
    assert_null(catalogue_nearest(catalogue, bytes_of_text("DELETE_EVERYTHING")));
    assert_null(catalogue_nearest(catalogue, bytes_make(NULL, 0)));
    catalogue_destroy(catalogue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_core_says_is_found),
        cmocka_unit_test(the_newest_of_several_versions_wins),
        cmocka_unit_test(each_hash_knows_its_own_events),
        cmocka_unit_test(a_bad_catalogue_changes_nothing),
        cmocka_unit_test(versions_are_bounded),
        cmocka_unit_test(a_slip_finds_the_name_that_was_meant),
    };
    return cmocka_run_group_tests_name("catalogue", tests, NULL, NULL);
}
