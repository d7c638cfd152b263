/* Checks the scanner against the grammar of RFC 8259, and the slices it finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json_scan.h"

static bool is_valid(struct bytes text)
{
    /* A copy of just this size: reading beyond it is an error that ASan sees. */
    uint8_t *copy = malloc(text.size > 0 ? text.size : 1);
    assert_non_null(copy);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    enum json_type type = JSON_INVALID;
    bool valid = json_valid(bytes_make(copy, text.size), &type);
    assert_int_equal(valid, type != JSON_INVALID);
    free(copy);
    return valid;
}

static void assert_all(const char *const *texts, size_t count, bool expected)
{
    for (size_t i = 0; i < count; i++) {
        if (is_valid(bytes_of_text(texts[i])) != expected) {
            fail_msg("%s should be %s", texts[i], expected ? "valid" : "invalid");
        }
    }
}

#define ASSERT_ALL(expected, ...)                                                        \
    do {                                                                                 \
        static const char *const texts_[] = {__VA_ARGS__};                               \
        assert_all(texts_, sizeof(texts_) / sizeof(texts_[0]), expected);                \
    } while (0)

static void the_grammar_is_accepted(void **state)
{
    ASSERT_ALL(true, "{}", "[]", "\"\"", "0", "true", "false", "null", " \t\r\n[ ] ",
               "[1,2,3]", "[ 1 , [ ] , { } ]", "{\"a\":1}",
               "{ \"a\" : [ { \"b\" : null } ] }", "{\"\":\"\"}", "{\"a\":1,\"a\":2}",
               "[\"a\",-1.5e+10,true]", "\"twelve plain bytes and more of them\"",
               "[[],[[]],{}]");
}

static void what_is_not_quite_json_is_refused(void **state)
{
    ASSERT_ALL(false, "", " ", "[", "]", "{", "}", "[}", "{]", "[1}", "{\"a\":1]", "[1,]",
               "[,1]", "[,]", "[1 2]", "[1,,2]", "{,}", "{\"a\":1,}", "{\"a\"}",
               "{\"a\":}", "{a:1}", "{'a':1}", "{1:1}", "{\"a\" 1}", "{\"a\"::1}",
               "{\"a\":1 \"b\":2}", "{\"a\":1,\"b\"}", "{\"a\":1,2}", "[1:2]",
               "true false", "1 1", "[]]", "{}}", "[]x", "tru", "truex", "True", "NULL",
               "nul", "fals", "[true", "[\"a\"", "// c\n1", "[1]//", "/**/1", "\f1",
               "\v1",
               "\xc2\xa0"
               "1",
               "\xef\xbb\xbf"
               "1",
               "'a'", "undefined", "NaN", "Infinity", "-Infinity", "[-]", ",", ":", "\\");
    assert_false(is_valid(bytes_make("1\0", 2)));
    assert_false(is_valid(bytes_make("[1\0]", 4)));
    assert_false(is_valid(bytes_make(NULL, 0)));
}

static void numbers_follow_the_grammar_exactly(void **state)
{
    ASSERT_ALL(true, "0", "-0", "1", "-1", "10",
               "1234567890123456789012345678901234567890", "0.5", "-0.5", "1.0", "1e5",
               "1E5", "1e+5", "1e-5", "0e0", "1.25E-007", "0E+1", "[0]", "[0 ,1 ]");
    ASSERT_ALL(false, "-", "+1", "01", "-01", "00", ".5", "-.5", "1.", "1.e5", "1e",
               "1e+", "1e-", "1ee5", "1e5.5", "1.2.3", "--1", "0x10", "1f", "1_000", "0-",
               "[01]", "[1.]", "[1e]", "[-]", "1 .5", "- 1", "\xef\xbc\x91");
}

static void strings_allow_what_the_rfc_allows(void **state)
{
    ASSERT_ALL(true, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0001\\u00e9\\u20AC\\uFFFF\"",
               "\"\\ud83d\\ude00\"", "\"\\uD800\\uDC00\"", "\"\\udbff\\udfff\"",
               "\"\x7f\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"'\"", "\"/\"",
               "\"1234567\\n1234567\\n\"", "\"\xc2\x80\"", "\"\xef\xbf\xbf\"");
    ASSERT_ALL(false, "\"", "\"a", "\"\\\"", "\"\\", "\"\\a\"", "\"\\x41\"", "\"\\u\"",
               "\"\\u12\"", "\"\\u123\"", "\"\\u123g\"", "\"\\U0041\"", "\"\\0\"",
               "\"\\'\"", "\"a\nb\"", "\"a\tb\"", "\"\x1f\"", "\"12345678\x01\"",
               "\"1234567\x01\"");
    assert_false(is_valid(bytes_make("\"a\0b\"", 5)));
}

static void nul_and_lone_surrogates_are_refused_even_escaped(void **state)
{
    ASSERT_ALL(false, "\"\\u0000\"", "\"a\\u0000b\"", "{\"\\u0000\":1}", "\"\\ud800\"",
               "\"\\ud83d\"", "\"\\ude00\"", "\"\\ude00\\ud83d\"", "\"\\ud83d\\ud83d\"",
               "\"\\ud83dx\"", "\"\\ud83d\\n\"", "\"\\ud83d\\u0041\"", "\"\\ud83d\\\"",
               "\"\\ud83d\\u\"", "\"\\ud83d\\ude0\"");
}

static void utf8_must_be_well_formed(void **state)
{
    ASSERT_ALL(false, "\"\x80\"", "\"\xbf\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xc3\"",
               "\"\xc3(\"", "\"\xe0\x80\x80\"", "\"\xe0\x9f\xbf\"", "\"\xe2\x82\"",
               "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"", "\"\xf0\x80\x80\x80\"",
               "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"",
               "\"\xff\"", "\"\xfe\"", "\"\xf0\x9f\x98\"", "\"\xf8\x88\x80\x80\x80\"",
               "\"12345678\x80\"",
               "\"1234\x80"
               "5678\"",
               "\"\xc3", "\"\xf0\x9f\x98");
}

/* Each sequence of up to three bytes, against the table 3-7 of the Unicode standard
 * written down another way: by decoding and looking at the number. */
static bool decodes(const uint8_t *at, size_t size)
{
    static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
    for (size_t i = 0; i < size;) {
        uint8_t c = at[i];
        size_t count = c < 0x80   ? 1
                       : c < 0xc0 ? 0
                       : c < 0xe0 ? 2
                       : c < 0xf0 ? 3
                       : c < 0xf8 ? 4
                                  : 0;
        if (count == 0 || count > size - i) {
            return false;
        }
        uint32_t point = count == 1 ? c : c & (0x7fu >> count);
        for (size_t k = 1; k < count; k++) {
            if ((at[i + k] & 0xc0) != 0x80) {
                return false;
            }
            point = point << 6 | (at[i + k] & 0x3f);
        }
        if (point < least[count] || point > 0x10ffff ||
            (point >= 0xd800 && point < 0xe000)) {
            return false;
        }
        i += count;
    }
    return true;
}

static void utf8_valid_agrees_with_decoding(void **state)
{
    uint8_t text[12] = "12345678";
    for (uint32_t i = 0; i < 1 << 24; i += i < 1 << 16 ? 1 : 7) {
        text[8] = (uint8_t)(i >> 8);
        text[9] = (uint8_t)i;
        text[10] = (uint8_t)(i >> 16);
        text[11] = 0x80 | (i & 0x3f);
        for (size_t size = 9; size <= 12; size += 1) {
            if (utf8_valid(bytes_make(text, size)) != decodes(text, size)) {
                fail_msg("%06x %zu", i, size);
            }
        }
    }
    assert_true(utf8_valid(bytes_make(NULL, 0)));
    assert_false(utf8_valid(bytes_make("a\0b", 3)));
    assert_false(utf8_valid(bytes_make("abcdefgh\0", 9)));
    assert_false(utf8_valid(bytes_make("abcdefg\0", 8)));
}

static void each_byte_in_each_place_of_a_string_is_judged_alike(void **state)
{
    /* The eight-bytes-at-once path and the table must agree. */
    for (int c = 0; c < 256; c++) {
        bool expected = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
        for (size_t size = 1; size < 20; size++) {
            for (size_t place = 1; place <= size; place++) {
                uint8_t text[24];
                memset(text, 'x', sizeof(text));
                text[0] = text[size + 1] = '"';
                text[place] = (uint8_t)c;
                if (is_valid(bytes_make(text, size + 2)) != expected) {
                    fail_msg("byte %02x at %zu of %zu", c, place, size);
                }
            }
        }
    }
}

static void depth_ends_at_its_limit(void **state)
{
    char text[200];
    for (int depth = 1; depth < 40; depth++) {
        size_t size = 0;
        for (int i = 0; i < depth; i++) {
            size += (size_t)sprintf(text + size, i % 2 == 0 ? "[" : "{\"a\":");
        }
        size += (size_t)sprintf(text + size, "1");
        for (int i = depth - 1; i >= 0; i--) {
            text[size++] = i % 2 == 0 ? ']' : '}';
        }
        assert_int_equal(is_valid(bytes_make(text, size)), depth <= JSON_DEPTH_MAX);
    }
}

static void a_value_is_sliced_without_the_space_around_it(void **state)
{
    struct bytes text = BYTES_LITERAL("  [1, 2] ,\"a b\" , -5e2x");
    struct bytes value;
    size_t at = 0;
    assert_int_equal(json_scan_value(text, &at, &value), JSON_ARRAY_TYPE);
    assert_true(bytes_equal_text(value, "[1, 2]"));
    assert_int_equal(at, 8);
    at = 10;
    assert_int_equal(json_scan_value(text, &at, &value), JSON_STRING_TYPE);
    assert_true(bytes_equal_text(value, "\"a b\""));
    at = 17;
    assert_int_equal(json_scan_value(text, &at, &value), JSON_NUMBER_TYPE);
    assert_true(bytes_equal_text(value, "-5e2"));
}

static void types_are_told(void **state)
{
    static const struct {
        const char *text;
        enum json_type type;
    } rows[] = {{"{}", JSON_OBJECT_TYPE},   {"[]", JSON_ARRAY_TYPE},
                {"\"\"", JSON_STRING_TYPE}, {"-1", JSON_NUMBER_TYPE},
                {"true", JSON_BOOL_TYPE},   {"false", JSON_BOOL_TYPE},
                {"null", JSON_NULL_TYPE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum json_type type;
        assert_true(json_valid(bytes_of_text(rows[i].text), &type));
        assert_int_equal(type, rows[i].type);
        assert_true(json_valid(bytes_of_text(rows[i].text), NULL));
    }
}

static void a_failure_says_where_and_leaves_the_slice_alone(void **state)
{
    struct bytes text = BYTES_LITERAL("[1, 2, x]");
    struct bytes value = BYTES_LITERAL("before");
    size_t at = 0;
    assert_int_equal(json_scan_value(text, &at, &value), JSON_INVALID);
    assert_int_equal(at, 7);
    assert_true(bytes_equal_text(value, "before"));
    at = 99;
    assert_int_equal(json_scan_value(text, &at, &value), JSON_INVALID);
}

static void members_are_found_by_their_key(void **state)
{
    struct bytes object = BYTES_LITERAL(
        "{ \"a\" : 1 , "
        "\"b\":{\"a\":2,\"c\":3},\"a\":4,\"\":5,\"\\u0064\":6,\"x\\\\\":7}");
    struct bytes value;
    assert_true(json_member(object, "a", &value));
    assert_true(bytes_equal_text(value, "1"));
    assert_true(json_member(object, "b", &value));
    assert_true(bytes_equal_text(value, "{\"a\":2,\"c\":3}"));
    assert_true(json_member(object, "", &value));
    assert_true(bytes_equal_text(value, "5"));
    value = BYTES_LITERAL("before");
    assert_false(json_member(object, "c", &value));
    assert_false(json_member(object, "d", &value)); /* its key has an escape */
    assert_false(json_member(object, "x\\\\", &value));
    assert_true(bytes_equal_text(value, "before"));
    assert_false(json_member(BYTES_LITERAL("{}"), "a", &value));
    assert_false(json_member(BYTES_LITERAL("[1]"), "", &value));
    assert_false(json_member(BYTES_LITERAL("\"a\""), "a", &value));
    assert_false(json_member(bytes_make(NULL, 0), "a", &value));
}

static void walking_gives_members_and_items_in_order(void **state)
{
    struct bytes object = BYTES_LITERAL("{\"a\":1 , \"b\" : [2,3]}");
    struct bytes key, value;
    size_t at = 0;
    assert_true(json_next(object, &at, &key, &value));
    assert_true(bytes_equal_text(key, "a") && bytes_equal_text(value, "1"));
    assert_true(json_next(object, &at, NULL, &value));
    assert_true(bytes_equal_text(value, "[2,3]"));
    assert_false(json_next(object, &at, &key, &value));
    assert_false(json_next(object, &at, &key, &value));

    struct bytes array = BYTES_LITERAL(" [ \"x\" , {} ,3]");
    at = 0;
    assert_true(json_next(array, &at, &key, &value));
    assert_true(key.size == 0 && bytes_equal_text(value, "\"x\""));
    assert_true(json_next(array, &at, &key, &value));
    assert_true(bytes_equal_text(value, "{}"));
    assert_true(json_next(array, &at, &key, &value));
    assert_true(bytes_equal_text(value, "3"));
    assert_false(json_next(array, &at, &key, &value));
}

static void nothing_is_in_what_is_empty_or_no_container(void **state)
{
    static const char *const texts[] = {"{}", "[ ]", "1",      "\"[1]\"",
                                        "",   "[",   "{\"a\"", "{1}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct bytes value;
        size_t at = 0;
        assert_false(json_next(bytes_of_text(texts[i]), &at, NULL, &value));
    }
}

static void assert_unescapes(const char *string, const char *expected)
{
    char out[64];
    int size = json_unescape(bytes_of_text(string), out, sizeof(out));
    assert_int_equal(size, strlen(expected));
    assert_string_equal(out, expected);
    /* Exactly enough room will do, one byte less will not. */
    assert_int_equal(json_unescape(bytes_of_text(string), out, strlen(expected) + 1),
                     size);
    assert_int_equal(json_unescape(bytes_of_text(string), out, strlen(expected)), -1);
}

static void strings_are_unescaped(void **state)
{
    assert_unescapes("\"\"", "");
    assert_unescapes("\"plain\"", "plain");
    assert_unescapes("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\b\f\n\r\tz");
    assert_unescapes("\"\\u0041\\u00e9\\u20ac\\uD83D\\uDE00\"",
                     "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_unescapes("\"\xc3\xa9\\n\"", "\xc3\xa9\n");
    char out[4];
    assert_int_equal(json_unescape(BYTES_LITERAL("\""), out, sizeof(out)), -1);
    assert_int_equal(json_unescape(BYTES_LITERAL("\"\""), out, 0), -1);
}

/* What the fuzzer starts from, with the verdict in the name of each file. */
static void the_fuzzers_corpus_is_judged_as_its_names_say(void **state)
{
    static char data[1 << 16];
    const char *folder_path = TESTS_DIR "/fuzz/corpus/json_scan";
    DIR *folder = opendir(folder_path);
    assert_non_null(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        bool valid = strncmp(entry->d_name, "valid_", 6) == 0;
        if (!valid && strncmp(entry->d_name, "invalid_", 8) != 0) {
            continue; /* found by the fuzzer */
        }
        char path[600];
        snprintf(path, sizeof(path), "%s/%s", folder_path, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        size_t size = fread(data, 1, sizeof(data), file);
        fclose(file);
        if (is_valid(bytes_make(data, size)) != valid) {
            fail_msg("%s", entry->d_name);
        }
        count++;
    }
    closedir(folder);
    assert_true(count > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_grammar_is_accepted),
        cmocka_unit_test(what_is_not_quite_json_is_refused),
        cmocka_unit_test(numbers_follow_the_grammar_exactly),
        cmocka_unit_test(strings_allow_what_the_rfc_allows),
        cmocka_unit_test(nul_and_lone_surrogates_are_refused_even_escaped),
        cmocka_unit_test(utf8_must_be_well_formed),
        cmocka_unit_test(utf8_valid_agrees_with_decoding),
        cmocka_unit_test(each_byte_in_each_place_of_a_string_is_judged_alike),
        cmocka_unit_test(depth_ends_at_its_limit),
        cmocka_unit_test(a_value_is_sliced_without_the_space_around_it),
        cmocka_unit_test(types_are_told),
        cmocka_unit_test(a_failure_says_where_and_leaves_the_slice_alone),
        cmocka_unit_test(members_are_found_by_their_key),
        cmocka_unit_test(walking_gives_members_and_items_in_order),
        cmocka_unit_test(nothing_is_in_what_is_empty_or_no_container),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(the_fuzzers_corpus_is_judged_as_its_names_say),
    };
    return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
