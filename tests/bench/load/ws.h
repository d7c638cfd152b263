/* The client's side of WebSocket (RFC 6455): just what a load generator needs. */
#ifndef BENCH_WS_H
#define BENCH_WS_H

#define LOOK_AWAY_NS 200000 /* between two looks at the sockets */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_HEAD_MAX 8 /* of a client's frame below 64 KB, mask included */

enum ws_opcode { WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws_frame {
    enum ws_opcode opcode;
    const char *data;
    size_t size;
};

/* The address behind "IPv4:port"; false when it is no such thing. */
bool ws_target(const char *url, struct sockaddr_in *ret_target);

/* Writes the request that opens a WebSocket; returns its size. */
size_t ws_request(char *out, size_t size, const char *host, const char *path);

/* Builds a frame around a payload that has WS_HEAD_MAX bytes of room in front; returns
 * where it begins and sets *ret_size. The mask is zero: the server unmasks as always, and
 * we are spared the work. */
const char *ws_wrap(char *payload, size_t size, enum ws_opcode opcode, size_t *ret_size);

/* Takes one whole frame from the front: the bytes it took, or 0 when some are missing. */
size_t ws_take(const char *data, size_t size, struct ws_frame *ret_frame);

#endif
