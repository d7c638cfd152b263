/* Checks the map against a plain array that does the same, and its walk under removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/pool.h"

static bool calloc_fails;

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    return calloc_fails ? NULL : __real_calloc(count, size);
}

#define KEYS 1000

static int values[KEYS]; /* only their addresses matter */

static void fill(struct map *map, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(map_put(map, &i, &values[i]), ERR_OK);
    }
}

static void an_empty_map_has_nothing(void **state)
{
    struct map map;
    map_init(&map, 4);
    uint32_t key = 1;
    size_t cursor = 0;
    void *value;
    assert_null(map_get(&map, &key));
    assert_null(map_remove(&map, &key));
    assert_false(map_next(&map, &cursor, NULL, &value));
    map_finish(&map);
}

static void finds_what_was_put_and_replaces_it(void **state)
{
    struct map map;
    map_init(&map, 4);
    fill(&map, KEYS);
    assert_int_equal(map.size, KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_get(&map, &i), &values[i]);
    }
    uint32_t key = 7, missing = KEYS;
    assert_int_equal(map_put(&map, &key, &values[9]), ERR_OK);
    assert_ptr_equal(map_get(&map, &key), &values[9]);
    assert_int_equal(map.size, KEYS);
    assert_null(map_get(&map, &missing));
    map_finish(&map);
}

static void keys_may_lie_in_the_values(void **state)
{
    struct thing {
        char other[5];
        uint32_t key;
    } * things[KEYS], *second = pool_take(sizeof(*second));
    struct map map;
    map_init_inside(&map, 4, offsetof(struct thing, key));
    for (uint32_t i = 0; i < KEYS; i++) {
        things[i] = pool_take(sizeof(*things[i]));
        things[i]->key = i;
        assert_int_equal(map_put(&map, &i, things[i]), ERR_OK);
    }
    second->key = 7;
    assert_int_equal(map_put(&map, &second->key, second), ERR_OK);
    assert_int_equal(map.size, KEYS);
    size_t cursor = 0, walked = 0;
    const void *key;
    void *value;
    while (map_next(&map, &cursor, &key, &value)) {
        walked++;
        assert_ptr_equal(map_get(&map, key), value);
    }
    assert_int_equal(walked, KEYS);
    assert_ptr_equal(map_remove(&map, &second->key), second);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_get(&map, &i), i == 7 ? NULL : things[i]);
    }
    map_finish(&map);
    assert_null(map_get(&map, &second->key));
    for (uint32_t i = 0; i < KEYS; i++) {
        pool_give(things[i]);
    }
    pool_give(second);
}

static void text_keys_are_copied_and_compared_whole(void **state)
{
    struct map map;
    char key[32];
    map_init(&map, MAP_TEXT_KEYS);
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "key-%d", i);
        assert_int_equal(map_put(&map, key, &values[i]), ERR_OK);
    }
    memset(key, 'x', sizeof(key));
    assert_ptr_equal(map_get(&map, "key-10"), &values[10]);
    assert_null(map_get(&map, "key-1000"));
    assert_null(map_get(&map, "key"));
    assert_null(map_get(&map, ""));
    assert_int_equal(map_put(&map, "", &values[1]), ERR_OK);
    assert_ptr_equal(map_remove(&map, ""), &values[1]);
    assert_ptr_equal(map_remove(&map, "key-10"), &values[10]);
    assert_null(map_get(&map, "key-10"));
    map_finish(&map);
}

static void keys_of_any_size_work(void **state)
{
    for (size_t size = 1; size <= 40; size++) {
        struct map map;
        uint8_t key[40] = {0};
        map_init(&map, size);
        for (int i = 0; i < 100; i++) {
            key[size - 1] = (uint8_t)i;
            assert_int_equal(map_put(&map, key, &values[i]), ERR_OK);
        }
        for (int i = 0; i < 100; i++) {
            key[size - 1] = (uint8_t)i;
            assert_ptr_equal(map_get(&map, key), &values[i]);
        }
        map_finish(&map);
    }
}

static void a_long_random_life_agrees_with_a_plain_array(void **state)
{
    struct map map;
    bool there[KEYS] = {false};
    size_t size = 0;
    map_init(&map, 4);
    srand(1);
    for (int step = 0; step < 200000; step++) {
        uint32_t key = (uint32_t)rand() % KEYS;
        /* Phases of growth and of decay. */
        if (rand() % 100 < (step / 20000 % 2 == 0 ? 60 : 40)) {
            assert_int_equal(map_put(&map, &key, &values[key]), ERR_OK);
            size += !there[key];
            there[key] = true;
        } else {
            assert_ptr_equal(map_remove(&map, &key), there[key] ? &values[key] : NULL);
            size -= there[key];
            there[key] = false;
        }
        assert_int_equal(map.size, size);
        uint32_t other = (uint32_t)rand() % KEYS;
        assert_ptr_equal(map_get(&map, &other), there[other] ? &values[other] : NULL);
    }
    map_finish(&map);
}

static void a_walk_gives_each_entry_once(void **state)
{
    struct map map;
    bool seen[KEYS] = {false};
    map_init(&map, 4);
    fill(&map, KEYS);
    size_t cursor = 0, count = 0;
    const void *key;
    void *value;
    while (map_next(&map, &cursor, &key, &value)) {
        uint32_t number;
        memcpy(&number, key, sizeof(number));
        assert_ptr_equal(value, &values[number]);
        assert_false(seen[number]);
        seen[number] = true;
        count++;
    }
    assert_int_equal(count, KEYS);
    assert_false(map_next(&map, &cursor, &key, &value));
    map_finish(&map);
}

/* The seed differs in each process, so the places where entries lie do: many rounds of a
 * crowded map (12 of 16 slots) meet clusters that wrap around its end. */
static void walk_and_remove(uint32_t count, uint32_t base, uint32_t modulus)
{
    struct map map;
    bool seen[KEYS] = {false};
    map_init(&map, 4);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t key = base + i;
        assert_int_equal(map_put(&map, &key, &values[i]), ERR_OK);
    }
    size_t cursor = 0, given = 0, removed = 0;
    const void *key;
    void *value;
    while (map_next(&map, &cursor, &key, &value)) {
        size_t i = (size_t)((int *)value - values);
        assert_false(seen[i]);
        seen[i] = true;
        given++;
        if (i % modulus == 0) {
            assert_ptr_equal(map_remove(&map, key), value);
            removed++;
        }
    }
    assert_int_equal(given, count);
    assert_int_equal(map.size, count - removed);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = base + i;
        assert_ptr_equal(map_get(&map, &number), i % modulus == 0 ? NULL : &values[i]);
    }
    map_finish(&map);
}

static void the_entry_just_given_may_be_removed(void **state)
{
    for (uint32_t round = 0; round < 2000; round++) {
        walk_and_remove(12, round * 12, 1);
        walk_and_remove(12, round * 12, 2);
        walk_and_remove(24, round * 24, 3);
    }
    walk_and_remove(KEYS, 0, 1);
    walk_and_remove(KEYS, 0, 2);
}

static void text_entries_may_be_removed_by_the_key_just_given(void **state)
{
    struct map map;
    char text[16];
    map_init(&map, MAP_TEXT_KEYS);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(map_put(&map, text, &values[i]), ERR_OK);
    }
    size_t cursor = 0;
    const void *key;
    void *value;
    while (map_next(&map, &cursor, &key, &value)) {
        assert_ptr_equal(map_remove(&map, key), value);
    }
    assert_int_equal(map.size, 0);
    map_finish(&map);
}

static void without_memory_the_map_is_unchanged(void **state)
{
    struct map map;
    map_init(&map, 4);
    fill(&map, 12);
    uint32_t more = 12, known = 3;
    calloc_fails = true;
    enum err err = map_put(&map, &more, &values[12]);
    enum err replaced = map_put(&map, &known, &values[40]); /* needs none */
    calloc_fails = false;
    assert_int_equal(err, ERR_UNAVAILABLE);
    assert_int_equal(replaced, ERR_OK);
    assert_int_equal(map.size, 12);
    assert_null(map_get(&map, &more));
    assert_ptr_equal(map_get(&map, &known), &values[40]);
    assert_int_equal(map_put(&map, &more, &values[12]), ERR_OK);
    map_finish(&map);
}

static void a_finished_map_can_be_used_again(void **state)
{
    struct map map = {.key_size = 4};
    map_finish(&map);
    fill(&map, 20);
    map_finish(&map);
    assert_int_equal(map.size, 0);
    fill(&map, 5);
    assert_int_equal(map.size, 5);
    map_finish(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(finds_what_was_put_and_replaces_it),
        cmocka_unit_test(keys_may_lie_in_the_values),
        cmocka_unit_test(text_keys_are_copied_and_compared_whole),
        cmocka_unit_test(keys_of_any_size_work),
        cmocka_unit_test(a_long_random_life_agrees_with_a_plain_array),
        cmocka_unit_test(a_walk_gives_each_entry_once),
        cmocka_unit_test(the_entry_just_given_may_be_removed),
        cmocka_unit_test(text_entries_may_be_removed_by_the_key_just_given),
        cmocka_unit_test(without_memory_the_map_is_unchanged),
        cmocka_unit_test(a_finished_map_can_be_used_again),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
