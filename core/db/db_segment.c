/* Turns calls into transactions on the wire and results back into answers. */
#include "core/db/db_conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/chaos.h"
#include "core/db/db_many.h"
#include "link/stream_id.h"

/* What an SQLSTATE means for the one who called. */
enum verdict { VERDICT_FAIL, VERDICT_RERUN, VERDICT_LOST, VERDICT_GIVE_UP };

static const struct {
    const char *sqlstate; /* the whole, or the class of two */
    enum verdict verdict;
} verdicts[] = {
    {"40001", VERDICT_RERUN},   /* serialization_failure */
    {"40P01", VERDICT_RERUN},   /* deadlock_detected */
    {"55P03", VERDICT_GIVE_UP}, /* lock_not_available: lock_timeout */
    {"57014", VERDICT_GIVE_UP}, /* query_canceled: statement_timeout */
    {"53", VERDICT_LOST},       /* insufficient resources */
    {"57P", VERDICT_LOST},      /* shutdown, crash, cannot connect now */
    {"08", VERDICT_LOST},       /* connection exception */
    {"25", VERDICT_LOST},       /* read-only: a standby, or a primary that became one */
};

static enum verdict verdict_of(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
        if (strncmp(sqlstate, verdicts[i].sqlstate, strlen(verdicts[i].sqlstate)) == 0) {
            return verdicts[i].verdict;
        }
    }
    return VERDICT_FAIL;
}

void db_segment_free(struct db_segment *segment)
{
    for (int i = 0; i < segment->step_count; i++) {
        PQclear(segment->steps[i].result);
    }
    free(segment->message);
    free(segment);
}

/* ------------------------------------------------------------------ sending */

static const char *name_of(const struct db_conn *conn, int statement, char ret_name[24])
{
    snprintf(ret_name, 24, "s%d_%d", statement, conn->generation);
    return ret_name;
}

static bool add_prepare(struct db_conn *conn, struct db_segment *segment, int statement,
                        const char *sql)
{
    char name[24];
    if (conn->prepared[statement]) {
        return true;
    }
    segment->steps[segment->step_count++] =
        (struct db_step){.kind = STEP_PREPARE, .statement = statement};
    conn->prepared[statement] = true;
    return PQsendPrepare(conn->pg, name_of(conn, statement, name), sql, 0, NULL) == 1;
}

/* Until its parameters' types are known, they go as text. */
static bool add_describe(struct db_conn *conn, struct db_segment *segment, int statement)
{
    char name[24];
    segment->steps[segment->step_count++] =
        (struct db_step){.kind = STEP_DESCRIBE, .statement = statement};
    return PQsendDescribePrepared(conn->pg, name_of(conn, statement, name)) == 1;
}

static bool add_call(struct db_conn *conn, struct db_segment *segment,
                     struct db_step step)
{
    const struct db_call *call = segment->calls[step.first];
    char name[24];
    step.statement = db_statement(conn->db, call->sql);
    if (step.statement < 0 || !add_prepare(conn, segment, step.statement, call->sql)) {
        return false;
    }
    segment->steps[segment->step_count++] = step;
    return PQsendQueryPrepared(conn->pg, name_of(conn, step.statement, name),
                               call->param_count, call->params, NULL, NULL, 1) == 1;
}

static bool add_many(struct db_conn *conn, struct db_segment *segment,
                     struct db_step step)
{
    struct db_call *const *calls = segment->calls + step.first;
    const char *sql = calls[0]->many->sql;
    char name[24];
    step.statement = db_statement(conn->db, sql);
    if (step.statement < 0) {
        return false;
    }
    bool known = conn->prepared[step.statement];
    if (!known && !(add_prepare(conn, segment, step.statement, sql) &&
                    add_describe(conn, segment, step.statement))) {
        return false;
    }
    segment->steps[segment->step_count++] = step;
    struct db_many_params params;
    bool sent =
        db_many_params_make(calls, step.count, known ? conn->types[step.statement] : NULL,
                            &params) &&
        PQsendQueryPrepared(conn->pg, name_of(conn, step.statement, name),
                            calls[0]->param_count, params.values, params.sizes,
                            params.formats, 1) == 1;
    buf_finish(&params.buf);
    return sent;
}

/* One call, or those of the step by their `many`. */
static bool add_calls(struct db_conn *conn, struct db_segment *segment,
                      struct db_step step)
{
    step.kind = STEP_CALL;
    for (int i = step.first; i < step.first + step.count; i++) {
        struct db_call *call = segment->calls[i];
        if (call->mode_param >= 0 && call->mode_param < call->param_count) {
            call->params[call->mode_param] = segment->in_batch ? "1" : "0";
        }
    }
    return step.many ? add_many(conn, segment, step) : add_call(conn, segment, step);
}

/* Waits for the counter that the calls behind it need, before any of them tries. */
static bool add_lock(struct db_conn *conn, struct db_segment *segment, const char *stream)
{
    struct stream_id id;
    char name[24];
    char kind_text[8];
    char id_text[UUID_TEXT_SIZE];
    if (!stream_parse(bytes_of_text(stream), &id)) {
        return true;
    }
    snprintf(kind_text, sizeof(kind_text), "%d", id.kind);
    uuid_format(id.id, id_text);
    const char *params[2] = {kind_text, id_text};
    int statement = conn->db->lock_statement;
    bool sent = add_prepare(conn, segment, statement, DB_LOCK_STREAM_SQL);
    segment->steps[segment->step_count++] =
        (struct db_step){.kind = STEP_LOCK, .statement = statement};
    return sent && PQsendQueryPrepared(conn->pg, name_of(conn, statement, name), 2,
                                       params, NULL, NULL, 1) == 1;
}

/* Takes what belongs in the next segment out of its list: all BUSY calls of one stream,
 * else one call that must be alone, else the calls in front that may share. */
static int gather(struct db_conn *conn, struct db_call *calls[DB_BATCH_MAX],
                  const char **ret_lock)
{
    bool rerun = !list_empty(&conn->busy);
    struct list *from = rerun ? &conn->busy : &conn->waiting;
    int64_t now = clock_ms();
    int count = 0;
    *ret_lock = NULL;
    LIST_EACH(from, node) {
        struct db_call *call = container_of(node, struct db_call, node);
        if (count == DB_BATCH_MAX || (!rerun && call->db.alone && count > 0)) {
            break;
        }
        if (rerun && *ret_lock != NULL && strcmp(*ret_lock, call->busy_stream) != 0) {
            continue;
        }
        list_remove(node);
        conn->db->waiting--;
        if (call->deadline_ms <= now) {
            db_finish(call, ERR_UNAVAILABLE, call->db.maybe, "", "deadline", NULL);
            continue;
        }
        calls[count++] = call;
        *ret_lock = rerun ? call->busy_stream : NULL;
        if (!rerun && call->db.alone) {
            break;
        }
    }
    return count;
}

/* False: the connection is of no use. */
static bool send_segment(struct db_conn *conn)
{
    struct db_call *calls[DB_BATCH_MAX];
    const char *lock;
    int count = gather(conn, calls, &lock);
    if (count == 0) {
        return true;
    }
    struct db_segment *segment = calloc(1, sizeof(*segment));
    if (segment == NULL) {
        for (int i = 0; i < count; i++) {
            db_finish(calls[i], ERR_UNAVAILABLE, calls[i]->db.maybe, "", "no memory",
                      NULL);
        }
        return true;
    }
    segment->in_batch = !calls[0]->db.alone;
    segment->sent_ms = clock_ms();
    segment->call_count = count;
    db_many_sort(calls, count, segment->calls);
    list_push(&conn->segments, &segment->node);
    conn->in_flight++;
    bool sent = lock == NULL || add_lock(conn, segment, lock);
    for (int first = 0; first < count && sent;) {
        int many =
            segment->in_batch ? db_many_count(segment->calls + first, count - first) : 0;
        struct db_step step = {
            .first = first, .count = many > 0 ? many : 1, .many = many > 0};
        sent = add_calls(conn, segment, step);
        first += step.count;
    }
    if (chaos_point_armed("before-commit")) {
        PQsendFlushRequest(conn->pg);
        PQflush(conn->pg);
        chaos_point("before-commit");
    }
    metric_add(&db_segments, 1);
    metric_add(&db_calls, count);
    return sent && PQpipelineSync(conn->pg) == 1;
}

void db_conn_pump(struct db_conn *conn)
{
    bool sent = false;
    while (conn->state == CONN_READY && conn->in_flight < DB_IN_FLIGHT_MAX &&
           (!list_empty(&conn->busy) || !list_empty(&conn->waiting))) {
        if (!send_segment(conn)) {
            db_conn_lost(conn, PQerrorMessage(conn->pg));
            return;
        }
        sent = true;
    }
    if (sent && conn->state == CONN_READY) {
        db_conn_flush(conn);
    }
}

/* ------------------------------------------------------------------ results */

/* The transaction failed as a whole, so each call runs again by itself; the one at fault
 * then hears of it. */
static void after_failure(struct db_conn *conn, struct db_segment *segment)
{
    if (segment->call_count > 1) {
        for (int i = segment->call_count - 1; i >= 0; i--) {
            segment->calls[i]->db.alone = true;
            metric_add(&db_reruns, 1);
            db_route(conn->db, segment->calls[i], true);
        }
        return;
    }
    struct db_call *call = segment->calls[0];
    enum verdict verdict = segment->stale ? VERDICT_RERUN : verdict_of(segment->sqlstate);
    if (verdict == VERDICT_RERUN && call->db.tries++ < DB_TRIES) {
        call->db.alone = true;
        metric_add(&db_reruns, 1);
        db_route(conn->db, call, true);
        return;
    }
    /* An earlier attempt, on a lost connection, may have been committed after all. */
    bool certain = !call->db.maybe;
    enum err err = certain && verdict != VERDICT_GIVE_UP ? ERR_INTERNAL : ERR_UNAVAILABLE;
    db_finish(call, err, !certain, segment->sqlstate,
              segment->message != NULL ? segment->message : "", NULL);
}

static bool is_busy(const struct db_segment *segment, const struct db_call *call,
                    const struct db_result *result)
{
    return segment->in_batch && call->mode == DB_BATCH && db_row_count(result) == 1 &&
           bytes_equal_text(db_text(result, 0, 0), "BUSY");
}

static void run_again(struct db_conn *conn, struct db_call *call)
{
    metric_add(&db_busy, 1);
    call->db.busy++;
    if (call->busy_stream == NULL || call->db.busy >= DB_BUSY_ROUNDS) {
        call->db.alone = true;
        db_route(conn->db, call, true);
    } else {
        list_push(&conn->busy, &call->node);
        conn->db->waiting++;
    }
}

static void after_commit(struct db_conn *conn, struct db_segment *segment)
{
    chaos_point("after-commit");
    for (int i = 0; i < segment->step_count; i++) {
        const struct db_step *step = &segment->steps[i];
        struct db_result results[DB_BATCH_MAX];
        if (step->many) {
            db_many_results(step->result, step->count, results);
        } else {
            results[0] = db_result_whole(step->result);
        }
        for (int k = 0; k < step->count; k++) {
            struct db_call *call = segment->calls[step->first + k];
            if (is_busy(segment, call, &results[k])) {
                run_again(conn, call);
            } else {
                db_finish(call, ERR_OK, false, "", "", &results[k]);
            }
        }
    }
}

/* The statement that the server holds is not there (26000), or of another schema: "cached
 * plan must not change result type" (0A000), undefined function (42883). A function that
 * is missing is missing to the statement itself only where there is no context: else it
 * is called by one that is there, and preparing anew would not help. */
static bool is_stale(const PGresult *result, const char *sqlstate)
{
    return strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "0A000") == 0 ||
           (strcmp(sqlstate, "42883") == 0 &&
            PQresultErrorField(result, PG_DIAG_CONTEXT) == NULL);
}

static void note_failure(struct db_segment *segment, const struct db_step *step,
                         const PGresult *result)
{
    if (segment->failed) {
        return;
    }
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    segment->failed = true;
    snprintf(segment->sqlstate, sizeof(segment->sqlstate), "%s",
             sqlstate != NULL ? sqlstate : "08006");
    bool prepares = step != NULL && step->kind == STEP_PREPARE;
    segment->stale = !prepares && is_stale(result, segment->sqlstate);
    segment->message = message != NULL ? strdup(message) : NULL;
}

void db_conn_forget_prepared(struct db_conn *conn)
{
    for (int i = 0; i < DB_STATEMENTS_MAX; i++) {
        conn->prepared[i] = false;
        free(conn->types[i]);
        conn->types[i] = NULL;
    }
}

static void learn_types(struct db_conn *conn, int statement, const PGresult *result)
{
    Oid *types = calloc(DB_PARAMS_MAX, sizeof(*types));
    for (int i = 0; types != NULL && i < PQnparams(result) && i < DB_PARAMS_MAX; i++) {
        types[i] = PQparamtype(result, i);
    }
    free(conn->types[statement]);
    conn->types[statement] = types; /* without memory they stay unknown */
}

/* One command's result. False: the connection is of no use. */
static bool take_result(struct db_conn *conn, struct db_segment *segment,
                        PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    struct db_step *step = segment->answered < segment->step_count
                               ? &segment->steps[segment->answered++]
                               : NULL; /* an error of the commit itself */
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        if (step == NULL) {
            PQclear(result);
            return false;
        }
        step->result = result;
        if (step->kind == STEP_DESCRIBE) {
            learn_types(conn, step->statement, result);
        }
        return true;
    }
    if (status == PGRES_FATAL_ERROR) {
        note_failure(segment, step, result);
    }
    segment->failed = true;
    if (step != NULL && step->kind == STEP_PREPARE) {
        conn->prepared[step->statement] = false;
    }
    if (status == PGRES_FATAL_ERROR && segment->stale) {
        /* all under new names: a name that is there already would be an error, too */
        conn->generation++;
        db_conn_forget_prepared(conn);
    }
    PQclear(result);
    return verdict_of(segment->sqlstate) != VERDICT_LOST;
}

static void finish_segment(struct db_conn *conn, struct db_segment *segment)
{
    list_remove(&segment->node);
    conn->in_flight--;
    if (segment->failed) {
        after_failure(conn, segment);
    } else {
        after_commit(conn, segment);
    }
    db_segment_free(segment);
}

bool db_conn_receive(struct db_conn *conn)
{
    if (PQconsumeInput(conn->pg) == 0) {
        return false;
    }
    int nothing = 0; /* NULL ends a command; twice: there is no more */
    while (!list_empty(&conn->segments) && nothing < 2 && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        if (result == NULL) {
            nothing++;
            continue;
        }
        nothing = 0;
        struct db_segment *segment =
            container_of(conn->segments.next, struct db_segment, node);
        if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            finish_segment(conn, segment);
        } else if (!take_result(conn, segment, result)) {
            return false;
        }
    }
    return PQstatus(conn->pg) == CONNECTION_OK;
}
