/* Checks where settings come from, what is refused, and what is said about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/config.h"

/* ---- fixture: a table with each type, and an environment without it ---- */

enum mode { MODE_FAST, MODE_SAFE, MODE_OFF };

struct settings {
    const char *name;
    const char *key;
    int64_t port;
    bool quiet;
    int64_t wait_ms;
    int64_t size_bytes;
    int mode;
    const char *origin;
};

/* clang-format off */
static const struct option_def options[] = {
    {"BELFRY_NAME",     NULL,          OPTION_TEXT,     offsetof(struct settings, name),       "anna",  0, 0, NULL,            "What it is called."},
    {"BELFRY_LINK_KEY", NULL,          OPTION_SECRET,   offsetof(struct settings, key),        NULL,    0, 0, NULL,            "The key that edge and core share."},
    {"BELFRY_PORT",     NULL,          OPTION_INT,      offsetof(struct settings, port),       "8080",  1, 65535, NULL,        "Where to listen."},
    {"BELFRY_QUIET",    NULL,          OPTION_BOOL,     offsetof(struct settings, quiet),      "off",   0, 0, NULL,            "Say nothing."},
    {"BELFRY_WAIT",     NULL,          OPTION_DURATION, offsetof(struct settings, wait_ms),    "2s",    10, 604800000, NULL,   "How long to wait before it is tried again, in a sentence that is so long that it cannot stand in one line of the help text."},
    {"BELFRY_SIZE",     NULL,          OPTION_SIZE,     offsetof(struct settings, size_bytes), "64KB",  512, 0, NULL,          "How much to take."},
    {"BELFRY_MODE",     NULL,          OPTION_CHOICE,   offsetof(struct settings, mode),       "safe",  0, 0, "fast|safe|off", "How to work."},
    {"BELFRY_ORIGINS",  "CORS_ORIGIN", OPTION_TEXT,     offsetof(struct settings, origin),     "",      0, 0, NULL,            "Who may connect."},
};
/* clang-format on */

#define COUNT (sizeof(options) / sizeof(options[0]))

static struct settings settings;
static struct buf text;
static char path[] = "/tmp/belfry-test-config-XXXXXX";

static int setup(void **state)
{
    for (size_t i = 0; i < COUNT; i++) {
        char file[64];
        unsetenv(options[i].name);
        snprintf(file, sizeof(file), "%s_FILE", options[i].name);
        unsetenv(file);
    }
    unsetenv("CORS_ORIGIN");
    unsetenv("CORS_ORIGIN_FILE");
    memset(&settings, 0, sizeof(settings));
    buf_init(&text, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    buf_finish(&text);
    return 0;
}

/* Loads with up to four arguments. */
static enum config_result load(const char *a, const char *b, const char *c, const char *d)
{
    const char *arguments[] = {"belfry-test", a, b, c, d, NULL};
    char *argv[6];
    int argc = 0;
    for (; arguments[argc] != NULL; argc++) {
        argv[argc] = (char *)(uintptr_t)arguments[argc];
    }
    argv[argc] = NULL;
    buf_clear(&text);
    return config_load(options, COUNT, "belfry-test", "Tests things.", argc, argv,
                       &settings, &text);
}

static void assert_bad(enum config_result result, const char *expected)
{
    assert_int_equal(result, CONFIG_BAD);
    assert_string_equal((const char *)text.data, expected);
}

static void assert_runs(enum config_result result)
{
    if (result != CONFIG_RUN) {
        fail_msg("%s", text.data != NULL ? (const char *)text.data : "no text");
    }
    assert_int_equal(text.size, 0);
}

static void write_file(const void *data, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

/* ---- tests ---- */

static void defaults_hold_where_nothing_is_given(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    assert_runs(load(NULL, NULL, NULL, NULL));
    assert_string_equal(settings.name, "anna");
    assert_string_equal(settings.key, "k");
    assert_int_equal(settings.port, 8080);
    assert_false(settings.quiet);
    assert_int_equal(settings.wait_ms, 2000);
    assert_int_equal(settings.size_bytes, 65536);
    assert_int_equal(settings.mode, MODE_SAFE);
    assert_string_equal(settings.origin, "");
}

static void a_flag_wins_over_the_environment_in_either_form(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    setenv("BELFRY_PORT", "not read", 1);
    assert_runs(load("--port", "1", "--name=bob=bert", "--mode=off"));
    assert_int_equal(settings.port, 1);
    assert_string_equal(settings.name, "bob=bert");
    assert_int_equal(settings.mode, MODE_OFF);
    assert_runs(load("--port=65535", "--link-key", "-x", NULL));
    assert_int_equal(settings.port, 65535);
    assert_string_equal(settings.key, "-x");
}

static void a_bool_flag_alone_means_on(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    assert_runs(load("--quiet", NULL, NULL, NULL));
    assert_true(settings.quiet);
    assert_runs(load("--quiet", "--port", "5", NULL));
    assert_true(settings.quiet);
    assert_int_equal(settings.port, 5);
    assert_runs(load("--quiet", "off", NULL, NULL));
    assert_false(settings.quiet);
    assert_runs(load("--quiet=true", NULL, NULL, NULL));
    assert_true(settings.quiet);
    setenv("BELFRY_QUIET", "1", 1);
    assert_runs(load("--quiet=0", NULL, NULL, NULL));
    assert_false(settings.quiet);
}

static void units_are_understood(void **state)
{
    static const struct {
        const char *wait, *size;
        int64_t wait_ms, size_bytes;
    } rows[] = {
        {"250ms", "512", 250, 512},     {"2s", "1kb", 2000, 1024},
        {"5m", "1MB", 300000, 1048576}, {"1h", "2GiB", 3600000, 2147483648},
        {"7d", "600B", 604800000, 600},
    };
    setenv("BELFRY_LINK_KEY", "k", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_runs(load("--wait", rows[i].wait, "--size", rows[i].size));
        assert_int_equal(settings.wait_ms, rows[i].wait_ms);
        assert_int_equal(settings.size_bytes, rows[i].size_bytes);
    }
}

static void bad_numbers_are_refused(void **state)
{
    static const char *const waits[] = {"",
                                        "5",
                                        "s",
                                        "1.5s",
                                        "-1s",
                                        " 1s",
                                        "1s ",
                                        "1x",
                                        "+1s",
                                        "0x10s",
                                        "99999999999999999999s",
                                        "9223372036854775807d"};
    static const char *const ports[] = {
        "", "0", "65536", "80a", "-1", "9223372036854775808", "8080 ", "1e3"};
    setenv("BELFRY_LINK_KEY", "k", 1);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        assert_int_equal(load("--wait", waits[i], NULL, NULL), CONFIG_BAD);
        assert_non_null(strstr((char *)text.data, "BELFRY_WAIT (--wait) must be "));
    }
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        assert_int_equal(load("--port", ports[i], NULL, NULL), CONFIG_BAD);
    }
}

static void numbers_go_to_the_very_end_of_their_type(void **state)
{
    static const struct option_def wide = {
        .name = "BELFRY_N", .type = OPTION_INT, .otherwise = "-9223372036854775808"};
    char *argv[] = {(char[]){"x"}, (char[]){"--n=9223372036854775807"}, NULL};
    int64_t number = 0;
    assert_int_equal(config_load(&wide, 1, "x", "", 1, argv, &number, &text), CONFIG_RUN);
    assert_true(number == INT64_MIN);
    assert_int_equal(config_load(&wide, 1, "x", "", 2, argv, &number, &text), CONFIG_RUN);
    assert_true(number == INT64_MAX);
}

static void everything_that_is_wrong_is_said_at_once(void **state)
{
    setenv("BELFRY_PORT", "70000", 1);
    setenv("BELFRY_WAIT", "soon", 1);
    setenv("BELFRY_SIZE", "1KB\nX", 1);
    setenv("BELFRY_QUIET", "perhaps", 1);
    assert_bad(load("--mode=slow", "--nonsense=1", "stray", NULL),
               "unknown flag --nonsense (--help lists all)\n"
               "unexpected argument stray\n"
               "BELFRY_LINK_KEY must be set: The key that edge and core share.\n"
               "BELFRY_PORT must be from 1 to 65535, not 70000\n"
               "BELFRY_QUIET must be on or off, not \"perhaps\"\n"
               "BELFRY_WAIT must be a duration such as 250ms, 2s, 5m, 1h or 7d, not "
               "\"soon\"\n"
               "BELFRY_SIZE must be a size such as 512, 64KB or 1MB, not \"1KB\\nX\"\n"
               "BELFRY_MODE (--mode) must be one of fast|safe|off, not \"slow\"\n");
}

static void ranges_are_told_in_their_own_unit(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    assert_bad(load("--wait", "8d", "--size", "511"),
               "BELFRY_WAIT (--wait) must be from 10ms to 7d, not 8d\n"
               "BELFRY_SIZE (--size) must be at least 512, not 511\n");
}

static void variables_of_others_are_no_error_but_flags_are(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    setenv("BELFRY_SOMETHING_ELSE", "1", 1);
    assert_runs(load(NULL, NULL, NULL, NULL));
    unsetenv("BELFRY_SOMETHING_ELSE");
    assert_bad(load("--something-else", "value", NULL, NULL),
               "unknown flag --something-else (--help lists all)\n");
    assert_bad(load("--porty=1", NULL, NULL, NULL),
               "unknown flag --porty (--help lists all)\n");
    assert_bad(load("--", NULL, NULL, NULL), "unexpected argument --\n");
    assert_bad(load("--port", NULL, NULL, NULL),
               "BELFRY_PORT (--port): the flag needs a value\n");
}

static void a_file_gives_its_content_less_one_newline(void **state)
{
    static const struct {
        const char *content, *value;
    } rows[] = {{"secret\n", "secret"},
                {"secret", "secret"},
                {"se\ncret\n\n", "se\ncret\n"},
                {"secret\r\n", "secret"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_file(rows[i].content, strlen(rows[i].content));
        setenv("BELFRY_LINK_KEY_FILE", path, 1);
        assert_runs(load(NULL, NULL, NULL, NULL));
        assert_string_equal(settings.key, rows[i].value);
        unsetenv("BELFRY_LINK_KEY_FILE");
        assert_runs(load("--link-key-file", path, NULL, NULL));
        assert_string_equal(settings.key, rows[i].value);
    }
    write_file("1234\n", 5);
    assert_runs(load("--link-key=k", "--port-file", path, NULL));
    assert_int_equal(settings.port, 1234);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    assert_bad(load("--link-key-file=/nowhere/key", NULL, NULL, NULL),
               "BELFRY_LINK_KEY: cannot read /nowhere/key: No such file or directory\n");
    assert_bad(load("--link-key-file=/tmp", NULL, NULL, NULL),
               "BELFRY_LINK_KEY: cannot read /tmp: Is a directory\n");
    static char big[70000];
    memset(big, 'x', sizeof(big));
    write_file(big, sizeof(big));
    assert_int_equal(load("--link-key-file", path, NULL, NULL), CONFIG_BAD);
    assert_non_null(strstr((char *)text.data, "more than 64 KB"));
    write_file("a\0b", 3);
    assert_int_equal(load("--link-key-file", path, NULL, NULL), CONFIG_BAD);
    assert_non_null(strstr((char *)text.data, "it contains a NUL byte"));
    write_file("\n", 1);
    assert_bad(load("--link-key-file", path, NULL, NULL),
               "BELFRY_LINK_KEY must be set: The key that edge and core share.\n");
}

static void a_value_and_its_file_together_are_an_error(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    setenv("BELFRY_LINK_KEY_FILE", path, 1);
    assert_bad(
        load(NULL, NULL, NULL, NULL),
        "BELFRY_LINK_KEY: BELFRY_LINK_KEY and BELFRY_LINK_KEY_FILE are both given, "
        "only one can be\n");
    assert_runs(load("--link-key=flag", NULL, NULL, NULL)); /* which settles it */
    assert_bad(load("--link-key=a", "--link-key-file=b", NULL, NULL),
               "BELFRY_LINK_KEY: --link-key and --link-key-file are both given, only one "
               "can be\n");
}

static void an_alias_is_read_when_the_name_is_not_set(void **state)
{
    setenv("BELFRY_LINK_KEY", "k", 1);
    setenv("CORS_ORIGIN", "https://a.example", 1);
    assert_runs(load(NULL, NULL, NULL, NULL));
    assert_string_equal(settings.origin, "https://a.example");
    setenv("BELFRY_ORIGINS", "https://b.example", 1);
    assert_runs(load(NULL, NULL, NULL, NULL));
    assert_string_equal(settings.origin, "https://b.example");
}

static void an_empty_variable_counts_as_not_set(void **state)
{
    setenv("BELFRY_LINK_KEY", "", 1);
    setenv("BELFRY_PORT", "", 1);
    assert_bad(load(NULL, NULL, NULL, NULL),
               "BELFRY_LINK_KEY must be set: The key that edge and core share.\n");
    assert_bad(load("--link-key=", NULL, NULL, NULL),
               "BELFRY_LINK_KEY must be set: The key that edge and core share.\n");
    assert_runs(load("--link-key=k", "--name=", NULL, NULL));
    assert_string_equal(settings.name, "");
}

static void a_secret_is_never_repeated(void **state)
{
    setenv("BELFRY_LINK_KEY", "hunter2", 1);
    assert_int_equal(load("--port=x", NULL, NULL, NULL), CONFIG_BAD);
    assert_null(strstr((char *)text.data, "hunter2"));
    assert_int_equal(load("--help", NULL, NULL, NULL), CONFIG_HELP);
    assert_null(strstr((char *)text.data, "hunter2"));
}

static void an_option_may_end_in_file_itself(void **state)
{
    static const struct option_def pair[] = {
        {.name = "BELFRY_CERT", .type = OPTION_TEXT, .offset = 0, .otherwise = "none"},
        {.name = "BELFRY_CERT_FILE",
         .type = OPTION_TEXT,
         .offset = sizeof(char *),
         .otherwise = "none"},
    };
    const char *values[2];
    char *argv[] = {(char[]){"x"}, (char[]){"--cert-file=/a"}, NULL};
    assert_int_equal(config_load(pair, 2, "x", "", 2, argv, values, &text), CONFIG_RUN);
    assert_string_equal(values[0], "none");
    assert_string_equal(values[1], "/a");
    setenv("BELFRY_CERT_FILE", "/b", 1);
    assert_int_equal(config_load(pair, 2, "x", "", 1, argv, values, &text), CONFIG_RUN);
    assert_string_equal(values[0], "none");
    assert_string_equal(values[1], "/b");
    unsetenv("BELFRY_CERT_FILE");
}

static void help_lists_every_option_within_100_columns(void **state)
{
    assert_int_equal(load("--port", "x", "--help", NULL), CONFIG_HELP);
    const char *help = (const char *)text.data;
    assert_non_null(strstr(help, "Usage: belfry-test "));
    assert_non_null(strstr(help, "\nTests things.\n"));
    assert_non_null(strstr(help, "\n  --port NUMBER                   Where to listen. "
                                 "From 1 to 65535. Default: 8080.\n"));
    assert_non_null(strstr(help, "\n  --mode fast|safe|off            How to work. "
                                 "Default: safe.\n"));
    assert_non_null(strstr(help, "Also read from CORS_ORIGIN."));
    assert_non_null(strstr(help, "--link-key SECRET               The key that edge and "
                                 "core share. Must be set.\n"));
    assert_non_null(
        strstr(help, "\n                                  so long that it cannot "));
    for (const char *line = help; *line != 0;) {
        size_t size = strcspn(line, "\n");
        assert_true(size <= 100);
        assert_true(size == 0 || line[size - 1] != ' ');
        line += size + 1;
    }
}

static void version_names_program_and_version(void **state)
{
    assert_int_equal(load("--version", NULL, NULL, NULL), CONFIG_HELP);
    assert_string_equal((const char *)text.data, "belfry-test " BELFRY_VERSION "\n");
}

static void markdown_has_a_row_for_each_option(void **state)
{
    config_markdown(options, COUNT, "belfry-test", &text);
    const char *page = (const char *)text.data;
    assert_memory_equal(page, "## belfry-test\n\n| Variable | Flag |", 34);
    assert_non_null(strstr(page,
                           "\n| `BELFRY_MODE` | `--mode` | fast\\|safe\\|off | `safe` "
                           "| How to work. |\n"));
    assert_non_null(strstr(page,
                           "\n| `BELFRY_LINK_KEY` | `--link-key` | SECRET | must be "
                           "set | The key that edge and core share. |\n"));
    assert_non_null(strstr(page, "\n| `BELFRY_ORIGINS` | `--origins` | TEXT |  | Who may "
                                 "connect. Also read from `CORS_ORIGIN`. |\n"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(defaults_hold_where_nothing_is_given),
        TEST(a_flag_wins_over_the_environment_in_either_form),
        TEST(a_bool_flag_alone_means_on),
        TEST(units_are_understood),
        TEST(bad_numbers_are_refused),
        TEST(numbers_go_to_the_very_end_of_their_type),
        TEST(everything_that_is_wrong_is_said_at_once),
        TEST(ranges_are_told_in_their_own_unit),
        TEST(variables_of_others_are_no_error_but_flags_are),
        TEST(a_file_gives_its_content_less_one_newline),
        TEST(a_file_that_cannot_be_read_is_named),
        TEST(a_value_and_its_file_together_are_an_error),
        TEST(an_alias_is_read_when_the_name_is_not_set),
        TEST(an_empty_variable_counts_as_not_set),
        TEST(a_secret_is_never_repeated),
        TEST(an_option_may_end_in_file_itself),
        TEST(help_lists_every_option_within_100_columns),
        TEST(version_names_program_and_version),
        TEST(markdown_has_a_row_for_each_option),
    };
    int file = mkstemp(path);
    if (file < 0) {
        return 1;
    }
    close(file);
    int failed = cmocka_run_group_tests_name("config", tests, NULL, NULL);
    unlink(path);
    return failed;
}
