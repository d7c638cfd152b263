/* `belfry migrate`: brings the schema up, takes it down, says where it stands. Each
 * migration is one transaction, all under one lock, checked against what was applied. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/migration.h"

#define LOCK_SQL "SELECT pg_advisory_lock(4274685216)"
#define TABLE_SQL                                                                        \
    "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY);"   \
    "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS checksum text;"              \
    "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS name text;"                  \
    "ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS applied_at timestamptz "     \
    "DEFAULT now()"

static bool run_sql(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok) {
        const char *message = PQresultErrorMessage(result);
        fail("%.*s", (int)strcspn(message, "\n"), message);
    }
    PQclear(result);
    return ok;
}

static int line_at(const char *sql, const char *position)
{
    int line = 0;
    long left = position != NULL ? strtol(position, NULL, 10) : 0;
    for (; left > 1 && *sql != '\0'; sql++, left--) {
        line += *sql == '\n';
    }
    return line;
}

/* A section inside a transaction; says file and line of what fails. */
static bool run_section(PGconn *connection, const struct migration *migration, bool up)
{
    const char *sql = up ? migration->up : migration->down;
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
              status == PGRES_EMPTY_QUERY;
    if (!ok) {
        const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
        int line = (up ? migration->up_line : migration->down_line) +
                   line_at(sql, PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION));
        fail("%s:%d: %s%s%s; the database is as it was before this migration",
             migration->file, line,
             primary != NULL ? primary : PQerrorMessage(connection),
             detail != NULL ? ": " : "", detail != NULL ? detail : "");
    }
    PQclear(result);
    return ok;
}

static bool note(PGconn *connection, const struct migration *migration, bool up)
{
    char version[16];
    snprintf(version, sizeof(version), "%04d", migration->version);
    const char *params[] = {version, migration->checksum, migration->file};
    PGresult *result =
        up ? PQexecParams(connection,
                          "INSERT INTO schema_migrations (version, checksum, name) "
                          "VALUES ($1, $2, $3)",
                          3, NULL, params, NULL, NULL, 0)
           : PQexecParams(connection, "DELETE FROM schema_migrations WHERE version = $1",
                          1, NULL, params, NULL, NULL, 0);
    bool ok = PQresultStatus(result) == PGRES_COMMAND_OK;
    if (!ok) {
        fail("%s", PQresultErrorMessage(result));
    }
    PQclear(result);
    return ok;
}

static bool apply(PGconn *connection, const struct migration *migration, bool up)
{
    printf("%s %s\n", up ? "applying" : "taking back", migration->file);
    fflush(stdout);
    if (!run_sql(connection, "BEGIN")) {
        return false;
    }
    if (!run_section(connection, migration, up) || !note(connection, migration, up)) {
        PQclear(PQexec(connection, "ROLLBACK"));
        return false;
    }
    return run_sql(connection, "COMMIT");
}

/* How many are applied: they must be the first ones, unchanged. -1: they are not. */
static int count_applied(PGconn *connection, const struct migrations *migrations)
{
    PGresult *result =
        PQexec(connection, "SELECT version::int, coalesce(checksum, ''), "
                           "coalesce(name, '') FROM schema_migrations ORDER BY 1");
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail("%s", PQresultErrorMessage(result));
        PQclear(result);
        return -1;
    }
    int count = PQntuples(result);
    for (int i = 0; i < count && count >= 0; i++) {
        int version = atoi(PQgetvalue(result, i, 0));
        const char *checksum = PQgetvalue(result, i, 1);
        if (version != i + 1) {
            fail("the database has migration %04d but not %04d", version, i + 1);
            count = -1;
        } else if ((size_t)i >= migrations->count) {
            fail("the database has migration %04d %s, which %s does not: these files are "
                 "older than the database",
                 version, PQgetvalue(result, i, 2), migrations->folder);
            count = -1;
        } else if (checksum[0] != '\0' &&
                   strcmp(checksum, migrations->list[i].checksum) != 0) {
            fail("%s was changed after it had been applied; put it back and make a new "
                 "migration",
                 migrations->list[i].file);
            count = -1;
        }
    }
    PQclear(result);
    return count;
}

static int go_up(PGconn *connection, const struct migrations *migrations, int applied)
{
    for (size_t i = (size_t)applied; i < migrations->count; i++) {
        if (!apply(connection, &migrations->list[i], true)) {
            return 1;
        }
    }
    printf("schema is at %04zu\n", migrations->count);
    return 0;
}

static int go_down(PGconn *connection, const struct migrations *migrations, int applied,
                   int steps)
{
    for (; steps > 0 && applied > 0; steps--, applied--) {
        if (!apply(connection, &migrations->list[applied - 1], false)) {
            return 1;
        }
    }
    printf("schema is at %04d\n", applied);
    return 0;
}

static int show(const struct migrations *migrations, int applied)
{
    for (size_t i = 0; i < migrations->count; i++) {
        printf("%s  %s\n", (int)i < applied ? "applied" : "pending",
               migrations->list[i].file);
    }
    return 0;
}

static const char *folder_of(const struct settings *settings)
{
    if (settings->migrations[0] != '\0') {
        return settings->migrations;
    }
    return access("migrations", R_OK) == 0 ? "migrations"
                                           : "/usr/share/belfry/migrations";
}

static int run_under_lock(PGconn *connection, const struct migrations *migrations,
                          const char *what, int steps)
{
    if (!run_sql(connection, LOCK_SQL) ||
        !run_sql(connection, "SET client_min_messages = warning") ||
        !run_sql(connection, TABLE_SQL)) {
        return 1;
    }
    int applied = count_applied(connection, migrations);
    if (applied < 0) {
        return 1;
    }
    if (strcmp(what, "up") == 0) {
        return go_up(connection, migrations, applied);
    }
    if (strcmp(what, "down") == 0) {
        return go_down(connection, migrations, applied, steps);
    }
    return show(migrations, applied);
}

static int run(const struct settings *settings, int argc, char **argv)
{
    const char *what = argc > 0 ? argv[0] : "";
    int steps = argc > 1 ? atoi(argv[1]) : 1;
    bool known = strcmp(what, "up") == 0 || strcmp(what, "down") == 0 ||
                 strcmp(what, "status") == 0;
    if (!known || argc > (strcmp(what, "down") == 0 ? 2 : 1) || steps < 1) {
        return 2;
    }
    struct migrations *migrations = malloc(sizeof(*migrations));
    if (migrations == NULL) {
        return fail("out of memory");
    }
    int status = 1;
    if (migrations_load(folder_of(settings), migrations)) {
        PGconn *connection = connect_database(settings);
        if (connection != NULL) {
            status = run_under_lock(connection, migrations, what, steps);
            PQfinish(connection);
        }
    }
    migrations_finish(migrations);
    free(migrations);
    return status;
}

const struct command command_migrate = {
    .name = "migrate",
    .usage = "up | down [N] | status",
    .help =
        "Applies the migrations that are missing, takes the last N back, or lists them.",
    .run = run,
};
