/* Gives a request memory that it need not free piece by piece. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_MIN 4096
#define BLOCK_MAX 65536 /* blocks double up to here; larger ones serve one allocation */
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t capacity;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static void free_blocks(struct arena *arena, const struct arena_block *kept)
{
    struct arena_block *next;
    for (struct arena_block *block = arena->blocks; block != NULL; block = next) {
        next = block->next;
        if (block != kept) {
            free(block);
        }
    }
}

void arena_finish(struct arena *arena)
{
    free_blocks(arena, NULL);
    arena->blocks = NULL;
    arena->used_bytes = 0;
}

/* Keeps the largest block of ordinary size: one huge request must not leave each arena
 * huge for ever. */
void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;
    for (struct arena_block *block = arena->blocks; block != NULL; block = block->next) {
        if (block->capacity <= BLOCK_MAX &&
            (kept == NULL || block->capacity > kept->capacity)) {
            kept = block;
        }
    }
    free_blocks(arena, kept);
    arena->blocks = kept;
    arena->used_bytes = 0;
    if (kept != NULL) {
        kept->next = NULL;
        kept->used = 0;
        arena->used_bytes = kept->capacity;
    }
}

/* Puts a block with room for `size` in front. NULL: limit or memory. */
static struct arena_block *add_block(struct arena *arena, size_t size)
{
    if (arena->used_bytes > arena->limit_bytes ||
        size > arena->limit_bytes - arena->used_bytes) {
        return NULL;
    }
    size_t left = arena->limit_bytes - arena->used_bytes;
    size_t capacity = arena->blocks != NULL ? arena->blocks->capacity * 2 : BLOCK_MIN;
    capacity = capacity > BLOCK_MAX ? BLOCK_MAX : capacity;
    capacity = capacity < size ? size : capacity;
    capacity = capacity > left ? left : capacity;
    if (capacity > SIZE_MAX - sizeof(struct arena_block)) {
        return NULL;
    }

    struct arena_block *block = malloc(sizeof(*block) + capacity);
    if (block == NULL) {
        return NULL;
    }
    block->next = arena->blocks;
    block->capacity = capacity;
    block->used = 0;
    arena->blocks = block;
    arena->used_bytes += capacity;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    size_t start = block != NULL ? (block->used + ALIGNMENT - 1) & ~(ALIGNMENT - 1) : 0;
    if (block == NULL || start > block->capacity || size > block->capacity - start) {
        block = add_block(arena, size);
        start = 0;
        if (block == NULL) {
            return NULL;
        }
    }
    block->used = start + size;
    return size > 0 ? memset(block->data + start, 0, size) : block->data + start;
}

void *arena_copy(struct arena *arena, struct bytes bytes)
{
    if (bytes.size == SIZE_MAX) {
        return NULL;
    }
    uint8_t *copy = arena_alloc(arena, bytes.size + 1);
    if (copy != NULL && bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return arena_copy(arena, bytes_of_text(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0) {
        return NULL;
    }

    char *text = arena_alloc(arena, (size_t)size + 1);
    if (text != NULL) {
        va_start(arguments, format);
        vsnprintf(text, (size_t)size + 1, format, arguments);
        va_end(arguments);
    }
    return text;
}
