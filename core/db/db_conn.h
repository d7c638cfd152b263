/* One connection and what is under way on it: shared by the files of core/db only. */
#ifndef CORE_DB_DB_CONN_H
#define CORE_DB_DB_CONN_H

#include <libpq-fe.h>

#include "base/map.h"
#include "base/metrics.h"
#include "core/db/db.h"

#define DB_LOCK_STREAM_SQL "SELECT lock_stream($1, $2)"

#define DB_STATEMENTS_MAX 256
#define DB_IN_FLIGHT_MAX  1 /* segments a connection: what comes meanwhile waits */
#define DB_BUSY_ROUNDS    3 /* then alone */
#define DB_TRIES          3 /* after a serialization failure */
#define DB_STEPS_MAX      (3 * DB_BATCH_MAX + 4)

/* A statement's text, once for all connections. */
struct db_statement {
    const char *sql;
    int number;
};

enum db_step_kind { STEP_PREPARE, STEP_DESCRIBE, STEP_LOCK, STEP_CALL };

/* One command of a segment, and what came of it. */
struct db_step {
    enum db_step_kind kind;
    int statement;
    int first, count; /* STEP_CALL: of the segment's calls */
    bool many;        /* by their `many` */
    PGresult *result; /* held until the Sync result */
};

/* What travels between two Syncs: one transaction. */
struct db_segment {
    struct list node;
    struct db_call *calls[DB_BATCH_MAX]; /* in the order of the steps */
    int step_count, call_count, answered;
    bool in_batch;
    bool failed;
    bool stale; /* it failed since what the server holds is of another schema */
    char sqlstate[6];
    char *message;
    int64_t sent_ms;
    struct db_step steps[DB_STEPS_MAX];
};

enum db_conn_state { CONN_DOWN, CONN_CONNECTING, CONN_READY };

struct db_watch; /* a uv_poll that outlives its socket until libuv lets go of it */

struct db_conn {
    struct db *db;
    PGconn *pg;
    struct db_watch *watch;
    enum db_conn_state state;
    int64_t retry_at_ms, connect_started_ms;
    int64_t backoff_ms;
    bool want_write;
    struct list waiting;  /* db_call */
    struct list busy;     /* db_call: run again behind their stream's counter */
    struct list segments; /* db_segment, oldest first */
    int in_flight;
    int generation; /* of the names: raised when what the server holds is in doubt */
    bool prepared[DB_STATEMENTS_MAX];
    Oid *types[DB_STATEMENTS_MAX]; /* of its parameters, where they were asked for; NULL
                                      until they are known */
};

struct db {
    uv_loop_t *loop;
    struct db_options options;
    char *conninfo;
    uv_prepare_t *prepare;
    uv_timer_t *timer;
    struct map statements; /* address of the text -> db_statement */
    int statement_count;
    int lock_statement;
    struct list stranded; /* db_call: no connection is ready */
    size_t waiting;       /* calls in lists, not in segments */
    int64_t alive_ms;     /* when a connection was last ready */
    int ready;            /* connections */
    bool closing;
    bool told_down; /* on_state() knows that there is no connection */
    int conn_count;
    struct db_conn *conns;
};

/* ---- db_conn.c: sockets ---- */
void db_conn_start(struct db_conn *conn);
void db_conn_stop(struct db_conn *conn);
/* The connection is of no use any more: what was under way runs again elsewhere. */
void db_conn_lost(struct db_conn *conn, const char *why);
/* Writes what libpq holds back and asks for the events that it needs. */
void db_conn_flush(struct db_conn *conn);

/* ---- db_segment.c: commands and their results ---- */
/* Sends what waits while there is room in flight. */
void db_conn_pump(struct db_conn *conn);
/* Takes the results that have arrived; false when the connection is of no use. */
bool db_conn_receive(struct db_conn *conn);
void db_segment_free(struct db_segment *segment);
/* What the server holds is in doubt. */
void db_conn_forget_prepared(struct db_conn *conn);

/* ---- db.c: queues ---- */
/* To the call's connection, or another that is ready; `first`: before those that wait. */
void db_route(struct db *db, struct db_call *call, bool first);
/* Ends the call; ERR_OK only with a result. */
void db_finish(struct db_call *call, enum err err, bool unknown, const char *sqlstate,
               const char *message, const struct db_result *result);
void db_state_changed(struct db *db, struct db_conn *conn, bool ready, const char *why);
/* An attempt to connect failed: told once, while there is no connection. */
void db_still_down(struct db *db, const char *why);
/* The statement's number, -1 when the table is full. */
int db_statement(struct db *db, const char *sql);

/* Counted where it happens; registered by db_open(). */
extern struct metric db_segments, db_calls, db_busy, db_reruns, db_reconnects;

#endif
