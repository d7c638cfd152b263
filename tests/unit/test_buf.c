/* Checks that a buf holds what was appended, keeps its limit and remembers a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"

static bool realloc_fails;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_realloc(void *memory, size_t size)
{
    return realloc_fails || size > SIZE_MAX / 2 ? NULL : __real_realloc(memory, size);
}

static void assert_holds(const struct buf *buf, const char *text)
{
    assert_false(buf->failed);
    assert_int_equal(buf->size, strlen(text));
    assert_string_equal((const char *)buf->data, text);
}

static void holds_what_was_appended_with_a_nul_behind(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    assert_null(buf.data);
    buf_append(&buf, "ab", 2);
    buf_append_text(&buf, "cd");
    buf_append_char(&buf, 'e');
    buf_append_bytes(&buf, BYTES_LITERAL("fg"));
    buf_printf(&buf, "%d %s", 42, "words");
    assert_holds(&buf, "abcdefg42 words");
    buf_finish(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.limit, 1000);
}

static void an_empty_append_makes_it_printable(void **state)
{
    struct buf buf;
    buf_init(&buf, 10);
    buf_append(&buf, NULL, 0);
    assert_holds(&buf, "");
    buf_finish(&buf);
}

static void exactly_the_limit_fits(void **state)
{
    struct buf buf;
    buf_init(&buf, 4);
    buf_append_text(&buf, "abcd");
    assert_holds(&buf, "abcd");
    buf_append_text(&buf, "");
    assert_holds(&buf, "abcd");
    buf_append_char(&buf, 'e');
    assert_true(buf.failed);
    buf_finish(&buf);
}

static void a_failed_append_leaves_the_rest_and_later_ones_do_nothing(void **state)
{
    struct buf buf;
    buf_init(&buf, 5);
    buf_append_text(&buf, "abc");
    buf_append_text(&buf, "def");
    assert_true(buf.failed);
    buf_append_text(&buf, "x");
    buf_printf(&buf, "%d", 1);
    buf_append_json_string(&buf, BYTES_LITERAL(""));
    assert_string_equal((const char *)buf.data, "abc");
    buf_clear(&buf);
    buf_append_text(&buf, "abcde");
    assert_holds(&buf, "abcde");
    buf_finish(&buf);
}

static void printf_grows_and_keeps_the_limit(void **state)
{
    struct buf buf;
    buf_init(&buf, 5000);
    buf_append_text(&buf, "x");
    buf_printf(&buf, "%4999d", 7);
    assert_false(buf.failed);
    assert_int_equal(buf.size, 5000);
    buf_clear(&buf);
    buf_append_text(&buf, "xy");
    buf_printf(&buf, "%4999d", 7);
    assert_true(buf.failed);
    assert_string_equal((const char *)buf.data, "xy");
    buf_finish(&buf);
}

static void a_zeroed_buf_takes_nothing_and_can_be_finished(void **state)
{
    struct buf buf = {0};
    buf_append_char(&buf, 'a');
    assert_true(buf.failed);
    buf_printf(&buf, "a");
    buf_consume(&buf, 3);
    buf_clear(&buf);
    buf_finish(&buf);
}

static void no_limit_is_a_limit_that_never_comes(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    buf_append_text(&buf, "abc");
    assert_holds(&buf, "abc");
    buf_append(&buf, "x", SIZE_MAX - 4); /* more than there is memory */
    assert_true(buf.failed);
    buf.failed = false;
    buf_append(&buf, "x", SIZE_MAX - 2); /* more than can be counted */
    assert_true(buf.failed);
    buf_finish(&buf);
}

static void memory_that_is_out_is_a_failure(void **state)
{
    struct buf buf;
    buf_init(&buf, 100000);
    buf_append_text(&buf, "abc");
    realloc_fails = true;
    buf_printf(&buf, "%2000d", 1);
    realloc_fails = false;
    assert_true(buf.failed);
    assert_string_equal((const char *)buf.data, "abc");
    buf_finish(&buf);
}

static void json_strings_are_escaped(void **state)
{
    struct buf buf;
    buf_init(&buf, 1000);
    buf_append_json_string(&buf, bytes_make("a\"b\\c\n\t\r\b\f\x01\x1f\0é/\x7f", 17));
    assert_holds(&buf, "\"a\\\"b\\\\c\\n\\t\\r\\b\\f\\u0001\\u001f\\u0000é/\x7f\"");
    buf_clear(&buf);
    buf_append_json_string(&buf, bytes_make(NULL, 0));
    assert_holds(&buf, "\"\"");
    buf_finish(&buf);
}

static void consumes_from_the_front(void **state)
{
    struct buf buf;
    buf_init(&buf, 100);
    buf_append_text(&buf, "abcdef");
    buf_consume(&buf, 2);
    assert_holds(&buf, "cdef");
    buf_consume(&buf, 0);
    assert_holds(&buf, "cdef");
    buf_consume(&buf, 99);
    assert_holds(&buf, "");
    buf_finish(&buf);
}

static void taking_empties_and_gives_the_memory_away(void **state)
{
    struct buf buf;
    size_t size = 99;
    buf_init(&buf, 100);
    assert_null(buf_take(&buf, &size));
    assert_int_equal(size, 0);
    buf_append_text(&buf, "abc");
    uint8_t *data = buf_take(&buf, &size);
    assert_int_equal(size, 3);
    assert_string_equal((char *)data, "abc");
    assert_int_equal(buf.size, 0);
    buf_append_text(&buf, "d");
    assert_holds(&buf, "d");
    assert_string_equal((char *)data, "abc");
    free(data);
    buf_finish(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_appended_with_a_nul_behind),
        cmocka_unit_test(an_empty_append_makes_it_printable),
        cmocka_unit_test(exactly_the_limit_fits),
        cmocka_unit_test(a_failed_append_leaves_the_rest_and_later_ones_do_nothing),
        cmocka_unit_test(printf_grows_and_keeps_the_limit),
        cmocka_unit_test(a_zeroed_buf_takes_nothing_and_can_be_finished),
        cmocka_unit_test(no_limit_is_a_limit_that_never_comes),
        cmocka_unit_test(memory_that_is_out_is_a_failure),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(consumes_from_the_front),
        cmocka_unit_test(taking_empties_and_gives_the_memory_away),
    };
    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
