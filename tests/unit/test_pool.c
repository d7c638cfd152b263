/* Checks that blocks of the pool are apart, zeroed and used again, that groups are given
 * back, and that short pointers and their lists lead where they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* What the pool asks of the system. */
static rlim_t address_limit = RLIM_INFINITY;
static bool mprotect_fails;
static long page_bytes = 4096;
static int advices;

static int pool_getrlimit(int resource, struct rlimit *ret_limit)
{
    assert_int_equal(resource, RLIMIT_AS);
    *ret_limit = (struct rlimit){address_limit, address_limit};
    return 0;
}

static int pool_mprotect(void *at, size_t size, int protection)
{
    return mprotect_fails ? -1 : mprotect(at, size, protection);
}

static long pool_sysconf(int name)
{
    assert_int_equal(name, _SC_PAGESIZE);
    return page_bytes;
}

static int pool_madvise(void *at, size_t size, int advice)
{
    assert_int_equal((uintptr_t)at % (size_t)page_bytes, 0); /* else it is refused */
    assert_int_equal(size % (size_t)page_bytes, 0);
    advices++;
    return madvise(at, size, advice);
}

#define getrlimit  pool_getrlimit
#define mprotect   pool_mprotect
#define sysconf    pool_sysconf
#define madvise    pool_madvise
#define POOL_PLAIN 0 /* under sanitizers, too: they look at the pool itself */
#include "base/pool.c"
#include "base/reflist.h"

#define BLOCKS 5000

static void assert_all(const uint8_t *block, size_t size, uint8_t value)
{
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(block[i], value);
    }
}

/* Before there is a block. */
static void a_limit_of_address_space_leaves_room_for_all_else(void **state)
{
    static const size_t limits_mb[] = {200, 1024, 1 << 20};
    for (size_t i = 0; i < sizeof(limits_mb) / sizeof(limits_mb[0]); i++) {
        address_limit = limits_mb[i] << 20;
        assert_true(reserve());
        assert_in_range(reserved, 16 << 20, address_limit / 4);
        assert_in_range(reserved, 0, REGION_BYTES);
        munmap(pool_base, reserved);
    }
    address_limit = RLIM_INFINITY;
    pool_base = NULL;
    reserved = 0;
}

static void without_memory_blocks_are_mallocs_or_none(void **state)
{
    static void *blocks[BLOCKS];
    size_t count = 0;
    mprotect_fails = true;
    while (count < BLOCKS && (blocks[count] = pool_take(1000)) != NULL) {
        memset(blocks[count++], 1, 1000);
    }
    assert_true(count < BLOCKS);
    char *text = pool_text("name", 4);
    char *large = pool_realloc(NULL, 1000);
    assert_non_null(large);
    assert_false(is_pooled(large));
    memset(large, 2, 1000);
    mprotect_fails = false;
    void *block = pool_take(1000);
    assert_non_null(block);
    assert_all(block, 1000, 0);
    large = pool_realloc(large, 500);
    assert_all((uint8_t *)large, 500, 2);
    assert_string_equal(text, "name");
    assert_null(pool_realloc(large, 0));
    assert_null(pool_realloc(text, 0));
    pool_give(block);
    while (count > 0) {
        assert_all(blocks[--count], 1000, 1);
        pool_give(blocks[count]);
    }
}

static void blocks_of_all_sizes_are_zeroed_and_apart(void **state)
{
    static uint8_t *blocks[POOL_BLOCK_MAX + 1];
    for (int round = 0; round < 2; round++) {
        for (size_t size = 1; size <= POOL_BLOCK_MAX; size++) {
            blocks[size] = pool_take(size);
            assert_non_null(blocks[size]);
            assert_int_equal((uintptr_t)blocks[size] % 8, 0);
            assert_all(blocks[size], size, 0);
            memset(blocks[size], (int)(size & 255), size);
        }
        for (size_t size = 1; size <= POOL_BLOCK_MAX; size++) {
            assert_all(blocks[size], size, size & 255);
            pool_give(blocks[size]);
        }
    }
    pool_give(NULL);
}

/* Against a plain array that remembers what each block holds. */
static void blocks_come_and_go_in_any_order(void **state)
{
    static uint8_t *blocks[BLOCKS];
    static uint8_t holds[BLOCKS];
    srand(1);
    for (int step = 0; step < 20 * BLOCKS; step++) {
        int i = rand() % BLOCKS;
        if (blocks[i] != NULL) {
            assert_all(blocks[i], 100, holds[i]);
            pool_give(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        blocks[i] = pool_take(100);
        assert_non_null(blocks[i]);
        assert_all(blocks[i], 100, 0);
        holds[i] = (uint8_t)(rand() % 256);
        memset(blocks[i], holds[i], 100);
    }
    for (int i = 0; i < BLOCKS; i++) {
        pool_give(blocks[i]);
        blocks[i] = NULL;
    }
}

/* Of the pool alone: the memory of a sanitizer grows with what it watches. */
static size_t resident_kb(void)
{
    static uint8_t is_there[64 << 10];
    size_t page = (size_t)getpagesize(), count = committed / page, resident = 0;
    assert_in_range(count, 0, sizeof(is_there));
    assert_int_equal(mincore(pool_base, committed, is_there), 0);
    for (size_t i = 0; i < count; i++) {
        resident += is_there[i] & 1;
    }
    return resident * page / 1024;
}

static void many_blocks_take_little_more_than_themselves_and_go(void **state)
{
    const size_t count = 400000;
    void **blocks = calloc(count, sizeof(*blocks));
    assert_non_null(blocks);
    size_t before = resident_kb();
    for (size_t i = 0; i < count; i++) {
        blocks[i] = pool_take(40);
        assert_non_null(blocks[i]);
    }
    size_t grown = resident_kb() - before;
    assert_in_range(grown, 40 * count / 1024 - 64, 41 * count / 1024 + 256);
    for (size_t i = 0; i < count; i++) {
        pool_give(blocks[i]);
    }
    assert_true(resident_kb() < before + grown / 8);
    for (size_t i = 0; i < count; i++) { /* and come again */
        blocks[i] = pool_take(48);
        assert_non_null(blocks[i]);
        assert_all(blocks[i], 48, 0);
        memset(blocks[i], 1, 48);
    }
    assert_true(resident_kb() < before + 2 * grown);
    for (size_t i = 0; i < count; i++) {
        pool_give(blocks[i]);
    }
    free(blocks);
}

static void groups_go_back_in_pages_of_any_size(void **state)
{
    static void *blocks[BLOCKS];
    for (page_bytes = 4096; page_bytes <= 65536; page_bytes *= 4) {
        advices = 0;
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = pool_take(1000);
            assert_non_null(blocks[i]);
        }
        for (int i = 0; i < BLOCKS; i++) {
            pool_give(blocks[i]);
        }
        assert_in_range(advices, BLOCKS / 70, BLOCKS);
    }
    page_bytes = 4096;
}

static void a_block_may_change_its_size(void **state)
{
    static const size_t sizes[] = {8,     100, 40, POOL_BLOCK_MAX, POOL_BLOCK_MAX + 1,
                                   20000, 50,  3};
    uint8_t *block = pool_realloc(NULL, 1);
    assert_non_null(block);
    *block = 7;
    size_t before = 1;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        block = pool_realloc(block, sizes[i]);
        assert_non_null(block);
        assert_all(block, before < sizes[i] ? before : sizes[i], 7);
        memset(block, 7, sizes[i]);
        before = sizes[i];
    }
    assert_null(pool_realloc(block, 0));
    assert_null(pool_realloc(NULL, 0));
}

static void a_ref_leads_back(void **state)
{
    uint32_t *block = pool_take(40);
    for (int i = 0; i < 10; i++) {
        assert_ptr_equal(ref_to(ref_of(block + i)), block + i);
        assert_true(ref_of(block + i) != 0);
    }
    assert_true(ref_of(NULL) == 0);
    assert_null(ref_to(0));
    pool_give(block);
}

struct item {
    int number;
    struct reflist node;
};

static int number_of(struct reflist *node)
{
    return container_of(node, struct item, node)->number;
}

static void a_list_of_refs_keeps_its_order(void **state)
{
    struct reflist *head = pool_take(sizeof(*head));
    struct item *items[6];
    assert_true(reflist_empty(head));
    reflist_init(head);
    assert_true(reflist_empty(head));
    for (int i = 0; i < 6; i++) {
        items[i] = pool_take(sizeof(*items[i]));
        items[i]->number = i;
        assert_false(reflist_linked(&items[i]->node));
        reflist_remove(&items[i]->node);
        reflist_push(head, &items[i]->node);
        assert_true(reflist_linked(&items[i]->node));
    }
    int seen = 0;
    REFLIST_EACH(head, node)
    {
        assert_int_equal(number_of(node), seen++);
        if (number_of(node) % 2 == 0) {
            reflist_remove(node);
            assert_false(reflist_linked(node));
        }
    }
    assert_int_equal(seen, 6);
    for (int i = 1; i < 6; i += 2) {
        assert_int_equal(number_of(reflist_take(head)), i);
    }
    assert_null(reflist_take(head));
    for (int i = 0; i < 6; i++) {
        pool_give(items[i]);
    }
    pool_give(head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_of_address_space_leaves_room_for_all_else),
        cmocka_unit_test(without_memory_blocks_are_mallocs_or_none),
        cmocka_unit_test(blocks_of_all_sizes_are_zeroed_and_apart),
        cmocka_unit_test(blocks_come_and_go_in_any_order),
        cmocka_unit_test(many_blocks_take_little_more_than_themselves_and_go),
        cmocka_unit_test(groups_go_back_in_pages_of_any_size),
        cmocka_unit_test(a_block_may_change_its_size),
        cmocka_unit_test(a_ref_leads_back),
        cmocka_unit_test(a_list_of_refs_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
