/* Memory with the life of one request: allocate freely, release all at once. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t used_bytes;          /* of all blocks */
    size_t limit_bytes;
};

/* An empty arena that refuses to grow beyond limit_bytes. A zeroed arena with a
 * limit is the same. Nothing is allocated yet. */
void arena_init(struct arena *arena, size_t limit_bytes);

/* Frees everything; the arena can be used again. Accepts a zeroed arena. */
void arena_finish(struct arena *arena);

/* Forgets all allocations but keeps one block for the next request. */
void arena_reset(struct arena *arena);

/* Zeroed memory, aligned for any type. NULL when the limit is reached or memory is
 * out; the arena stays usable. */
void *arena_alloc(struct arena *arena, size_t size);

/* Copies into the arena; a NUL is put behind the copy. NULL as arena_alloc. */
void *arena_copy(struct arena *arena, struct bytes bytes);
char *arena_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
