/* Several calls in one statement (struct db_many): shared by the files of core/db only.
 */
#ifndef CORE_DB_DB_MANY_H
#define CORE_DB_DB_MANY_H

#include "base/buf.h"
#include "core/db/db_result.h"

/* The calls with those of the same `many` together, else in their order. */
void db_many_sort(struct db_call *const *calls, int count, struct db_call **ret_calls);

/* How many in front go together by their `many`; 0: the first goes by itself. */
int db_many_count(struct db_call *const *calls, int count);

/* As libpq wants them. */
struct db_many_params {
    struct buf buf; /* the arrays */
    const char *values[DB_PARAMS_MAX];
    int sizes[DB_PARAMS_MAX];   /* bytes, of those in binary form */
    int formats[DB_PARAMS_MAX]; /* 0 text, 1 binary */
};

/* The parameters of calls with the same `many`. `types`: those of the statement's
 * parameters, NULL while they are not known. The caller finishes ret_params->buf, also
 * after false: no memory. */
MUST_CHECK bool db_many_params_make(struct db_call *const *calls, int count,
                                    const Oid *types, struct db_many_params *ret_params);

/* The rows of each call; none for one that has none. */
void db_many_results(PGresult *pg, int count, struct db_result *ret_results);

#endif
