/* What the events of rooms do, and what they refuse. */
#include "support/event_test.h"

#include <string.h>

#define NOWHERE "00000000-0000-4000-8000-00000000dead"

static struct actor *alice;
static struct actor *bob;
static struct actor *stranger;
static const char *community;

static void meet(void)
{
    alice = event_actor("alice-r");
    bob = event_actor("bob-r");
    stranger = event_actor("stranger-r");
    community = make_community(alice, true);
    join_community_as(bob, community);
}

static void a_public_room_is_news_for_its_community(void **state)
{
    meet();
    const struct event_result *result = event_test(
        alice, "CREATE_ROOM", "{\"communityId\":\"%s\",\"name\":\"Tower\"}", community);
    const struct published *published =
        assert_published(result, "ROOM_CREATED", "community:%s", community);
    assert_text(published->payload, "room.name", "Tower");
    assert_text(published->payload, "room.private", "false");
    assert_text(published->payload, "room.id", json_at(result->reply, "room.id"));
    assert_non_null(published->raw->control->gained); /* for sessions that follow */
    assert_int_equal(published->raw->control->gained->n_rooms, 1);
}

static void a_private_room_is_news_for_nobody_else(void **state)
{
    meet();
    const struct event_result *result = event_test(
        alice, "CREATE_ROOM",
        "{\"communityId\":\"%s\",\"name\":\"Crypt\",\"private\":true}", community);
    assert_ok(result);
    const char *room = event_sql("SELECT '%s'", json_at(result->reply, "room.id"));
    for (size_t i = 0; i < result->publication_count; i++) {
        assert_true(strncmp(result->publications[i].stream, "community:", 10) != 0);
    }
    assert_published(result, "ROOM_CREATED", "room:%s", room);
    const struct published *published =
        assert_published(result, "ACCESS_CHANGED", "user:%s", actor_id(alice));
    assert_text(published->payload, "granted", "true");
}

static void rooms_are_made_by_those_who_may(void **state)
{
    meet();
    const char *payload = "{\"communityId\":\"%s\",\"name\":\"Tower\"}";
    assert_refused(event_test(bob, "CREATE_ROOM", payload, community),
                   "PERMISSION_DENIED");
    assert_refused(event_test(stranger, "CREATE_ROOM", payload, community), "NOT_FOUND");
    assert_refused(event_test(alice, "CREATE_ROOM", payload, NOWHERE), "NOT_FOUND");
    assert_violation(event_test(alice, "CREATE_ROOM",
                                "{\"communityId\":\"%s\",\"name\":\"\"}", community),
                     "name", "min_length");
}

static void joining_opens_the_stream_where_the_reply_says(void **state)
{
    meet();
    const char *room = make_room(alice, community, false);
    send_as(alice, room, "before");
    const struct event_result *result =
        event_test(bob, "JOIN_ROOM", "{\"roomId\":\"%s\"}", room);
    assert_ok(result);
    assert_published_nothing(result);
    assert_true(opens(result, "room", room));
    const Link__Open *open = result->control->open[0];
    assert_true(open->has_access && open->has_access_seq && open->has_grant);
    assert_true(open->grant.len > 25);
    assert_int_equal(json_integer_value(json_object_get(result->reply, "seq")),
                     open->seq);
    const struct event_result *sent = event_test(
        alice, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"after\"}", room);
    assert_int_equal(assert_published(sent, "MESSAGE_CREATED", "room:%s", room)->seq,
                     open->seq + 1);
}

static void what_is_not_there_and_what_is_not_yours_look_the_same(void **state)
{
    meet();
    const char *crypt = make_room(alice, community, true);
    const struct event_result *hidden =
        event_test(bob, "JOIN_ROOM", "{\"roomId\":\"%s\"}", crypt);
    const struct event_result *missing =
        event_test(bob, "JOIN_ROOM", "{\"roomId\":\"%s\"}", NOWHERE);
    assert_refused(hidden, "NOT_FOUND");
    assert_refused(missing, "NOT_FOUND");
    assert_string_equal(hidden->message, missing->message);
    assert_violation(event_test(bob, "JOIN_ROOM", "{}"), "roomId", "required");
}

static void leaving_closes_it_and_needs_no_right(void **state)
{
    meet();
    const char *room = make_room(alice, community, false);
    const struct event_result *result =
        event_test(stranger, "LEAVE_ROOM", "{\"roomId\":\"%s\"}", room);
    assert_ok(result);
    assert_true(closes(result, "room", room));
    assert_published_nothing(result);
    assert_violation(event_test(bob, "LEAVE_ROOM", "{\"roomId\":\"x\"}"), "roomId",
                     "format");
}

static void all_rooms_are_those_one_may_read(void **state)
{
    meet();
    const char *tower = make_room(alice, community, false);
    const char *crypt = make_room(alice, community, true);
    const struct event_result *result = event_test(bob, "JOIN_ALL_ROOMS", "{}");
    assert_ok(result);
    assert_true(opens(result, "room", tower));
    assert_false(opens(result, "room", crypt));
    assert_true(result->control->has_follow && result->control->follow);
    result = event_test(alice, "JOIN_ALL_ROOMS", "{\"communityId\":\"%s\"}", community);
    assert_ok(result);
    assert_true(opens(result, "room", crypt));
    assert_false(result->control->has_follow && result->control->follow);
    result =
        event_test(stranger, "JOIN_ALL_ROOMS", "{\"communityId\":\"%s\"}", community);
    assert_ok(result);
    assert_false(opens(result, "room", tower));
}

static void a_member_is_let_in_and_taken_out(void **state)
{
    meet();
    const char *crypt = make_room(alice, community, true);
    const char *payload = "{\"roomId\":\"%s\",\"userId\":\"%s\"}";
    const struct event_result *result =
        event_test(alice, "ADD_ROOM_MEMBER", payload, crypt, actor_id(bob));
    const struct published *added =
        assert_published(result, "ROOM_MEMBER_ADDED", "room:%s", crypt);
    assert_text(added->payload, "userId", actor_id(bob));
    assert_published(result, "ACCESS_CHANGED", "user:%s", actor_id(bob));
    send_as(bob, crypt, "in");

    result = event_test(alice, "REMOVE_ROOM_MEMBER", payload, crypt, actor_id(bob));
    const struct published *removed =
        assert_published(result, "ROOM_MEMBER_REMOVED", "room:%s", crypt);
    assert_text(removed->payload, "removedBy", actor_id(alice));
    const struct published *access = assert_published(result, "", "access:%s", community);
    /* the event waits at the edge until the loss has been applied there */
    assert_int_equal(removed->after, access->seq);
    assert_int_equal(access->raw->control->who->n_users, 1);
    assert_refused(
        event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"x\"}", crypt),
        "NOT_FOUND");
}

static void one_leaves_a_private_room_oneself(void **state)
{
    meet();
    const char *crypt = make_room(alice, community, true);
    const char *payload = "{\"roomId\":\"%s\",\"userId\":\"%s\"}";
    assert_ok(event_test(alice, "ADD_ROOM_MEMBER", payload, crypt, actor_id(bob)));
    const struct event_result *result =
        event_test(bob, "REMOVE_ROOM_MEMBER", payload, crypt, actor_id(bob));
    assert_published(result, "ROOM_MEMBER_REMOVED", "room:%s", crypt);
}

static void members_are_managed_by_those_who_may(void **state)
{
    meet();
    const char *crypt = make_room(alice, community, true);
    const char *payload = "{\"roomId\":\"%s\",\"userId\":\"%s\"}";
    struct actor *carol = event_actor("carol-r");
    join_community_as(carol, community);
    assert_refused(event_test(bob, "ADD_ROOM_MEMBER", payload, crypt, actor_id(bob)),
                   "NOT_FOUND");
    assert_ok(event_test(alice, "ADD_ROOM_MEMBER", payload, crypt, actor_id(bob)));
    assert_refused(event_test(bob, "ADD_ROOM_MEMBER", payload, crypt, actor_id(carol)),
                   "PERMISSION_DENIED");
    assert_refused(event_test(bob, "REMOVE_ROOM_MEMBER", payload, crypt, actor_id(alice)),
                   "PERMISSION_DENIED");
    assert_refused(
        event_test(alice, "ADD_ROOM_MEMBER", payload, crypt, actor_id(stranger)),
        "NOT_FOUND");
    assert_refused(
        event_test(alice, "REMOVE_ROOM_MEMBER", payload, crypt, actor_id(carol)),
        "NOT_FOUND");
}

static void an_override_takes_effect_at_once(void **state)
{
    meet();
    const char *room = make_room(alice, community, false);
    const struct event_result *result =
        event_test(alice, "SET_ROOM_OVERRIDE",
                   "{\"roomId\":\"%s\",\"userId\":\"%s\",\"deny\":[\"SEND_MESSAGE\"]}",
                   room, actor_id(bob));
    assert_ok(result);
    assert_published(result, "", "access:%s", community);
    assert_refused(
        event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"x\"}", room),
        "PERMISSION_DENIED");
    assert_ok(event_test(alice, "SET_ROOM_OVERRIDE",
                         "{\"roomId\":\"%s\",\"userId\":\"%s\"}", room, actor_id(bob)));
    send_as(bob, room, "again");
}

static void overrides_are_refused(void **state)
{
    meet();
    const char *room = make_room(alice, community, false);
    assert_violation(event_test(alice, "SET_ROOM_OVERRIDE",
                                "{\"roomId\":\"%s\",\"deny\":[\"SEND_MESSAGE\"]}", room),
                     "roleId", "either");
    assert_refused(event_test(bob, "SET_ROOM_OVERRIDE",
                              "{\"roomId\":\"%s\",\"userId\":\"%s\",\"allow\":"
                              "[\"MANAGE_ROOM\"]}",
                              room, actor_id(bob)),
                   "PERMISSION_DENIED");
    assert_violation(
        event_test(alice, "SET_ROOM_OVERRIDE",
                   "{\"roomId\":\"%s\",\"userId\":\"%s\",\"deny\":[\"FLY\"]}", room,
                   actor_id(bob)),
        "deny[0]", "enum");
}

static void rooms_are_listed_for_those_who_see_them(void **state)
{
    meet();
    make_room(alice, community, false);
    make_room(alice, community, true);
    const char *payload = "{\"communityId\":\"%s\"}";
    const struct event_result *result = event_test(bob, "LIST_ROOMS", payload, community);
    assert_ok(result);
    assert_int_equal(json_array_size(json_object_get(result->reply, "rooms")), 1);
    result = event_test(alice, "LIST_ROOMS", payload, community);
    assert_int_equal(json_array_size(json_object_get(result->reply, "rooms")), 2);
    assert_refused(event_test(stranger, "LIST_ROOMS", payload, community), "NOT_FOUND");
}

int main(void)
{
    if (!event_test_can_run()) {
        return EVENT_TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        event_case(a_public_room_is_news_for_its_community),
        event_case(a_private_room_is_news_for_nobody_else),
        event_case(rooms_are_made_by_those_who_may),
        event_case(joining_opens_the_stream_where_the_reply_says),
        event_case(what_is_not_there_and_what_is_not_yours_look_the_same),
        event_case(leaving_closes_it_and_needs_no_right),
        event_case(all_rooms_are_those_one_may_read),
        event_case(a_member_is_let_in_and_taken_out),
        event_case(one_leaves_a_private_room_oneself),
        event_case(members_are_managed_by_those_who_may),
        event_case(an_override_takes_effect_at_once),
        event_case(overrides_are_refused),
        event_case(rooms_are_listed_for_those_who_see_them),
    };
    return cmocka_run_group_tests_name("events: rooms", tests, NULL, NULL);
}
