/* Keeps what each client needs close together: malloc() takes 8 to 24 bytes of its own
 * for each block, and a pointer twice of what it could. */
#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/list.h"

#if POOL_PLAIN

void *pool_take(size_t size)
{
    assert(size > 0 && size <= POOL_BLOCK_MAX);
    return calloc(1, size);
}

void pool_give(void *block)
{
    free(block);
}

void *pool_realloc(void *block, size_t size)
{
    if (size == 0) {
        free(block);
        return NULL;
    }
    return realloc(block, size);
}

#else

#define REGION_BYTES ((size_t)4 << 32) /* what a ref can name; only reserved */
#define LIMIT_PART   4 /* of RLIMIT_AS: heap, threads and libraries need room, too */
#define GROUP_BYTES  ((size_t)65536)
#define COMMIT_BYTES (16 * GROUP_BYTES) /* made usable at once */
#define UNIT         8

/* At the head of its 64 KB; blocks follow. */
struct group {
    struct list in_list; /* of its size, while it has room; or spare */
    void **free;         /* blocks given back: each begins with a pointer to the next */
    uint32_t used;       /* blocks in use */
    uint32_t fresh;      /* where what was never used begins */
    uint32_t size;       /* of each block */
};

uint8_t *pool_base;
static size_t reserved, committed, cut;                  /* bytes from pool_base */
static struct list with_room[POOL_BLOCK_MAX / UNIT + 1]; /* by size */
static struct list spare; /* groups that were given back, but for their first page */

static size_t region_bytes(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur / LIMIT_PART >= REGION_BYTES) {
        return REGION_BYTES;
    }
    return (size_t)limit.rlim_cur / LIMIT_PART & ~(COMMIT_BYTES - 1);
}

/* As much address space as there may be. */
static bool reserve(void)
{
    for (size_t size = region_bytes(); size >= COMMIT_BYTES * 16; size /= 2) {
        uint8_t *at = mmap(NULL, size, PROT_NONE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at != MAP_FAILED) {
            size_t head = -(uintptr_t)at & (GROUP_BYTES - 1);
            pool_base = at + head;
            reserved = (size - head) & ~(COMMIT_BYTES - 1);
            break;
        }
    }
    for (size_t i = 0; i < sizeof(with_room) / sizeof(with_room[0]); i++) {
        list_init(&with_room[i]);
    }
    list_init(&spare);
    return pool_base != NULL;
}

static struct group *cut_group(void)
{
    if (!list_empty(&spare)) {
        return container_of(list_take(&spare), struct group, in_list);
    }
    if (pool_base == NULL && !reserve()) {
        return NULL;
    }
    if (cut == committed) {
        if (committed == reserved ||
            mprotect(pool_base + committed, COMMIT_BYTES, PROT_READ | PROT_WRITE) != 0) {
            return NULL;
        }
        committed += COMMIT_BYTES;
    }
    void *group = pool_base + cut;
    cut += GROUP_BYTES;
    return group;
}

static bool has_room(const struct group *group)
{
    return group->free != NULL || group->fresh + group->size <= GROUP_BYTES;
}

static struct group *group_with_room(size_t size)
{
    struct list *groups = &with_room[size / UNIT];
    if (pool_base != NULL && !list_empty(groups)) {
        return container_of(groups->next, struct group, in_list);
    }
    struct group *group = cut_group();
    if (group == NULL) {
        return NULL;
    }
    *group = (struct group){.size = (uint32_t)size, .fresh = sizeof(*group)};
    list_push(groups, &group->in_list);
    return group;
}

void *pool_take(size_t size)
{
    assert(size > 0 && size <= POOL_BLOCK_MAX);
    size = (size + UNIT - 1) & ~(size_t)(UNIT - 1);
    struct group *group = group_with_room(size);
    if (group == NULL) {
        return NULL;
    }
    void **block = group->free;
    if (block != NULL) {
        group->free = *block;
    } else {
        block = (void **)((uint8_t *)group + group->fresh);
        group->fresh += group->size;
    }
    group->used++;
    if (!has_room(group)) {
        list_remove(&group->in_list);
    }
    return memset(block, 0, size);
}

static struct group *group_of(void *block)
{
    size_t offset = (size_t)((uint8_t *)block - pool_base);
    assert(offset < cut);
    return (struct group *)(pool_base + (offset & ~(GROUP_BYTES - 1)));
}

/* A group in use stays, if it is the only one with room: whoever comes and goes would cut
 * and return it each time. */
static void give_back(struct group *group)
{
    if (group->in_list.next == group->in_list.prev) {
        return;
    }
    list_remove(&group->in_list);
    size_t page = (size_t)sysconf(_SC_PAGESIZE); /* 4, 16 or 64 KB */
    madvise((uint8_t *)group + page, GROUP_BYTES - page, MADV_DONTNEED);
    list_push(&spare, &group->in_list);
}

void pool_give(void *block)
{
    if (block == NULL) {
        return;
    }
    struct group *group = group_of(block);
    assert(group->used > 0);
    if (!has_room(group)) {
        list_push(&with_room[group->size / UNIT], &group->in_list);
    }
    *(void **)block = group->free;
    group->free = block;
    if (--group->used == 0) {
        give_back(group);
    }
}

static bool is_pooled(const void *block)
{
    return pool_base != NULL && (uintptr_t)block - (uintptr_t)pool_base < cut;
}

static void *take_any(size_t size)
{
    void *block = size <= POOL_BLOCK_MAX ? pool_take(size) : NULL;
    return block != NULL ? block : malloc(size);
}

void *pool_realloc(void *block, size_t size)
{
    if (block != NULL && !is_pooled(block)) {
        if (size == 0) {
            free(block);
            return NULL;
        }
        return realloc(block, size);
    }
    void *other = NULL;
    if (size > 0) {
        other = take_any(size);
        if (other == NULL || block == NULL) {
            return other;
        }
        size_t before = group_of(block)->size;
        memcpy(other, block, before < size ? before : size);
    }
    pool_give(block);
    return other;
}

#endif

char *pool_text(const char *text, size_t size)
{
    char *copy = pool_realloc(NULL, size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}
