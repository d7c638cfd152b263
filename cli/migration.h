/* Migration files: what lies in the folder, and the two sections of each
 * (`-- migrate:up`, `-- migrate:down`, the convention of dbmate). */
#ifndef CLI_MIGRATION_H
#define CLI_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>

#define MIGRATIONS_MAX 1000

struct migration {
    int version;            /* 1, 2, 3 … without a gap */
    char file[256];         /* "0001_tables.sql" */
    char checksum[65];      /* SHA-256 of the file, in hex */
    char *up, *down;        /* the sections' SQL; owned */
    int up_line, down_line; /* where they begin in the file */
};

struct migrations {
    struct migration list[MIGRATIONS_MAX];
    size_t count;
    const char *folder;
};

/* Reads the folder; false after having said what is wrong with it. */
bool migrations_load(const char *folder, struct migrations *ret_migrations);
void migrations_finish(struct migrations *migrations);

#endif
