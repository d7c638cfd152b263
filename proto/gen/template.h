/* Fills in text: {{name}} becomes the word of that name. A line that holds nothing but
 * one placeholder goes away when its word is empty. */
#ifndef GEN_TEMPLATE_H
#define GEN_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"

#define WORDS_MAX 48

struct words {
    struct arena *arena; /* of the values */
    size_t count;
    struct {
        const char *name, *value;
    } items[WORDS_MAX];
};

/* Sets a word; the value is borrowed. A later one of the same name wins. */
void word_set(struct words *words, const char *name, const char *value);
void word_printf(struct words *words, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The value is what the buf holds; the buf is freed. */
void word_take(struct words *words, const char *name, struct buf *value);

/* Appends the text. A placeholder without a word is a mistake of ours and ends the
 * program. */
void expand(const char *text, const struct words *words, struct buf *out);

#endif
