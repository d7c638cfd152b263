/* Why: hiredis 0.14 has neither login nor reconnect nor a way to notice a dead peer. */
#include "bus/bus_redis_link.h"

#include "base/clock.h"

#define TIMEOUT_MS     1000  /* to connect, to log in, and for a write that is stuck */
#define PING_MS        5000  /* of silence */
#define SILENCE_MAX_MS 10000 /* then the connection is given up */

void bus_redis_link_close(struct bus_redis_link *link)
{
    if (link->context != NULL) {
        redisFree(link->context);
        link->context = NULL;
    }
}

static bool accepted(redisReply *reply)
{
    bool status = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    return status;
}

/* Ends with a PING, which a server that wants a password refuses without one. */
static bool login(redisContext *context, const struct bus_address *address)
{
    const char *user = address->user;
    const char *password = address->password;
    if (password[0] != '\0' && user[0] != '\0' &&
        !accepted(redisCommand(context, "AUTH %s %s", user, password))) {
        return false;
    }
    if (password[0] != '\0' && user[0] == '\0' &&
        !accepted(redisCommand(context, "AUTH %s", password))) {
        return false;
    }
    return accepted(redisCommand(context, "PING"));
}

bool bus_redis_link_open(struct bus_redis_link *link, const struct bus_address *address)
{
    const struct timeval timeout = {.tv_sec = TIMEOUT_MS / 1000};
    link->context = redisConnectWithTimeout(address->host, address->port, timeout);
    link->heard_ms = link->pinged_ms = clock_ms();
    return link->context != NULL && link->context->err == 0 &&
           redisSetTimeout(link->context, timeout) == REDIS_OK &&
           redisEnableKeepAlive(link->context) == REDIS_OK &&
           login(link->context, address);
}

bool bus_redis_link_flush(struct bus_redis_link *link)
{
    int done = 0;
    while (!done) {
        if (redisBufferWrite(link->context, &done) != REDIS_OK) {
            return false;
        }
    }
    return true;
}

bool bus_redis_link_alive(struct bus_redis_link *link, int64_t now_ms)
{
    if (now_ms - link->heard_ms > SILENCE_MAX_MS) {
        return false;
    }
    int64_t last_ms = link->heard_ms > link->pinged_ms ? link->heard_ms : link->pinged_ms;
    if (now_ms - last_ms < PING_MS) {
        return true;
    }
    link->pinged_ms = now_ms;
    return redisAppendCommand(link->context, "PING") == REDIS_OK &&
           bus_redis_link_flush(link);
}
