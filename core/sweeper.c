/* Runs the periodic jobs. Each core does so: they agree through row locks, and any one of
 * them is enough. */
#include "core/sweeper.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/core.h"
#include "core/database.h"
#include "core/presence/contacts.h"
#include "core/publish.h"
#include "core/query.h"

#define TICK_MS     500
#define PAUSE_MS    2000 /* a tick that comes so late tells of a stop */
#define CALM_MS     8000 /* edges get time to renew their leases */
#define PURGE_ROWS  500
#define DEADLINE_MS 4000
#define TELL_ROWS   2000 /* at once, */
#define TELL_MS     10   /* so far apart, */
#define TELL_BEHIND 2000 /* and not while so many statements wait: contacts take one */

/* A core that was stopped in the middle of a pipeline keeps its locks, and none of
 * PostgreSQL's own timeouts sees it: the backend counts as active. */
#define STUCK_SQL                                                                        \
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "                            \
    "WHERE usename = current_user AND datname = current_database() "                     \
    "AND application_name = 'belfry-core' AND pid <> pg_backend_pid() "                  \
    "AND state = 'active' AND wait_event = 'ClientRead' "                                \
    "AND xact_start < clock_timestamp() - interval '2 s'"

static void on_leases(struct request *request, const struct db_result *result);
static void on_purged(struct request *request, const struct db_result *result);
static void on_stuck(struct request *request, const struct db_result *result);

static struct metric purged_total =
    METRIC_COUNTER("belfry_core_rows_purged_total", "Rows deleted because of their age.");
static struct metric stuck_total = METRIC_COUNTER(
    "belfry_core_backends_ended_total", "Transactions of stopped cores that were ended.");

struct job {
    const char *sql;
    int64_t every_ms;
    void (*done)(struct request *request, const struct db_result *result);
};

#define LEASES 0
static const struct job jobs[] = {
    [LEASES] = {"SELECT * FROM expire_leases()", 500, on_leases},
    {"SELECT * FROM expire_presence()", 500, on_leases},
    {STUCK_SQL, 1000, on_stuck},
    {"SELECT purge(500)", 10000, on_purged},
};
#define JOB_COUNT (sizeof(jobs) / sizeof(jobs[0]))

/* One job under way. */
struct errand {
    struct request request;
    struct sweeper *sweeper;
    size_t job;
};

/* Who is gone, from a room or for contacts, and is not told yet. */
struct gone {
    enum presence_what what;
    struct uuid room_id, user_id;
};

struct sweeper {
    struct core *core;
    uv_timer_t *timer;
    uv_timer_t *telling; /* while some wait to be told */
    struct gone *gone;
    size_t gone_count, told_count;
    int64_t due_ms[JOB_COUNT];
    bool under_way[JOB_COUNT];
    size_t errands;
    int64_t ticked_ms;
    int64_t calm_since_ms; /* has served, and was not stopped, since then */
    bool closed;
};

static void start(struct sweeper *sweeper, size_t job);

static void on_finished(struct request *request)
{
    struct errand *errand = container_of(request, struct errand, request);
    struct sweeper *sweeper = errand->sweeper;
    size_t job = errand->job;
    sweeper->under_way[errand->job] = false;
    sweeper->errands--;
    arena_finish(&request->arena);
    free(errand);
    if (!sweeper->closed && sweeper->core->serving && sweeper->due_ms[job] == 0) {
        start(sweeper, job);
    } else if (sweeper->closed && sweeper->errands == 0) {
        free(sweeper);
    }
}

static void on_done(struct db_call *call, const struct db_outcome *outcome,
                    const struct db_result *result)
{
    struct request *request = query_request(call);
    struct errand *errand = container_of(request, struct errand, request);
    if (outcome->err == ERR_OK) {
        jobs[errand->job].done(request, result);
    } else if (outcome->err == ERR_INTERNAL) {
        log_warn("a periodic job failed", LOG_TEXT("sqlstate", outcome->sqlstate),
                 LOG_TEXT("message", outcome->message));
    }
    request_finish(request);
}

static void tell(struct sweeper *sweeper, size_t most, size_t behind)
{
    struct request scratch = {0};
    struct uuid nobody = {{0}};
    for (; most > 0 && sweeper->told_count < sweeper->gone_count &&
           db_waiting(sweeper->core->db) < behind;
         most--) {
        const struct gone *gone = &sweeper->gone[sweeper->told_count++];
        struct presence_row row = {
            .what = gone->what, .room_id = gone->room_id, .user_id = gone->user_id};
        presence_row_tell(sweeper->core, &scratch, &row, nobody);
    }
    arena_finish(&scratch.arena);
    if (sweeper->told_count == sweeper->gone_count) {
        free(sweeper->gone);
        sweeper->gone = NULL;
        sweeper->gone_count = sweeper->told_count = 0;
    }
}

static void on_telling(uv_timer_t *timer)
{
    struct sweeper *sweeper = timer->data;
    tell(sweeper, TELL_ROWS, TELL_BEHIND);
    if (sweeper->gone_count == 0) {
        uv_timer_stop(timer);
    }
}

/* An edge that dies may leave hundreds of thousands of rows: more than the publisher, or
 * the bus to one edge, holds in one turn of the loop. Not slower than need be: who comes
 * back meanwhile is told of too early. */
static void on_leases(struct request *request, const struct db_result *result)
{
    struct sweeper *sweeper = container_of(request, struct errand, request)->sweeper;
    size_t count = (size_t)db_row_count(result);
    if (count == 0 || sweeper->closed) {
        return;
    }
    struct gone *grown =
        realloc(sweeper->gone, (sweeper->gone_count + count) * sizeof(struct gone));
    if (grown == NULL) {
        log_warn("who is gone is not told", LOG_INT("rows", (int64_t)count));
        return;
    }
    sweeper->gone = grown;
    for (int row = 0; row < (int)count; row++) {
        struct presence_row change;
        presence_row_read(result, row, &change);
        sweeper->gone[sweeper->gone_count++] =
            (struct gone){change.what, change.room_id, change.user_id};
    }
    if (!uv_is_active((uv_handle_t *)sweeper->telling)) {
        uv_timer_start(sweeper->telling, on_telling, TELL_MS, TELL_MS);
        on_telling(sweeper->telling);
    }
}

static void on_purged(struct request *request, const struct db_result *result)
{
    struct errand *errand = container_of(request, struct errand, request);
    int64_t rows = db_int(result, 0, 0);
    metric_add(&purged_total, rows);
    if (rows >= PURGE_ROWS) {
        errand->sweeper->due_ms[errand->job] = 0; /* there is more: go on at once */
    }
}

static void on_stuck(struct request *request, const struct db_result *result)
{
    (void)request;
    if (db_row_count(result) > 0) {
        metric_add(&stuck_total, db_row_count(result));
        log_warn("ended transactions of a core that has stopped",
                 LOG_INT("count", db_row_count(result)));
    }
}

static void start(struct sweeper *sweeper, size_t job)
{
    struct errand *errand = calloc(1, sizeof(*errand));
    if (errand == NULL) {
        return;
    }
    request_start(&errand->request, sweeper->core);
    errand->request.finished = on_finished;
    errand->request.deadline_ms = clock_ms() + DEADLINE_MS;
    errand->sweeper = sweeper;
    errand->job = job;
    sweeper->under_way[job] = true;
    sweeper->errands++;
    sweeper->due_ms[job] = clock_ms() + jobs[job].every_ms;
    /* on a connection of another lane position than most: 1 is as good as any */
    query(&errand->request, jobs[job].sql, DB_ALONE, 1, 0, NULL, on_done);
}

static void on_tick(uv_timer_t *timer)
{
    struct sweeper *sweeper = timer->data;
    struct core *core = sweeper->core;
    int64_t now_ms = clock_ms();
    database_tick(core);
    if (!core->serving || now_ms - sweeper->ticked_ms > PAUSE_MS) {
        sweeper->calm_since_ms = now_ms;
    }
    sweeper->ticked_ms = now_ms;
    for (size_t i = 0; core->serving && i < JOB_COUNT; i++) {
        /* While no core served, no edge could renew: nobody is gone for that. */
        bool too_early = i == LEASES && now_ms - sweeper->calm_since_ms < CALM_MS;
        if (!too_early && !sweeper->under_way[i] && sweeper->due_ms[i] <= now_ms) {
            start(sweeper, i);
        }
    }
}

enum err sweeper_open(struct core *core, struct sweeper **ret_sweeper)
{
    metrics_register(&purged_total);
    metrics_register(&stuck_total);
    struct sweeper *sweeper = calloc(1, sizeof(*sweeper));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    uv_timer_t *telling = calloc(1, sizeof(*telling));
    if (sweeper == NULL || timer == NULL || telling == NULL) {
        free(sweeper);
        free(timer);
        free(telling);
        return ERR_UNAVAILABLE;
    }
    sweeper->core = core;
    sweeper->timer = timer;
    uv_timer_init(core->loop, timer);
    timer->data = sweeper;
    sweeper->telling = telling;
    uv_timer_init(core->loop, telling);
    telling->data = sweeper;
    uv_timer_start(timer, on_tick, TICK_MS, TICK_MS);
    *ret_sweeper = sweeper;
    return ERR_OK;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

bool sweeper_telling(const struct sweeper *sweeper)
{
    return sweeper != NULL && sweeper->gone_count > 0;
}

void sweeper_close(struct sweeper *sweeper)
{
    if (sweeper == NULL) {
        return;
    }
    tell(sweeper, SIZE_MAX, SIZE_MAX);
    uv_close((uv_handle_t *)sweeper->timer, free_handle);
    uv_close((uv_handle_t *)sweeper->telling, free_handle);
    sweeper->closed = true;
    if (sweeper->errands == 0) {
        free(sweeper);
    }
}
