/* Several calls in one statement: their parameters as arrays, and whose row is whose. */
#include "core/db/db_many.h"

#include "core/db/db_array.h"

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

bool db_many_params_make(struct db_call *const *calls, int count, const Oid *types,
                         struct db_many_params *ret_params)
{
    const struct db_call *first = calls[0];
    size_t at[DB_PARAMS_MAX] = {0};
    *ret_params = (struct db_many_params){0};
    struct buf *buf = &ret_params->buf;
    buf_init(buf, MANY_MAX);
    for (int i = 0; i < first->param_count; i++) {
        if ((first->many->each >> i & 1) == 0) {
            continue;
        }
        const char *items[DB_BATCH_MAX];
        for (int k = 0; k < count; k++) {
            items[k] = calls[k]->params[i];
        }
        at[i] = buf->size;
        ret_params->formats[i] =
            db_array_append(buf, types != NULL ? types[i] : 0, items, count);
        ret_params->sizes[i] = (int)(buf->size - at[i]);
    }
    for (int i = 0; i < first->param_count && !buf->failed; i++) {
        bool each = (first->many->each >> i & 1) != 0;
        ret_params->values[i] = each ? (const char *)buf->data + at[i] : first->params[i];
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
