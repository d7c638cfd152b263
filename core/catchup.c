/* What edges ask to repair what the bus lost and to check what access events touched:
 * the events behind cursors, and whether users may still hear streams. */
#include "core/core.h"
#include "core/cursors.h"
#include "core/outcome.h"
#include "core/publication.h"
#include "core/query.h"
#include "core/worker.h"

#define STREAMS_MAX 2000
#define ROWS_MAX    1000
#define REPLY_MAX   (2 * 1024 * 1024) /* payload bytes in one reply; edges ask again */

enum { STREAM, HEAD, HEAD_TAG, FIRST, RESYNC, EMITTED, EPOCH };

/* One row of catch_up(): stops before `room` is used up, but gives at least one event. */
static enum err read_rows(struct request *request, struct bytes emitted, bool protobuf,
                          size_t *room, Link__StreamRows *rows)
{
    size_t count = (size_t)db_array_count(emitted) / EMITTED_TEXTS;
    struct arena *arena = &request->arena;
    if (count == 0) {
        return ERR_OK;
    }
    rows->rows = arena_alloc(arena, count * sizeof(*rows->rows));
    if (rows->rows == NULL) {
        return ERR_LIMIT_REACHED;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        struct event_row_text row;
        if (!event_row_read(emitted, &at, &row)) {
            return ERR_INTERNAL;
        }
        size_t size = row.payload.size + row.control.size + 200;
        if (size > *room) {
            *room = 0;
            return ERR_OK;
        }
        *room -= size;
        TRY(publication_of_row(arena, &row, protobuf, &rows->rows[i]));
        rows->n_rows++;
    }
    return ERR_OK;
}

static enum err read_stream(struct request *request, const struct db_result *result,
                            int row, bool protobuf, size_t *room,
                            Link__StreamRows **ret_rows)
{
    struct arena *arena = &request->arena;
    struct stream_id stream;
    Link__StreamRows *rows = arena_alloc(arena, sizeof(*rows));
    if (rows == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__stream_rows__init(rows);
    if (!stream_parse(db_text(result, row, STREAM), &stream)) {
        return ERR_INTERNAL;
    }
    TRY(publication_stream(arena, &stream, &rows->stream));
    rows->head = (uint64_t)db_int(result, row, HEAD);
    rows->first = (uint64_t)db_int(result, row, FIRST);
    rows->has_resync = true;
    rows->resync = db_bool(result, row, RESYNC);
    rows->has_head_tag = true;
    rows->head_tag = (uint32_t)db_int(result, row, HEAD_TAG);
    *ret_rows = rows;
    return read_rows(request, db_text(result, row, EMITTED), protobuf, room, rows);
}

static enum err read_streams(struct request *request, const struct db_result *result,
                             bool protobuf)
{
    int count = db_row_count(result);
    struct arena *arena = &request->arena;
    Link__Rows *reply = arena_alloc(arena, sizeof(*reply));
    Link__StreamRows **streams =
        arena_alloc(arena, (size_t)(count + 1) * sizeof(*streams));
    if (reply == NULL || streams == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__rows__init(reply);
    reply->streams = streams;
    if (count > 0) {
        /* the history that these rows are of, from the same snapshot */
        struct uuid epoch = db_uuid(result, 0, EPOCH);
        reply->has_epoch = true;
        reply->epoch.len = sizeof(epoch.b);
        reply->epoch.data = arena_copy(arena, bytes_make(epoch.b, sizeof(epoch.b)));
        if (reply->epoch.data == NULL) {
            return ERR_LIMIT_REACHED;
        }
    }
    size_t room = REPLY_MAX;
    for (int row = 0; row < count && room > 0; row++) {
        TRY(read_stream(request, result, row, protobuf, &room, &streams[row]));
        if (room == 0 && streams[row]->n_rows == 0) {
            break; /* no answer: an empty one would say that its events are gone */
        }
        reply->n_streams++;
    }
    request->reply.body_case = LINK__REPLY__BODY_ROWS;
    request->reply.rows = reply;
    return ERR_OK;
}

static void on_rows(struct db_call *call, const struct db_outcome *outcome,
                    const struct db_result *result)
{
    struct request *request = query_request(call);
    if (!query_worked(request, outcome)) {
        return;
    }
    bool protobuf = request->encoding == LINK__ENCODING__PROTOBUF;
    enum err err = read_streams(request, result, protobuf);
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    request_finish(request);
}

/* Streams, seqs and tags as three arrays. */
enum err cursors_bind(struct request *request, size_t count, Link__Cursor *const *cursors,
                      const char *ret_params[3])
{
    struct buf streams;
    struct buf seqs;
    struct buf tags;
    bool good = true;
    array_begin(&streams);
    array_begin(&seqs);
    array_begin(&tags);
    for (size_t i = 0; i < count && good; i++) {
        const Link__Cursor *cursor = cursors[i];
        struct stream_id stream;
        good = stream_from_bytes(bytes_make(cursor->stream.data, cursor->stream.len),
                                 &stream) &&
               cursor->seq <= INT64_MAX;
        if (good) {
            array_add_stream(&streams, &stream);
            array_add_int(&seqs, (int64_t)cursor->seq);
            array_add_int(&tags, (int32_t)(cursor->has_tag ? cursor->tag : 0));
        }
    }
    ret_params[0] = array_end(&streams, &request->arena);
    ret_params[1] = array_end(&seqs, &request->arena);
    ret_params[2] = array_end(&tags, &request->arena);
    if (!good) {
        return ERR_VALIDATION_ERROR;
    }
    return ret_params[0] != NULL && ret_params[1] != NULL && ret_params[2] != NULL
               ? ERR_OK
               : ERR_LIMIT_REACHED;
}

void answer_catch_up(struct request *request, const Link__Request *message)
{
    const Link__CatchUp *question = message->catch_up;
    uint32_t limit =
        question->has_limit && question->limit > 0 ? question->limit : ROWS_MAX;
    const char *params[4];
    enum err err =
        question->n_streams > STREAMS_MAX
            ? ERR_LIMIT_REACHED
            : cursors_bind(request, question->n_streams, question->streams, params);
    params[3] = arena_printf(&request->arena, "%u", limit < ROWS_MAX ? limit : ROWS_MAX);
    if (err == ERR_OK && params[3] == NULL) {
        err = ERR_LIMIT_REACHED;
    }
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    if (question->has_protobuf && question->protobuf) {
        request->encoding = LINK__ENCODING__PROTOBUF;
        core_note_protobuf(request->core);
    }
    query(request,
          "SELECT c.*, i.epoch FROM instance i, catch_up($1, $2, $3, $4) c WHERE i.one",
          DB_READ, (uint32_t)message->id, 4, params, on_rows);
}

/* ------------------------------------------------------------------ rechecks */

static enum err read_verdicts(struct request *request, const struct db_result *result)
{
    int count = db_row_count(result);
    struct arena *arena = &request->arena;
    Link__Rechecked *reply = arena_alloc(arena, sizeof(*reply));
    Link__Verdict *verdicts = arena_alloc(arena, (size_t)(count + 1) * sizeof(*verdicts));
    Link__Verdict **list = arena_alloc(arena, (size_t)(count + 1) * sizeof(*list));
    if (reply == NULL || verdicts == NULL || list == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__rechecked__init(reply);
    for (int row = 0; row < count; row++) {
        link__verdict__init(&verdicts[row]);
        verdicts[row].allowed = db_bool(result, row, 0);
        verdicts[row].has_access_seq = true;
        verdicts[row].access_seq = (uint64_t)db_int(result, row, 1);
        list[row] = &verdicts[row];
    }
    reply->n_verdicts = (size_t)count;
    reply->verdicts = list;
    request->reply.body_case = LINK__REPLY__BODY_RECHECKED;
    request->reply.rechecked = reply;
    return ERR_OK;
}

static void on_verdicts(struct db_call *call, const struct db_outcome *outcome,
                        const struct db_result *result)
{
    struct request *request = query_request(call);
    if (!query_worked(request, outcome)) {
        return;
    }
    enum err err = read_verdicts(request, result);
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    request_finish(request);
}

void answer_recheck(struct request *request, const Link__Request *message)
{
    const Link__Recheck *question = message->recheck;
    struct buf users;
    struct buf streams;
    bool good = question->n_subscribers <= 10 * STREAMS_MAX;
    array_begin(&users);
    array_begin(&streams);
    for (size_t i = 0; i < question->n_subscribers && good; i++) {
        const Link__Subscriber *subscriber = question->subscribers[i];
        struct stream_id stream;
        struct uuid user;
        good = subscriber->user_id.len == sizeof(user.b) &&
               stream_from_bytes(
                   bytes_make(subscriber->stream.data, subscriber->stream.len), &stream);
        if (good) {
            memcpy(user.b, subscriber->user_id.data, sizeof(user.b));
            array_add_uuid(&users, user);
            array_add_stream(&streams, &stream);
        }
    }
    const char *params[2] = {array_end(&users, &request->arena),
                             array_end(&streams, &request->arena)};
    if (!good || params[0] == NULL || params[1] == NULL) {
        query_refuse(request, good ? ERR_LIMIT_REACHED : ERR_VALIDATION_ERROR);
        return;
    }
    query(request, "SELECT * FROM recheck($1, $2)", DB_READ, (uint32_t)message->id, 2,
          params, on_verdicts);
}
