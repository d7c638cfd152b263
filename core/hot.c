/* Counts writes to streams in slots of a fixed table, so that it never grows. */
#include "core/hot.h"

bool hot_note(struct hot *hot, uint32_t stream_hash, bool busy, int64_t now_ms)
{
    /* the low bits choose the connection in db.c, and the core at the edge mixes all */
    struct hot_slot *slot = &hot->slots[(stream_hash >> 8) % HOT_SLOTS];
    if (now_ms - slot->began_ms >= HOT_A_MS) {
        slot->began_ms = now_ms;
        slot->writes = 0;
    }
    slot->writes++;
    if (busy || slot->writes >= HOT_WRITES) {
        slot->until_ms = now_ms + HOT_KEEP_MS;
    }
    return now_ms < slot->until_ms;
}
