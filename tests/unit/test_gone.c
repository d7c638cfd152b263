/* Checks that of those who are gone with a dead edge nobody is told of who is back by
 * then, and nobody is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/core.h"
#include "core/presence/gone.h"
#include "core/query.h"

#define PART 2000

void __wrap_query(struct request *request, const char *sql, enum db_mode mode,
                  uint32_t affinity, int count, const char *const *params,
                  query_done_fn *done);
int __wrap_db_row_count(const struct db_result *result);
size_t __wrap_db_waiting(const struct db *db);
void __wrap_presence_row_read(const struct db_result *result, int row,
                              struct presence_row *ret_row);
void __wrap_presence_row_tell(struct core *core, struct request *scratch,
                              const struct presence_row *row, struct uuid session);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout,
                          uint64_t repeat);
int __wrap_uv_is_active(const uv_handle_t *handle);
int __wrap_uv_timer_stop(uv_timer_t *timer);

/* So many rows of one kind. */
struct db_result {
    enum presence_what what;
    int count;
};

static uv_loop_t loop;
static struct core core = {.loop = &loop};
static struct gone *gone;
static uv_timer_t *timer; /* NULL: it does not run */
static uv_timer_cb on_timer;
static struct request *asked; /* under way */
static query_done_fn *on_answer;
static size_t waiting; /* statements */
static size_t rooms_told, users_told;

void __wrap_query(struct request *request, const char *sql, enum db_mode mode,
                  uint32_t affinity, int count, const char *const *params,
                  query_done_fn *done)
{
    assert_null(asked);
    asked = request;
    on_answer = done;
}

int __wrap_db_row_count(const struct db_result *result)
{
    return result->count;
}

size_t __wrap_db_waiting(const struct db *db)
{
    return waiting;
}

void __wrap_presence_row_read(const struct db_result *result, int row,
                              struct presence_row *ret_row)
{
    *ret_row = (struct presence_row){.what = result->what};
}

void __wrap_presence_row_tell(struct core *of, struct request *scratch,
                              const struct presence_row *row, struct uuid session)
{
    assert_false(row->present);
    rooms_told += row->what == PRESENCE_ROOM;
    users_told += row->what == PRESENCE_USER;
    waiting += row->what == PRESENCE_USER; /* each takes one */
}

int __wrap_uv_timer_start(uv_timer_t *started, uv_timer_cb callback, uint64_t timeout,
                          uint64_t repeat)
{
    timer = started;
    on_timer = callback;
    return 0;
}

int __wrap_uv_is_active(const uv_handle_t *handle)
{
    return timer != NULL;
}

int __wrap_uv_timer_stop(uv_timer_t *stopped)
{
    timer = NULL;
    return 0;
}

static void are_gone(enum presence_what what, int count)
{
    struct db_result result = {what, count};
    gone_add(gone, &result);
}

static void turn(void)
{
    if (timer != NULL) {
        on_timer(timer);
    }
}

static void answer(enum err err, int still_gone)
{
    struct db_outcome outcome = {.err = err};
    struct db_result result = {PRESENCE_ROOM, still_gone};
    struct request *request = asked;
    asked = NULL;
    on_answer(&request->call, &outcome, err == ERR_OK ? &result : NULL);
}

static int set_up(void **state)
{
    uv_loop_init(&loop);
    rooms_told = users_told = waiting = 0;
    timer = NULL;
    asked = NULL;
    gone = gone_open(&core);
    return gone == NULL;
}

static int tear_down(void **state)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void rooms_hear_of_who_is_not_back(void **state)
{
    are_gone(PRESENCE_ROOM, PART + 10);
    turn(); /* a part at a time */
    assert_int_equal(rooms_told, 0);
    answer(ERR_OK, PART - 3);
    assert_int_equal(rooms_told, PART - 3);
    assert_true(gone_waiting(gone));
    turn();
    assert_true(gone_waiting(gone));
    answer(ERR_OK, 10);
    assert_int_equal(rooms_told, PART - 3 + 10);
    assert_false(gone_waiting(gone));
    turn();
    assert_null(timer);
    gone_close(gone);
}

static void nobody_is_forgotten_when_nobody_answers(void **state)
{
    are_gone(PRESENCE_ROOM, 7);
    answer(ERR_UNAVAILABLE, 0);
    assert_int_equal(rooms_told, 7);
    assert_false(gone_waiting(gone));
    gone_close(gone);
}

static void what_waits_is_told_at_the_end(void **state)
{
    are_gone(PRESENCE_ROOM, PART + 5);
    are_gone(PRESENCE_USER, 2);
    gone_close(gone);
    assert_int_equal(rooms_told, 5);
    assert_int_equal(users_told, 2);
    answer(ERR_UNAVAILABLE, 0); /* as the database closes */
    assert_int_equal(rooms_told, PART + 5);
}

static void starts_again_while_it_asks(void **state)
{
    are_gone(PRESENCE_ROOM, 4);
    turn();
    are_gone(PRESENCE_ROOM, 6); /* those wait for the answer */
    turn();
    answer(ERR_OK, 4);
    turn();
    answer(ERR_OK, 5);
    assert_int_equal(rooms_told, 9);
    turn();
    assert_null(timer);
    gone_close(gone);
}

static void goes_on_when_fewer_statements_wait(void **state)
{
    waiting = PART;
    are_gone(PRESENCE_USER, 3);
    assert_int_equal(users_told, 0);
    waiting = PART - 1;
    turn();
    assert_int_equal(users_told, 1); /* they are asked for one by one */
    waiting = 0;
    turn();
    assert_int_equal(users_told, 3);
    assert_null(asked);
    gone_close(gone);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rooms_hear_of_who_is_not_back),
        CASE(nobody_is_forgotten_when_nobody_answers),
        CASE(what_waits_is_told_at_the_end),
        CASE(starts_again_while_it_asks),
        CASE(goes_on_when_fewer_statements_wait),
    };
    return cmocka_run_group_tests_name("gone", tests, NULL, NULL);
}
