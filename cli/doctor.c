/* `belfry doctor`: checks what a running system needs of PostgreSQL, and says what is
 * wrong and what to do about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "core/db/schema_version.h"

/* One question with one answer. */
struct check {
    const char *what;
    const char *sql;    /* gives one text */
    const char *wanted; /* the right answer; NULL: any is, it is only shown */
    const char *advice;
};

/* clang-format off */
static const struct check checks[] = {
    {"PostgreSQL", "SHOW server_version", NULL, ""},
    {"schema", SCHEMA_VERSION_SQL, NULL, ""},
    {"fsync", "SHOW fsync", "on", "an ack is not durable without it"},
    {"full_page_writes", "SHOW full_page_writes", "on", "a crash can tear pages without it"},
    {"primary", "SELECT CASE WHEN pg_is_in_recovery() THEN 'no' ELSE 'yes' END", "yes",
     "cores need the primary"},
    {"max_locks_per_transaction",
     "SELECT CASE WHEN current_setting('max_locks_per_transaction')::int >= 128 "
     "THEN 'enough' ELSE current_setting('max_locks_per_transaction') END",
     "enough", "128 or more, for batches under load"},
    {"synchronous standby",
     "SELECT CASE WHEN count(*) = 0 THEN 'no standby' "
     "WHEN bool_or(sync_state IN ('sync', 'quorum')) THEN 'yes' ELSE 'asynchronous' END "
     "FROM pg_stat_replication", NULL, ""},
};
/* clang-format on */

static bool ask(PGconn *connection, const struct check *check)
{
    PGresult *result = PQexec(connection, check->sql);
    bool answered = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
    const char *answer =
        answered ? PQgetvalue(result, 0, 0) : PQresultErrorMessage(result);
    bool ok = answered && (check->wanted == NULL || strcmp(answer, check->wanted) == 0);
    printf("%s  %-28s %.*s%s%s\n", ok ? "ok  " : "BAD ", check->what,
           (int)strcspn(answer, "\n"), answer, ok ? "" : ": ", ok ? "" : check->advice);
    PQclear(result);
    return ok;
}

static bool check_schema(PGconn *connection)
{
    PGresult *result = PQexec(connection, SCHEMA_VERSION_SQL);
    int version = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1
                      ? atoi(PQgetvalue(result, 0, 0))
                      : 0;
    PQclear(result);
    if (version < SCHEMA_VERSION_MIN || version > SCHEMA_VERSION_MAX) {
        printf(
            "BAD   this version works with schemas %d to %d: run `belfry migrate up`\n",
            SCHEMA_VERSION_MIN, SCHEMA_VERSION_MAX);
        return false;
    }
    return true;
}

static int run(const struct settings *settings, int argc, char **argv)
{
    (void)argv;
    if (argc != 0) {
        return 2;
    }
    PGconn *connection = connect_database(settings);
    if (connection == NULL) {
        return 1;
    }
    bool ok = true;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        ok = ask(connection, &checks[i]) && ok;
    }
    ok = check_schema(connection) && ok;
    PQfinish(connection);
    return ok ? 0 : 1;
}

const struct command command_doctor = {
    .name = "doctor",
    .usage = "",
    .help = "Checks PostgreSQL: reachable, schema, durability settings.",
    .run = run,
};
