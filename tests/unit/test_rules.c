/* Checks the field rules: what a text may be, what a message breaks, and how it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "belfry/options.pb-c.h"
#include "core/rules.h"
#include "events/messages.pb-c.h"
#include "events/presence.pb-c.h"

#define ROOM "018f4e9a-1c2b-7d3e-8f40-112233445566"

static struct arena arena = {.limit_bytes = 1 << 20};
static struct violations violations;

static int begin(void **state)
{
    arena_reset(&arena);
    violations_init(&violations, &arena);
    return 0;
}

static int end(void **state)
{
    arena_finish(&arena);
    return 0;
}

static const struct message_rules *payload_of(const char *event)
{
    return event_find(bytes_of_text(event))->payload;
}

/* "path:rule path:rule" of what was noted */
static const char *noted(void)
{
    static char text[2048];
    text[0] = '\0';
    for (size_t i = 0; i < violations.count; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof(text) - size, "%s%s:%s", i > 0 ? " " : "",
                 violations.items[i].path, violations.items[i].rule);
    }
    return text;
}

static const char *checked(const struct message_rules *rules,
                           const ProtobufCMessage *message)
{
    violations_init(&violations, &arena);
    enum err err = rules_check(rules, message, &violations);
    assert_int_equal(err, violations.count > 0 ? ERR_VALIDATION_ERROR : ERR_OK);
    return noted();
}

static const char *content_breaks(const char *content)
{
    Belfry__SendMessage message = BELFRY__SEND_MESSAGE__INIT;
    message.room_id = (char *)ROOM;
    message.content = (char *)content;
    return checked(payload_of("SEND_MESSAGE"), &message.base);
}

/* `count` times `part` */
static const char *many(const char *part, size_t count)
{
    char *text = arena_alloc(&arena, strlen(part) * count + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * strlen(part), part, strlen(part));
    }
    return text;
}

static void a_text_is_measured_in_code_points(void **state)
{
    assert_string_equal(content_breaks("a"), "");
    assert_string_equal(content_breaks(many("a", 4000)), "");
    assert_string_equal(content_breaks(many("a", 4001)), "content:max_length");
    assert_string_equal(content_breaks(many("\xf0\x9f\x94\x94", 4000)), "");
    assert_string_equal(content_breaks(many("\xf0\x9f\x94\x94", 4001)),
                        "content:max_length");
    assert_string_equal(content_breaks(many("\xc3\xa9", 4000)), "");
}

static void a_text_must_have_something_to_see(void **state)
{
    assert_string_equal(content_breaks(""), "content:min_length");
    const char *const unseen[] = {
        " ",
        " \t\r\n\v\f",
        "\xe2\x80\x8b\xe2\x80\x8b", /* ZERO WIDTH SPACE */
        "\xe2\x80\x8d",             /* ZERO WIDTH JOINER */
        "\xef\xbb\xbf",             /* ZERO WIDTH NO-BREAK SPACE */
        "\xc2\xa0\xe3\x80\x80",     /* NO-BREAK, IDEOGRAPHIC SPACE */
        "\xe2\x80\xae",             /* RIGHT-TO-LEFT OVERRIDE */
        "\xe3\x85\xa4",             /* HANGUL FILLER */
        "\xe2\xa0\x80",             /* BRAILLE PATTERN BLANK */
        "\xcc\x81\xcc\x81",         /* marks on nothing */
        "\xf3\xa0\x81\xa1",         /* TAG LATIN SMALL LETTER A */
        "\x1b",                     /* ESCAPE */
    };
    for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++) {
        assert_string_equal(content_breaks(unseen[i]), "content:visible");
    }
    const char *const seen[] = {
        "\xe2\x80\x8b.",
        "\xe2\x80\xaeolleh",
        "\x1b[31mred",
        "\xd7\x90",
        "e\xcc\x81",
        "'); DELETE FROM msgs;--",
        "%s%n",
        "$1",
        "\\",
        "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xa7",
    };
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        assert_string_equal(content_breaks(seen[i]), "");
    }
}

static void marks_are_not_piled_up(void **state)
{
    char *text = arena_printf(&arena, "e%s", many("\xcc\x81", 16));
    assert_string_equal(content_breaks(text), "");
    text = arena_printf(&arena, "e%s", many("\xcc\x81", 17));
    assert_string_equal(content_breaks(text), "content:format");
    text = arena_printf(&arena, "e%se%s", many("\xcc\x81", 16), many("\xe2\x83\x9d", 16));
    assert_string_equal(content_breaks(text), "");
}

static void the_shape_of_a_text(void **state)
{
    struct text_shape shape = text_shape_of(BYTES_LITERAL("a\xcc\x81\xcc\x82 b"));
    assert_int_equal(shape.length, 5);
    assert_int_equal(shape.mark_run, 2);
    assert_true(shape.visible);
    shape = text_shape_of(bytes_make(NULL, 0));
    assert_int_equal(shape.length, 0);
    assert_false(shape.visible);
}

static void ids_are_uuids(void **state)
{
    Belfry__TypingStart message = BELFRY__TYPING_START__INIT;
    const struct message_rules *rules = payload_of("TYPING_START");
    assert_string_equal(checked(rules, &message.base), "roomId:required");
    const char *const bad[] = {"",
                               "1",
                               "1; DROP TABLE msgs--",
                               "' OR '1'='1",
                               " " ROOM,
                               ROOM " ",
                               "{" ROOM "}",
                               "018f4e9a1c2b7d3e8f40112233445566",
                               "018f4e9a-1c2b-7d3e-8f40-11223344556g"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        message.room_id = (char *)bad[i];
        assert_string_equal(checked(rules, &message.base), "roomId:format");
    }
    message.room_id = (char *)"018F4E9A-1C2B-7D3E-8F40-112233445566";
    assert_string_equal(checked(rules, &message.base), "");
}

static void numbers_have_limits(void **state)
{
    Belfry__GetHistory message = BELFRY__GET_HISTORY__INIT;
    const struct message_rules *rules = payload_of("GET_HISTORY");
    message.room_id = (char *)ROOM;
    assert_int_equal(message.limit, 50);
    assert_string_equal(checked(rules, &message.base), "");
    message.has_limit = true;
    const struct {
        int32_t limit;
        const char *breaks;
    } cases[] = {{1, ""},           {100, ""},          {0, "limit:min"},
                 {-1, "limit:min"}, {101, "limit:max"}, {INT32_MAX, "limit:max"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        message.limit = cases[i].limit;
        assert_string_equal(checked(rules, &message.base), cases[i].breaks);
    }
    message.limit = 1;
    message.has_before = message.has_after = true;
    message.before = 0;
    message.after = INT64_MIN;
    assert_string_equal(checked(rules, &message.base), "before:min after:min");
    message.before = INT64_MAX;
    message.after = (INT64_C(1) << 53) - 1;
    assert_string_equal(checked(rules, &message.base), "before:max");
}

static void lists_have_limits(void **state)
{
    Belfry__GetPresence message = BELFRY__GET_PRESENCE__INIT;
    const struct message_rules *rules = payload_of("GET_PRESENCE");
    assert_string_equal(checked(rules, &message.base), "userIds:required");
    char *ids[101];
    for (size_t i = 0; i < 101; i++) {
        ids[i] = (char *)ROOM;
    }
    message.user_ids = ids;
    message.n_user_ids = 100;
    assert_string_equal(checked(rules, &message.base), "");
    message.n_user_ids = 101;
    assert_string_equal(checked(rules, &message.base), "userIds:max_items");
    message.n_user_ids = 4;
    ids[1] = (char *)"x";
    ids[3] = (char *)"";
    assert_string_equal(checked(rules, &message.base),
                        "userIds[1]:format userIds[3]:format");
}

static void everything_broken_is_told_but_no_more_than_twenty(void **state)
{
    Belfry__SendMessage message = BELFRY__SEND_MESSAGE__INIT;
    message.content = (char *)" ";
    message.reply_to_id = (char *)"1";
    message.client_id = (char *)"";
    assert_string_equal(checked(payload_of("SEND_MESSAGE"), &message.base),
                        "roomId:required content:visible replyToId:format "
                        "clientId:format");

    Belfry__GetPresence many_ids = BELFRY__GET_PRESENCE__INIT;
    char *ids[30];
    for (size_t i = 0; i < 30; i++) {
        ids[i] = (char *)"x";
    }
    many_ids.user_ids = ids;
    many_ids.n_user_ids = 30;
    checked(payload_of("GET_PRESENCE"), &many_ids.base);
    assert_int_equal(violations.count, VIOLATIONS_MAX);
    assert_string_equal(violations.items[19].path, "userIds[19]");
}

static void what_could_not_be_read_is_told_once(void **state)
{
    Belfry__SendMessage message = BELFRY__SEND_MESSAGE__INIT;
    message.content = (char *)"hello";
    struct path path = {.name = BYTES_LITERAL("roomId")};
    violations_add(&violations, &path, "type", "must be a string");
    assert_int_equal(rules_check(payload_of("SEND_MESSAGE"), &message.base, &violations),
                     ERR_VALIDATION_ERROR);
    assert_string_equal(noted(), "roomId:type");
}

/* A message of options.proto with rules of our own: for what no event uses yet. */
static void patterns_urls_and_nested_messages(void **state)
{
    static const struct field_rule right_fields[] = {
        {.json_name = "actions", .min_items = 2},
        {.json_name = "resource"},
        {.json_name = "self"},
        {.json_name = "subscribed", .pattern = "a|bc", .max_length = 3},
        {.json_name = "public"},
    };
    static const struct message_rules right = {&belfry__right__descriptor, right_fields};
    struct field_rule fields[13] = {{.json_name = "name", .format = FORMAT_URL}};
    fields[4] = (struct field_rule){.json_name = "right", .message = &right};
    fields[1].json_name = fields[2].json_name = fields[3].json_name = "x";
    for (size_t i = 5; i < 13; i++) {
        fields[i].json_name = "x";
    }
    const struct message_rules rules = {&belfry__client_event__descriptor, fields};

    Belfry__ClientEvent event = BELFRY__CLIENT_EVENT__INIT;
    Belfry__Right inner = BELFRY__RIGHT__INIT;
    Belfry__Action actions[] = {BELFRY__ACTION__ANNOUNCE};
    event.right = &inner;
    event.name = (char *)"https://belfry.example/x?y#z";
    inner.subscribed = (char *)"bc";
    inner.actions = actions;
    inner.n_actions = 1;
    assert_string_equal(checked(&rules, &event.base), "right.actions:min_items");
    inner.n_actions = 0;
    const struct {
        const char *text, *breaks;
    } cases[] = {{"a", ""},
                 {"abc", "right.subscribed:pattern"}, /* anchored, all of the choice */
                 {"bca", "right.subscribed:pattern"},
                 {"a\n", "right.subscribed:pattern"},
                 {"abcd", "right.subscribed:max_length"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        inner.subscribed = (char *)cases[i].text;
        assert_string_equal(checked(&rules, &event.base), cases[i].breaks);
    }
    inner.subscribed = NULL;
    event.name = (char *)"javascript:alert(1)";
    assert_string_equal(checked(&rules, &event.base), "name:format");
}

static void numbers_are_numbers(void **state)
{
    struct field_rule fields[14];
    for (size_t i = 0; i < 14; i++) {
        fields[i] = (struct field_rule){.json_name = "x"};
    }
    fields[4] = (struct field_rule){
        .json_name = "min", .has_range = true, .min = -1.5, .max = HUGE_VAL};
    const struct message_rules rules = {&belfry__field__descriptor, fields};
    assert_string_equal(belfry__field__descriptor.fields[4].name, "min");
    Belfry__Field message = BELFRY__FIELD__INIT;
    message.has_min = true;
    message.min = -1.5;
    assert_string_equal(checked(&rules, &message.base), "");
    message.min = -1.6;
    assert_string_equal(checked(&rules, &message.base), "min:min");
    message.min = NAN;
    assert_string_equal(checked(&rules, &message.base), "min:type");
    message.min = INFINITY;
    assert_string_equal(checked(&rules, &message.base), "min:type");
}

static void times_are_rfc_3339(void **state)
{
    const char *const good[] = {
        "2026-11-22T20:48:44Z",          "2026-11-22T20:48:44.123Z",
        "2024-02-29T00:00:00z",          "2026-11-22t20:48:44+02:00",
        "2016-12-31T23:59:60Z",          "2000-02-29T00:00:00-00:30",
        "0001-01-01T00:00:00.123456789Z"};
    const char *const bad[] = {"",
                               "2026-11-22",
                               "2026-11-22T20:48Z",
                               "2026-11-22 20:48:44Z",
                               "2026-11-22T20:48:44",
                               "2026-13-22T20:48:44Z",
                               "2026-11-31T20:48:44Z",
                               "2023-02-29T00:00:00Z",
                               "1900-02-29T00:00:00Z",
                               "2026-11-22T24:48:44Z",
                               "2026-11-22T20:60:44Z",
                               "2026-11-22T20:48:44.Z",
                               "2026-11-22T20:48:44ZZ",
                               "26-11-22T20:48:44Z",
                               "2026-11-22T20:48:44+2:00",
                               "2026\r11-22T20:48:44Z",
                               "2026-11-22T20:48:44+",
                               "2026-00-22T20:48:44Z",
                               "2026-11-22T20:48:61Z",
                               "2026-11-22T20:48:44.1234567890Z"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(text_is_timestamp(bytes_of_text(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_is_timestamp(bytes_of_text(bad[i])));
    }
}

static void urls_have_a_host(void **state)
{
    const char *const good[] = {"http://a", "https://example.com:8080/a?b=c#d",
                                "https://[::1]/", "https://\xc3\xbc.example/"};
    const char *const bad[] = {"",           "http://",    "https:///x",  "ftp://a",
                               "//a",        "http:/a",    "https://a b", "https://a\n",
                               "https://\"", "https://?x", "HTTPS//a",    "https://@a"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(text_is_url(bytes_of_text(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(text_is_url(bytes_of_text(bad[i])));
    }
}

static void violations_are_told_as_json(void **state)
{
    struct path list = {.name = BYTES_LITERAL("a\"b")};
    struct path item = {.up = &list, .index = 3};
    struct path member = {.up = &item,
                          .name = BYTES_LITERAL("\xff"
                                                "c")};
    violations_add(&violations, &member, "type", "must be %s", "a \"string\"");
    violations_add(&violations, NULL, "malformed", "is not valid JSON");
    struct buf out;
    buf_init(&out, 4096);
    violations_json(&violations, &out);
    assert_string_equal((const char *)out.data,
                        "[{\"path\":\"a\\\"b[3].?c\",\"rule\":\"type\",\"message\":"
                        "\"must be a \\\"string\\\"\"},{\"path\":\"\",\"rule\":"
                        "\"malformed\",\"message\":\"is not valid JSON\"}]");
    buf_finish(&out);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    struct path path = {.name = bytes_of_text(many("\xf0\x9f\x94\x94", 5000))};
    violations_add(&violations, &path, "unknown_field", "is not a field");
    assert_true(strlen(violations.items[0].path) < 80);
    assert_int_equal(text_shape_of(bytes_of_text(violations.items[0].path)).length, 17);
}

static void a_full_arena_leaves_the_rule(void **state)
{
    struct arena none = {.limit_bytes = 1};
    struct violations told;
    violations_init(&told, &none);
    struct path path = {.name = BYTES_LITERAL("content")};
    violations_add(&told, &path, "required", "is required");
    assert_int_equal(told.count, 1);
    assert_string_equal(told.items[0].path, "");
    assert_string_equal(told.items[0].rule, "required");
    arena_finish(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_text_is_measured_in_code_points, begin),
        cmocka_unit_test_setup(a_text_must_have_something_to_see, begin),
        cmocka_unit_test_setup(marks_are_not_piled_up, begin),
        cmocka_unit_test_setup(the_shape_of_a_text, begin),
        cmocka_unit_test_setup(ids_are_uuids, begin),
        cmocka_unit_test_setup(numbers_have_limits, begin),
        cmocka_unit_test_setup(lists_have_limits, begin),
        cmocka_unit_test_setup(everything_broken_is_told_but_no_more_than_twenty, begin),
        cmocka_unit_test_setup(what_could_not_be_read_is_told_once, begin),
        cmocka_unit_test_setup(patterns_urls_and_nested_messages, begin),
        cmocka_unit_test_setup(numbers_are_numbers, begin),
        cmocka_unit_test_setup(times_are_rfc_3339, begin),
        cmocka_unit_test_setup(urls_have_a_host, begin),
        cmocka_unit_test_setup(violations_are_told_as_json, begin),
        cmocka_unit_test_setup(a_long_name_is_cut_between_characters, begin),
        cmocka_unit_test_setup(a_full_arena_leaves_the_rule, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
