/* Writes JSON that people read: an indented document with its members in the order in
 * which they are given. */
#ifndef GEN_JSON_H
#define GEN_JSON_H

#include "base/buf.h"

#define JSON_INDENT 2

struct json {
    struct buf *out;
    int depth;
    bool empty; /* the innermost object or list has nothing in it so far */
};

void json_init(struct json *json, struct buf *out);

/* `key` NULL: an item of a list, or the document itself. `open` is '{' or '['; the same
 * bracket closes. */
void json_open(struct json *json, const char *key, char open);
void json_close(struct json *json, char open);

/* Writes nothing for a text that is NULL. */
void json_text(struct json *json, const char *key, const char *text);
void json_printf(struct json *json, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void json_bool(struct json *json, const char *key, bool value);
void json_integer(struct json *json, const char *key, int64_t value);
/* As short as it reads back as the same number. */
void json_real(struct json *json, const char *key, double value);

/* The value is appended to json->out by the caller, who finds its column with
 * json_column(). */
void json_value(struct json *json, const char *key);
int json_column(const struct json *json);

/* {"$ref": "…"} */
void json_reference(struct json *json, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
