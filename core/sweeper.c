/* Runs the periodic jobs. Each core does so: they agree through row locks, and any one of
 * them is enough. */
#include "core/sweeper.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "core/core.h"
#include "core/database.h"
#include "core/handle.h"
#include "core/presence/gone.h"
#include "core/publish.h"
#include "core/query.h"

#define TICK_MS     500
#define PAUSE_MS    2000 /* a tick that comes so late tells of a stop */
#define CALM_MS     8000 /* edges get time to renew their leases */
#define PURGE_ROWS  500
#define DEADLINE_MS 4000

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

struct sweeper {
    struct core *core;
    uv_timer_t *timer;
    struct gone *gone; /* and not told of yet */
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

static void on_leases(struct request *request, const struct db_result *result)
{
    struct sweeper *sweeper = container_of(request, struct errand, request)->sweeper;
    if (!sweeper->closed) {
        gone_add(sweeper->gone, result);
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
    struct gone *gone = gone_open(core);
    if (sweeper == NULL || timer == NULL || gone == NULL) {
        free(sweeper);
        free(timer);
        gone_close(gone);
        return ERR_UNAVAILABLE;
    }
    sweeper->core = core;
    sweeper->timer = timer;
    uv_timer_init(core->loop, timer);
    timer->data = sweeper;
    sweeper->gone = gone;
    uv_timer_start(timer, on_tick, TICK_MS, TICK_MS);
    *ret_sweeper = sweeper;
    return ERR_OK;
}

bool sweeper_telling(const struct sweeper *sweeper)
{
    return sweeper != NULL && gone_waiting(sweeper->gone);
}

void sweeper_close(struct sweeper *sweeper)
{
    if (sweeper == NULL) {
        return;
    }
    gone_close(sweeper->gone);
    handle_close(sweeper->timer);
    sweeper->closed = true;
    if (sweeper->errands == 0) {
        free(sweeper);
    }
}
