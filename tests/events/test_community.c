/* What the events of communities do, and what they refuse. */
#include "support/event_test.h"

#define NOWHERE   "00000000-0000-4000-8000-00000000dead"
#define COMMUNITY "{\"communityId\":\"%s\"}"

static struct actor *alice;
static struct actor *bob;

static void meet(void)
{
    alice = event_actor("alice-c");
    bob = event_actor("bob-c");
}

static void a_founder_owns_and_hears_the_new_community(void **state)
{
    meet();
    const struct event_result *result =
        event_test(alice, "CREATE_COMMUNITY", "{\"name\":\"Bells\"}");
    assert_ok(result);
    const char *id = event_sql("SELECT '%s'", json_at(result->reply, "community.id"));
    assert_text(result->reply, "community.public", "false");
    assert_text(result->reply, "community.ownerId", actor_id(alice));
    assert_true(opens(result, "community", id));
    assert_published(result, "ACCESS_CHANGED", "user:%s", actor_id(alice));
    make_room(alice, id, false);
}

static void a_community_needs_a_name(void **state)
{
    meet();
    struct actor nobody = {0};
    assert_violation(event_test(alice, "CREATE_COMMUNITY", "{}"), "name", "required");
    assert_violation(event_test(alice, "CREATE_COMMUNITY", "{\"name\":7}"), "name",
                     "type");
    assert_refused(event_test(&nobody, "CREATE_COMMUNITY", "{\"name\":\"x\"}"),
                   "UNAUTHENTICATED");
}

static void communities_can_be_kept_to_those_who_hold_the_right(void **state)
{
    meet();
    event_sql("UPDATE instance SET anyone_may_create = false");
    assert_refused(event_test(alice, "CREATE_COMMUNITY", "{\"name\":\"Bells\"}"),
                   "PERMISSION_DENIED");
    event_sql("UPDATE users SET instance_owner = true WHERE id = '%s'", actor_id(alice));
    assert_ok(event_test(alice, "CREATE_COMMUNITY", "{\"name\":\"Bells\"}"));
}

static void who_joins_is_news_for_the_member_list(void **state)
{
    meet();
    const char *community = make_community(alice, true);
    const struct event_result *result =
        event_test(bob, "JOIN_COMMUNITY", COMMUNITY, community);
    const struct published *published =
        assert_published(result, "MEMBER_JOINED", "members:%s", community);
    assert_text(published->payload, "username", "bob-c");
    const struct published *access =
        assert_published(result, "ACCESS_CHANGED", "user:%s", actor_id(bob));
    assert_text(access->payload, "granted", "true");
    assert_non_null(access->raw->control->gained); /* for sessions that follow */
    assert_true(opens(result, "community", community));
    assert_text(result->reply, "seq", "0");
    assert_text(result->reply, "cursor", "0.00000000");
}

static void not_every_community_can_be_joined(void **state)
{
    meet();
    const char *closed = make_community(alice, false);
    assert_refused(event_test(bob, "JOIN_COMMUNITY", COMMUNITY, closed), "NOT_FOUND");
    assert_refused(event_test(bob, "JOIN_COMMUNITY", COMMUNITY, NOWHERE), "NOT_FOUND");
    const char *open = make_community(alice, true);
    event_sql("INSERT INTO bans (community_id, user_id) VALUES ('%s', '%s')", open,
              actor_id(bob));
    const struct event_result *banned =
        event_test(bob, "JOIN_COMMUNITY", COMMUNITY, open);
    assert_non_null(banned->error);
    assert_published_nothing(banned);
}

static void who_leaves_loses_it_at_once(void **state)
{
    meet();
    const char *community = make_community(alice, true);
    const char *room = make_room(alice, community, false);
    join_community_as(bob, community);
    const struct event_result *result =
        event_test(bob, "LEAVE_COMMUNITY", COMMUNITY, community);
    const struct published *left =
        assert_published(result, "MEMBER_LEFT", "community:%s", community);
    const struct published *access = assert_published(result, "", "access:%s", community);
    assert_int_equal(left->after, access->seq);
    assert_true(closes(result, "community", community));
    assert_refused(
        event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"x\"}", room),
        "NOT_FOUND");
    assert_refused(event_test(bob, "LEAVE_COMMUNITY", COMMUNITY, community), "NOT_FOUND");
}

static void the_last_owner_stays(void **state)
{
    meet();
    const char *community = make_community(alice, true);
    assert_refused(event_test(alice, "LEAVE_COMMUNITY", COMMUNITY, community),
                   "CONFLICT");
}

static void a_kick_is_news_and_takes_effect_at_once(void **state)
{
    meet();
    const char *community = make_community(alice, true);
    const char *room = make_room(alice, community, false);
    join_community_as(bob, community);
    const struct event_result *result =
        event_test(alice, "KICK_MEMBER",
                   "{\"communityId\":\"%s\",\"userId\":\"%s\",\"reason\":\"noise\"}",
                   community, actor_id(bob));
    const struct published *kicked =
        assert_published(result, "MEMBER_KICKED", "community:%s", community);
    assert_text(kicked->payload, "kickedBy", actor_id(alice));
    assert_text(kicked->payload, "reason", "noise");
    const struct published *access = assert_published(result, "", "access:%s", community);
    assert_int_equal(kicked->after, access->seq);
    const struct published *told =
        assert_published(result, "ACCESS_CHANGED", "user:%s", actor_id(bob));
    assert_text(told->payload, "granted", "false");
    assert_int_equal(told->raw->control->n_close, 2);
    assert_refused(event_test(bob, "JOIN_ROOM", "{\"roomId\":\"%s\"}", room),
                   "NOT_FOUND");
    join_community_as(bob, community); /* a kick is no ban */
}

static void one_kicks_only_whom_one_stands_above(void **state)
{
    meet();
    const char *community = make_community(alice, true);
    const char *payload = "{\"communityId\":\"%s\",\"userId\":\"%s\"}";
    join_community_as(bob, community);
    assert_refused(event_test(bob, "KICK_MEMBER", payload, community, actor_id(alice)),
                   "PERMISSION_DENIED");
    assert_refused(event_test(alice, "KICK_MEMBER", payload, community, actor_id(alice)),
                   "PERMISSION_DENIED");
    assert_refused(event_test(alice, "KICK_MEMBER", payload, community, NOWHERE),
                   "NOT_FOUND");
    struct actor *stranger = event_actor("stranger-c");
    assert_refused(event_test(stranger, "KICK_MEMBER", payload, community, actor_id(bob)),
                   "NOT_FOUND");
}

static void communities_are_listed_for_their_members(void **state)
{
    meet();
    const char *community = make_community(alice, true);
    assert_int_equal(
        json_array_size(json_object_get(event_test(bob, "LIST_COMMUNITIES", "{}")->reply,
                                        "communities")),
        0);
    join_community_as(bob, community);
    const struct event_result *result = event_test(bob, "LIST_COMMUNITIES", "{}");
    assert_ok(result);
    assert_text(result->reply, "communities.0.id", community);
    assert_refused(event_test(&(struct actor){0}, "LIST_COMMUNITIES", "{}"),
                   "UNAUTHENTICATED");
}

int main(void)
{
    if (!event_test_can_run()) {
        return EVENT_TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        event_case(a_founder_owns_and_hears_the_new_community),
        event_case(a_community_needs_a_name),
        event_case(communities_can_be_kept_to_those_who_hold_the_right),
        event_case(who_joins_is_news_for_the_member_list),
        event_case(not_every_community_can_be_joined),
        event_case(who_leaves_loses_it_at_once),
        event_case(the_last_owner_stays),
        event_case(a_kick_is_news_and_takes_effect_at_once),
        event_case(one_kicks_only_whom_one_stands_above),
        event_case(communities_are_listed_for_their_members),
    };
    return cmocka_run_group_tests_name("events: community", tests, NULL, NULL);
}
