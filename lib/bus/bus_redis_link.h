/* One connection to Redis; only bus_redis.c uses this, on its worker's thread. */
#ifndef BUS_BUS_REDIS_LINK_H
#define BUS_BUS_REDIS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "bus/bus_address.h"

struct bus_redis_link {
    redisContext *context;
    int64_t heard_ms;
    int64_t pinged_ms;
};

/* Connects and logs in, blocking for some seconds at most. False: it did not work; close
 * it all the same. */
bool bus_redis_link_open(struct bus_redis_link *link, const struct bus_address *address);

/* Accepts one that is not open. */
void bus_redis_link_close(struct bus_redis_link *link);

/* Writes what was appended, blocking for a second at most. False: the link is lost. */
bool bus_redis_link_flush(struct bus_redis_link *link);

/* To be called every second or so: pings a silent peer. False: it has been silent for too
 * long, as a socket stays open for ever when the other side has vanished. */
bool bus_redis_link_alive(struct bus_redis_link *link, int64_t now_ms);

#endif
