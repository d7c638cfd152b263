/* A strict, iterative JSON reader that allocates nothing: checks RFC 8259 syntax and
 * UTF-8 (RFC 3629), and finds slices, so that payloads pass through as bytes. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/bytes.h"

#define JSON_DEPTH_MAX 16

enum json_type {
    JSON_INVALID,
    JSON_OBJECT_TYPE,
    JSON_ARRAY_TYPE,
    JSON_STRING_TYPE,
    JSON_NUMBER_TYPE,
    JSON_BOOL_TYPE,
    JSON_NULL_TYPE,
};

/* Reads one value that starts at or after *at (white space is skipped), checks it whole,
 * and moves *at behind it. ret_value gets its slice without surrounding space; a
 * string's slice includes the quotes. JSON_INVALID: syntax, bad UTF-8, \u0000, a lone
 * surrogate, or deeper than JSON_DEPTH_MAX; *at is then where it went wrong. */
enum json_type json_scan_value(struct bytes text, size_t *at, struct bytes *ret_value);

/* True if `text` is exactly one valid value; its type in ret_type (may be NULL). */
bool json_valid(struct bytes text, enum json_type *ret_type);

/* The member `key` of the object `object` (a valid value): its value's slice. False if
 * it is not there. Keys are compared after unescaping only if they have no escapes.
 * With a key that stands twice, the first is given. */
bool json_member(struct bytes object, const char *key, struct bytes *ret_value);

/* Walks the members of a valid object, or the items of a valid array: start with
 * *at = 0; false at the end. ret_key (the slice inside the quotes) may be NULL. */
bool json_next(struct bytes container, size_t *at, struct bytes *ret_key,
               struct bytes *ret_value);

/* Unescapes a valid JSON string (slice with quotes) into `out`, at most `out_size - 1`
 * bytes and a NUL. The length, or -1 when it does not fit. */
int json_unescape(struct bytes string, char *out, size_t out_size);

/* True if the bytes are valid UTF-8 without NUL. */
bool utf8_valid(struct bytes text);

#endif
