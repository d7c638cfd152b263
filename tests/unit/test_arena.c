/* Checks that an arena gives zeroed, aligned memory up to its limit and no further. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"

static bool malloc_fails;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
    return malloc_fails ? NULL : __real_malloc(size);
}

static bool is_zero(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

static void memory_is_zeroed_and_aligned_for_any_type(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *data = arena_alloc(&arena, size);
        assert_non_null(data);
        assert_int_equal((uintptr_t)data % _Alignof(max_align_t), 0);
        assert_true(is_zero(data, size));
        memset(data, 0xff, size);
    }
    arena_finish(&arena);
}

static void reused_memory_is_zeroed_again(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    memset(arena_alloc(&arena, 3000), 0xff, 3000);
    arena_reset(&arena);
    assert_true(is_zero(arena_alloc(&arena, 3000), 3000));
    arena_finish(&arena);
}

static void allocations_do_not_overlap(void **state)
{
    struct arena arena;
    uint8_t *parts[200];
    arena_init(&arena, 1 << 20);
    for (int i = 0; i < 200; i++) {
        parts[i] = arena_alloc(&arena, (size_t)i * 7 + 1);
        memset(parts[i], i, (size_t)i * 7 + 1);
    }
    for (int i = 0; i < 200; i++) {
        for (int at = 0; at < i * 7 + 1; at++) {
            assert_int_equal(parts[i][at], i);
        }
    }
    arena_finish(&arena);
}

static void the_limit_is_kept_and_the_arena_stays_usable(void **state)
{
    struct arena arena;
    arena_init(&arena, 10000);
    assert_null(arena_alloc(&arena, 10001));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_non_null(arena_alloc(&arena, 10000));
    assert_null(arena_alloc(&arena, 1));
    arena_reset(&arena);
    size_t total = 0;
    while (arena_alloc(&arena, 100) != NULL) {
        total += 100;
    }
    assert_in_range(total, 8000, 10000);
    assert_true(arena.used_bytes <= 10000);
    arena_finish(&arena);
}

static void a_zeroed_arena_with_a_limit_works_and_one_without_refuses(void **state)
{
    struct arena arena = {.limit_bytes = 100};
    assert_non_null(arena_alloc(&arena, 100));
    arena_finish(&arena);

    struct arena zeroed = {0};
    assert_null(arena_alloc(&zeroed, 1));
    arena_reset(&zeroed);
    arena_finish(&zeroed);
}

static void reset_keeps_one_block_and_not_a_huge_one(void **state)
{
    struct arena arena;
    arena_init(&arena, 10 << 20);
    for (int i = 0; i < 100; i++) {
        arena_alloc(&arena, 1000);
    }
    arena_alloc(&arena, 5 << 20);
    arena_reset(&arena);
    size_t kept = arena.used_bytes;
    assert_in_range(kept, 4096, 65536);
    assert_non_null(arena_alloc(&arena, kept)); /* without a new block */
    assert_int_equal(arena.used_bytes, kept);
    arena_finish(&arena);
}

static void copies_end_with_a_nul(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_memory_equal(arena_copy(&arena, bytes_make("abc", 2)), "ab", 3);
    assert_string_equal(arena_copy(&arena, bytes_make(NULL, 0)), "");
    assert_string_equal(arena_text(&arena, "text"), "text");
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
    char *text = arena_printf(&arena, "%9000d", 1);
    assert_int_equal(strlen(text), 9000);
    arena_finish(&arena);
}

static void says_when_memory_is_out(void **state)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_non_null(arena_alloc(&arena, 4000));
    malloc_fails = true;
    assert_null(arena_alloc(&arena, 4000));
    assert_null(arena_text(&arena, "a text that is longer than what is left of the block"
                                   " and so needs another block, which is not there"));
    malloc_fails = false;
    assert_non_null(arena_alloc(&arena, 4000));
    arena_finish(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_and_aligned_for_any_type),
        cmocka_unit_test(reused_memory_is_zeroed_again),
        cmocka_unit_test(allocations_do_not_overlap),
        cmocka_unit_test(the_limit_is_kept_and_the_arena_stays_usable),
        cmocka_unit_test(a_zeroed_arena_with_a_limit_works_and_one_without_refuses),
        cmocka_unit_test(reset_keeps_one_block_and_not_a_huge_one),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(says_when_memory_is_out),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
