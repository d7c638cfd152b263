/* Fills in text, so that what pages say is written as they read and not in printf calls.
 */
#include "template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void give_up(const char *what, const char *name)
{
    fprintf(stderr, "belfry-gen: %s: %s\n", what, name);
    exit(2);
}

void word_set(struct words *words, const char *name, const char *value)
{
    size_t at = 0;
    while (at < words->count && strcmp(words->items[at].name, name) != 0) {
        at++;
    }
    if (at == WORDS_MAX || value == NULL) {
        give_up(value == NULL ? "out of memory" : "too many words", name);
    }
    words->items[at].name = name;
    words->items[at].value = value;
    words->count = at == words->count ? at + 1 : words->count;
}

void word_printf(struct words *words, const char *name, const char *format, ...)
{
    struct buf value;
    buf_init(&value, 1 << 20);
    char text[4096];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= sizeof(text)) {
        give_up("too long", name);
    }
    buf_append(&value, text, (size_t)size);
    word_take(words, name, &value);
}

void word_take(struct words *words, const char *name, struct buf *value)
{
    if (value->failed) {
        give_up("too long", name);
    }
    const char *text = value->data != NULL ? (const char *)value->data : "";
    word_set(words, name, arena_text(words->arena, text));
    buf_finish(value);
}

static const char *find(const struct words *words, const char *name, size_t size)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strlen(words->items[i].name) == size &&
            memcmp(words->items[i].name, name, size) == 0) {
            return words->items[i].value;
        }
    }
    return NULL;
}

void expand(const char *text, const struct words *words, struct buf *out)
{
    for (const char *at = text;;) {
        const char *open = strstr(at, "{{");
        const char *close = open != NULL ? strstr(open, "}}") : NULL;
        if (close == NULL) {
            buf_append_text(out, at);
            return;
        }
        const char *value = find(words, open + 2, (size_t)(close - open - 2));
        if (value == NULL) {
            give_up("no such word", open);
        }
        buf_append(out, at, (size_t)(open - at));
        buf_append_text(out, value);
        at = close + 2;
        bool alone = (open == text || open[-1] == '\n') && *at == '\n';
        at += alone && value[0] == '\0' ? 1 : 0;
    }
}
