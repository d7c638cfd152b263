/* The pipeline's promises: order, batches that fail alone, BUSY, lost connections. Runs
 * against a real PostgreSQL, whose misbehaviour the statements ask for themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/db/db_conn.h"

#define CALLS_MAX 3000

struct call {
    struct db_call call;
    char first[64];
    char mode[4];
    struct db_outcome outcome;
    char sqlstate[6];
    char value[64];
    int done;
};

static uv_loop_t loop;
static struct db *db;
static struct call calls[CALLS_MAX];
static int pending;
static bool was_ready;
static PGconn *side; /* what others do to the database meanwhile */

static void on_state(void *user, bool ready, const char *why)
{
    (void)user;
    (void)why;
    was_ready = was_ready || ready;
}

static void side_run(const char *sql)
{
    PGresult *result = PQexec(side, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    assert_true(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK);
}

static const char *side_value(const char *sql)
{
    static char value[64];
    PGresult *result = PQexec(side, sql);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    snprintf(value, sizeof(value), "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return value;
}

static int set_up(void **state)
{
    (void)state;
    memset(calls, 0, sizeof(calls));
    pending = 0;
    was_ready = false;
    side = PQconnectdb(getenv("DATABASE_URL"));
    side_run("SET client_min_messages = error");
    side_run("CREATE TABLE IF NOT EXISTS t (n int PRIMARY KEY, by text)");
    side_run("TRUNCATE t");
    side_run("CREATE OR REPLACE FUNCTION busy_unless(p_free int, p_n int) RETURNS text "
             "LANGUAGE plpgsql AS $$ BEGIN "
             "IF p_free = 1 AND NOT pg_try_advisory_xact_lock(77) THEN RETURN 'BUSY'; "
             "ELSIF p_free = 0 THEN PERFORM pg_advisory_xact_lock(77); END IF; "
             "INSERT INTO t VALUES (p_n, 'mode ' || p_free); RETURN 'OK'; END $$");
    side_run(
        "CREATE OR REPLACE FUNCTION run_many(p_words text[], p_mode int) "
        "RETURNS TABLE (w text, n int) LANGUAGE plpgsql AS $$ BEGIN "
        "IF 'fail' = ANY (p_words) THEN RAISE 'failed'; END IF; "
        "RETURN QUERY SELECT x.w, x.n::int FROM unnest(p_words) WITH ORDINALITY x(w, n) "
        "WHERE x.w IS DISTINCT FROM 'none' AND p_mode = 1 ORDER BY x.n DESC; END $$");
    assert_int_equal(uv_loop_init(&loop), 0);
    struct db_options options = {.conninfo = getenv("DATABASE_URL"),
                                 .connections = 1,
                                 .connect_timeout_ms = 2000,
                                 .on_state = on_state};
    assert_int_equal(db_open(&loop, &options, &db), ERR_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    db_close(db);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    PQfinish(side);
    return 0;
}

static void on_done(struct db_call *db_call, const struct db_outcome *outcome,
                    const struct db_result *result)
{
    struct call *call = container_of(db_call, struct call, call);
    call->done++;
    call->outcome = *outcome;
    snprintf(call->sqlstate, sizeof(call->sqlstate), "%s", outcome->sqlstate);
    if (result != NULL && db_row_count(result) > 0) {
        struct bytes value = db_text(result, 0, 0);
        if (value.size == 4 && value.data[0] == 0) {
            snprintf(call->value, sizeof(call->value), "%lld",
                     (long long)db_int(result, 0, 0));
        } else {
            snprintf(call->value, sizeof(call->value), "%.*s", (int)value.size,
                     (const char *)value.data);
        }
    }
    pending--;
}

static enum err submit(int i, const char *sql, enum db_mode mode, const char *param)
{
    struct call *call = &calls[i];
    snprintf(call->first, sizeof(call->first), "%s", param != NULL ? param : "");
    call->call.sql = sql;
    call->call.mode = mode;
    call->call.mode_param = -1;
    call->call.deadline_ms = clock_ms() + 5000;
    call->call.done = on_done;
    if (param != NULL) {
        call->call.params[call->call.param_count++] = call->first;
    }
    enum err err = db_submit(db, &call->call);
    pending += err == ERR_OK ? 1 : 0;
    return err;
}

static void submit_busy(int i, const char *stream)
{
    struct call *call = &calls[i];
    snprintf(call->first, sizeof(call->first), "%d", i);
    call->call.sql = "SELECT busy_unless($1, $2)";
    call->call.mode = DB_BATCH;
    call->call.mode_param = 0;
    call->call.busy_stream = stream;
    call->call.param_count = 2;
    call->call.params[1] = call->first;
    call->call.deadline_ms = clock_ms() + 5000;
    call->call.done = on_done;
    assert_int_equal(db_submit(db, &call->call), ERR_OK);
    pending++;
}

/* A statement whose calls go together from DB_MANY_LEAST on: says who ran how. */
static const struct db_many many = {
    .sql = "SELECT coalesce(w, 'NULL') || ' of ' || cardinality($1), n "
           "FROM run_many($1, $2) AS r(w, n)",
    .each = 1,
};

static void submit_many(int i, const char *word, bool free_only)
{
    struct call *call = &calls[i];
    call->call.sql = "SELECT coalesce($1, 'NULL') || ' alone ' || ($2::int >= 0)";
    call->call.many = &many;
    call->call.mode = DB_BATCH;
    call->call.mode_param = free_only ? 1 : -1;
    call->call.param_count = 2;
    call->call.params[0] = word;
    call->call.params[1] = "1";
    call->call.deadline_ms = clock_ms() + 5000;
    call->call.done = on_done;
    assert_int_equal(db_submit(db, &call->call), ERR_OK);
    pending++;
}

/* Until nothing is pending, or too long. */
static void run(void)
{
    int64_t until = clock_ms() + 10000;
    while (pending > 0 && clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(pending, 0);
}

/* Both connections: while the one for who waits is not there, he waits on the other. */
static void wait_ready(void)
{
    int64_t until = clock_ms() + 5000;
    while (db->ready < db->conn_count && clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(db_ready(db));
    assert_int_equal(db->ready, db->conn_count);
}

static void calls_made_before_the_first_connection_are_answered(void **state)
{
    assert_false(db_ready(db));
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(submit(i, "SELECT $1::int", DB_READ, text), ERR_OK);
    }
    run();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_int_equal(calls[i].done, 1);
        assert_int_equal(atoi(calls[i].value), i);
    }
    assert_true(was_ready);
}

static void one_failing_call_never_fails_its_neighbours(void **state)
{
    wait_ready();
    for (int i = 0; i < 20; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i == 7 ? 3 : i); /* 3 stands already */
        assert_int_equal(
            submit(i, "INSERT INTO t (n) VALUES ($1) RETURNING n", DB_BATCH, text),
            ERR_OK);
    }
    run();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(calls[i].outcome.err, i == 7 ? ERR_INTERNAL : ERR_OK);
        assert_int_equal(calls[i].done, 1);
    }
    assert_string_equal(calls[7].sqlstate, "23505");
    assert_string_equal(side_value("SELECT count(*) FROM t"), "19");
}

static void a_statement_that_cannot_be_prepared_fails_alone(void **state)
{
    wait_ready();
    assert_int_equal(submit(0, "SELECT 1", DB_BATCH, NULL), ERR_OK);
    assert_int_equal(submit(1, "SELECT no_such_function()", DB_BATCH, NULL), ERR_OK);
    assert_int_equal(submit(2, "SELECT 2", DB_BATCH, NULL), ERR_OK);
    run();
    assert_int_equal(calls[0].outcome.err, ERR_OK);
    assert_int_equal(calls[1].outcome.err, ERR_INTERNAL);
    assert_string_equal(calls[1].sqlstate, "42883");
    assert_int_equal(calls[2].outcome.err, ERR_OK);
    /* and again, when it is there */
    side_run("CREATE FUNCTION no_such_function() RETURNS int LANGUAGE sql AS 'SELECT 3'");
    assert_int_equal(submit(3, calls[1].call.sql, DB_BATCH, NULL), ERR_OK);
    run();
    assert_int_equal(calls[3].outcome.err, ERR_OK);
    side_run("DROP FUNCTION no_such_function()");
}

static void a_changed_function_is_prepared_anew(void **state)
{
    wait_ready();
    side_run("CREATE FUNCTION shape() RETURNS TABLE (a int) LANGUAGE sql AS 'SELECT 1'");
    assert_int_equal(submit(0, "SELECT * FROM shape()", DB_READ, NULL), ERR_OK);
    run();
    side_run("DROP FUNCTION shape()");
    side_run("CREATE FUNCTION shape() RETURNS TABLE (a int, b int) LANGUAGE sql "
             "AS 'SELECT 7, 2'");
    assert_int_equal(submit(1, calls[0].call.sql, DB_READ, NULL), ERR_OK);
    run();
    assert_int_equal(calls[1].outcome.err, ERR_OK);
    assert_string_equal(calls[1].value, "7");
    side_run("DROP FUNCTION shape()");
}

static void a_function_of_other_parameters_is_prepared_anew(void **state)
{
    wait_ready();
    side_run("CREATE FUNCTION taken(p text) RETURNS text LANGUAGE sql AS 'SELECT $1'");
    assert_int_equal(submit(0, "SELECT taken($1)", DB_READ, "7"), ERR_OK);
    run();
    assert_string_equal(calls[0].value, "7");
    side_run("DROP FUNCTION taken(text)");
    side_run("CREATE FUNCTION taken(p int) RETURNS text LANGUAGE sql AS 'SELECT 1 + $1'");
    for (int i = 1; i < 4; i++) {
        assert_int_equal(submit(i, calls[0].call.sql, DB_READ, "7"), ERR_OK);
        run();
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_string_equal(calls[i].value, "8");
    }
    side_run("DROP FUNCTION taken(int)");
}

/* What misses a function within is not prepared anew for ever. */
static void a_function_that_calls_none_fails(void **state)
{
    wait_ready();
    side_run("CREATE OR REPLACE FUNCTION calls_none() RETURNS int LANGUAGE plpgsql "
             "AS 'BEGIN RETURN there_is_none(); END'");
    int generation = db->conns[0].generation;
    assert_int_equal(submit(0, "SELECT calls_none()", DB_BATCH, NULL), ERR_OK);
    run();
    assert_int_equal(calls[0].outcome.err, ERR_INTERNAL);
    assert_int_equal(db->conns[0].generation, generation);
    side_run("DROP FUNCTION calls_none()");
}

static void a_busy_call_runs_again_and_waits_at_last(void **state)
{
    wait_ready();
    side_run("BEGIN");
    side_run("SELECT pg_advisory_xact_lock(77)");
    for (int i = 0; i < 5; i++) {
        submit_busy(i, "room:00000000-0000-4000-9000-000000000001");
    }
    int64_t until = clock_ms() + 300;
    while (clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_int_equal(pending, 5);
    side_run("COMMIT");
    run();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_string_equal(calls[i].value, "OK");
    }
    assert_string_equal(side_value("SELECT count(*) FROM t"), "5");
}

static void calls_that_may_go_together_share_a_statement(void **state)
{
    static const char *const words[] = {"a \"b\" \\c", "{x,y}", NULL, "NULL", "", "z"};
    wait_ready();
    for (int i = 0; i < 6; i++) {
        submit_many(i, words[i], true);
        if (i == 2) {
            assert_int_equal(submit(10, "SELECT 'between'", DB_BATCH, NULL), ERR_OK);
        }
    }
    run();
    for (int i = 0; i < 6; i++) {
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "%s of 6", words[i] != NULL ? words[i] : "NULL");
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_string_equal(calls[i].value, wanted);
    }
    assert_string_equal(calls[10].value, "between");
}

static void few_calls_go_by_themselves(void **state)
{
    wait_ready();
    for (int i = 0; i < DB_MANY_LEAST - 1; i++) {
        submit_many(i, "w", false);
    }
    run();
    for (int i = 0; i < DB_MANY_LEAST - 1; i++) {
        assert_string_equal(calls[i].value, "w alone true");
    }
}

static void one_goes_as_many_where_it_must(void **state)
{
    static const struct db_many always = {
        .sql =
            "SELECT w || ' of ' || cardinality($1), n FROM run_many($1, $2) AS r(w, n)",
        .each = 1,
        .least = 1,
    };
    wait_ready();
    submit_many(0, "w", false);
    calls[0].call.many = &always; /* it is sent when the loop turns */
    run();
    assert_string_equal(calls[0].value, "w of 1");
}

static void a_call_without_a_row_hears_no_other(void **state)
{
    wait_ready();
    for (int i = 0; i < 5; i++) {
        submit_many(i, i == 2 ? "none" : "w", true);
    }
    run();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_string_equal(calls[i].value, i == 2 ? "" : "w of 5");
    }
}

static void one_that_fails_among_many_fails_alone(void **state)
{
    wait_ready();
    for (int i = 0; i < 5; i++) {
        submit_many(i, i == 3 ? "fail" : "w", true);
    }
    run();
    for (int i = 0; i < 5; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_string_equal(calls[i].value, i == 3 ? "fail alone true" : "w alone true");
    }
}

static void who_waits_holds_up_nobody_else(void **state)
{
    wait_ready();
    side_run("BEGIN");
    side_run("SELECT pg_advisory_xact_lock(77)");
    submit_busy(0, NULL);
    int64_t until = clock_ms() + 100;
    while (clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    int64_t started = clock_ms();
    assert_int_equal(submit(1, "SELECT 1", DB_BATCH, NULL), ERR_OK);
    while (calls[1].done == 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    assert_true(clock_ms() - started < 500);
    assert_int_equal(calls[0].done, 0);
    side_run("COMMIT");
    run();
    assert_string_equal(calls[0].value, "OK");
}

static void calls_of_a_lost_connection_run_again(void **state)
{
    wait_ready();
    const char *sql = "SELECT pg_sleep(0.2)::text || $1";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(submit(i, sql, DB_BATCH, "x"), ERR_OK);
    }
    int64_t until = clock_ms() + 150;
    while (clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    side_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
             "WHERE application_name = 'belfry-core'");
    int64_t lost = clock_ms();
    run();
    assert_true(clock_ms() - lost < 2000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_int_equal(calls[i].done, 1);
    }
}

static void what_was_sent_and_lost_is_unknown_at_its_deadline(void **state)
{
    wait_ready();
    struct call *call = &calls[0];
    assert_int_equal(submit(0, "SELECT pg_sleep(5)", DB_ALONE, NULL), ERR_OK);
    call->call.deadline_ms = clock_ms() + 200;
    int64_t until = clock_ms() + 300;
    while (clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    side_run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
             "WHERE application_name = 'belfry-core'");
    run();
    assert_int_equal(call->outcome.err, ERR_UNAVAILABLE);
    assert_true(call->outcome.unknown);
}

static void a_lock_that_does_not_come_is_no_effect(void **state)
{
    wait_ready();
    side_run("BEGIN");
    side_run("SELECT pg_advisory_xact_lock(77)");
    assert_int_equal(submit(0, "SELECT busy_unless(0, 1)", DB_ALONE, NULL), ERR_OK);
    run(); /* lock_timeout */
    assert_int_equal(calls[0].outcome.err, ERR_UNAVAILABLE);
    assert_false(calls[0].outcome.unknown);
    side_run("COMMIT");
    assert_string_equal(side_value("SELECT count(*) FROM t"), "0");
}

static void closing_answers_what_waits(void **state)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(submit(i, "SELECT 1", DB_BATCH, NULL), ERR_OK);
    }
    db_close(db);
    db = NULL;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_UNAVAILABLE);
        assert_int_equal(calls[i].done, 1);
    }
}

static void many_calls_come_back_each_once(void **state)
{
    wait_ready();
    int64_t started = clock_ms();
    for (int i = 0; i < CALLS_MAX; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        assert_int_equal(
            submit(i, "INSERT INTO t (n) VALUES ($1) RETURNING n", DB_BATCH, text),
            ERR_OK);
    }
    run();
    print_message("%d inserts in %lld ms\n", CALLS_MAX,
                  (long long)(clock_ms() - started));
    for (int i = 0; i < CALLS_MAX; i++) {
        assert_int_equal(calls[i].outcome.err, ERR_OK);
        assert_int_equal(calls[i].done, 1);
    }
    assert_string_equal(side_value("SELECT count(*) FROM t"), "3000");
}

#define db_case(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    if (getenv("DATABASE_URL") == NULL) {
        return 77;
    }
    const struct CMUnitTest tests[] = {
        db_case(calls_made_before_the_first_connection_are_answered),
        db_case(one_failing_call_never_fails_its_neighbours),
        db_case(a_statement_that_cannot_be_prepared_fails_alone),
        db_case(a_changed_function_is_prepared_anew),
        db_case(a_function_of_other_parameters_is_prepared_anew),
        db_case(a_function_that_calls_none_fails),
        db_case(a_busy_call_runs_again_and_waits_at_last),
        db_case(calls_that_may_go_together_share_a_statement),
        db_case(few_calls_go_by_themselves),
        db_case(one_goes_as_many_where_it_must),
        db_case(a_call_without_a_row_hears_no_other),
        db_case(one_that_fails_among_many_fails_alone),
        db_case(who_waits_holds_up_nobody_else),
        db_case(calls_of_a_lost_connection_run_again),
        db_case(what_was_sent_and_lost_is_unknown_at_its_deadline),
        db_case(a_lock_that_does_not_come_is_no_effect),
        db_case(closing_answers_what_waits),
        db_case(many_calls_come_back_each_once),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
