/* The inside of a result, for the files that make one: db and the tests' executor. */
#ifndef CORE_DB_DB_RESULT_H
#define CORE_DB_DB_RESULT_H

#include <libpq-fe.h>

#include "core/db/db.h"

struct db_result {
    PGresult *pg;
};

#endif
