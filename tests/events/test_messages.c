/* What the events of messages do, and what they refuse. */
#include "support/event_test.h"

#include <string.h>

#define NOWHERE "00000000-0000-4000-8000-00000000dead"

static struct actor *alice;
static struct actor *bob;
static struct actor *stranger;
static const char *community;
static const char *room;

static void meet(void)
{
    alice = event_actor("alice-m");
    bob = event_actor("bob-m");
    stranger = event_actor("stranger-m");
    community = make_community(alice, true);
    join_community_as(bob, community);
    room = make_room(alice, community, false);
}

static void a_message_is_published_to_its_room_and_acknowledged_with_its_seq(void **state)
{
    meet();
    const struct event_result *result =
        event_test(bob, "SEND_MESSAGE",
                   "{\"roomId\":\"%s\",\"content\":\"Hello \\\"you\\\"\"}", room);
    assert_ok(result);
    assert_text(result->reply, "message.content", "Hello \"you\"");
    assert_text(result->reply, "message.authorId", actor_id(bob));
    assert_text(result->reply, "message.authorName", "bob-m");
    assert_int_equal(result->publication_count, 1);
    const struct published *published =
        assert_published(result, "MESSAGE_CREATED", "room:%s", room);
    assert_text(result->reply, "seq", json_at(published->payload, "seq"));
    assert_text(published->payload, "message.content", "Hello \"you\"");
    assert_text(published->payload, "message.id", json_at(result->reply, "message.id"));
    assert_false(published->except_sender);
}

static void messages_of_a_room_are_numbered_without_gaps(void **state)
{
    meet();
    int64_t last = 0;
    for (int i = 0; i < 5; i++) {
        const struct event_result *result =
            event_test(i % 2 == 0 ? alice : bob, "SEND_MESSAGE",
                       "{\"roomId\":\"%s\",\"content\":\"%d\"}", room, i);
        const struct published *published =
            assert_published(result, "MESSAGE_CREATED", "room:%s", room);
        assert_true(last == 0 || published->seq == last + 1);
        last = published->seq;
    }
}

static void the_same_client_id_has_one_effect_and_one_answer(void **state)
{
    meet();
    const char *payload = "{\"roomId\":\"%s\",\"content\":\"once\","
                          "\"clientId\":\"01a20531-0000-7000-8000-000000000001\"}";
    const struct event_result *first = event_test(bob, "SEND_MESSAGE", payload, room);
    assert_published(first, "MESSAGE_CREATED", "room:%s", room);
    const struct event_result *again = event_test(bob, "SEND_MESSAGE", payload, room);
    assert_ok(again);
    assert_published_nothing(again);
    assert_true(json_equal(first->reply, again->reply));
    assert_string_equal(
        event_sql("SELECT count(*) FROM messages WHERE room_id = '%s'", room), "1");
}

static void the_same_client_id_for_something_else_is_a_conflict(void **state)
{
    meet();
    const char *payload = "{\"roomId\":\"%s\",\"content\":\"%s\","
                          "\"clientId\":\"01a20531-0000-7000-8000-000000000002\"}";
    assert_ok(event_test(bob, "SEND_MESSAGE", payload, room, "one"));
    assert_refused(event_test(bob, "SEND_MESSAGE", payload, room, "two"), "CONFLICT");
    /* another user's key is another key */
    assert_ok(event_test(alice, "SEND_MESSAGE", payload, room, "two"));
}

static void a_refusal_is_stored_like_any_answer(void **state)
{
    meet();
    const char *payload = "{\"roomId\":\"%s\",\"content\":\"x\","
                          "\"clientId\":\"01a20531-0000-7000-8000-000000000003\"}";
    assert_refused(event_test(stranger, "SEND_MESSAGE", payload, room), "NOT_FOUND");
    join_community_as(stranger, community);
    assert_refused(event_test(stranger, "SEND_MESSAGE", payload, room), "NOT_FOUND");
}

static void payloads_that_break_rules_never_reach_postgresql(void **state)
{
    meet();
    assert_violation(event_test(bob, "SEND_MESSAGE", "{\"content\":\"x\"}"), "roomId",
                     "required");
    assert_violation(event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"%s\"}", room),
                     "content", "required");
    assert_violation(
        event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"x\",\"content\":\"x\"}"), "roomId",
        "format");
    assert_violation(
        event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"  \"}", room),
        "content", "visible");
    assert_violation(event_test(bob, "SEND_MESSAGE",
                                "{\"roomId\":\"%s\",\"content\":\"x\",\"colour\":1}",
                                room),
                     "colour", "unknown_field");
    assert_violation(
        event_test(bob, "SEND_MESSAGE",
                   "{\"roomId\":\"%s\",\"content\":\"x\",\"clientId\":\"7\"}", room),
        "clientId", "format");
    assert_refused(event_test(bob, "SEND_MESSAGE", "[1]"), "VALIDATION_ERROR");
    assert_refused(event_test(bob, "SEND_MESSAGE", "{"), "VALIDATION_ERROR");
}

static void a_payload_beyond_its_size_is_refused(void **state)
{
    meet();
    char content[40000];
    memset(content, 'a', sizeof(content) - 1);
    content[sizeof(content) - 1] = '\0';
    assert_refused(event_test(bob, "SEND_MESSAGE",
                              "{\"roomId\":\"%s\",\"content\":\"%s\"}", room, content),
                   "PAYLOAD_TOO_LARGE");
}

static void nobody_and_strangers_cannot_send(void **state)
{
    meet();
    struct actor nobody = {.session_id = uuid_v7()};
    const char *payload = "{\"roomId\":\"%s\",\"content\":\"x\"}";
    assert_refused(event_test(&nobody, "SEND_MESSAGE", payload, room), "UNAUTHENTICATED");
    assert_refused(event_test(stranger, "SEND_MESSAGE", payload, room), "NOT_FOUND");
    assert_refused(event_test(bob, "SEND_MESSAGE", payload, NOWHERE), "NOT_FOUND");
}

static void a_denied_right_is_named_in_development(void **state)
{
    meet();
    assert_ok(
        event_test(alice, "SET_ROOM_OVERRIDE",
                   "{\"roomId\":\"%s\",\"userId\":\"%s\",\"deny\":[\"SEND_MESSAGE\"]}",
                   room, actor_id(bob)));
    const struct event_result *result =
        event_test(bob, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"x\"}", room);
    assert_refused(result, "PERMISSION_DENIED");
    assert_text(result->details, "missing.0", "SEND_MESSAGE");
    assert_non_null(strstr(json_at(result->details, "try"), "belfry why"));
}

static void a_misspelt_event_gets_a_hint(void **state)
{
    meet();
    const struct event_result *result = event_test(bob, "SEND_MESAGE", "{}");
    assert_refused(result, "UNKNOWN_EVENT");
    assert_text(result->details, "didYouMean", "SEND_MESSAGE");
    assert_refused(event_test(bob, "QUITE_ANOTHER_THING", "{}"), "UNKNOWN_EVENT");
}

static void an_author_edits_and_nobody_else(void **state)
{
    meet();
    const char *message = send_as(bob, room, "teh");
    const char *payload = "{\"messageId\":\"%s\",\"content\":\"the\"}";
    const struct event_result *result = event_test(bob, "EDIT_MESSAGE", payload, message);
    const struct published *published =
        assert_published(result, "MESSAGE_UPDATED", "room:%s", room);
    assert_text(published->payload, "message.content", "the");
    assert_non_null(json_at(published->payload, "message.editedAt"));
    assert_refused(event_test(alice, "EDIT_MESSAGE", payload, message),
                   "PERMISSION_DENIED");
    assert_refused(event_test(stranger, "EDIT_MESSAGE", payload, message), "NOT_FOUND");
    assert_refused(event_test(bob, "EDIT_MESSAGE", payload, NOWHERE), "NOT_FOUND");
    assert_violation(event_test(bob, "EDIT_MESSAGE",
                                "{\"messageId\":\"%s\",\"content\":\"\"}", message),
                     "content", "min_length");
}

static void a_message_is_not_edited_without_end(void **state)
{
    meet();
    const char *message = send_as(bob, room, "again");
    const char *payload = "{\"messageId\":\"%s\",\"content\":\"and again\"}";
    event_sql("UPDATE messages SET seqs = array_fill(1::bigint, ARRAY[999]) "
              "WHERE id = '%s'",
              message);
    assert_ok(event_test(bob, "EDIT_MESSAGE", payload, message));
    assert_refused(event_test(bob, "EDIT_MESSAGE", payload, message), "LIMIT_REACHED");
}

static void deleting_blanks_what_was_said(void **state)
{
    meet();
    const char *message = send_as(bob, room, "oops");
    const struct event_result *result =
        event_test(bob, "DELETE_MESSAGE", "{\"messageId\":\"%s\"}", message);
    const struct published *published =
        assert_published(result, "MESSAGE_DELETED", "room:%s", room);
    assert_text(published->payload, "messageId", message);
    assert_text(published->payload, "deletedBy", actor_id(bob));
    assert_non_null(published->raw->control);
    assert_int_equal(published->raw->control->n_blanked, 1);
    assert_string_equal(event_sql("SELECT count(*) FROM events WHERE kind = 3 AND "
                                  "id = '%s' AND payload::text LIKE '%%oops%%'",
                                  room),
                        "0");
    assert_refused(event_test(bob, "DELETE_MESSAGE", "{\"messageId\":\"%s\"}", message),
                   "NOT_FOUND");
}

static void others_messages_are_for_those_with_the_right(void **state)
{
    meet();
    const char *message = send_as(alice, room, "mine");
    const char *payload = "{\"messageId\":\"%s\",\"reason\":\"rude\"}";
    assert_refused(event_test(bob, "DELETE_MESSAGE", payload, message),
                   "PERMISSION_DENIED");
    assert_refused(event_test(stranger, "DELETE_MESSAGE", payload, message), "NOT_FOUND");
    message = send_as(bob, room, "his");
    const struct event_result *result =
        event_test(alice, "DELETE_MESSAGE", payload, message);
    const struct published *published =
        assert_published(result, "MESSAGE_DELETED", "room:%s", room);
    assert_text(published->payload, "reason", "rude");
    assert_text(published->payload, "deletedBy", actor_id(alice));
}

static void history_comes_in_pages(void **state)
{
    meet();
    for (int i = 0; i < 5; i++) {
        send_as(bob, room, "x");
    }
    const struct event_result *result =
        event_test(alice, "GET_HISTORY", "{\"roomId\":\"%s\",\"limit\":2}", room);
    assert_ok(result);
    assert_published_nothing(result);
    assert_int_equal(json_array_size(json_object_get(result->reply, "messages")), 2);
    assert_text(result->reply, "hasMore", "true");
    const char *oldest = json_at(result->reply, "messages.0.seq");
    result = event_test(alice, "GET_HISTORY", "{\"roomId\":\"%s\",\"before\":%s}", room,
                        oldest);
    assert_ok(result);
    assert_int_equal(json_array_size(json_object_get(result->reply, "messages")), 3);
    assert_text(result->reply, "hasMore", "false");
    result = event_test(alice, "GET_HISTORY", "{\"roomId\":\"%s\",\"after\":0}", room);
    assert_ok(result);
    assert_int_equal(json_array_size(json_object_get(result->reply, "messages")), 5);
}

static void history_is_refused(void **state)
{
    meet();
    assert_violation(event_test(bob, "GET_HISTORY",
                                "{\"roomId\":\"%s\",\"before\":5,\"after\":1}", room),
                     "after", "either");
    assert_violation(
        event_test(bob, "GET_HISTORY", "{\"roomId\":\"%s\",\"limit\":101}", room),
        "limit", "max");
    assert_refused(event_test(stranger, "GET_HISTORY", "{\"roomId\":\"%s\"}", room),
                   "NOT_FOUND");
}

int main(void)
{
    if (!event_test_can_run()) {
        return EVENT_TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        event_case(a_message_is_published_to_its_room_and_acknowledged_with_its_seq),
        event_case(messages_of_a_room_are_numbered_without_gaps),
        event_case(the_same_client_id_has_one_effect_and_one_answer),
        event_case(the_same_client_id_for_something_else_is_a_conflict),
        event_case(a_refusal_is_stored_like_any_answer),
        event_case(payloads_that_break_rules_never_reach_postgresql),
        event_case(a_payload_beyond_its_size_is_refused),
        event_case(nobody_and_strangers_cannot_send),
        event_case(a_denied_right_is_named_in_development),
        event_case(a_misspelt_event_gets_a_hint),
        event_case(an_author_edits_and_nobody_else),
        event_case(a_message_is_not_edited_without_end),
        event_case(deleting_blanks_what_was_said),
        event_case(others_messages_are_for_those_with_the_right),
        event_case(history_comes_in_pages),
        event_case(history_is_refused),
    };
    return cmocka_run_group_tests_name("events: messages", tests, NULL, NULL);
}
