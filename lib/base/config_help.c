/* Prints the table of settings for people: --help and docs/configuration.md. */
#include "base/config_parts.h"

#include <string.h>

#define WIDTH       100
#define HELP_COLUMN 34
#define TEXT_MAX    16384

/* Characters, not bytes: continuation bytes take no column. */
static size_t columns_of(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static void append_spaces(struct buf *buf, size_t count)
{
    buf_printf(buf, "%*s", (int)count, "");
}

/* Appends words with line breaks; the line is at `column` now, later ones start at
 * `indent`. Ends the line. */
static void append_wrapped(struct buf *buf, struct bytes text, size_t column,
                           size_t indent)
{
    bool line_empty = true;
    for (size_t i = 0; i < text.size;) {
        const uint8_t *space = memchr(text.data + i, ' ', text.size - i);
        size_t end = space != NULL ? (size_t)(space - text.data) : text.size;
        struct bytes word = bytes_make(text.data + i, end - i);
        size_t width = columns_of(word);
        if (!line_empty && column + 1 + width > WIDTH) {
            buf_append_char(buf, '\n');
            append_spaces(buf, indent);
            column = indent;
            line_empty = true;
        }
        if (!line_empty) {
            buf_append_char(buf, ' ');
            column++;
        }
        buf_append_bytes(buf, word);
        column += width;
        line_empty = false;
        i = end + 1;
    }
    buf_append_char(buf, '\n');
}

/* "Meaning. From 1 to 9. Also read from CORS_ORIGIN." */
static void append_meaning(struct buf *buf, const struct option_def *option,
                           const char *quote)
{
    struct buf range;
    buf_init(&range, 128);
    config_append_range(option, &range);
    buf_append_text(buf, option->help);
    if (range.size > 0) {
        buf_printf(buf, " %c%s.", range.data[0] - 'a' + 'A', (char *)range.data + 1);
    }
    if (option->alias != NULL) {
        buf_printf(buf, " Also read from %s%s%s.", quote, option->alias, quote);
    }
    buf_finish(&range);
}

static void append_default(struct buf *buf, const struct option_def *option)
{
    if (option->otherwise == NULL) {
        buf_append_text(buf, " Must be set.");
    } else if (option->type != OPTION_SECRET && option->otherwise[0] != 0) {
        buf_printf(buf, " Default: %s.", option->otherwise);
    }
}

static void append_option(struct buf *buf, const struct option_def *option)
{
    struct buf left, right;
    buf_init(&left, TEXT_MAX);
    buf_init(&right, TEXT_MAX);
    buf_append_text(&left, "  --");
    config_flag_name(option, &left);
    buf_printf(&left, " %s", config_type_word(option));
    append_meaning(&right, option, "");
    append_default(&right, option);

    buf_append_bytes(buf, buf_bytes(&left));
    size_t column = columns_of(buf_bytes(&left));
    if (column + 2 > HELP_COLUMN) {
        buf_append_char(buf, '\n');
        column = 0;
    }
    append_spaces(buf, HELP_COLUMN - column);
    append_wrapped(buf, buf_bytes(&right), HELP_COLUMN, HELP_COLUMN);
    buf_finish(&left);
    buf_finish(&right);
}

static const struct option_def own_flags[] = {
    {.name = "help", .otherwise = "", .help = "Print this and exit."},
    {.name = "version", .otherwise = "", .help = "Print the version and exit."},
};

void config_help(const struct option_def *options, size_t option_count,
                 const char *program, const char *purpose, struct buf *ret_text)
{
    static const char sources[] = "Each option is also an environment variable: --port "
                                  "is BELFRY_PORT. The value can "
                                  "stand in a file that --port-file or BELFRY_PORT_FILE "
                                  "names. A flag wins over the "
                                  "environment.";

    buf_printf(ret_text, "Usage: %s [--option VALUE | --option=VALUE]...\n\n", program);
    append_wrapped(ret_text, bytes_of_text(purpose), 0, 0);
    buf_append_char(ret_text, '\n');
    append_wrapped(ret_text, bytes_of_text(sources), 0, 0);
    buf_append_text(ret_text, "\nOptions:\n");
    for (size_t i = 0; i < option_count; i++) {
        append_option(ret_text, &options[i]);
    }
    for (size_t i = 0; i < sizeof(own_flags) / sizeof(own_flags[0]); i++) {
        size_t column = strlen(own_flags[i].name) + 4;
        buf_printf(ret_text, "  --%s", own_flags[i].name);
        append_spaces(ret_text, HELP_COLUMN - column);
        buf_printf(ret_text, "%s\n", own_flags[i].help);
    }
}

/* A cell of a table: a bar would end it. */
static void append_cell(struct buf *buf, struct bytes text, bool code)
{
    buf_append_text(buf, code && text.size > 0 ? " `" : " ");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '|') {
            buf_append_char(buf, '\\');
        }
        buf_append_char(buf, (char)text.data[i]);
    }
    buf_append_text(buf, code && text.size > 0 ? "` |" : " |");
}

static void append_row(struct buf *buf, const struct option_def *option)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_append_char(buf, '|');
    append_cell(buf, bytes_of_text(option->name), true);

    buf_append_text(&text, "--");
    config_flag_name(option, &text);
    append_cell(buf, buf_bytes(&text), true);
    append_cell(buf, bytes_of_text(config_type_word(option)), false);

    const char *otherwise = option->type == OPTION_SECRET ? "" : option->otherwise;
    if (option->otherwise == NULL) {
        append_cell(buf, BYTES_LITERAL("must be set"), false);
    } else {
        append_cell(buf, bytes_of_text(otherwise), true);
    }

    buf_clear(&text);
    append_meaning(&text, option, "`");
    append_cell(buf, buf_bytes(&text), false);
    buf_append_char(buf, '\n');
    buf_finish(&text);
}

void config_markdown(const struct option_def *options, size_t option_count,
                     const char *program, struct buf *ret_text)
{
    buf_printf(ret_text, "## %s\n\n", program);
    buf_append_text(ret_text, "| Variable | Flag | Type | Default | Meaning |\n"
                              "|---|---|---|---|---|\n");
    for (size_t i = 0; i < option_count; i++) {
        append_row(ret_text, &options[i]);
    }
}
