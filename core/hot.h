/* Streams that are written so much, or by several cores at once, that their requests
 * should come to one core: there they share segments and nobody finds the counter taken.
 * Only advice: edges follow it while that core lives, and every core can do every
 * request. */
#ifndef CORE_HOT_H
#define CORE_HOT_H

#include <stdbool.h>
#include <stdint.h>

#define HOT_SLOTS   1024 /* by hash; streams that share one are hot together */
#define HOT_A_MS    500  /* written so often in such a time … */
#define HOT_WRITES  100
#define HOT_KEEP_MS 5000 /* … or met BUSY: hot for so long */

struct hot {
    struct hot_slot {
        int64_t began_ms, until_ms;
        uint32_t writes;
    } slots[HOT_SLOTS];
};

/* Notes a write to the stream with this hash (`busy`: it met somebody else there); true
 * while the stream is hot. */
bool hot_note(struct hot *hot, uint32_t stream_hash, bool busy, int64_t now_ms);

#endif
