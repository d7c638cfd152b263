/* Checks that a log line is one line of valid JSON whatever it is given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json_scan.h"
#include "base/log.h"
#include "base/uuid.h"

#define BAD "\xef\xbf\xbd" /* U+FFFD */

/* ---- what was written to stderr ---- */

static int ends[2]; /* a pipe that stands in for stderr */
static int real_stderr;
static char line[16384];

static void catch_stderr(void)
{
    fflush(stderr);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    real_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
}

/* Puts stderr back; `line` holds what was written, ret_size its size. */
static size_t caught(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    close(ends[1]);
    ssize_t size = read(ends[0], line, sizeof(line) - 1);
    close(ends[0]);
    size = size < 0 ? 0 : size;
    line[size] = 0;
    return (size_t)size;
}

static void assert_member(const char *key, const char *expected)
{
    struct bytes value;
    struct bytes object = bytes_of_text(line);
    assert_true(json_member(object, key, &value));
    assert_int_equal(value.size, strlen(expected));
    assert_memory_equal(value.data, expected, value.size);
}

static void assert_one_json_line(size_t size)
{
    assert_true(size > 0 && size <= 8192);
    assert_ptr_equal(strchr(line, '\n'), line + size - 1);
    assert_true(json_valid(bytes_make(line, size), NULL));
}

/* ---- tests ---- */

static void a_line_is_an_object_with_time_level_process_and_message(void **state)
{
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    catch_stderr();
    log_warn("core lost", LOG_TEXT("core", "127.0.0.1"), LOG_INT("pending", -7),
             LOG_ERR(ERR_UNAVAILABLE));
    assert_one_json_line(caught());
    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_member("level", "\"warn\"");
    assert_member("process", "\"edge\"");
    assert_member("message", "\"core lost\"");
    assert_member("core", "\"127.0.0.1\"");
    assert_member("pending", "-7");
    assert_member("error", "\"UNAVAILABLE\"");
    assert_null(strstr(line, "truncated"));
}

static void uuids_are_text_and_left_out_when_there_is_none(void **state)
{
    struct uuid uuid = {{0x01, 0x7f}}, zero = {{0}};
    struct log_field none = {"none", LOG_FIELD_UUID, {NULL, 0}, 0};
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    catch_stderr();
    log_info("hello", LOG_UUID("session", uuid), LOG_UUID("user", zero), none);
    assert_one_json_line(caught());
    assert_member("session", "\"017f0000-0000-0000-0000-000000000000\"");
    assert_null(strstr(line, "\"user\""));
    assert_null(strstr(line, "\"none\""));
}

static void what_is_below_the_level_is_not_written(void **state)
{
    log_init("edge", LOG_WARN, LOG_FORMAT_JSON);
    assert_false(log_enabled(LOG_INFO));
    assert_true(log_enabled(LOG_WARN));
    catch_stderr();
    log_info("not this");
    assert_int_equal(caught(), 0);
    log_set_level(LOG_DEBUG);
    catch_stderr();
    log_debug("but this");
    assert_one_json_line(caught());
}

static void hostile_values_stay_inside_their_string(void **state)
{
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    catch_stderr();
    log_info("x", LOG_TEXT("a", "\"},{\n\r\t\\\x01\x7f\x1b[31m"),
             LOG_BYTES("b", bytes_make("\0\xff\xc3\xe2\x82\xc2\x9b \xc3\xa9", 10)));
    assert_one_json_line(caught());
    assert_member("a", "\"\\\"},{\\n\\u000d\\t\\\\\\u0001\\u007f\\u001b[31m\"");
    /* NUL, four bytes that are not UTF-8, a control; the good character stays. */
    assert_member("b", "\"" BAD BAD BAD BAD BAD BAD " \xc3\xa9\"");
}

static void a_value_that_is_too_long_is_cut_and_marked(void **state)
{
    static char value[20001];
    memset(value, 'a', 20000);
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    catch_stderr();
    log_info("long", LOG_TEXT("value", value), LOG_INT("after", 1));
    assert_one_json_line(caught());
    assert_member("after", "1");
    assert_member("truncated", "true");
    assert_non_null(strstr(line, "aaa\xe2\x80\xa6\""));
}

static void a_line_that_is_too_long_loses_fields_but_stays_json(void **state)
{
    static char value[2001];
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    for (size_t size = 0; size < 2000; size += 13) {
        memset(value, 0, sizeof(value));
        memset(value, size % 2 == 0 ? 'a' : '"', size);
        catch_stderr();
        log_info("long", LOG_TEXT("a", value), LOG_TEXT("b", value), LOG_TEXT("c", value),
                 LOG_TEXT("d", value), LOG_TEXT("e", value), LOG_TEXT("f", value),
                 LOG_TEXT("g", value), LOG_INT("h", 12345678901234));
        assert_one_json_line(caught());
    }
    assert_member("truncated", "true");
}

static void multibyte_characters_are_not_cut_in_half(void **state)
{
    static char value[6001];
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    for (size_t start = 0; start < 3; start++) {
        memset(value, 'x', start);
        for (size_t i = start; i + 3 <= 6000; i += 3) {
            memcpy(value + i, "\xe2\x82\xac", 3);
        }
        catch_stderr();
        log_info("euros", LOG_TEXT("value", value));
        assert_one_json_line(caught());
        assert_null(strstr(line, "\xef\xbf\xbd"));
    }
}

static void on_a_terminal_a_line_is_plain_text(void **state)
{
    log_init("core", LOG_INFO, LOG_FORMAT_TEXT);
    catch_stderr();
    log_error("database lost", LOG_TEXT("host", "db1"), LOG_INT("tries", 3),
              LOG_TEXT("why", "no route\x1b[2J"), LOG_TEXT("empty", NULL));
    assert_true(caught() > 0);
    assert_string_equal(line + 12, " ERROR core: database lost host=db1 tries=3 "
                                   "why=\"no route\\u001b[2J\" empty=\"\"\n");
}

static void a_pipe_gets_json_when_the_format_is_automatic(void **state)
{
    catch_stderr();
    log_init("edge", LOG_INFO, LOG_FORMAT_AUTO);
    log_info("x");
    assert_one_json_line(caught());
}

static void logging_leaves_errno_alone(void **state)
{
    log_init("edge", LOG_INFO, LOG_FORMAT_JSON);
    catch_stderr();
    int saved = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    errno = ENOENT;
    log_info("nowhere to go");
    int after = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(caught(), 0);
    assert_int_equal(after, ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_an_object_with_time_level_process_and_message),
        cmocka_unit_test(uuids_are_text_and_left_out_when_there_is_none),
        cmocka_unit_test(what_is_below_the_level_is_not_written),
        cmocka_unit_test(hostile_values_stay_inside_their_string),
        cmocka_unit_test(a_value_that_is_too_long_is_cut_and_marked),
        cmocka_unit_test(a_line_that_is_too_long_loses_fields_but_stays_json),
        cmocka_unit_test(multibyte_characters_are_not_cut_in_half),
        cmocka_unit_test(on_a_terminal_a_line_is_plain_text),
        cmocka_unit_test(a_pipe_gets_json_when_the_format_is_automatic),
        cmocka_unit_test(logging_leaves_errno_alone),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
