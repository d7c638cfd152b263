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

/* The parameters of calls with the same `many`, in `buf` where they are arrays; the
 * caller finishes `buf`, also after false: no memory. */
MUST_CHECK bool db_many_params(struct db_call *const *calls, int count, struct buf *buf,
                               const char *ret_params[DB_PARAMS_MAX]);

/* The rows of each call; none for one that has none. */
void db_many_results(PGresult *pg, int count, struct db_result *ret_results);

#endif
