/* Memory of which there is as much as there are clients: small blocks without heads,
 * rounded up to 8 bytes, and pointers to them (and into them) that take 32 bits.
 *
 * Blocks of one size lie together, in groups of 64 KB; a group of which none is left is
 * given back. One thread: the loop's. Under sanitizers each block is one of calloc()'s
 * and a `ref` is a whole pointer, so that what is used after its end is still seen. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#ifndef POOL_PLAIN
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_PLAIN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POOL_PLAIN 1
#endif
#endif
#endif
#ifndef POOL_PLAIN
#define POOL_PLAIN 0
#endif

#define POOL_BLOCK_MAX 1024

/* A zeroed block of 1 to POOL_BLOCK_MAX bytes. NULL: no memory. */
void *pool_take(size_t size);
void pool_give(void *block); /* accepts NULL */

/* As realloc(), with size 0 as free(): what is too large for the pool is malloc()'s. */
void *pool_realloc(void *block, size_t size);

/* The text and its NUL; ended by pool_realloc(text, 0). NULL: no memory. */
char *pool_text(const char *text, size_t size);

#if POOL_PLAIN

typedef uintptr_t ref;

static inline ref ref_at(const void *in_block)
{
    return (uintptr_t)in_block;
}

static inline void *ref_there(ref in_block)
{
    return (void *)in_block;
}

#else

/* A pointer to something in a block, at a multiple of 4; 0: NULL. */
typedef uint32_t ref;

extern uint8_t *pool_base;

/* These two where it cannot be NULL. */
static inline ref ref_at(const void *in_block)
{
    return (ref)((size_t)((const uint8_t *)in_block - pool_base) / 4);
}

static inline void *ref_there(ref in_block)
{
    return pool_base + (size_t)in_block * 4;
}

#endif

static inline ref ref_of(const void *in_block)
{
    return in_block != NULL ? ref_at(in_block) : 0;
}

static inline void *ref_to(ref in_block)
{
    return in_block != 0 ? ref_there(in_block) : NULL;
}

#endif
