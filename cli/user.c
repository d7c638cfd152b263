/* `belfry user owner`: makes the first owner of an instance. */
#include <string.h>
#include <stdio.h>

#include "cli/command.h"

static int run(const struct settings *settings, int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[0], "owner") != 0) {
        return 2;
    }
    PGconn *connection = connect_database(settings);
    if (connection == NULL) {
        return 1;
    }
    const char *params[] = {argv[1]};
    PGresult *result = PQexecParams(
        connection,
        "UPDATE users SET instance_owner = true WHERE deleted_at IS NULL AND "
        "(lower(username) = lower($1) OR id::text = lower($1)) "
        "RETURNING username",
        1, NULL, params, NULL, NULL, 0);
    int status = 0;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        status = fail("%s", PQresultErrorMessage(result));
    } else if (PQntuples(result) != 1) {
        status =
            fail("no user is called %s; users appear when they first connect", argv[1]);
    } else {
        printf("%s is now an owner of this instance\n", PQgetvalue(result, 0, 0));
    }
    PQclear(result);
    PQfinish(connection);
    return status;
}

const struct command command_user = {
    .name = "user",
    .usage = "owner USER",
    .help = "Makes a user an owner of the instance.",
    .run = run,
};
