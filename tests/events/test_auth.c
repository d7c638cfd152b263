/* What the events of sessions do, and what they refuse. */
#include "support/event_test.h"

#include <string.h>

#define NOWHERE "00000000-0000-4000-8000-00000000dead"

static const char *session_id(const struct actor *actor)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(actor->session_id, text);
    return event_sql("SELECT '%s'", text);
}

static void sessions_are_listed_with_the_own_one_marked(void **state)
{
    struct actor *phone = event_actor("alice-a");
    struct actor *desk = event_session(phone);
    event_actor("bob-a");
    const struct event_result *result = event_test(desk, "LIST_SESSIONS", "{}");
    assert_ok(result);
    const json_t *sessions = json_object_get(result->reply, "sessions");
    assert_int_equal(json_array_size(sessions), 2);
    size_t i;
    json_t *session;
    json_array_foreach(sessions, i, session)
    {
        bool own = strcmp(json_at(session, "id"), session_id(desk)) == 0;
        assert_text(session, "current", own ? "true" : "false");
    }
    assert_refused(event_test(&(struct actor){0}, "LIST_SESSIONS", "{}"),
                   "UNAUTHENTICATED");
}

static void a_revoked_session_is_out_and_stays_out(void **state)
{
    struct actor *phone = event_actor("alice-a");
    struct actor *desk = event_session(phone);
    const struct event_result *result =
        event_test(desk, "REVOKE_SESSION", "{\"sessionId\":\"%s\"}", session_id(phone));
    const struct published *published =
        assert_published(result, "SESSION_REVOKED", "user:%s", actor_id(desk));
    assert_text(published->payload, "sessionId", session_id(phone));
    assert_int_equal(published->raw->control->n_end_sessions, 1);
    assert_memory_equal(published->raw->control->end_sessions[0].data,
                        phone->session_id.b, 16);
    assert_refused(event_test(phone, "LIST_COMMUNITIES", "{}"), "UNAUTHENTICATED");
    assert_ok(event_test(desk, "LIST_COMMUNITIES", "{}"));
}

static void only_ones_own_sessions_can_be_revoked(void **state)
{
    struct actor *alice = event_actor("alice-a");
    struct actor *bob = event_actor("bob-a");
    const char *payload = "{\"sessionId\":\"%s\"}";
    assert_refused(event_test(bob, "REVOKE_SESSION", payload, session_id(alice)),
                   "NOT_FOUND");
    assert_refused(event_test(bob, "REVOKE_SESSION", payload, NOWHERE), "NOT_FOUND");
    assert_violation(event_test(bob, "REVOKE_SESSION", "{}"), "sessionId", "required");
    assert_violation(event_test(bob, "REVOKE_SESSION", payload, "1"), "sessionId",
                     "format");
}

static void a_deleted_user_does_not_come_back(void **state)
{
    struct actor *alice = event_actor("alice-a");
    event_sql("UPDATE users SET deleted_at = now() WHERE id = '%s'", actor_id(alice));
    assert_refused(event_test(alice, "LIST_COMMUNITIES", "{}"), "UNAUTHENTICATED");
}

static void older_tokens_can_be_revoked_together(void **state)
{
    struct actor *alice = event_actor("alice-a");
    event_sql("UPDATE users SET min_iat = %lld WHERE id = '%s'",
              (long long)alice->issued_at + 1, actor_id(alice));
    assert_refused(event_test(alice, "LIST_COMMUNITIES", "{}"), "UNAUTHENTICATED");
    alice->issued_at += 1;
    assert_ok(event_test(alice, "LIST_COMMUNITIES", "{}"));
}

static void a_user_who_was_never_seen_is_made_from_the_token(void **state)
{
    struct actor fresh = {
        .user_id = uuid_v7(), .username = "fresh-a", .issued_at = 1700000000};
    const struct event_result *result =
        event_test(&fresh, "CREATE_COMMUNITY", "{\"name\":\"First\"}");
    assert_ok(result);
    assert_string_equal(
        event_sql("SELECT username FROM users WHERE id = '%s'", actor_id(&fresh)),
        "fresh-a");
}

int main(void)
{
    if (!event_test_can_run()) {
        return EVENT_TEST_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        event_case(sessions_are_listed_with_the_own_one_marked),
        event_case(a_revoked_session_is_out_and_stays_out),
        event_case(only_ones_own_sessions_can_be_revoked),
        event_case(a_deleted_user_does_not_come_back),
        event_case(older_tokens_can_be_revoked_together),
        event_case(a_user_who_was_never_seen_is_made_from_the_token),
    };
    return cmocka_run_group_tests_name("events: auth", tests, NULL, NULL);
}
