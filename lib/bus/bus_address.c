/* Why: a bad URL must be an error at start, not a connection that is retried for ever. */
#include "bus/bus_address.h"

/* Copies into a field of 256 bytes; false if it does not fit. */
static bool copy(struct bytes text, char field[256])
{
    if (text.size > 255 || memchr(text.data, '\0', text.size) != NULL) {
        return false;
    }
    memcpy(field, text.data, text.size);
    field[text.size] = '\0';
    return true;
}

/* What stands before and behind a position, without the byte there. */
static void split(struct bytes text, size_t at, struct bytes *before,
                  struct bytes *behind)
{
    *before = bytes_make(text.data, at);
    *behind = bytes_make(text.data + at + 1, text.size - at - 1);
}

static bool parse_port(struct bytes text, int *ret_port)
{
    int port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i >= 5) {
            return false;
        }
        port = port * 10 + (text.data[i] - '0');
    }
    *ret_port = port;
    return port > 0 && port <= 65535;
}

static bool host_char(uint8_t c, bool v6)
{
    bool name = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    return name || (v6 && (c == ':' || c == '%'));
}

static bool parse_host(struct bytes text, bool v6, char host[256])
{
    for (size_t i = 0; i < text.size; i++) {
        if (!host_char(text.data[i], v6)) {
            return false;
        }
    }
    return text.size > 0 && copy(text, host);
}

static bool parse_host_port(struct bytes text, struct bus_address *address)
{
    if (text.size > 0 && text.data[0] == '[') {
        const uint8_t *end = memchr(text.data, ']', text.size);
        if (end == NULL) {
            return false;
        }
        struct bytes host, rest;
        split(text, (size_t)(end - text.data), &host, &rest);
        host = bytes_make(host.data + 1, host.size - 1);
        if (rest.size > 0 &&
            (rest.data[0] != ':' ||
             !parse_port(bytes_make(rest.data + 1, rest.size - 1), &address->port))) {
            return false;
        }
        return parse_host(host, true, address->host);
    }
    const uint8_t *colon = memchr(text.data, ':', text.size);
    if (colon != NULL) {
        struct bytes host, port;
        split(text, (size_t)(colon - text.data), &host, &port);
        return parse_port(port, &address->port) && parse_host(host, false, address->host);
    }
    return parse_host(text, false, address->host);
}

static bool parse_login(struct bytes text, struct bus_address *address)
{
    const uint8_t *colon = memchr(text.data, ':', text.size);
    if (colon == NULL) {
        return copy(text, address->user);
    }
    struct bytes user, password;
    split(text, (size_t)(colon - text.data), &user, &password);
    return copy(user, address->user) && copy(password, address->password);
}

enum err bus_address_parse(struct bytes text, int port, struct bus_address *ret_address)
{
    if (text.size == 0) {
        return ERR_VALIDATION_ERROR;
    }
    struct bus_address address = {.port = port};
    struct bytes server = text;
    const uint8_t *at = memrchr(text.data, '@', text.size);
    if (at != NULL) {
        struct bytes login;
        split(text, (size_t)(at - text.data), &login, &server);
        if (!parse_login(login, &address)) {
            return ERR_VALIDATION_ERROR;
        }
    }
    if (!parse_host_port(server, &address)) {
        return ERR_VALIDATION_ERROR;
    }
    *ret_address = address;
    return ERR_OK;
}
