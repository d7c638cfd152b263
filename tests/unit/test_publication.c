/* Checks what clients get of an event: its place in front of its payload, and the payload
 * packed where that can be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/publication.h"
#include "events.gen.h"

#define ROOM "0190a0a0-0000-7000-8000-000000000001"
#define USER "0190a0a0-0000-7000-8000-000000000002"

static struct arena arena;

static int begin(void **state)
{
    arena_init(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    arena_finish(&arena);
    return 0;
}

static const Link__Publication *publish(const char *event, const char *payload,
                                        bool protobuf)
{
    struct event_row_text row = {
        .stream = BYTES_LITERAL("room:" ROOM),
        .seq = BYTES_LITERAL("12"),
        .tag = BYTES_LITERAL("170994749"),
        .prev_tag = BYTES_LITERAL("-1"),
        .timestamp = BYTES_LITERAL("2026-01-02T03:04:05.678Z"),
        .event = bytes_of_text(event),
        .payload = bytes_of_text(payload),
    };
    Link__Publication *publication;
    assert_int_equal(publication_of_row(&arena, &row, protobuf, &publication), ERR_OK);
    return publication;
}

static void assert_json(const Link__Publication *publication, const char *json)
{
    assert_true(bytes_equal_text(
        bytes_make(publication->json.data, publication->json.len), json));
}

#define PLACE                                                                            \
    "{\"stream\":\"room:" ROOM "\",\"seq\":12,\"cursor\":\"12.0a312c3d\","               \
    "\"timestamp\":\"2026-01-02T03:04:05.678Z\""

static void says_where_it_stands(void **state)
{
    const Link__Publication *publication =
        publish("MESSAGE_DELETED", "{\"roomId\": \"" ROOM "\"}", false);
    assert_json(publication, PLACE ",\"roomId\": \"" ROOM "\"}");
    assert_int_equal(publication->seq, 12);
    assert_int_equal(publication->tag, 0x0a312c3d);
    assert_int_equal(publication->prev_tag, 0xffffffff);
    assert_false(publication->has_protobuf);
}

static void packs_the_payload_when_asked(void **state)
{
    const Link__Publication *publication =
        publish("USER_TYPING",
                "{\"roomId\":\"" ROOM "\",\"userId\":\"" USER
                "\",\"username\":\"bob\",\"isTyping\":true}",
                true);
    assert_true(publication->has_protobuf);
    Belfry__UserTyping *typing = belfry__user_typing__unpack(
        NULL, publication->protobuf.len, publication->protobuf.data);
    assert_non_null(typing);
    assert_string_equal(typing->room_id, ROOM);
    assert_string_equal(typing->username, "bob");
    belfry__user_typing__free_unpacked(typing, NULL);
}

/* A deploy, a restore, a row of last year: who reads JSON misses nothing. */
static void what_cannot_be_packed_goes_as_json_alone(void **state)
{
    static const struct {
        const char *event, *payload;
    } rows[] = {
        {"OF_A_NEWER_CORE", "{\"a\":1}"},
        {"USER_TYPING", "{\"isTyping\":\"yes\"}"},
        {"MESSAGE_CREATED", "{}"}, /* blanked */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const Link__Publication *publication =
            publish(rows[i].event, rows[i].payload, true);
        assert_false(publication->has_protobuf);
        assert_true(publication->has_json);
        assert_memory_equal(publication->json.data, PLACE, strlen(PLACE));
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(says_where_it_stands),
        EACH(packs_the_payload_when_asked),
        EACH(what_cannot_be_packed_goes_as_json_alone),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
