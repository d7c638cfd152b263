/* The inside of a result, for the files that make one: db and the tests' executor. */
#ifndef CORE_DB_DB_RESULT_H
#define CORE_DB_DB_RESULT_H

#include <libpq-fe.h>

#include "core/db/db.h"

/* The rows of one call: all of the statement's, or some of it. */
struct db_result {
    PGresult *pg;
    int first, count;
};

/* All rows of a statement that ran for one call. */
static inline struct db_result db_result_whole(PGresult *pg)
{
    return (struct db_result){pg, 0, PQntuples(pg)};
}

#endif
