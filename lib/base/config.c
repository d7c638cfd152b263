/* Finds each setting's one value among flags, variables, files and defaults, and tells
 * of all that is wrong at once: nobody should start a server five times to configure it.
 */
#include "base/config_parts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef BELFRY_VERSION
#define BELFRY_VERSION "unknown"
#endif

#define FILE_MAX_BYTES 65536
#define NAME_MAX_BYTES 256

/* Where a value may come from, in the words of whoever gave it. */
struct given {
    const char *text; /* the value itself */
    const char *file; /* the name of a file that holds it */
    bool bad;         /* and reported already */
};

struct load {
    const struct option_def *options;
    size_t option_count;
    struct given *flags; /* one for each option */
    void *settings;
    struct buf *errors;
};

/* Texts from files live as long as the process; held here, they are no leak. */
struct kept_text {
    struct kept_text *next;
    char text[];
};

static struct kept_text *kept_texts;

void config_flag_name(const struct option_def *option, struct buf *ret_name)
{
    const char *name = option->name;
    if (strncmp(name, "BELFRY_", 7) == 0) {
        name += 7;
    }
    for (; *name != 0; name++) {
        char c = (char)tolower((unsigned char)*name);
        buf_append_char(ret_name, c == '_' ? '-' : c);
    }
}

/* True if `flag` (without dashes) is the option's name and `suffix`. */
static bool is_flag_of(const struct option_def *option, struct bytes flag,
                       const char *suffix)
{
    struct buf name;
    buf_init(&name, NAME_MAX_BYTES);
    config_flag_name(option, &name);
    buf_append_text(&name, suffix);
    bool same = !name.failed && bytes_equal(buf_bytes(&name), flag);
    buf_finish(&name);
    return same;
}

/* The option of a flag; -1 if there is none. Whole names come first: with both
 * BELFRY_CERT and BELFRY_CERT_FILE in the table, --cert-file is the second one. */
static int find_flag(const struct load *load, struct bytes flag, bool *ret_is_file)
{
    static const char *const suffixes[] = {"", "-file"};
    for (int file = 0; file < 2; file++) {
        for (size_t i = 0; i < load->option_count; i++) {
            if (is_flag_of(&load->options[i], flag, suffixes[file])) {
                *ret_is_file = file;
                return (int)i;
            }
        }
    }
    return -1;
}

/* What may follow a BOOL flag as its value; anything else is the next argument. */
static bool is_bool_word(const char *text)
{
    struct option_def option = {.type = OPTION_BOOL};
    bool value;
    struct buf ignored;
    buf_init(&ignored, NAME_MAX_BYTES);
    bool is = text != NULL && config_parse(&option, text, &value, &ignored);
    buf_finish(&ignored);
    return is;
}

/* Reads the flag at argv[i]; the index of the argument that is used last. */
static int read_flag(struct load *load, int i, char **argv)
{
    const char *argument = argv[i];
    if (strncmp(argument, "--", 2) != 0 || argument[2] == 0) {
        buf_printf(load->errors, "unexpected argument %s\n", argument);
        return i;
    }
    const char *equals = strchr(argument, '=');
    size_t size = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
    bool is_file = false;
    int option = find_flag(load, bytes_make(argument + 2, size - 2), &is_file);
    if (option < 0) {
        buf_printf(load->errors, "unknown flag %.*s (--help lists all)\n", (int)size,
                   argument);
        /* A value that follows belongs to it and is no second mistake. */
        bool has_value = equals == NULL && argv[i + 1] != NULL && argv[i + 1][0] != '-';
        return has_value ? i + 1 : i;
    }

    bool is_bool = load->options[option].type == OPTION_BOOL && !is_file;
    const char *value = equals != NULL ? equals + 1 : argv[i + 1];
    if (equals == NULL && is_bool && !is_bool_word(value)) {
        value = "on";
    } else if (equals == NULL && value != NULL) {
        i++;
    }
    if (value == NULL) {
        buf_printf(load->errors, "%s (%s): the flag needs a value\n",
                   load->options[option].name, argument);
        load->flags[option].bad = true;
    }
    *(is_file ? &load->flags[option].file : &load->flags[option].text) = value;
    return i;
}

/* The file's content less one final newline; NULL, and an error, if that fails. */
static const char *read_value_file(struct load *load, const char *name, const char *path)
{
    const char *problem = NULL;
    struct kept_text *kept = malloc(sizeof(*kept) + FILE_MAX_BYTES + 1);
    FILE *file = fopen(path, "re");
    size_t size = 0;
    if (file == NULL || kept == NULL) {
        problem = strerror(errno);
        goto out;
    }
    size = fread(kept->text, 1, FILE_MAX_BYTES + 1, file);
    if (ferror(file)) {
        problem = strerror(errno);
    } else if (size > FILE_MAX_BYTES) {
        problem = "more than 64 KB";
    } else if (memchr(kept->text, 0, size) != NULL) {
        problem = "it contains a NUL byte";
    }
out:
    if (file != NULL) {
        fclose(file);
    }
    if (problem != NULL) {
        buf_printf(load->errors, "%s: cannot read %s: %s\n", name, path, problem);
        free(kept);
        return NULL;
    }
    if (size > 0 && kept->text[size - 1] == '\n') {
        size--;
        size -= size > 0 && kept->text[size - 1] == '\r' ? 1 : 0;
    }
    kept->text[size] = 0;
    struct kept_text *fitting = realloc(kept, sizeof(*kept) + size + 1);
    kept = fitting != NULL ? fitting : kept;
    kept->next = kept_texts;
    kept_texts = kept;
    return kept->text;
}

/* An empty variable is as good as none: compose files pass on what was not set so. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != 0 ? value : NULL;
}

static bool is_option_name(const struct load *load, const char *name)
{
    for (size_t i = 0; i < load->option_count; i++) {
        if (strcmp(load->options[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What the environment gives under `name`; names of options are not _FILE variables. */
static struct given from_environment(const struct load *load, const char *name)
{
    struct given given = {0};
    char file_name[NAME_MAX_BYTES];
    if (name == NULL) {
        return given;
    }
    given.text = variable(name);
    snprintf(file_name, sizeof(file_name), "%s_FILE", name);
    if (!is_option_name(load, file_name)) {
        given.file = variable(file_name);
    }
    return given;
}

/* Finds, reads and stores one option's value; what is wrong goes to the errors. */
static void resolve(struct load *load, size_t index)
{
    const struct option_def *option = &load->options[index];
    if (load->flags[index].bad) {
        return;
    }
    struct buf flag, problem;
    buf_init(&flag, NAME_MAX_BYTES);
    buf_init(&problem, FILE_MAX_BYTES);
    buf_append_text(&flag, "--");
    config_flag_name(option, &flag);

    const char *name = option->name; /* of what gave the value */
    struct given given = load->flags[index];
    bool is_flag = given.text != NULL || given.file != NULL;
    if (!is_flag) {
        given = from_environment(load, name);
    }
    if (given.text == NULL && given.file == NULL && option->alias != NULL) {
        given = from_environment(load, option->alias);
        name = option->alias;
    }

    if (given.text != NULL && given.file != NULL) {
        const char *both = is_flag ? (const char *)flag.data : name;
        buf_printf(load->errors, "%s: %s and %s%s are both given, only one can be\n",
                   option->name, both, both, is_flag ? "-file" : "_FILE");
        goto out;
    }
    const char *text = given.text;
    if (given.file != NULL) {
        text = read_value_file(load, option->name, given.file);
        if (text == NULL) {
            goto out;
        }
    } else if (text == NULL) {
        text = option->otherwise;
    }
    if (text == NULL || (text[0] == 0 && option->otherwise == NULL)) {
        buf_printf(load->errors, "%s must be set: %s\n", option->name, option->help);
        goto out;
    }
    if (!config_parse(option, text, load->settings, &problem)) {
        buf_printf(load->errors, "%s ", option->name);
        if (is_flag) {
            buf_printf(load->errors, "(%s) ", (const char *)flag.data);
        } else if (name != option->name && given.text != NULL) {
            buf_printf(load->errors, "(%s) ", name);
        }
        buf_append_bytes(load->errors, buf_bytes(&problem));
        buf_append_char(load->errors, '\n');
    }
out:
    buf_finish(&flag);
    buf_finish(&problem);
}

static bool is_asked(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], flag) == 0) {
            return true;
        }
    }
    return false;
}

enum config_result config_load(const struct option_def *options, size_t option_count,
                               const char *program, const char *purpose, int argc,
                               char **argv, void *settings, struct buf *ret_text)
{
    if (is_asked(argc, argv, "--help") || is_asked(argc, argv, "-h")) {
        config_help(options, option_count, program, purpose, ret_text);
        return CONFIG_HELP;
    }
    if (is_asked(argc, argv, "--version")) {
        buf_printf(ret_text, "%s %s\n", program, BELFRY_VERSION);
        return CONFIG_HELP;
    }

    size_t size_before = ret_text->size;
    struct load load = {
        .options = options,
        .option_count = option_count,
        .flags = calloc(option_count + 1, sizeof(struct given)),
        .settings = settings,
        .errors = ret_text,
    };
    if (load.flags == NULL) {
        buf_append_text(ret_text, "out of memory\n");
        return CONFIG_BAD;
    }
    for (int i = 1; i < argc; i++) {
        i = read_flag(&load, i, argv);
    }
    for (size_t i = 0; i < option_count; i++) {
        resolve(&load, i);
    }
    free(load.flags);
    return ret_text->size > size_before || ret_text->failed ? CONFIG_BAD : CONFIG_RUN;
}
