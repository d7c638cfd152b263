/* Finds what a changed contract takes away from clients that were made for the old one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "compat.h"
#include "reach.h"

#define BASELINE_MAX (8u << 20) /* bytes */
#define WORD_MAX     4096       /* of a line, too */

/* What may become of a word, as seen by a deployed client. */
enum rule {
    SAME,     /* nothing */
    GROW,     /* a number may grow, or go: an upper limit */
    SHRINK,   /* a number may become less, or go: a lower limit */
    MAY_GO,   /* a demand on clients */
    MAY_COME, /* a promise to clients */
    RISE,     /* one of `words`, may become a later one */
    KEEP,     /* each that was there stays */
    TOLD,     /* anything, but it is reported */
};

static const struct attribute {
    const char *name;
    uint8_t ways; /* of enum reach; 0: always */
    enum rule rule;
    const char *words[4];
} attributes[] = {
    {"client", 0, SAME, {0}},
    {"server", 0, SAME, {0}},
    {"namespace", 0, SAME, {0}},
    {"kind", 0, RISE, {"EPHEMERAL", "READ", "CHANGE"}},
    {"authentication", 0, RISE, {"REQUIRED", "OPTIONAL", "NONE"}},
    {"right", 0, TOLD, {0}},
    {"text_payload", 0, MAY_COME, {0}},
    {"rate", 0, TOLD, {0}},
    {"payload_max", 0, GROW, {0}},
    {"causes", 0, KEEP, {0}},
    {"scope", 0, SAME, {0}},
    {"durable", 0, MAY_COME, {0}},
    {"except_sender", 0, SAME, {0}},
    {"type", 0, SAME, {0}},
    {"number", 0, SAME, {0}},
    {"json", 0, SAME, {0}},
    {"required", REACH_IN, MAY_GO, {0}},
    {"required", REACH_OUT, MAY_COME, {0}},
    {"min_length", REACH_IN, SHRINK, {0}},
    {"max_length", REACH_IN, GROW, {0}},
    {"min_items", REACH_IN, SHRINK, {0}},
    {"max_items", REACH_IN, GROW, {0}},
    {"min", REACH_IN, SHRINK, {0}},
    {"max", REACH_IN, GROW, {0}},
    {"format", REACH_IN, MAY_GO, {0}},
    {"format", REACH_OUT, MAY_COME, {0}},
    {"visible", REACH_IN, MAY_GO, {0}},
    {"pattern", REACH_IN, MAY_GO, {0}},
    {"default", REACH_IN, SAME, {0}},
};

struct comparison {
    struct contract *contract;
    const char *path;
    struct promises before, now;
    bool broken;
};

/* ---- words ---- */

/* The next word named `name` of a promise, from *at on: its value, "" if it has none. */
static bool next_word(const char **at, const char *name, char ret_value[WORD_MAX])
{
    size_t size = strlen(name);
    while (**at != '\0') {
        const char *word = *at;
        size_t length = strcspn(word, " ");
        *at += length + (word[length] == ' ');
        if (length >= size && memcmp(word, name, size) == 0 &&
            (length == size || word[size] == '=')) {
            size_t skip = length == size ? size : size + 1;
            snprintf(ret_value, WORD_MAX, "%.*s", (int)(length - skip), word + skip);
            return true;
        }
    }
    ret_value[0] = '\0';
    return false;
}

static bool has_word(const struct promise *promise, const char *name)
{
    char value[WORD_MAX];
    const char *at = promise->words;
    return next_word(&at, name, value);
}

static uint8_t ways_of(const struct promise *promise)
{
    return (uint8_t)((has_word(promise, "in") ? REACH_IN : 0) |
                     (has_word(promise, "out") ? REACH_OUT : 0));
}

/* ---- findings ---- */

static void report(struct comparison *comparison, struct place place, const char *kind,
                   const char *address, const char *what)
{
    printf("%s:%d: %s%s: %s\n", place.file, place.line, kind, address, what);
}

static void broken(struct comparison *comparison, struct place place, const char *address,
                   const char *what)
{
    comparison->broken = true;
    report(comparison, place, "", address, what);
}

static void changed(struct comparison *comparison, const struct promise *now,
                    const struct attribute *attribute, const char *before,
                    const char *after)
{
    char what[3 * WORD_MAX];
    if (before == NULL) {
        snprintf(what, sizeof(what), "%s%s%s is new", attribute->name,
                 after[0] != '\0' ? " " : "", after);
    } else if (after == NULL) {
        snprintf(what, sizeof(what), "%s%s%s is gone", attribute->name,
                 before[0] != '\0' ? " " : "", before);
    } else {
        snprintf(what, sizeof(what), "%s %s became %s", attribute->name, before, after);
    }
    if (attribute->rule == TOLD) {
        report(comparison, now->place, "note: ", now->address, what);
    } else {
        broken(comparison, now->place, now->address, what);
    }
}

/* ---- one word ---- */

static size_t rank(const struct attribute *attribute, const char *word)
{
    size_t i = 0;
    while (attribute->words[i] != NULL && strcmp(attribute->words[i], word) != 0) {
        i++;
    }
    return i;
}

/* NULL: the word is not there. */
static bool keeps(const struct attribute *attribute, const char *before,
                  const char *after)
{
    bool same =
        before != NULL && after != NULL ? strcmp(before, after) == 0 : before == after;
    if (same) {
        return true;
    }
    switch (attribute->rule) {
    case GROW:
        return after == NULL || (before != NULL && atof(after) > atof(before));
    case SHRINK:
        return after == NULL || (before != NULL && atof(after) < atof(before));
    case MAY_GO:
        return after == NULL;
    case MAY_COME:
        return before == NULL;
    case RISE:
        return before != NULL && after != NULL &&
               rank(attribute, after) > rank(attribute, before);
    default:
        return false;
    }
}

static void compare_list(struct comparison *comparison, const struct attribute *attribute,
                         const struct promise *before, const struct promise *now)
{
    char old[WORD_MAX], new[WORD_MAX];
    const char *at = before->words;
    while (next_word(&at, attribute->name, old)) {
        const char *other = now->words;
        bool found = false;
        while (next_word(&other, attribute->name, new)) {
            found = found || strcmp(old, new) == 0;
        }
        if (!found) {
            changed(comparison, now, attribute, old, NULL);
        }
    }
}

static void compare(struct comparison *comparison, const struct promise *before,
                    const struct promise *now)
{
    uint8_t ways = ways_of(before);
    const char *told = "";
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
        const struct attribute *attribute = &attributes[i];
        char old[WORD_MAX], new[WORD_MAX];
        if ((attribute->ways != 0 && (attribute->ways & ways) == 0) ||
            strcmp(attribute->name, told) == 0) {
            continue;
        }
        if (attribute->rule == KEEP) {
            compare_list(comparison, attribute, before, now);
            continue;
        }
        const char *at = before->words, *other = now->words;
        const char *was = next_word(&at, attribute->name, old) ? old : NULL;
        const char *is = next_word(&other, attribute->name, new) ? new : NULL;
        if (!keeps(attribute, was, is)) {
            changed(comparison, now, attribute, was, is);
            told = attribute->name;
        }
    }
}

/* ---- what is gone, what is new ---- */

/* Of what it is a part: the longest address above it. NULL: of nothing. */
static const struct promise *above(const struct promises *promises, const char *address)
{
    char text[WORD_MAX];
    snprintf(text, sizeof(text), "%s", address);
    const struct promise *found = NULL;
    char *dot;
    while (found == NULL && (dot = strrchr(text, '.')) != NULL) {
        *dot = '\0';
        found = promise_find(promises, text);
    }
    return found;
}

/* Nobody misses a part as such: a field led to it, which has changed or gone. */
static void check_gone(struct comparison *comparison, const struct promise *before)
{
    if (has_word(before, "part") || has_word(before, "enum")) {
        return;
    }
    const struct promise *holder = above(&comparison->before, before->address);
    if (holder == NULL) {
        broken(comparison, before->place, before->address, "is gone");
        return;
    }
    const struct promise *still = promise_find(&comparison->now, holder->address);
    if (still != NULL) {
        broken(comparison, still->place, before->address, "is gone");
    }
}

/* Clients that were made before it do not send it. */
static void check_new(struct comparison *comparison, const struct promise *now)
{
    if (!has_word(now, "in") || !has_word(now, "required")) {
        return;
    }
    const struct promise *holder = above(&comparison->now, now->address);
    const struct promise *old =
        holder != NULL ? promise_find(&comparison->before, holder->address) : NULL;
    if (old != NULL && (has_word(old, "client") || has_word(old, "in"))) {
        broken(comparison, now->place, now->address, "is new, and required");
    }
}

static void compare_all(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->before.count; i++) {
        const struct promise *before = &comparison->before.items[i];
        const struct promise *now = promise_find(&comparison->now, before->address);
        if (now != NULL) {
            compare(comparison, before, now);
        } else {
            check_gone(comparison, before);
        }
    }
    for (size_t i = 0; i < comparison->now.count; i++) {
        const struct promise *now = &comparison->now.items[i];
        if (promise_find(&comparison->before, now->address) == NULL) {
            check_new(comparison, now);
        }
    }
}

/* ---- the baseline ---- */

static enum err read_line(struct comparison *comparison, char *line, int number)
{
    struct place place = {comparison->path, number};
    char *colon = strstr(line, ": ");
    if (line[0] == '#' || line[0] == '\0') {
        return ERR_OK;
    }
    if (colon == NULL || strlen(line) >= WORD_MAX) {
        fprintf(stderr, "%s:%d: is no promise\n", place.file, place.line);
        return ERR_CONFLICT;
    }
    *colon = '\0';
    return promises_add(&comparison->before, (struct promise){line, colon + 2, place});
}

static enum err read_baseline(struct comparison *comparison, struct buf *text)
{
    FILE *file = fopen(comparison->path, "rb");
    if (file == NULL) {
        return ERR_INTERNAL;
    }
    char chunk[65536];
    size_t size;
    while ((size = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_append(text, chunk, size);
    }
    fclose(file);
    if (text->failed) {
        errno = EFBIG;
        return ERR_INTERNAL;
    }
    int number = 1;
    char *line = (char *)text->data;
    while (line != NULL && *line != '\0') {
        char *end = line + strcspn(line, "\n");
        char *next = *end == '\n' ? end + 1 : end;
        *end = '\0';
        TRY(read_line(comparison, line, number++));
        line = next;
    }
    promises_sort(&comparison->before);
    return ERR_OK;
}

enum err emit_compatible(struct contract *contract, const char *path)
{
    struct comparison comparison = {.contract = contract, .path = path};
    struct buf text;
    buf_init(&text, BASELINE_MAX);
    enum err err = read_baseline(&comparison, &text);
    if (err == ERR_OK) {
        err = promises_make(contract, &comparison.now);
    }
    if (err == ERR_OK) {
        compare_all(&comparison);
        err = comparison.broken ? ERR_CONFLICT : ERR_OK;
    }
    free(comparison.before.items);
    free(comparison.now.items);
    buf_finish(&text);
    return err;
}
