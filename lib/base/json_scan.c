/* Checks and slices the payloads of clients on their way through, at the speed of the
 * network and without trusting a byte of them. */
#include "base/json_scan.h"

#include "base/utf8.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGH UINT64_C(0x8080808080808080)

struct scan {
    const uint8_t *data;
    size_t size;
    size_t at;
    unsigned depth;
    uint32_t objects; /* a bit for each open container, the innermost lowest: 1 object */
};

_Static_assert(JSON_DEPTH_MAX <= 32, "one bit for each level");

/* What may come next. The first key or item may also be the end of its container. */
enum want { WANT_VALUE, WANT_FIRST_ITEM, WANT_FIRST_KEY, WANT_KEY, WANT_COMMA };

/* Bytes that stand for themselves in a string: ASCII without controls, '"' and '\'. */
static const bool plain[256] = {
    [0x20 ... 0x21] = true,
    [0x23 ... 0x5b] = true,
    [0x5d ... 0x7f] = true,
};

static inline bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The byte at the place, 0 (which fits nowhere in JSON) at the end. */
static inline uint8_t byte_at(const struct scan *scan)
{
    return scan->at < scan->size ? scan->data[scan->at] : 0;
}

static inline void skip_space(struct scan *scan)
{
    for (; scan->at < scan->size; scan->at++) {
        uint8_t c = scan->data[scan->at];
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
            return;
        }
    }
}

/* Not zero if one of the eight bytes is `byte`. */
static inline uint64_t has_byte(uint64_t word, uint8_t byte)
{
    uint64_t zero_where_equal = word ^ (ONES * byte);
    return (zero_where_equal - ONES) & ~zero_where_equal & HIGH;
}

/* Eight bytes at a time where a string is plain, which most are. */
static inline void skip_plain(struct scan *scan)
{
    uint64_t word;
    while (scan->size - scan->at >= sizeof(word)) {
        memcpy(&word, scan->data + scan->at, sizeof(word));
        if (word_has_less(word, 0x20) | has_byte(word, '"') | has_byte(word, '\\')) {
            break;
        }
        scan->at += sizeof(word);
    }
    while (scan->at < scan->size && plain[scan->data[scan->at]]) {
        scan->at++;
    }
}

static int hex_value(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The number of four hex digits, -1 if they are not. Moves behind them. */
static int32_t scan_hex(struct scan *scan)
{
    int32_t number = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(byte_at(scan));
        if (digit < 0) {
            return -1;
        }
        number = number << 4 | digit;
        scan->at++;
    }
    return number;
}

/* The code point of an escape, at its backslash; -1 if it is none that we take: half a
 * surrogate pair is no character, and NUL ends strings in too many other places. */
static int32_t scan_escape(struct scan *scan)
{
    static const uint8_t meanings[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    scan->at++;
    uint8_t letter = byte_at(scan);
    if (letter != 'u') {
        scan->at += meanings[letter] != 0;
        return meanings[letter] != 0 ? meanings[letter] : -1;
    }
    scan->at++;
    int32_t high = scan_hex(scan);
    if (high <= 0 || (high >= 0xdc00 && high <= 0xdfff)) {
        return -1;
    }
    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }
    if (byte_at(scan) != '\\') {
        return -1;
    }
    scan->at++;
    if (byte_at(scan) != 'u') {
        return -1;
    }
    scan->at++;
    int32_t low = scan_hex(scan);
    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }
    return 0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00));
}

/* A run of characters above ASCII: in most languages one seldom comes alone. */
static bool skip_characters(struct scan *scan)
{
    do {
        size_t size = utf8_size(scan->data + scan->at, scan->size - scan->at);
        if (size == 0) {
            return false;
        }
        scan->at += size;
    } while (scan->at < scan->size && scan->data[scan->at] >= 0x80);
    return true;
}

/* At the opening quote. */
static bool scan_string(struct scan *scan)
{
    scan->at++;
    for (;;) {
        skip_plain(scan);
        if (scan->at == scan->size) {
            return false;
        }
        uint8_t c = scan->data[scan->at];
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c == '\\') {
            if (scan_escape(scan) < 0) {
                return false;
            }
        } else if (c < 0x80) {
            return false; /* a control character */
        } else if (!skip_characters(scan)) {
            return false;
        }
    }
}

/* One digit or more. */
static bool scan_digits(struct scan *scan)
{
    size_t start = scan->at;
    while (is_digit(byte_at(scan))) {
        scan->at++;
    }
    return scan->at > start;
}

/* RFC 8259 section 6: [ minus ] int [ frac ] [ exp ], no leading zeros. */
static bool scan_number(struct scan *scan)
{
    scan->at += byte_at(scan) == '-';
    if (byte_at(scan) == '0') {
        scan->at++;
        if (is_digit(byte_at(scan))) {
            return false;
        }
    } else if (!scan_digits(scan)) {
        return false;
    }
    if (byte_at(scan) == '.') {
        scan->at++;
        if (!scan_digits(scan)) {
            return false;
        }
    }
    if ((byte_at(scan) | 0x20) == 'e') {
        scan->at++;
        scan->at += byte_at(scan) == '+' || byte_at(scan) == '-';
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(struct scan *scan, const char *word, size_t size)
{
    if (scan->size - scan->at < size || memcmp(scan->data + scan->at, word, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

static enum json_type type_of(uint8_t c)
{
    switch (c) {
    case '{':
        return JSON_OBJECT_TYPE;
    case '[':
        return JSON_ARRAY_TYPE;
    case '"':
        return JSON_STRING_TYPE;
    case 't':
    case 'f':
        return JSON_BOOL_TYPE;
    case 'n':
        return JSON_NULL_TYPE;
    default:
        return c == '-' || is_digit(c) ? JSON_NUMBER_TYPE : JSON_INVALID;
    }
}

static bool scan_scalar(struct scan *scan)
{
    switch (byte_at(scan)) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true", 4);
    case 'f':
        return scan_word(scan, "false", 5);
    case 'n':
        return scan_word(scan, "null", 4);
    default:
        return scan_number(scan);
    }
}

static bool scan_open(struct scan *scan, uint8_t c)
{
    if (scan->depth == JSON_DEPTH_MAX) {
        return false;
    }
    scan->depth++;
    scan->objects = scan->objects << 1 | (c == '{');
    scan->at++;
    return true;
}

static bool scan_close(struct scan *scan, uint8_t c)
{
    if (c != ((scan->objects & 1) != 0 ? '}' : ']')) {
        return false;
    }
    scan->depth--;
    scan->objects >>= 1;
    scan->at++;
    return true;
}

/* A key and its colon. */
static bool scan_key(struct scan *scan)
{
    if (byte_at(scan) != '"' || !scan_string(scan)) {
        return false;
    }
    skip_space(scan);
    if (byte_at(scan) != ':') {
        return false;
    }
    scan->at++;
    return true;
}

/* One value, iteratively: a client chooses the depth, not our stack. */
static bool scan_value(struct scan *scan)
{
    enum want want = WANT_VALUE;
    do {
        skip_space(scan);
        uint8_t c = byte_at(scan);
        bool closes = c == '}' || c == ']';
        if (closes && want != WANT_VALUE && want != WANT_KEY) {
            if (!scan_close(scan, c)) {
                return false;
            }
            want = WANT_COMMA;
        } else if (want == WANT_COMMA) {
            if (c != ',') {
                return false;
            }
            scan->at++;
            want = (scan->objects & 1) != 0 ? WANT_KEY : WANT_VALUE;
        } else if (want == WANT_KEY || want == WANT_FIRST_KEY) {
            if (!scan_key(scan)) {
                return false;
            }
            want = WANT_VALUE;
        } else if (c == '{' || c == '[') {
            if (!scan_open(scan, c)) {
                return false;
            }
            want = c == '{' ? WANT_FIRST_KEY : WANT_FIRST_ITEM;
        } else {
            if (!scan_scalar(scan)) {
                return false;
            }
            want = WANT_COMMA;
        }
    } while (scan->depth > 0);
    return true;
}

static struct scan scan_from(struct bytes text, size_t at)
{
    return (struct scan){
        .data = text.data, .size = text.size, .at = at < text.size ? at : text.size};
}

enum json_type json_scan_value(struct bytes text, size_t *at, struct bytes *ret_value)
{
    struct scan scan = scan_from(text, *at);
    skip_space(&scan);
    size_t start = scan.at;
    enum json_type type = type_of(byte_at(&scan));
    bool valid = type != JSON_INVALID && scan_value(&scan);
    *at = scan.at;
    if (!valid) {
        return JSON_INVALID;
    }
    *ret_value = bytes_make(text.data + start, scan.at - start);
    return type;
}

bool json_valid(struct bytes text, enum json_type *ret_type)
{
    size_t at = 0;
    struct bytes value;
    enum json_type type = json_scan_value(text, &at, &value);
    struct scan rest = scan_from(text, at);
    skip_space(&rest);
    if (type == JSON_INVALID || rest.at < rest.size) {
        return false;
    }
    if (ret_type != NULL) {
        *ret_type = type;
    }
    return true;
}

bool json_next(struct bytes container, size_t *at, struct bytes *ret_key,
               struct bytes *ret_value)
{
    struct scan scan = scan_from(container, 0);
    skip_space(&scan);
    enum json_type type = type_of(byte_at(&scan));
    if (type != JSON_OBJECT_TYPE && type != JSON_ARRAY_TYPE) {
        return false;
    }
    bool first = *at == 0;
    scan.at = first ? scan.at + 1 : *at;
    skip_space(&scan);
    if (!first) {
        if (byte_at(&scan) != ',') {
            return false; /* the closing bracket */
        }
        scan.at++;
        skip_space(&scan);
    }

    struct bytes key = {0};
    if (type == JSON_OBJECT_TYPE) {
        size_t start = scan.at + 1;
        if (byte_at(&scan) != '"' || !scan_string(&scan)) {
            return false;
        }
        key = bytes_make(container.data + start, scan.at - 1 - start);
        skip_space(&scan);
        if (byte_at(&scan) != ':') {
            return false;
        }
        scan.at++;
    }
    struct bytes value;
    size_t place = scan.at;
    if (json_scan_value(container, &place, &value) == JSON_INVALID) {
        return false; /* an empty array comes here too */
    }
    *at = place;
    *ret_value = value;
    if (ret_key != NULL) {
        *ret_key = key;
    }
    return true;
}

bool json_member(struct bytes object, const char *key, struct bytes *ret_value)
{
    struct bytes wanted = bytes_of_text(key);
    struct bytes name, value;
    size_t at = 0;
    while (json_next(object, &at, &name, &value)) {
        /* An item of an array has no name, not even the empty one. */
        if (name.data != NULL && bytes_equal(name, wanted) &&
            (name.size == 0 || memchr(name.data, '\\', name.size) == NULL)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static size_t encode_utf8(int32_t point, char out[4])
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(leads[size] | point);
    return size;
}

int json_unescape(struct bytes string, char *out, size_t out_size)
{
    size_t used = 0;
    if (string.size < 2 || out_size == 0) {
        return -1;
    }
    struct scan scan = scan_from(bytes_make(string.data + 1, string.size - 2), 0);
    while (scan.at < scan.size) {
        size_t start = scan.at;
        const void *backslash = memchr(scan.data + start, '\\', scan.size - start);
        size_t end = backslash != NULL ? (size_t)((const uint8_t *)backslash - scan.data)
                                       : scan.size;
        if (end - start >= out_size - used) {
            return -1;
        }
        memcpy(out + used, scan.data + start, end - start);
        used += end - start;
        scan.at = end;
        if (backslash != NULL) {
            char character[4];
            int32_t point = scan_escape(&scan);
            size_t size = point >= 0 ? encode_utf8(point, character) : 0;
            if (size == 0 || size >= out_size - used) {
                return -1;
            }
            memcpy(out + used, character, size);
            used += size;
        }
    }
    out[used] = 0;
    return (int)used;
}
