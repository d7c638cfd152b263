/* Turns the one list of errors into words, so that no second list has to agree with it.
 */
#include "base/err.h"

#include <stddef.h>
#include <string.h>

struct err_row {
    const char *code;
    const char *message;
    int http_status;
};

static const struct err_row rows[] = {
#define X(name, message, http) [ERR_##name] = {#name, message, http},
    ERR_LIST(X)
#undef X
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* A number from the wire may be none of ours: that is an internal error, not a crash. */
static const struct err_row *row_of(enum err err)
{
    return (size_t)err < ROW_COUNT ? &rows[err] : &rows[ERR_INTERNAL];
}

const char *err_code(enum err err)
{
    return row_of(err)->code;
}

const char *err_message(enum err err)
{
    return row_of(err)->message;
}

int err_http_status(enum err err)
{
    return row_of(err)->http_status;
}

enum err err_from_code(const char *code)
{
    if (code == NULL) {
        return ERR_INTERNAL;
    }
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].code, code) == 0) {
            return (enum err)i;
        }
    }
    return ERR_INTERNAL;
}
