/* PostgreSQL: a few connections in pipeline mode on one event loop (libpq chapter 34.5),
 * the only files that include libpq-fe.h besides the tests and the cli.
 *
 * Calls that may share a commit (DB_BATCH) travel in segments of up to DB_BATCH_MAX, one
 * segment at a time on a connection, so that what comes meanwhile shares the next; the
 * others alone. Results are handed out only after the segment's Sync result, so that what
 * a caller hears is committed. A stream is pinned to one connection; calls that may wait
 * for locks have connections of their own, so that nobody waits behind them. One thread;
 * no other thread ever comes here. */
#ifndef CORE_DB_DB_H
#define CORE_DB_DB_H

#include <uv.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "base/uuid.h"

#define DB_BATCH_MAX  64
#define DB_MANY_LEAST 4
#define DB_PARAMS_MAX 40

struct db;
struct db_result;

/* What came of a call:
 *   ERR_OK           committed; `result` holds the rows
 *   ERR_UNAVAILABLE  unknown false: certainly not executed, no connection was to be had
 *                    before the deadline; unknown true: sent, and the connection was lost
 *                    before its Sync result, so it may have committed: ask again with the
 *                    same key (db does so by itself until the deadline)
 *   ERR_INTERNAL     PostgreSQL reported an error; nothing was written
 */
struct db_outcome {
    enum err err;
    bool unknown;
    const char *sqlstate; /* of ERR_INTERNAL, else "" */
    const char *message;  /* PostgreSQL's, for the log, else "" */
};

enum db_mode {
    DB_ALONE, /* may wait for locks; its own transaction */
    DB_BATCH, /* first parameter tells the SQL side not to wait; `BUSY` comes back */
    DB_READ,  /* changes nothing: may share a segment with anything */
};

/* A statement for several calls at once, for those that are worth it (DB_MANY_LEAST):
 * starting it costs more than starting a call's own, its share of the work less. It takes
 * the parameters of a call's own statement, those in `each` as arrays with one item a
 * call, and returns each call's rows together, in any order, with one more column behind
 * the others: the call's place in the arrays, from 1. */
struct db_many {
    const char *sql;
    uint64_t each; /* bit i: parameter i; the others are the same for all calls */
    int least; /* so many calls; 0: DB_MANY_LEAST. 1: a call's own statement is not for
                  batches, it runs alone only */
};

struct db_call {
    struct list node; /* owned by db while the call is under way */

    const char *sql; /* the statement's text; prepared once a connection, by address */
    const struct db_many *many; /* DB_BATCH, DB_READ: how it goes with others of a
                                   segment; NULL: always by itself */
    int param_count;
    const char *params[DB_PARAMS_MAX]; /* text form; NULL is SQL NULL; borrowed */
    enum db_mode mode;
    uint32_t affinity;   /* hash of the stream: equal values, same connection */
    int64_t deadline_ms; /* clock_ms(); not sent later than this */
    int mode_param;      /* DB_BATCH: index of the parameter that db sets: "1" in a batch,
                            "0" alone; -1: none */
    /* DB_BATCH: the stream ("room:…") whose counter a BUSY call waits for when it runs
     * again; NULL: unknown, such a call runs again alone */
    const char *busy_stream;

    /* Called once, on the loop thread. `result` is NULL unless outcome->err is ERR_OK. */
    void (*done)(struct db_call *call, const struct db_outcome *outcome,
                 const struct db_result *result);

    /* db's own while the call is under way; the caller zeroes it. */
    struct {
        bool alone;    /* from now on by itself, waiting for locks */
        bool maybe;    /* was sent on a connection that was lost */
        uint8_t busy;  /* rounds that ended BUSY */
        uint8_t tries; /* serialization failures and the like */
        uint8_t losses;
    } db;
};

struct db_options {
    const char *conninfo;
    int connections; /* as many again serve the calls that run alone */
    int64_t connect_timeout_ms;
    /* The first connection is there; or the last one is gone, or none comes about
     * (`why`: libpq's words; told once). May be NULL. */
    void (*on_state)(void *user, bool ready, const char *why);
    void *user;
};

/* Connects in the background and keeps at it, with jitter. */
MUST_CHECK enum err db_open(uv_loop_t *loop, const struct db_options *options,
                            struct db **ret_db);
/* Calls that are not done yet get ERR_UNAVAILABLE. Accepts NULL. */
void db_close(struct db *db);

/* Queues the call; `done` comes later, always. ERR_UNAVAILABLE at once (and no `done`)
 * when the queue is full or no connection has been alive for longer than 1 s. */
MUST_CHECK enum err db_submit(struct db *db, struct db_call *call);

/* True while at least one connection is ready. */
bool db_ready(const struct db *db);

/* Calls that wait to be sent. */
size_t db_waiting(const struct db *db);

/* ---- reading a result; values live until `done` returns ----
 * Results come in binary. A NULL value, or one of another shape, reads as no bytes, 0,
 * false or a zeroed id. */
int db_row_count(const struct db_result *result);
/* text, json and bytea: the bytes; others: PostgreSQL's binary form. */
struct bytes db_text(const struct db_result *result, int row, int column);
int64_t db_int(const struct db_result *result, int row, int column); /* any integer */
bool db_bool(const struct db_result *result, int row, int column);
struct uuid db_uuid(const struct db_result *result, int row, int column);
bool db_is_null(const struct db_result *result, int row, int column);

/* Walks a one-dimensional array in its binary form: start with *at = 0; false at the end
 * or where the form is broken. A NULL item has data NULL. */
bool db_array_next(struct bytes array, size_t *at, struct bytes *ret_item);
/* Its number of items; 0 for NULL and for anything else. */
int db_array_count(struct bytes array);

#endif
