/* Settings: one table makes the environment variables, the flags, --help and
 * docs/configuration.md.
 *
 * BELFRY_LINK_KEY may be given as the variable, as BELFRY_LINK_KEY_FILE (a file whose
 * content, less one final newline, is the value), or as --link-key / --link-key-file.
 * A flag wins over the environment. An empty variable counts as not set. Every bad value
 * is reported, not only the first. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum option_type {
    OPTION_TEXT,     /* const char * */
    OPTION_SECRET,   /* const char *; never printed */
    OPTION_INT,      /* int64_t, min and max hold */
    OPTION_BOOL,     /* bool: on|off, true|false, 1|0 */
    OPTION_DURATION, /* int64_t milliseconds: "250ms", "2s", "5m", "7d" */
    OPTION_SIZE,     /* int64_t bytes: "64KB", "1MB" (powers of 1024), "512" */
    OPTION_CHOICE,   /* int: the index in `choices` ("a|b|c") */
};

struct option_def {
    const char *name; /* "BELFRY_PORT"; the flag is --port */
    const char
        *alias; /* another variable that is read too, such as "CORS_ORIGIN", or NULL */
    enum option_type type;
    size_t offset;         /* of the field in the settings struct */
    const char *otherwise; /* default, as text; NULL: must be given */
    int64_t min, max;      /* INT, DURATION (ms), SIZE; both 0: any; max 0: min only */
    const char *choices;   /* CHOICE */
    const char *help;      /* one sentence */
};

enum config_result { CONFIG_RUN, CONFIG_HELP, CONFIG_BAD };

/* Fills `settings` from flags, environment and defaults. Texts live as long as the
 * process. CONFIG_HELP: --help or --version was asked, ret_text is what to print.
 * CONFIG_BAD: ret_text lists everything that is wrong, a line each. */
enum config_result config_load(const struct option_def *options, size_t option_count,
                               const char *program, const char *purpose, int argc,
                               char **argv, void *settings, struct buf *ret_text);

/* The table as a section of docs/configuration.md. */
void config_markdown(const struct option_def *options, size_t option_count,
                     const char *program, struct buf *ret_text);

#endif
