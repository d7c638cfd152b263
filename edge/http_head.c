/* Reads request heads so narrowly that nothing behind us can read them otherwise: that is
 * what request smuggling, oversized heads and half-right upgrades live on. */
#include "edge/http_head.h"

#include <strings.h>

#define KEY_TEXT_SIZE 24 /* base64 of 16 bytes */

static bool is_token_char(uint8_t c)
{
    /* RFC 9110 section 5.6.2 */
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (!is_token_char(text.data[i])) {
            return false;
        }
    }
    return text.size > 0;
}

bool http_equal(struct bytes text, const char *other)
{
    return text.size == strlen(other) &&
           (text.size == 0 ||
            strncasecmp((const char *)text.data, other, text.size) == 0);
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 &&
           (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

bool http_list_next(struct bytes list, size_t *at, struct bytes *ret_item)
{
    if (*at >= list.size) {
        return false;
    }
    const uint8_t *start = list.data + *at;
    const uint8_t *comma = memchr(start, ',', list.size - *at);
    size_t size = comma != NULL ? (size_t)(comma - start) : list.size - *at;
    *at += size + 1;
    *ret_item = trim(bytes_make(start, size));
    return true;
}

bool http_query_get(struct bytes query, const char *key, struct bytes *ret_value)
{
    bool found = false;
    size_t key_size = strlen(key);
    while (query.size > 0) {
        const uint8_t *end = memchr(query.data, '&', query.size);
        size_t size = end != NULL ? (size_t)(end - query.data) : query.size;
        if (size >= key_size && memcmp(query.data, key, key_size) == 0 &&
            (size == key_size || query.data[key_size] == '=')) {
            size_t skip = size == key_size ? size : key_size + 1;
            *ret_value = bytes_make(query.data + skip, size - skip);
            found = true;
        }
        size_t used = size + (end != NULL ? 1 : 0);
        query = bytes_make(query.data + used, query.size - used);
    }
    return found;
}

static enum http_method method_of(struct bytes name)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "OPTIONS"};
    for (int i = 0; i < HTTP_OTHER; i++) {
        if (bytes_equal_text(name, names[i])) {
            return (enum http_method)i;
        }
    }
    return HTTP_OTHER;
}

/* "GET /path?query HTTP/1.1" */
static int read_line(struct bytes line, struct http_head *head, const char **ret_problem)
{
    const uint8_t *first = memchr(line.data, ' ', line.size);
    const uint8_t *last = memrchr(line.data, ' ', line.size);
    *ret_problem = "the request line is not one of HTTP/1.1";
    if (first == NULL || first == last) {
        return 400;
    }
    struct bytes method = bytes_make(line.data, (size_t)(first - line.data));
    struct bytes target = bytes_make(first + 1, (size_t)(last - first - 1));
    struct bytes version =
        bytes_make(last + 1, line.size - (size_t)(last + 1 - line.data));
    head->minor = bytes_equal_text(version, "HTTP/1.1") ? 1 : 0;
    if (!is_token(method) ||
        (head->minor == 0 && !bytes_equal_text(version, "HTTP/1.0")) ||
        target.size == 0 || target.data[0] != '/') {
        return 400;
    }
    for (size_t i = 0; i < target.size; i++) {
        if (target.data[i] <= ' ' || target.data[i] >= 0x7f) {
            return 400;
        }
    }
    head->method = method_of(method);
    const uint8_t *mark = memchr(target.data, '?', target.size);
    size_t path_size = mark != NULL ? (size_t)(mark - target.data) : target.size;
    head->path = bytes_make(target.data, path_size);
    if (mark != NULL) {
        head->query = bytes_make(mark + 1, target.size - path_size - 1);
    }
    return 0;
}

static bool read_length(struct bytes text, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        length = length * 10 + (text.data[i] - '0');
    }
    *ret_length = length;
    return text.size > 0 && text.size <= 18;
}

static void read_connection(struct http_head *head, struct bytes value)
{
    size_t at = 0;
    struct bytes item;
    while (http_list_next(value, &at, &item)) {
        head->connection_upgrade =
            head->connection_upgrade || http_equal(item, "upgrade");
    }
}

/* `twice`: something came again that may come once. */
struct reading {
    struct http_head *head;
    bool has_encoding, twice;
};

static void keep_header(struct reading *reading, struct bytes name, struct bytes value)
{
    struct http_head *head = reading->head;
    const struct {
        const char *name;
        struct bytes *place;
    } once[] = {
        {"host", &head->host},
        {"origin", &head->origin},
        {"authorization", &head->authorization},
        {"content-type", &head->content_type},
        {"x-forwarded-for", &head->forwarded_for},
        {"traceparent", &head->trace},
        {"if-none-match", &head->if_none_match},
        {"upgrade", &head->upgrade},
        {"sec-websocket-key", &head->websocket_key},
        {"sec-websocket-version", &head->websocket_version},
        {"sec-websocket-protocol", &head->websocket_protocols},
    };
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        if (http_equal(name, once[i].name)) {
            reading->twice = reading->twice || once[i].place->data != NULL;
            *once[i].place = value;
            return;
        }
    }
    if (http_equal(name, "connection")) {
        read_connection(head, value);
    } else if (http_equal(name, "cookie")) {
        head->has_cookie = true;
    } else if (http_equal(name, "expect")) {
        head->expects_continue = http_equal(value, "100-continue");
    } else if (http_equal(name, "transfer-encoding")) {
        reading->has_encoding = true;
    } else if (http_equal(name, "content-length")) {
        reading->twice = reading->twice || head->has_length ||
                         !read_length(value, &head->content_length);
        head->has_length = true;
    }
}

/* "Name: value" without its line end. */
static int read_header(struct reading *reading, struct bytes line)
{
    const uint8_t *colon = memchr(line.data, ':', line.size);
    size_t name_size = colon != NULL ? (size_t)(colon - line.data) : 0;
    struct bytes name = bytes_make(line.data, name_size);
    if (!is_token(name)) {
        return 400; /* also a folded line, and space before the colon */
    }
    struct bytes value = bytes_make(colon + 1, line.size - name_size - 1);
    for (size_t i = 0; i < value.size; i++) {
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f) {
            return 400;
        }
    }
    keep_header(reading, name, trim(value));
    return 0;
}

/* The line at `*at` without CR LF, and moves behind it. False: no line end. */
static bool next_line(struct bytes data, size_t *at, struct bytes *ret_line)
{
    const uint8_t *start = data.data + *at;
    const uint8_t *end = memchr(start, '\n', data.size - *at);
    if (end == NULL) {
        return false;
    }
    *at += (size_t)(end - start) + 1;
    *ret_line = bytes_make(start, (size_t)(end - start));
    return true;
}

/* What no single line can say. */
static int check_whole(const struct reading *reading, const char **ret_problem)
{
    const struct http_head *head = reading->head;
    *ret_problem = "a header is repeated or has no sense";
    if (reading->twice) {
        return 400;
    }
    if (head->minor == 1 && head->host.data == NULL) {
        *ret_problem = "Host is missing";
        return 400;
    }
    if (reading->has_encoding) {
        /* RFC 9112 section 6.3: both together is how requests are smuggled. */
        *ret_problem = "Content-Length is needed, Transfer-Encoding is not taken";
        return head->has_length ? 400 : 411;
    }
    return 0;
}

int http_head_read(struct bytes data, struct http_head *ret_head,
                   const char **ret_problem)
{
    *ret_head = (struct http_head){0};
    struct reading reading = {.head = ret_head};
    struct bytes line;
    size_t at = 0, headers = 0;
    struct bytes limited =
        bytes_make(data.data, data.size < HTTP_HEAD_MAX ? data.size : HTTP_HEAD_MAX);
    for (bool first = true;; first = false) {
        bool whole = next_line(limited, &at, &line);
        if (first && (whole ? line.size : limited.size) > HTTP_LINE_MAX) {
            *ret_problem = "the address is too long";
            return 414;
        }
        if (!whole) {
            *ret_problem = "the headers are too large";
            return data.size >= HTTP_HEAD_MAX ? 431 : HTTP_HEAD_INCOMPLETE;
        }
        if (line.size == 0 || line.data[line.size - 1] != '\r') {
            *ret_problem = "a line does not end with CR LF";
            return 400;
        }
        line.size--;
        if (line.size == 0 && !first) {
            break;
        }
        if (!first && ++headers > HTTP_HEADERS_MAX) {
            *ret_problem = "there are too many headers";
            return 431;
        }
        *ret_problem = "a header is malformed";
        int status =
            first ? read_line(line, ret_head, ret_problem) : read_header(&reading, line);
        if (status != 0) {
            return status;
        }
    }
    ret_head->size = at;
    return check_whole(&reading, ret_problem);
}

static bool is_base64_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           c == '+' || c == '/';
}

/* 16 bytes in base64: 22 characters, the last of which carries two bits, and "==". */
static bool is_websocket_key(struct bytes key)
{
    if (key.size != KEY_TEXT_SIZE || key.data[22] != '=' || key.data[23] != '=') {
        return false;
    }
    for (size_t i = 0; i < 22; i++) {
        if (!is_base64_char(key.data[i])) {
            return false;
        }
    }
    return true;
}

static size_t count_items(struct bytes list)
{
    size_t at = 0, count = 0;
    struct bytes item;
    while (http_list_next(list, &at, &item)) {
        count++;
    }
    return count;
}

int http_head_check_upgrade(const struct http_head *head, const char **ret_problem)
{
    if (head->method != HTTP_GET) {
        *ret_problem = "a WebSocket begins with GET";
        return 405;
    }
    *ret_problem = "the upgrade to WebSocket is malformed (RFC 6455 section 4.2.1)";
    if (head->minor != 1 || !http_equal(head->upgrade, "websocket") ||
        !head->connection_upgrade || (head->has_length && head->content_length > 0)) {
        return 400;
    }
    if (!bytes_equal_text(head->websocket_version, "13")) {
        *ret_problem = "Sec-WebSocket-Version must be 13";
        return 426;
    }
    if (!is_websocket_key(head->websocket_key)) {
        *ret_problem = "Sec-WebSocket-Key must be 16 bytes in base64";
        return 400;
    }
    if (count_items(head->websocket_protocols) > HTTP_PROTOCOLS_MAX) {
        *ret_problem = "there are too many subprotocols";
        return 431;
    }
    return 0;
}
