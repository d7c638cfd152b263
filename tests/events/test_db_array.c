/* Array parameters mean the same in both forms: PostgreSQL says of each form what it
 * read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/db/db_array.h"

#define UUID_ARRAY 2951
#define ITEMS_MAX  5

static PGconn *pg;

/* What PostgreSQL makes of it, as text; "" for an error. */
static void read_back(const char *sql_type, Oid type, const char *const *items, int count,
                      int wanted_format, char ret_text[512])
{
    char sql[64];
    struct buf buf;
    buf_init(&buf, 4096);
    int format = db_array_append(&buf, type, items, count);
    assert_false(buf.failed);
    assert_int_equal(format, wanted_format);
    snprintf(sql, sizeof(sql), "SELECT $1::%s[]::text", sql_type);
    const char *value = (const char *)buf.data;
    int size = (int)buf.size;
    PGresult *result = PQexecParams(pg, sql, 1, NULL, &value, &size, &format, 0);
    ret_text[0] = '\0';
    if (PQresultStatus(result) == PGRES_TUPLES_OK) {
        snprintf(ret_text, 512, "%s", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    buf_finish(&buf);
}

struct known {
    const char *sql_type;
    Oid type;
    const char *items[ITEMS_MAX];
};

static const struct known known[] = {
    {"uuid",
     UUID_ARRAY,
     {"0189f7a0-0000-7000-8000-0000000000ff", NULL,
      "00000000-0000-0000-0000-000000000000", "ABCDEF01-2345-6789-abcd-ef0123456789",
      "ffffffff-ffff-ffff-ffff-ffffffffffff"}},
    {"text", 1009, {"", "NULL", NULL, "a \"b\" \\c,{d}", "\xc3\xa4\xf0\x9f\x94\x94"}},
    {"bigint", 1016, {"0", "-1", "9223372036854775807", "-9223372036854775808", NULL}},
    {"boolean", 1000, {"t", "f", NULL, "t", "t"}},
    {"bytea", 1001, {"\\x", "\\x00", "\\xff00ab", NULL, "\\x0123456789abcdef"}},
};

static void both_forms_mean_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        for (int count = 1; count <= ITEMS_MAX; count++) {
            char binary[512];
            char text[512];
            read_back(known[i].sql_type, known[i].type, known[i].items, count, 1, binary);
            read_back(known[i].sql_type, 0, known[i].items, count, 0, text);
            assert_string_not_equal(text, "");
            assert_string_equal(binary, text);
        }
    }
}

static void what_has_another_form_goes_as_text(void **state)
{
    (void)state;
    static const struct known odd[] = {
        {"uuid",
         UUID_ARRAY,
         {"0189f7a0-0000-7000-8000-0000000000ff", "{00000000000000000000000000000001}"}},
        {"bigint", 1016, {"7", "8 "}},
        {"boolean", 1000, {"f", "yes"}},
        {"bytea", 1001, {"\\x00", "\\xAB"}},
        {"bytea", 1001, {"\\x00", "abc"}},
        {"int", 1007, {"1", "2"}},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char given[512];
        char text[512];
        read_back(odd[i].sql_type, odd[i].type, odd[i].items, 2, 0, given);
        read_back(odd[i].sql_type, 0, odd[i].items, 2, 0, text);
        assert_string_not_equal(text, "");
        assert_string_equal(given, text);
    }
}

/* As before, it is PostgreSQL that refuses. */
static void what_has_no_form_is_refused(void **state)
{
    (void)state;
    static const struct known bad[] = {
        {"uuid", UUID_ARRAY, {"x"}}, {"bigint", 1016, {"9223372036854775808"}},
        {"bigint", 1016, {""}},      {"boolean", 1000, {""}},
        {"bytea", 1001, {"\\x0"}},   {"bytea", 1001, {"\\x0g"}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char text[512];
        read_back(bad[i].sql_type, bad[i].type, bad[i].items, 1, 0, text);
        assert_string_equal(text, "");
    }
    char text[512];
    const char *const broken[] = {"\xff"};
    read_back("text", 1009, broken, 1, 1, text);
    assert_string_equal(text, "");
}

int main(void)
{
    if (getenv("DATABASE_URL") == NULL) {
        return 77;
    }
    pg = PQconnectdb(getenv("DATABASE_URL"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_mean_the_same),
        cmocka_unit_test(what_has_another_form_goes_as_text),
        cmocka_unit_test(what_has_no_form_is_refused),
    };
    int failed = cmocka_run_group_tests_name("db_array", tests, NULL, NULL);
    PQfinish(pg);
    return failed;
}
