/* Checks that ids have the form of RFC 9562, differ, and come in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"

static void text_and_bytes_lead_to_each_other(void **state)
{
    struct uuid uuid;
    char text[UUID_TEXT_SIZE];
    assert_true(uuid_parse(BYTES_LITERAL("017F22E2-79b0-7cc3-98C4-DC0C0c07398f"), &uuid));
    assert_int_equal(uuid.b[0], 0x01);
    assert_int_equal(uuid.b[15], 0x8f);
    uuid_format(uuid, text);
    assert_string_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

static void other_forms_are_refused_and_leave_the_result_alone(void **state)
{
    static const char *const texts[] = {
        "",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398}",
        "017f22e279b07cc398c4dc0c0c07398f",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739 f",
        "-17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398\x01",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct uuid uuid = {{7}};
        assert_false(uuid_parse(bytes_of_text(texts[i]), &uuid));
        assert_int_equal(uuid.b[0], 7);
    }
    struct uuid uuid;
    assert_false(uuid_parse(bytes_make(NULL, 0), &uuid));
}

static void version_7_carries_the_time_the_version_and_the_variant(void **state)
{
    int64_t before = clock_unix_ms();
    struct uuid uuid = uuid_v7();
    int64_t after = clock_unix_ms();
    int64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | uuid.b[i];
    }
    assert_true(ms >= before && ms <= after);
    assert_int_equal(uuid.b[6] >> 4, 7);
    assert_int_equal(uuid.b[8] >> 6, 2);
}

static void version_7_ids_come_in_order(void **state)
{
    struct uuid last = uuid_v7();
    for (int i = 0; i < 100000; i++) {
        struct uuid next = uuid_v7();
        assert_true(memcmp(last.b, next.b, 16) < 0);
        last = next;
    }
}

#define THREADS    4
#define PER_THREAD 20000

static void *make_ids(void *place)
{
    struct uuid *ids = place;
    for (int i = 0; i < PER_THREAD; i++) {
        ids[i] = uuid_v7();
    }
    return NULL;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static void threads_make_different_ids_each_in_order(void **state)
{
    static struct uuid ids[THREADS * PER_THREAD];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, make_ids, ids + i * PER_THREAD), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        for (int k = 1; k < PER_THREAD; k++) {
            assert_true(
                compare_ids(&ids[i * PER_THREAD + k - 1], &ids[i * PER_THREAD + k]) < 0);
        }
    }
    qsort(ids, THREADS * PER_THREAD, sizeof(ids[0]), compare_ids);
    for (int i = 1; i < THREADS * PER_THREAD; i++) {
        /* Not even time and counter alone are the same twice. */
        assert_true(memcmp(ids[i - 1].b, ids[i].b, 8) != 0);
    }
}

static void a_forked_child_draws_other_numbers(void **state)
{
    uint8_t mine[16], its[16] = {0};
    int ends[2];
    random_bytes(mine, 1); /* the pool is full now */
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        random_bytes(mine, sizeof(mine));
        _exit(write(ends[1], mine, sizeof(mine)) == sizeof(mine) ? 0 : 1);
    }
    random_bytes(mine, sizeof(mine));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], its, sizeof(its)), sizeof(its));
    assert_memory_not_equal(mine, its, sizeof(mine));
    close(ends[0]);
    close(ends[1]);
}

static void version_5_is_that_of_the_rfc(void **state)
{
    /* RFC 9562 appendix A.4 */
    struct uuid dns, expected;
    assert_true(uuid_parse(BYTES_LITERAL("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), &dns));
    assert_true(
        uuid_parse(BYTES_LITERAL("2ed6657d-e927-568b-95e1-2665a8aea6a2"), &expected));
    assert_true(uuid_equal(uuid_v5(dns, BYTES_LITERAL("www.example.com")), expected));
    assert_false(uuid_equal(uuid_v5(dns, bytes_make(NULL, 0)), expected));
}

static void random_bytes_of_any_size_are_filled(void **state)
{
    uint8_t data[2000], zero[16] = {0};
    for (size_t size = 16; size <= sizeof(data); size += 61) {
        memset(data, 0, sizeof(data));
        random_bytes(data, size);
        assert_memory_not_equal(data, zero, 16);
        assert_memory_not_equal(data + size - 16, zero, 16);
        for (size_t i = size; i < sizeof(data); i++) {
            assert_int_equal(data[i], 0);
        }
    }
    random_bytes(data, 0);
}

static void zero_is_known(void **state)
{
    struct uuid zero = {{0}};
    assert_true(uuid_is_zero(zero));
    assert_false(uuid_is_zero(uuid_v7()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_bytes_lead_to_each_other),
        cmocka_unit_test(other_forms_are_refused_and_leave_the_result_alone),
        cmocka_unit_test(version_7_carries_the_time_the_version_and_the_variant),
        cmocka_unit_test(version_7_ids_come_in_order),
        cmocka_unit_test(threads_make_different_ids_each_in_order),
        cmocka_unit_test(a_forked_child_draws_other_numbers),
        cmocka_unit_test(version_5_is_that_of_the_rfc),
        cmocka_unit_test(random_bytes_of_any_size_are_filled),
        cmocka_unit_test(zero_is_known),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
