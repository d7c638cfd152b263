/* Turns the text of a setting into its value, and says what is wrong with a bad one. */
#include "base/config_parts.h"

#include <ctype.h>
#include <inttypes.h>
#include <strings.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Ascending: the last that divides a number is the one to print it in. */
static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

/* What is printed comes first among equal factors. */
static const struct unit sizes[] = {
    {"", 1},          {"B", 1},         {"KB", 1 << 10},
    {"KiB", 1 << 10}, {"MB", 1 << 20},  {"MiB", 1 << 20},
    {"GB", 1 << 30},  {"GiB", 1 << 30}, {NULL, 0},
};

static const struct unit plain[] = {{"", 1}, {NULL, 0}};

static const struct unit *units_of(const struct option_def *option)
{
    switch (option->type) {
    case OPTION_DURATION:
        return durations;
    case OPTION_SIZE:
        return sizes;
    default:
        return plain;
    }
}

/* Digits with an optional minus and a unit from `units`; no space, no plus. */
static bool parse_number(const char *text, const struct unit *units, int64_t *ret_number)
{
    bool negative = *text == '-';
    text += negative ? 1 : 0;
    if (!isdigit((unsigned char)*text)) {
        return false;
    }
    int64_t number = 0;
    for (; isdigit((unsigned char)*text); text++) {
        int digit = *text - '0';
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_sub_overflow(number, digit, &number)) {
            return false; /* counted downwards: INT64_MIN has no positive twin */
        }
    }
    int64_t factor = 0;
    for (const struct unit *unit = units; unit->name != NULL && factor == 0; unit++) {
        factor = strcasecmp(text, unit->name) == 0 ? unit->factor : 0;
    }
    if (factor == 0 && number == 0 && *text == 0) {
        factor = 1; /* nothing is nothing in any unit */
    }
    if (factor == 0 ||
        __builtin_mul_overflow(number, negative ? factor : -factor, &number)) {
        return false;
    }
    *ret_number = number;
    return true;
}

static void append_number(struct buf *buf, int64_t number, const struct unit *units)
{
    const struct unit *best = units;
    for (const struct unit *unit = units; unit->name != NULL && number != 0; unit++) {
        if (unit->factor > best->factor && number % unit->factor == 0) {
            best = unit;
        }
    }
    buf_printf(buf, "%" PRId64 "%s", number / best->factor, best->name);
}

/* A table row that gives only a least value has 0 as its most. */
static bool has_max(const struct option_def *option)
{
    return option->max != 0 || option->min < 0;
}

static bool has_range(const struct option_def *option)
{
    return (option->min != 0 || option->max != 0) &&
           (option->type == OPTION_INT || option->type == OPTION_DURATION ||
            option->type == OPTION_SIZE);
}

void config_append_range(const struct option_def *option, struct buf *ret_text)
{
    if (!has_range(option)) {
        return;
    }
    buf_append_text(ret_text, has_max(option) ? "from " : "at least ");
    append_number(ret_text, option->min, units_of(option));
    if (has_max(option)) {
        buf_append_text(ret_text, " to ");
        append_number(ret_text, option->max, units_of(option));
    }
}

const char *config_type_word(const struct option_def *option)
{
    switch (option->type) {
    case OPTION_TEXT:
        return "TEXT";
    case OPTION_SECRET:
        return "SECRET";
    case OPTION_INT:
        return "NUMBER";
    case OPTION_BOOL:
        return "on|off";
    case OPTION_DURATION:
        return "DURATION";
    case OPTION_SIZE:
        return "SIZE";
    case OPTION_CHOICE:
        return option->choices;
    }
    return "";
}

static const char *kind_of_number(const struct option_def *option)
{
    switch (option->type) {
    case OPTION_DURATION:
        return "a duration such as 250ms, 2s, 5m, 1h or 7d";
    case OPTION_SIZE:
        return "a size such as 512, 64KB or 1MB";
    default:
        return "a whole number";
    }
}

static bool parse_bool(const char *text, bool *ret_value)
{
    static const char *const words[][2] = {{"off", "on"}, {"false", "true"}, {"0", "1"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (int value = 0; value < 2; value++) {
            if (strcasecmp(text, words[i][value]) == 0) {
                *ret_value = value;
                return true;
            }
        }
    }
    return false;
}

/* The index of `text` in "a|b|c". */
static bool parse_choice(const char *choices, const char *text, int *ret_index)
{
    int index = 0;
    for (const char *at = choices;; index++) {
        size_t size = strcspn(at, "|");
        if (strlen(text) == size && strncmp(at, text, size) == 0) {
            *ret_index = index;
            return true;
        }
        if (at[size] == 0) {
            return false;
        }
        at += size + 1;
    }
}

static void append_problem(struct buf *buf, const char *must_be, const char *text)
{
    buf_printf(buf, "must be %s, not ", must_be);
    buf_append_json_string(buf, bytes_of_text(text)); /* one line, whatever it holds */
}

static bool parse_ranged(const struct option_def *option, const char *text,
                         int64_t *ret_number, struct buf *ret_problem)
{
    int64_t number;
    if (!parse_number(text, units_of(option), &number) ||
        (number < 0 && option->type != OPTION_INT)) {
        append_problem(ret_problem, kind_of_number(option), text);
        return false;
    }
    if (has_range(option) &&
        (number < option->min || (has_max(option) && number > option->max))) {
        buf_append_text(ret_problem, "must be ");
        config_append_range(option, ret_problem);
        buf_printf(ret_problem, ", not %s", text);
        return false;
    }
    *ret_number = number;
    return true;
}

bool config_parse(const struct option_def *option, const char *text, void *settings,
                  struct buf *ret_problem)
{
    void *field = (char *)settings + option->offset;
    switch (option->type) {
    case OPTION_TEXT:
    case OPTION_SECRET:
        *(const char **)field = text;
        return true;
    case OPTION_INT:
    case OPTION_DURATION:
    case OPTION_SIZE:
        return parse_ranged(option, text, field, ret_problem);
    case OPTION_BOOL:
        if (!parse_bool(text, field)) {
            append_problem(ret_problem, "on or off", text);
            return false;
        }
        return true;
    case OPTION_CHOICE:
        if (!parse_choice(option->choices, text, field)) {
            buf_append_text(ret_problem, "must be one of ");
            buf_append_text(ret_problem, option->choices);
            buf_append_text(ret_problem, ", not ");
            buf_append_json_string(ret_problem, bytes_of_text(text));
            return false;
        }
        return true;
    }
    return false;
}
