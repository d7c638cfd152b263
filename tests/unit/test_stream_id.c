/* Checks that a stream's name has exactly one form as text and one as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "link/stream_id.h"

#define ID "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"

static void every_kind_comes_back(void **state)
{
    static const char *const texts[] = {"community:" ID, "members:" ID, "room:" ID,
                                        "user:" ID, "access:" ID};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct stream_id stream, again;
        char text[STREAM_TEXT_SIZE];
        assert_true(stream_parse(bytes_of_text(texts[i]), &stream));
        assert_int_equal(stream.kind, i + 1);
        stream_format(&stream, text);
        assert_string_equal(text, texts[i]);
        assert_true(stream_from_bytes(bytes_make(&stream, sizeof(stream)), &again));
        assert_true(stream_equal(&stream, &again));
    }
}

static void anything_else_is_no_stream(void **state)
{
    static const char *const texts[] = {
        "",
        "room",
        "room:",
        "room:" ID " ",
        " room:" ID,
        "Room:" ID,
        "rooms:" ID,
        "room" ID,
        "room:0190",
        "user:room:" ID,
        "unknown:" ID,
        ID,
        "room:" ID "room",
        "room;" ID,
        "room:0190A1B2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "room:0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g",
    };
    struct stream_id stream = {.kind = 99};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(stream_parse(bytes_of_text(texts[i]), &stream));
    }
    assert_false(stream_parse(bytes_make(NULL, 0), &stream));
    assert_int_equal(stream.kind, 99);
}

static void other_bytes_are_no_stream(void **state)
{
    uint8_t bytes[18] = {STREAM_ROOM, 1, 2, 3};
    struct stream_id stream;
    assert_true(stream_from_bytes(bytes_make(bytes, 17), &stream));
    assert_false(stream_from_bytes(bytes_make(bytes, 16), &stream));
    assert_false(stream_from_bytes(bytes_make(bytes, 18), &stream));
    assert_false(stream_from_bytes(bytes_make(NULL, 0), &stream));
    bytes[0] = 0;
    assert_false(stream_from_bytes(bytes_make(bytes, 17), &stream));
    bytes[0] = STREAM_ACCESS + 1;
    assert_false(stream_from_bytes(bytes_make(bytes, 17), &stream));
}

static void the_longest_name_fits(void **state)
{
    struct stream_id stream = {.kind = STREAM_COMMUNITY};
    char text[STREAM_TEXT_SIZE];
    stream_format(&stream, text);
    assert_string_equal(text, "community:00000000-0000-0000-0000-000000000000");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(anything_else_is_no_stream),
        cmocka_unit_test(other_bytes_are_no_stream),
        cmocka_unit_test(the_longest_name_fits),
    };
    return cmocka_run_group_tests_name("stream_id", tests, NULL, NULL);
}
