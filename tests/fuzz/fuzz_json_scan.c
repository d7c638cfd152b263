/* Target functions: json_valid, json_scan_value, json_next, json_member, json_unescape,
 * utf8_valid. No input crashes them, and on validity they agree with jansson. */
#include <jansson.h>
#include <stdlib.h>

#include "base/json_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool lies_within(struct bytes part, struct bytes whole)
{
    return part.data >= whole.data && part.data + part.size <= whole.data + whole.size;
}

/* True if JSON that is otherwise valid is nested more deeply than json_scan takes: all
 * that we refuse and jansson does not. */
static bool is_too_deep(struct bytes text)
{
    int depth = 0, most = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        in_string ^= c == '"';
        i += in_string && c == '\\';
        depth += !in_string && (c == '[' || c == '{');
        depth -= !in_string && (c == ']' || c == '}');
        most = depth > most ? depth : most;
    }
    return most > JSON_DEPTH_MAX;
}

static void compare_with_jansson(struct bytes text, bool valid)
{
    if (text.size > 0 && memchr(text.data, 0, text.size) != NULL) {
        require(!valid);
        return; /* jansson overlooks a NUL behind a number: `0\0` */
    }
    json_error_t error;
    json_t *value =
        json_loadb((const char *)text.data, text.size, JSON_DECODE_ANY, &error);
    if (value == NULL && valid) {
        /* Jansson reads numbers into machine types, we only check their form. */
        require(json_error_code(&error) == json_error_numeric_overflow);
    }
    if (value != NULL && !valid) {
        require(is_too_deep(text));
    }
    json_decref(value);
}

/* Each slice lies in the text and is a value itself. */
static void walk(struct bytes container, bool valid)
{
    struct bytes key, value;
    size_t at = 0;
    while (json_next(container, &at, &key, &value)) {
        require(lies_within(value, container));
        require(json_valid(value, NULL));
        require(key.size == 0 || lies_within(key, container));
        if (valid) {
            walk(value, valid); /* no deeper than JSON_DEPTH_MAX */
        }
    }
}

static void unescape(struct bytes string, bool valid)
{
    char out[256];
    int size = json_unescape(string, out, sizeof(out));
    require(size < (int)sizeof(out));
    if (size >= 0) {
        require(out[size] == 0);
    }
    if (valid && string.size <= sizeof(out)) {
        require(size >= 0); /* unescaping never makes longer */
        require(utf8_valid(bytes_make(out, (size_t)size)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_make(data, size);
    struct bytes value;
    enum json_type type = JSON_INVALID;
    bool valid = json_valid(text, &type);
    require(!valid || utf8_valid(text));
    compare_with_jansson(text, valid);

    size_t at = 0;
    if (json_scan_value(text, &at, &value) != JSON_INVALID) {
        require(lies_within(value, text) && at <= size);
        require(json_valid(value, NULL));
    }
    require(at <= size);
    walk(text, valid);
    json_member(text, "roomId", &value);
    unescape(text, valid && type == JSON_STRING_TYPE && text.data[0] == '"' &&
                       text.data[size - 1] == '"');
    return 0;
}
