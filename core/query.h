/* Calls of the core's own SQL functions in the name of a request, and their parameters:
 * what connect, catch-up, leases and the like share. */
#ifndef CORE_QUERY_H
#define CORE_QUERY_H

#include "core/request.h"

typedef void query_done_fn(struct db_call *call, const struct db_outcome *outcome,
                           const struct db_result *result);

/* Submits `sql` with `count` texts from the arena, alone or as a read; `done` finds its
 * request with query_request(). On an error the request is refused and finished. */
void query(struct request *request, const char *sql, enum db_mode mode, uint32_t affinity,
           int count, const char *const *params, query_done_fn *done);
/* The same in batches, where it is `many`, and by `sql` when that says BUSY. */
void query_many(struct request *request, const struct db_many *many, const char *sql,
                uint32_t affinity, int count, const char *const *params,
                query_done_fn *done);
struct request *query_request(struct db_call *call);

/* True when there is a result; else the request is refused (and logged, if it is ours to
 * mend) and finished. */
bool query_worked(struct request *request, const struct db_outcome *outcome);

/* Refuses and finishes. */
void query_refuse(struct request *request, enum err err);

/* An array in PostgreSQL's text form, item by item; items must need no quotes. */
void array_begin(struct buf *buf);
void array_add(struct buf *buf, struct bytes item);
void array_add_uuid(struct buf *buf, struct uuid uuid);
void array_add_stream(struct buf *buf, const struct stream_id *stream);
void array_add_int(struct buf *buf, int64_t number);
void array_add_bool(struct buf *buf, bool value);
/* Ends it and moves it into the arena; NULL when there is no memory. */
const char *array_end(struct buf *buf, struct arena *arena);

/* A uuid's text in the arena; NULL for the zeroed one and without memory. */
const char *query_uuid(struct request *request, struct uuid uuid);

#endif
