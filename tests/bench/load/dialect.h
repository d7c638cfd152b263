/* What clients and servers write into WebSocket messages: plain JSON, or Socket.IO for
 * the stack that is compared with. Adding one: a file, a const struct, a line in
 * dialect_find(). */
#ifndef BENCH_DIALECT_H
#define BENCH_DIALECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum incoming_kind {
    IN_OTHER,
    IN_OPEN,    /* the transport is open: time for hello */
    IN_WELCOME, /* authenticated */
    IN_REFUSED, /* not authenticated */
    IN_REPLY,
    IN_ERROR, /* a reply that refuses */
    IN_EVENT,
    IN_PING, /* to be answered with dialect->pong */
};

struct incoming {
    enum incoming_kind kind;
    uint32_t id;      /* of a reply */
    const char *name; /* of an event, not terminated */
    const char *body; /* payload of an event or a reply, to the message's end */
    size_t body_size;
    size_t size; /* of the whole message */
};

struct dialect {
    const char *name;
    const char *path;
    const char *pong;
    bool hello_at_once; /* not waiting for IN_OPEN */
    /* Both write a message and return its size. `resume`: JSON. */
    size_t (*hello)(char *out, size_t size, const char *token, const char *resume);
    size_t (*call)(char *out, size_t size, uint32_t id, const char *event,
                   const char *data);
    void (*read)(const char *text, size_t size, struct incoming *ret_incoming);
};

extern const struct dialect dialect_json, dialect_socketio;

/* NULL when there is none of this name. */
const struct dialect *dialect_find(const char *name);

/* The text begins with this literal. */
#define BEGINS(text, size, literal)                                                      \
    ((size) >= sizeof(literal) - 1 && memcmp(text, literal, sizeof(literal) - 1) == 0)

/* The digits at *text, which is moved behind them. */
uint64_t dialect_number(const char **text, const char *end);

#endif
