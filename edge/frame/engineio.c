/* Knows the Engine.IO 4 packets that a client may send once its WebSocket is open, and
 * keeps the heartbeat. */
#include "edge/frame/engineio.h"

#include <inttypes.h>

#include "base/uuid.h"

#define SID_CHARACTERS (ENGINEIO_SID_SIZE - 1)

/* Who knows the sid of another client may not guess ours: 144 random bits. */
static void make_sid(char ret_sid[ENGINEIO_SID_SIZE])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[SID_CHARACTERS];
    random_bytes(random, sizeof(random));
    for (int i = 0; i < SID_CHARACTERS; i++) {
        ret_sid[i] = alphabet[random[i] & 63];
    }
    ret_sid[SID_CHARACTERS] = 0;
}

void engineio_init(struct engineio *engineio, int64_t now_ms, int64_t interval_ms,
                   int64_t timeout_ms)
{
    *engineio = (struct engineio){.ping_at_ms = now_ms + interval_ms,
                                  .interval_ms = interval_ms,
                                  .timeout_ms = timeout_ms};
    make_sid(engineio->sid);
}

void engineio_open(const struct engineio *engineio, int64_t payload_max, struct buf *buf)
{
    buf_printf(buf,
               "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":%" PRId64
               ",\"pingTimeout\":%" PRId64 ",\"maxPayload\":%" PRId64 "}",
               engineio->sid, engineio->interval_ms, engineio->timeout_ms, payload_max);
}

/* "3": only the answer to a ping of ours. One that nobody asked for is a client that
 * keeps time for itself, or an attempt to look alive. */
static enum engineio_packet read_pong(struct engineio *engineio, int64_t now_ms)
{
    if (engineio->pong_by_ms == 0) {
        return ENGINEIO_BAD;
    }
    engineio->pong_by_ms = 0;
    engineio->ping_at_ms = now_ms + engineio->interval_ms;
    return ENGINEIO_PONG;
}

enum engineio_packet engineio_read(struct engineio *engineio, struct bytes message,
                                   int64_t now_ms, struct bytes *ret_body)
{
    switch (message.size > 0 ? message.data[0] : 0) {
    case '1':
        return ENGINEIO_CLOSE;
    case '3':
        return read_pong(engineio, now_ms);
    case '4':
        *ret_body = bytes_make(message.data + 1, message.size - 1);
        return ENGINEIO_MESSAGE;
    default:
        /* 0 open and 6 noop are the server's; 2 ping is so in version 4 ("invalid
         * heartbeat direction"); 5 upgrade has nothing to upgrade from. */
        return ENGINEIO_BAD;
    }
}

enum engineio_due engineio_tick(struct engineio *engineio, int64_t now_ms)
{
    if (engineio->pong_by_ms != 0) {
        return now_ms >= engineio->pong_by_ms ? ENGINEIO_SILENT : ENGINEIO_NOTHING;
    }
    if (now_ms < engineio->ping_at_ms) {
        return ENGINEIO_NOTHING;
    }
    engineio->pong_by_ms = now_ms + engineio->timeout_ms;
    return ENGINEIO_PING;
}

void engineio_pause(struct engineio *engineio, int64_t now_ms)
{
    if (engineio->pong_by_ms != 0) {
        engineio->pong_by_ms = now_ms + engineio->timeout_ms;
    }
}
