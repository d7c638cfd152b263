/* `belfry`: the tool for those who run the system. Finds the command and its settings. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "cli/command.h"

static const struct command *const commands[] = {
    &command_migrate,
    &command_token,
    &command_user,
    &command_doctor,
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))
#define WORDS_MAX     16

/* clang-format off */
static const struct option_def options[] = {
    {"DATABASE_URL", "BELFRY_DATABASE_URL", OPTION_TEXT, offsetof(struct settings, database_url),
     "", 0, 0, NULL, "Where PostgreSQL is, as a libpq connection string."},
    {"BELFRY_MIGRATIONS", NULL, OPTION_TEXT, offsetof(struct settings, migrations),
     "", 0, 0, NULL, "Folder with the migrations; else ./migrations, else /usr/share/belfry/migrations."},
    {"BELFRY_JWT_SECRET", NULL, OPTION_SECRET, offsetof(struct settings, jwt_secret),
     "", 0, 0, NULL, "Secret under which `token` signs."},
    {"BELFRY_USERNAME", NULL, OPTION_TEXT, offsetof(struct settings, username),
     "", 0, 0, NULL, "`token`: claim username, when it differs from USER."},
    {"BELFRY_EXPIRES", NULL, OPTION_DURATION, offsetof(struct settings, expires_ms),
     "24h", 1000, 0, NULL, "`token`: how long the token is good for."},
    {"BELFRY_SERVICE", NULL, OPTION_BOOL, offsetof(struct settings, service),
     "off", 0, 0, NULL, "`token`: make a service token."},
};
/* clang-format on */
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

int fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("belfry: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return 1;
}

PGconn *connect_database(const struct settings *settings)
{
    if (settings->database_url[0] == '\0') {
        fail("DATABASE_URL must be set");
        return NULL;
    }
    PGconn *connection = PQconnectdb(settings->database_url);
    if (PQstatus(connection) != CONNECTION_OK) {
        const char *message = PQerrorMessage(connection);
        fail("cannot connect to PostgreSQL: %.*s", (int)strcspn(message, "\n"), message);
        PQfinish(connection);
        return NULL;
    }
    return connection;
}

static void print_usage(FILE *to)
{
    fputs("usage: belfry COMMAND [WORD…] [--setting value…]\n\n", to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  belfry %s %s\n      %s\n", commands[i]->name, commands[i]->usage,
                commands[i]->help);
    }
    fputs("\n`belfry --help` also lists the settings.\n", to);
}

/* Words come first, settings (--…) last. */
static int count_words(int argc, char **argv)
{
    int words = 0;
    while (words < argc && strncmp(argv[words], "--", 2) != 0) {
        words++;
    }
    return words;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int word_count = count_words(argc - 1, argv + 1);
    char *words[WORDS_MAX + 1] = {NULL};
    if (word_count > WORDS_MAX) {
        return fail("too many words"), 2;
    }
    memcpy(words, argv + 1, (size_t)word_count * sizeof(*words));
    argv[word_count] = argv[0]; /* config_load skips a program's name */

    static struct settings settings; /* its texts live as long as the process */
    struct buf text;
    buf_init(&text, 1 << 20);
    enum config_result result =
        config_load(options, OPTION_COUNT, "belfry", "Runs and inspects a Belfry system.",
                    argc - word_count, argv + word_count, &settings, &text);
    if (result != CONFIG_RUN) {
        fputs((const char *)text.data, result == CONFIG_HELP ? stdout : stderr);
        if (result == CONFIG_HELP) {
            fputc('\n', stdout);
            print_usage(stdout);
        }
        buf_finish(&text);
        return result == CONFIG_HELP ? 0 : 2;
    }
    buf_finish(&text);
    const struct command *command = word_count > 0 ? find_command(words[0]) : NULL;
    if (command == NULL) {
        print_usage(stderr);
        return 2;
    }
    int status = command->run(&settings, word_count - 1, words + 1);
    if (status == 2) {
        fprintf(stderr, "usage: belfry %s %s\n", command->name, command->usage);
    }
    return status;
}
