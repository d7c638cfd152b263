/* A message that came in several pieces, or has begun to. */
#ifndef EDGE_PIECES_H
#define EDGE_PIECES_H

#include "base/buf.h"
#include "base/pool.h"

struct pieces {
    struct buf buf;
    uint32_t fragments; /* frames that have ended */
    int64_t since_ms;
};

/* A reference of 0 is a message of which nothing is here; the first piece makes it.
 * False: no memory, or more than `most` bytes. */
bool pieces_add(ref *pieces, size_t most, const void *data, size_t size);

/* Frees it; the reference is 0 again. Accepts 0. */
void pieces_drop(ref *pieces);

#endif
