/* Spares the parts that ask PostgreSQL on their own the same dozen lines. */
#include "core/query.h"

#include <inttypes.h>

#include "base/log.h"
#include "core/core.h"

#define ARRAY_MAX (8 * 1024 * 1024)

struct request *query_request(struct db_call *call)
{
    return container_of(call, struct request, call);
}

void query_refuse(struct request *request, enum err err)
{
    refuse(request, err, NULL, NULL);
    request_finish(request);
}

static void submit(struct request *request, const char *sql, const struct db_many *many,
                   enum db_mode mode, uint32_t affinity, int count,
                   const char *const *params, query_done_fn *done)
{
    struct db_call *call = &request->call;
    memset(call, 0, sizeof(*call));
    call->sql = sql;
    call->many = many;
    call->mode = mode;
    call->mode_param = -1;
    call->affinity = affinity;
    call->deadline_ms = request->deadline_ms;
    call->param_count = count;
    call->done = done;
    for (int i = 0; i < count; i++) {
        call->params[i] = params[i];
    }
    struct executor *executor = &request->core->executor;
    enum err err = executor->submit(executor->user, call);
    if (err != ERR_OK) {
        request->reply.has_refused_before_sql = err == ERR_UNAVAILABLE;
        request->reply.refused_before_sql = err == ERR_UNAVAILABLE;
        query_refuse(request, err);
    }
}

void query(struct request *request, const char *sql, enum db_mode mode, uint32_t affinity,
           int count, const char *const *params, query_done_fn *done)
{
    submit(request, sql, NULL, mode, affinity, count, params, done);
}

void query_many(struct request *request, const struct db_many *many, const char *sql,
                uint32_t affinity, int count, const char *const *params,
                query_done_fn *done)
{
    submit(request, sql, many, DB_BATCH, affinity, count, params, done);
}

bool query_worked(struct request *request, const struct db_outcome *outcome)
{
    if (outcome->err == ERR_OK) {
        return true;
    }
    if (outcome->err == ERR_INTERNAL) {
        log_error("a statement failed in PostgreSQL",
                  LOG_UUID("request", request->request_id),
                  LOG_UUID("session", request->actor.session_id),
                  LOG_UUID("user", request->actor.user_id),
                  LOG_TEXT("sqlstate", outcome->sqlstate),
                  LOG_TEXT("message", outcome->message));
    } else if (!outcome->unknown) {
        request->reply.has_refused_before_sql = true;
        request->reply.refused_before_sql = true;
    }
    query_refuse(request, outcome->err);
    return false;
}

/* ------------------------------------------------------------------ parameters */

void array_begin(struct buf *buf)
{
    buf_init(buf, ARRAY_MAX);
    buf_append_char(buf, '{');
}

void array_add(struct buf *buf, struct bytes item)
{
    if (buf->size > 1) {
        buf_append_char(buf, ',');
    }
    buf_append_bytes(buf, item);
}

void array_add_uuid(struct buf *buf, struct uuid uuid)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(uuid, text);
    array_add(buf, uuid_is_zero(uuid) ? BYTES_LITERAL("NULL") : bytes_of_text(text));
}

void array_add_stream(struct buf *buf, const struct stream_id *stream)
{
    char text[STREAM_TEXT_SIZE];
    stream_format(stream, text);
    array_add(buf, bytes_of_text(text));
}

void array_add_int(struct buf *buf, int64_t number)
{
    if (buf->size > 1) {
        buf_append_char(buf, ',');
    }
    buf_printf(buf, "%" PRId64, number);
}

void array_add_bool(struct buf *buf, bool value)
{
    array_add(buf, value ? BYTES_LITERAL("t") : BYTES_LITERAL("f"));
}

const char *array_end(struct buf *buf, struct arena *arena)
{
    buf_append_char(buf, '}');
    const char *text = buf->failed ? NULL : arena_copy(arena, buf_bytes(buf));
    buf_finish(buf);
    return text;
}

const char *query_uuid(struct request *request, struct uuid uuid)
{
    char text[UUID_TEXT_SIZE];
    if (uuid_is_zero(uuid)) {
        return NULL;
    }
    uuid_format(uuid, text);
    return arena_text(&request->arena, text);
}
