/* Reads the folder of migrations and refuses what is not plainly right. */
#include "cli/migration.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)

/* "0001_tables.sql": four digits, an underscore, a name. */
static int version_of(const char *file)
{
    int version = 0, used = 0;
    size_t size = strlen(file);
    if (size < 10 || strcmp(file + size - 4, ".sql") != 0 || file[4] != '_' ||
        sscanf(file, "%4d%n", &version, &used) != 1 || used != 4) {
        return 0;
    }
    return version;
}

static int by_version(const void *a, const void *b)
{
    return ((const struct migration *)a)->version -
           ((const struct migration *)b)->version;
}

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail("%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(FILE_MAX_BYTES + 1);
    size_t size = text != NULL ? fread(text, 1, FILE_MAX_BYTES, file) : 0;
    bool whole = text != NULL && feof(file) && !ferror(file);
    fclose(file);
    if (!whole) {
        fail("%s: cannot be read whole", path);
        free(text);
        return NULL;
    }
    text[size] = '\0';
    *ret_size = size;
    return text;
}

/* The text between the line that begins with `marker` and the next marker. */
static char *section(const char *text, const char *marker, int *ret_line)
{
    int line = 1;
    for (const char *at = text; *at != '\0'; line++) {
        const char *end = strchr(at, '\n');
        const char *next = end != NULL ? end + 1 : at + strlen(at);
        if (strncmp(at, marker, strlen(marker)) == 0) {
            const char *stop = strstr(next, "\n-- migrate:");
            *ret_line = line + 1;
            return strndup(next, stop != NULL ? (size_t)(stop + 1 - next) : strlen(next));
        }
        at = next;
    }
    return NULL;
}

static void checksum(const char *text, size_t size, char ret_hex[65])
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)text, size, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(ret_hex + 2 * i, 3, "%02x", digest[i]);
    }
}

static bool load_one(const char *folder, struct migration *migration)
{
    char path[1024];
    size_t size = 0;
    snprintf(path, sizeof(path), "%s/%s", folder, migration->file);
    char *text = read_file(path, &size);
    if (text == NULL) {
        return false;
    }
    checksum(text, size, migration->checksum);
    migration->up = section(text, "-- migrate:up", &migration->up_line);
    migration->down = section(text, "-- migrate:down", &migration->down_line);
    free(text);
    if (migration->up == NULL || migration->down == NULL) {
        fail("%s: needs the sections '-- migrate:up' and '-- migrate:down'", path);
        return false;
    }
    return true;
}

static bool find_files(DIR *dir, struct migrations *migrations)
{
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        int version = version_of(entry->d_name);
        if (version == 0) {
            continue;
        }
        if (migrations->count == MIGRATIONS_MAX) {
            fail("%s: more than %d migrations", migrations->folder, MIGRATIONS_MAX);
            return false;
        }
        struct migration *migration = &migrations->list[migrations->count++];
        migration->version = version;
        snprintf(migration->file, sizeof(migration->file), "%s", entry->d_name);
    }
    return true;
}

static bool check_numbers(const struct migrations *migrations)
{
    for (size_t i = 0; i < migrations->count; i++) {
        int version = migrations->list[i].version;
        if (i > 0 && version == migrations->list[i - 1].version) {
            fail("%s: %s and %s have the same number", migrations->folder,
                 migrations->list[i - 1].file, migrations->list[i].file);
            return false;
        }
        if (version != (int)i + 1) {
            fail("%s: migration %04d is missing before %s", migrations->folder,
                 (int)i + 1, migrations->list[i].file);
            return false;
        }
    }
    return true;
}

bool migrations_load(const char *folder, struct migrations *ret_migrations)
{
    memset(ret_migrations, 0, sizeof(*ret_migrations));
    ret_migrations->folder = folder;
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        fail("%s: %s", folder, strerror(errno));
        return false;
    }
    bool ok = find_files(dir, ret_migrations);
    closedir(dir);
    qsort(ret_migrations->list, ret_migrations->count, sizeof(struct migration),
          by_version);
    ok = ok && check_numbers(ret_migrations);
    for (size_t i = 0; ok && i < ret_migrations->count; i++) {
        ok = load_one(folder, &ret_migrations->list[i]);
    }
    return ok;
}

void migrations_finish(struct migrations *migrations)
{
    for (size_t i = 0; i < migrations->count; i++) {
        free(migrations->list[i].up);
        free(migrations->list[i].down);
    }
}
