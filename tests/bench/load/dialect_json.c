/* Plain JSON on /ws (docs/protocol.md, section 1). */
#include <stdio.h>
#include <string.h>

#include "load/dialect.h"

const struct dialect *dialect_find(const char *name)
{
    static const struct dialect *const all[] = {&dialect_json, &dialect_socketio};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

uint64_t dialect_number(const char **text, const char *end)
{
    uint64_t number = 0;
    while (*text < end && **text >= '0' && **text <= '9') {
        number = number * 10 + (uint64_t)(**text - '0');
        (*text)++;
    }
    return number;
}

static size_t hello(char *out, size_t size, const char *token, const char *resume)
{
    return (size_t)snprintf(out, size, "{\"hello\":{\"token\":\"%s\",\"resume\":%s}}",
                            token, resume);
}

static size_t call(char *out, size_t size, uint32_t id, const char *event,
                   const char *data)
{
    return (size_t)snprintf(out, size, "{\"event\":\"%s\",\"id\":%u,\"data\":%s}", event,
                            id, data);
}

static void read_reply(const char *text, size_t size, struct incoming *ret_incoming)
{
    const char *end = text + size;
    const char *at = text + strlen("{\"reply\":");
    ret_incoming->id = (uint32_t)dialect_number(&at, end);
    ret_incoming->kind =
        BEGINS(at, (size_t)(end - at), ",\"data\":") ? IN_REPLY : IN_ERROR;
    ret_incoming->body = at;
    ret_incoming->body_size = (size_t)(end - at);
}

static void read_text(const char *text, size_t size, struct incoming *ret_incoming)
{
    ret_incoming->kind = IN_OTHER;
    if (BEGINS(text, size, "{\"reply\":")) {
        read_reply(text, size, ret_incoming);
    } else if (BEGINS(text, size, "{\"event\":\"CONNECTION_SUCCESS\"")) {
        ret_incoming->kind = IN_WELCOME;
        ret_incoming->body = text;
        ret_incoming->body_size = size;
    } else if (BEGINS(text, size, "{\"event\":\"CONNECTION_ERROR\"")) {
        ret_incoming->kind = IN_REFUSED;
    } else if (BEGINS(text, size, "{\"event\":\"")) {
        ret_incoming->kind = IN_EVENT;
        ret_incoming->name = text + strlen("{\"event\":\"");
        ret_incoming->body = ret_incoming->name;
        ret_incoming->body_size = size - strlen("{\"event\":\"");
    }
}

const struct dialect dialect_json = {
    .name = "json",
    .path = "/ws",
    .pong = "",
    .hello_at_once = true,
    .hello = hello,
    .call = call,
    .read = read_text,
};
