/* Decides whether a core serves: only a schema that it knows, and only when it knows
 * which history the positions of streams belong to. */
#include "core/database.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/core.h"
#include "core/db/schema_version.h"
#include "core/publish.h"
#include "core/query.h"

#define DEADLINE_MS 5000

#define CHECK_SQL                                                                        \
    "SELECT (" SCHEMA_VERSION_SQL "), "                                                  \
    "(SELECT epoch FROM instance WHERE one)"
#define KEEP_SQL                                                                         \
    "UPDATE instance SET answers_kept = $1::bigint * interval '1 ms', "                  \
    "events_kept = $2::bigint * interval '1 ms' WHERE one AND "                          \
    "(answers_kept, events_kept) IS DISTINCT FROM "                                      \
    "($1::bigint * interval '1 ms', $2::bigint * interval '1 ms')"

/* A question of the core's own: a request without anybody who waits for its reply. */
static void free_question(struct request *request)
{
    arena_finish(&request->arena);
    free(request);
}

static struct request *new_question(struct core *core)
{
    struct request *request = calloc(1, sizeof(*request));
    if (request != NULL) {
        request_start(request, core);
        request->finished = free_question;
        request->deadline_ms = clock_ms() + DEADLINE_MS;
    }
    return request;
}

void database_note_epoch(struct core *core, struct uuid epoch)
{
    if (uuid_is_zero(epoch) || uuid_equal(epoch, core->epoch)) {
        return;
    }
    if (!uuid_is_zero(core->epoch)) {
        log_warn("the database holds another history than before",
                 LOG_UUID("epoch", epoch));
    }
    core->epoch = epoch;
    if (core->publisher != NULL) {
        publisher_set_epoch(core->publisher, epoch);
    }
}

static void on_kept(struct db_call *call, const struct db_outcome *outcome,
                    const struct db_result *result)
{
    (void)result;
    if (outcome->err == ERR_INTERNAL) {
        log_warn("retention is not set", LOG_TEXT("message", outcome->message));
    }
    request_finish(query_request(call));
}

static void set_retention(struct core *core)
{
    struct request *request = new_question(core);
    if (request == NULL) {
        return;
    }
    const char *params[2] = {
        arena_printf(&request->arena, "%lld", (long long)core->config->answers_keep_ms),
        arena_printf(&request->arena, "%lld", (long long)core->config->events_keep_ms),
    };
    query(request, KEEP_SQL, DB_ALONE, 0, 2, params, on_kept);
}

static void refuse_schema(struct core *core, int64_t version)
{
    log_error(
        version < SCHEMA_VERSION_MIN
            ? "the database's schema is too old for this core: belfry migrate up"
            : "the database's schema is newer than this core knows: update the core",
        LOG_INT("schema", version), LOG_INT("oldest_known", SCHEMA_VERSION_MIN),
        LOG_INT("newest_known", SCHEMA_VERSION_MAX));
    core->refused = true;
    core->serving = false;
    core_drain(core);
}

static void on_checked(struct db_call *call, const struct db_outcome *outcome,
                       const struct db_result *result)
{
    struct request *request = query_request(call);
    struct core *core = request->core;
    core->checking = false;
    if (outcome->err == ERR_INTERNAL && !core->told_no_schema) {
        core->told_no_schema = true;
        log_warn("waiting for the database's schema: belfry migrate up",
                 LOG_TEXT("sqlstate", outcome->sqlstate),
                 LOG_TEXT("message", outcome->message));
    }
    if (outcome->err == ERR_OK && db_row_count(result) == 1) {
        int64_t version = db_int(result, 0, 0);
        if (version < SCHEMA_VERSION_MIN || version > SCHEMA_VERSION_MAX) {
            refuse_schema(core, version);
        } else {
            database_note_epoch(core, db_uuid(result, 0, 1));
            if (!core->serving) {
                log_info("serving", LOG_INT("schema", version),
                         LOG_UUID("epoch", core->epoch));
                set_retention(core);
            }
            core->serving = true;
        }
    }
    request_finish(request);
}

static void check(struct core *core)
{
    struct request *request = core->checking ? NULL : new_question(core);
    if (request != NULL) {
        core->checking = true;
        query(request, CHECK_SQL, DB_ALONE, 0, 0, NULL, on_checked);
    }
}

void database_on_state(void *user, bool ready, const char *why)
{
    struct core *core = user;
    if (ready) {
        log_info("database connected");
        check(core);
        return;
    }
    log_warn(core->serving ? "database lost, connecting again"
                           : "waiting for the database",
             LOG_TEXT("why", why));
}

void database_tick(struct core *core)
{
    if (!core->serving && !core->draining && db_ready(core->db)) {
        check(core);
    }
}
