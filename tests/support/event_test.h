/* Runs one event as a core does, against a real PostgreSQL, in a transaction that is
 * rolled back at the test's end:
 *
 *     const struct actor *alice = event_actor("alice");
 *     const struct event_result *result =
 *         event_test(alice, "SEND_MESSAGE", "{\"roomId\":\"%s\",\"content\":\"Hi\"}",
 * room); assert_ok(result); assert_published(result, "MESSAGE_CREATED", "room:%s", room);
 *
 * Every reply and every publication is held against the contract, in both encodings. */
#ifndef TESTS_EVENT_TEST_H
#define TESTS_EVENT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "core/request.h"

/* Set-up and tear-down of each test. */
int event_test_begin(void **state);
int event_test_end(void **state);

#define event_case(function)                                                             \
    cmocka_unit_test_setup_teardown(function, event_test_begin, event_test_end)

/* What main() returns without DATABASE_URL: ctest counts it as skipped. */
#define EVENT_TEST_SKIPPED 77
bool event_test_can_run(void);

/* A publication, taken apart. Everything lives until the test's end. */
struct published {
    const char *event;
    const char *stream;  /* text form; of contacts: NULL */
    size_t stream_count; /* contacts: how many streams */
    int64_t seq;         /* 0: ephemeral */
    int64_t after;
    json_t *payload;
    bool except_sender;
    const Link__Publication *raw;
};

struct event_result {
    const char *error; /* code, or NULL */
    const char *message;
    json_t *details;
    json_t *reply;
    const Link__Control *control; /* NULL: none */
    size_t publication_count;
    struct published *publications;
};

/* Makes a user with a session of his own. */
struct actor *event_actor(const char *username);
/* Another session of the same user. */
struct actor *event_session(const struct actor *actor);
/* A service of its own that holds `rights`. */
struct actor *event_service(uint64_t rights);

/* `format` gives the payload; it is sent as it is. */
const struct event_result *event_test(const struct actor *actor, const char *event,
                                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- what most tests need; each aborts the test when it fails ---- */
const char *make_community(const struct actor *owner, bool is_public);
void join_community_as(const struct actor *actor, const char *community);
const char *make_room(const struct actor *owner, const char *community, bool is_private);
const char *send_as(const struct actor *actor, const char *room, const char *content);

/* SQL in the test's transaction; the first column of the first row, or NULL. */
const char *event_sql(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- looking at results ---- */
/* The text, or the number as text, at a dotted path ("message.content", "rooms.0.id");
 * NULL when it is not there. */
const char *json_at(const json_t *value, const char *path);
const char *actor_id(const struct actor *actor); /* the user's, as text */

void assert_ok(const struct event_result *result);
void assert_refused(const struct event_result *result, const char *code);
/* VALIDATION_ERROR, with this path and rule among its details. */
void assert_violation(const struct event_result *result, const char *path,
                      const char *rule);
const struct published *assert_published(const struct event_result *result,
                                         const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void assert_not_published(const struct event_result *result, const char *event);
void assert_published_nothing(const struct event_result *result);
void assert_text(const json_t *value, const char *path, const char *expected);
bool opens(const struct event_result *result, const char *kind, const char *id);
bool closes(const struct event_result *result, const char *kind, const char *id);

#endif
