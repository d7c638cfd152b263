/* Several calls in one statement: their parameters as arrays, and whose row is whose. */
#include "core/db/db_many.h"

#define MANY_MAX (64 * 1024 * 1024)

void db_many_sort(struct db_call *const *calls, int count, struct db_call **ret_calls)
{
    bool taken[DB_BATCH_MAX] = {false};
    int at = 0;
    for (int i = 0; i < count; i++) {
        for (int k = taken[i] ? count : i; k < count; k++) {
            if (k == i || (calls[i]->many != NULL && calls[k]->many == calls[i]->many)) {
                ret_calls[at++] = calls[k];
                taken[k] = true;
            }
        }
    }
}

int db_many_count(struct db_call *const *calls, int count)
{
    const struct db_many *many = calls[0]->many;
    if (many == NULL) {
        return 0;
    }
    int same = 1;
    while (same < count && calls[same]->many == many) {
        same++;
    }
    return same >= (many->least > 0 ? many->least : DB_MANY_LEAST) ? same : 0;
}

/* PostgreSQL's text form of an array (8.15.6): in quotes anything may stand. */
static void append_item(struct buf *buf, const char *text)
{
    if (text == NULL) {
        buf_append_text(buf, "NULL");
        return;
    }
    buf_append_char(buf, '"');
    for (;;) {
        size_t plain = strcspn(text, "\\\"");
        buf_append(buf, text, plain);
        if (text[plain] == '\0') {
            break;
        }
        const char escaped[2] = {'\\', text[plain]};
        buf_append(buf, escaped, sizeof(escaped));
        text += plain + 1;
    }
    buf_append_char(buf, '"');
}

bool db_many_params(struct db_call *const *calls, int count, struct buf *buf,
                    const char *ret_params[DB_PARAMS_MAX])
{
    const struct db_call *first = calls[0];
    size_t at[DB_PARAMS_MAX] = {0};
    buf_init(buf, MANY_MAX);
    for (int i = 0; i < first->param_count; i++) {
        if ((first->many->each >> i & 1) != 0) {
            at[i] = buf->size;
            for (int k = 0; k < count; k++) {
                buf_append_char(buf, k == 0 ? '{' : ',');
                append_item(buf, calls[k]->params[i]);
            }
            buf_append(buf, "}", 2); /* with its NUL */
        }
    }
    for (int i = 0; i < first->param_count && !buf->failed; i++) {
        bool each = (first->many->each >> i & 1) != 0;
        ret_params[i] = each ? (const char *)buf->data + at[i] : first->params[i];
    }
    return !buf->failed;
}

void db_many_results(PGresult *pg, int count, struct db_result *ret_results)
{
    struct db_result whole = db_result_whole(pg);
    int last = PQnfields(pg) - 1;
    for (int i = 0; i < count; i++) {
        ret_results[i] = (struct db_result){.pg = pg};
    }
    for (int row = 0; row < whole.count; row++) {
        int64_t place = db_int(&whole, row, last);
        if (place < 1 || place > count) {
            continue;
        }
        struct db_result *result = &ret_results[place - 1];
        if (result->count++ == 0) {
            result->first = row;
        }
    }
}
