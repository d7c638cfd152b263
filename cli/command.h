/* The commands of `belfry`: one file and one row each. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct settings {
    const char *database_url;
    const char *migrations;
    const char *jwt_secret;
    const char *username;
    int64_t expires_ms;
    bool service;
};

struct command {
    const char *name;
    const char *usage; /* what follows the name */
    const char *help;
    /* Words after the name; the exit status: 0 done, 1 failed, 2 wrong usage. */
    int (*run)(const struct settings *settings, int argc, char **argv);
};

extern const struct command command_migrate, command_token, command_user, command_doctor;

/* Prints "belfry: …" to stderr and returns 1. */
int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Connects to DATABASE_URL; NULL after having said why not. */
PGconn *connect_database(const struct settings *settings);

#endif
