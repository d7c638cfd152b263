/* What the events of presence and typing do, and what they refuse. */
#include "support/event_test.h"

#include <stdio.h>
#include <string.h>

static struct actor *alice;
static struct actor *bob;
static struct actor *stranger;
static const char *community;
static const char *room;

static void meet(void)
{
    alice = event_actor("alice-p");
    bob = event_actor("bob-p");
    stranger = event_actor("stranger-p");
    community = make_community(alice, true);
    join_community_as(bob, community);
    room = make_room(alice, community, false);
}

static void contacts_hear_of_a_new_presence(void **state)
{
    meet();
    const struct event_result *result = event_test(
        bob, "SET_PRESENCE", "{\"status\":\"DO_NOT_DISTURB\",\"text\":\"ringing\"}");
    const struct published *published =
        assert_published(result, "PRESENCE_CHANGED", "%s", "");
    assert_int_equal(published->stream_count, 1);
    assert_text(published->payload, "userId", actor_id(bob));
    assert_text(published->payload, "status", "DO_NOT_DISTURB");
    assert_text(published->payload, "text", "ringing");
}

static void who_is_invisible_looks_offline(void **state)
{
    meet();
    const struct event_result *result =
        event_test(bob, "SET_PRESENCE", "{\"status\":\"INVISIBLE\"}");
    const struct published *published =
        assert_published(result, "PRESENCE_CHANGED", "%s", "");
    assert_text(published->payload, "status", "OFFLINE");
    result = event_test(alice, "GET_PRESENCE", "{\"userIds\":[\"%s\"]}", actor_id(bob));
    assert_ok(result);
    assert_text(result->reply, "users.0.status", "OFFLINE");
}

static void without_contacts_nobody_hears(void **state)
{
    meet();
    const struct event_result *result =
        event_test(stranger, "SET_PRESENCE", "{\"status\":\"IDLE\"}");
    assert_ok(result);
    assert_published_nothing(result);
}

static void presence_is_refused(void **state)
{
    meet();
    assert_violation(event_test(bob, "SET_PRESENCE", "{}"), "status", "required");
    assert_violation(event_test(bob, "SET_PRESENCE", "{\"status\":\"ASLEEP\"}"), "status",
                     "enum");
    assert_refused(
        event_test(&(struct actor){0}, "SET_PRESENCE", "{\"status\":\"IDLE\"}"),
        "UNAUTHENTICATED");
    assert_violation(event_test(bob, "GET_PRESENCE", "{\"userIds\":[]}"), "userIds",
                     "required");
    assert_violation(event_test(bob, "GET_PRESENCE", "{\"userIds\":[\"x\"]}"),
                     "userIds[0]", "format");
}

static void presence_is_for_contacts(void **state)
{
    meet();
    const char *payload = "{\"userIds\":[\"%s\",\"%s\"]}";
    const struct event_result *result =
        event_test(alice, "GET_PRESENCE", payload, actor_id(bob), actor_id(stranger));
    assert_ok(result);
    assert_text(result->reply, "users.0.status", "ONLINE");
    assert_text(result->reply, "users.1.status", "OFFLINE");
}

static void typing_is_told_to_the_others_in_the_room(void **state)
{
    meet();
    assert_ok(event_test(bob, "JOIN_ROOM", "{\"roomId\":\"%s\"}", room));
    const struct event_result *result =
        event_test(bob, "TYPING_START", "{\"roomId\":\"%s\"}", room);
    const struct published *published =
        assert_published(result, "USER_TYPING", "room:%s", room);
    assert_true(published->except_sender);
    assert_memory_equal(published->raw->except_session.data, bob->session_id.b, 16);
    assert_text(published->payload, "username", "bob-p");
    assert_text(published->payload, "isTyping", "true");
    char key[64];
    snprintf(key, sizeof(key), "typing:%s", actor_id(bob));
    assert_string_equal(published->raw->merge_key, key);
    result = event_test(bob, "TYPING_STOP", "{\"roomId\":\"%s\"}", room);
    published = assert_published(result, "USER_TYPING", "room:%s", room);
    assert_text(published->payload, "isTyping", "false");
}

static void typing_needs_a_subscription(void **state)
{
    meet();
    const char *payload = "{\"roomId\":\"%s\"}";
    assert_refused(event_test(alice, "TYPING_START", payload, room), "PERMISSION_DENIED");
    assert_ok(event_test(alice, "JOIN_ROOM", payload, room));
    assert_ok(event_test(alice, "TYPING_START", payload, room));
    assert_ok(event_test(alice, "LEAVE_ROOM", payload, room));
    assert_refused(event_test(alice, "TYPING_START", payload, room), "PERMISSION_DENIED");
    assert_refused(event_test(alice, "TYPING_STOP", payload, room), "PERMISSION_DENIED");
    assert_violation(event_test(alice, "TYPING_START", "{}"), "roomId", "required");
}

int main(void)
{
    if (!event_test_can_run()) {
        return EVENT_TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        event_case(contacts_hear_of_a_new_presence),
        event_case(who_is_invisible_looks_offline),
        event_case(without_contacts_nobody_hears),
        event_case(presence_is_refused),
        event_case(presence_is_for_contacts),
        event_case(typing_is_told_to_the_others_in_the_room),
        event_case(typing_needs_a_subscription),
    };
    return cmocka_run_group_tests_name("events: presence", tests, NULL, NULL);
}
