/* Compares an Origin with the list part by part, never as a prefix or suffix of text:
 * that is how app.example.com.evil.com and evilapp.example.com get in elsewhere. */
#include "edge/cors.h"

#include <ctype.h>
#include <stdlib.h>

#define ORIGINS_MAX 64
#define ORIGIN_MAX  262 /* scheme, a name of 253, a port */

struct pattern {
    char text[ORIGIN_MAX]; /* what `scheme` and `rest` point to, in lower case */
    struct bytes scheme;
    struct bytes rest; /* host and port; of a wildcard ".example.com" */
    bool wildcard;
    bool any;
};

struct cors {
    struct pattern patterns[ORIGINS_MAX];
    int count;
    bool own_address;
};

/* "https://host:1" apart; false if it is no Origin. */
static bool split(struct bytes text, struct bytes *ret_scheme, struct bytes *ret_rest)
{
    const uint8_t *colon = memmem(text.data, text.size, "://", 3);
    if (colon == NULL || colon == text.data) {
        return false;
    }
    size_t scheme_size = (size_t)(colon - text.data);
    struct bytes rest = bytes_make(colon + 3, text.size - scheme_size - 3);
    for (size_t i = 0; i < rest.size; i++) {
        uint8_t c = rest.data[i];
        if (!isalnum(c) && c != '.' && c != '-' && c != ':' && c != '[' && c != ']' &&
            c != '_') {
            return false;
        }
    }
    *ret_scheme = bytes_make(text.data, scheme_size);
    *ret_rest = rest;
    return rest.size > 0;
}

/* A copy in lower case: scheme and host are compared without case. */
static bool copy_lower(struct bytes text, char space[ORIGIN_MAX], struct bytes *ret_copy)
{
    if (text.size >= ORIGIN_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        space[i] = (char)tolower(text.data[i]);
    }
    *ret_copy = bytes_make(space, text.size);
    return true;
}

static bool add_pattern(struct cors *cors, struct bytes entry)
{
    struct pattern *pattern = &cors->patterns[cors->count];
    struct bytes text;
    if (cors->count == ORIGINS_MAX || !copy_lower(entry, pattern->text, &text)) {
        return false;
    }
    pattern->any = bytes_equal_text(text, "*");
    const uint8_t *star = memchr(text.data, '*', text.size);
    if (!pattern->any && star != NULL) {
        /* With a scheme, or "*.example.com" alone. */
        size_t before = (size_t)(star - text.data);
        struct bytes head = bytes_make(text.data, before);
        pattern->wildcard = true;
        pattern->scheme = BYTES_LITERAL("https");
        pattern->rest = bytes_make(star + 1, text.size - before - 1);
        if (before > 0) {
            if (before < 4 || memcmp(star - 3, "://", 3) != 0) {
                return false;
            }
            pattern->scheme = bytes_make(head.data, before - 3);
        }
        if (pattern->rest.size < 2 || pattern->rest.data[0] != '.' ||
            memchr(pattern->rest.data, '*', pattern->rest.size) != NULL ||
            memchr(pattern->rest.data, '/', pattern->rest.size) != NULL) {
            return false;
        }
    } else if (!pattern->any && !split(text, &pattern->scheme, &pattern->rest)) {
        return false;
    }
    cors->count++;
    return true;
}

enum err cors_create(const char *list, bool own_address, struct cors **ret_cors,
                     const char **ret_problem)
{
    struct cors *cors = calloc(1, sizeof(*cors));
    if (cors == NULL) {
        *ret_problem = "out of memory";
        return ERR_UNAVAILABLE;
    }
    cors->own_address = own_address;
    for (const char *at = list; *at != 0;) {
        size_t size = strcspn(at, ", \t");
        struct bytes entry = bytes_make(at, size);
        if (size > 1 && entry.data[size - 1] == '/') {
            entry.size--; /* as it is copied from an address bar */
        }
        if (size > 0 && !add_pattern(cors, entry)) {
            *ret_problem =
                "BELFRY_CORS_ORIGIN must be a list of up to 64 Origins such as "
                "https://app.example.com, *.example.com or *";
            cors_destroy(cors);
            return ERR_VALIDATION_ERROR;
        }
        at += size + (at[size] != 0 ? 1 : 0);
    }
    *ret_cors = cors;
    return ERR_OK;
}

void cors_destroy(struct cors *cors)
{
    free(cors);
}

/* Host without its port. */
static struct bytes without_port(struct bytes host)
{
    const uint8_t *colon = memrchr(host.data, ':', host.size);
    const uint8_t *bracket = memrchr(host.data, ']', host.size);
    if (colon != NULL && (bracket == NULL || bracket < colon)) {
        host.size = (size_t)(colon - host.data);
    }
    return host;
}

/* localhost or an IP address. A page cannot make a name of its own resolve to us and
 * pass as ours (DNS rebinding) if the name is none. */
static bool is_no_name(struct bytes host)
{
    if (bytes_equal_text(host, "localhost") || (host.size > 0 && host.data[0] == '[')) {
        return true;
    }
    for (size_t i = 0; i < host.size; i++) {
        if (!isdigit(host.data[i]) && host.data[i] != '.') {
            return false;
        }
    }
    return host.size > 0;
}

/* The port may differ: several edges on one machine serve one page. */
static bool is_own_address(struct bytes rest, struct bytes host)
{
    struct bytes origin_host = without_port(rest);
    return is_no_name(origin_host) && bytes_equal(origin_host, without_port(host));
}

static bool matches(const struct pattern *pattern, struct bytes scheme, struct bytes rest)
{
    if (!bytes_equal(pattern->scheme, scheme)) {
        return false;
    }
    if (!pattern->wildcard) {
        return bytes_equal(pattern->rest, rest);
    }
    size_t tail = pattern->rest.size;
    return rest.size > tail && rest.data[0] != '.' &&
           memcmp(rest.data + rest.size - tail, pattern->rest.data, tail) == 0;
}

bool cors_allows(const struct cors *cors, struct bytes origin, struct bytes host)
{
    char origin_space[ORIGIN_MAX], host_space[ORIGIN_MAX];
    struct bytes scheme, rest;
    /* "null" (a sandboxed frame, a file) is no Origin, and is not meant by * either. */
    if (!copy_lower(origin, origin_space, &origin) || !split(origin, &scheme, &rest)) {
        return false;
    }
    for (int i = 0; i < cors->count; i++) {
        if (cors->patterns[i].any || matches(&cors->patterns[i], scheme, rest)) {
            return true;
        }
    }
    return cors->own_address && copy_lower(host, host_space, &host) &&
           is_own_address(rest, host);
}
