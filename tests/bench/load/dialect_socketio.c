/* Socket.IO v5 over Engine.IO v4, WebSocket transport only. */
#include <stdio.h>
#include <string.h>

#include "load/dialect.h"

static size_t hello(char *out, size_t size, const char *token, const char *resume)
{
    return (size_t)snprintf(out, size, "40{\"token\":\"%s\",\"resume\":%s}", token,
                            resume);
}

static size_t call(char *out, size_t size, uint32_t id, const char *event,
                   const char *data)
{
    return (size_t)snprintf(out, size, "42%u[\"%s\",%s]", id, event, data);
}

static void read_text(const char *text, size_t size, struct incoming *ret_incoming)
{
    const char *end = text + size;
    ret_incoming->kind = IN_OTHER;
    if (size == 1 && text[0] == '2') {
        ret_incoming->kind = IN_PING;
    } else if (text[0] == '0') {
        ret_incoming->kind = IN_OPEN;
    } else if (BEGINS(text, size, "42[\"CONNECTION_SUCCESS\"")) {
        ret_incoming->kind = IN_WELCOME;
        ret_incoming->body = text;
        ret_incoming->body_size = size;
    } else if (BEGINS(text, size, "42[\"CONNECTION_ERROR\"") ||
               BEGINS(text, size, "44") || BEGINS(text, size, "41")) {
        ret_incoming->kind = IN_REFUSED;
    } else if (BEGINS(text, size, "42[\"")) {
        ret_incoming->kind = IN_EVENT;
        ret_incoming->name = text + strlen("42[\"");
        ret_incoming->body = ret_incoming->name;
        ret_incoming->body_size = size - strlen("42[\"");
    } else if (BEGINS(text, size, "43")) {
        const char *at = text + 2;
        ret_incoming->id = (uint32_t)dialect_number(&at, end);
        ret_incoming->kind =
            BEGINS(at, (size_t)(end - at), "[{\"error\":") ? IN_ERROR : IN_REPLY;
        ret_incoming->body = at;
        ret_incoming->body_size = (size_t)(end - at);
    }
}

const struct dialect dialect_socketio = {
    .name = "socketio",
    .path = "/socket.io/?EIO=4&transport=websocket",
    .pong = "3",
    .hello_at_once = false,
    .hello = hello,
    .call = call,
    .read = read_text,
};
