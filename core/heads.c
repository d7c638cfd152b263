/* Answers HeadsSince from one look at PostgreSQL for all edges that ask within half a
 * second: what a younger question asks is part of what an older one was told. */
#include "core/heads.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/core.h"
#include "core/database.h"
#include "core/query.h"
#include "core/worker.h"

#define SHARE_MS  500
#define CACHE_MAX (4 * 1024 * 1024)

enum { NEXT_SINCE, EPOCH, STREAM, SEQ };

struct heads {
    struct arena arena;  /* of `answer` */
    Link__Heads *answer; /* NULL: none yet */
    uint64_t since;      /* that it answers */
    int64_t at_ms;
};

enum err heads_create(struct core *core, struct heads **ret_heads)
{
    (void)core;
    struct heads *heads = calloc(1, sizeof(*heads));
    if (heads == NULL) {
        return ERR_UNAVAILABLE;
    }
    arena_init(&heads->arena, CACHE_MAX);
    *ret_heads = heads;
    return ERR_OK;
}

void heads_destroy(struct heads *heads)
{
    if (heads != NULL) {
        arena_finish(&heads->arena);
        free(heads);
    }
}

static enum err read_heads(struct arena *arena, const struct db_result *result,
                           Link__Heads **ret_answer)
{
    int rows = db_row_count(result);
    Link__Heads *answer = arena_alloc(arena, sizeof(*answer));
    Link__Head *heads = arena_alloc(arena, (size_t)(rows + 1) * sizeof(*heads));
    Link__Head **list = arena_alloc(arena, (size_t)(rows + 1) * sizeof(*list));
    struct stream_id *streams = arena_alloc(arena, (size_t)(rows + 1) * sizeof(*streams));
    struct bytes epoch = rows > 0 ? db_text(result, 0, EPOCH) : bytes_make(NULL, 0);
    uint8_t *epoch_copy = arena_copy(arena, epoch);
    if (answer == NULL || heads == NULL || list == NULL || streams == NULL ||
        epoch_copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    if (epoch.size != 16) {
        return ERR_INTERNAL;
    }
    link__heads__init(answer);
    answer->next_since = (uint64_t)db_int(result, 0, NEXT_SINCE);
    answer->epoch = (ProtobufCBinaryData){16, epoch_copy};
    answer->heads = list;
    for (int row = 0; row < rows; row++) {
        struct stream_id *stream = &streams[answer->n_heads];
        if (stream_parse(db_text(result, row, STREAM), stream)) {
            Link__Head *head = &heads[answer->n_heads];
            link__head__init(head);
            head->stream = (ProtobufCBinaryData){sizeof(*stream), (uint8_t *)stream};
            head->seq = (uint64_t)db_int(result, row, SEQ);
            list[answer->n_heads++] = head;
        }
    }
    *ret_answer = answer;
    return ERR_OK;
}

static void reply(struct request *request, Link__Heads *answer)
{
    request->reply.body_case = LINK__REPLY__BODY_HEADS;
    request->reply.heads = answer;
    request_finish(request);
}

static void on_heads(struct db_call *call, const struct db_outcome *outcome,
                     const struct db_result *result)
{
    struct request *request = query_request(call);
    struct heads *heads = request->core->heads;
    if (!query_worked(request, outcome)) {
        return;
    }
    Link__Heads *answer;
    heads->answer = NULL;
    arena_reset(&heads->arena);
    enum err err = read_heads(&heads->arena, result, &answer);
    database_note_epoch(request->core, db_uuid(result, 0, EPOCH));
    if (err == ERR_OK) {
        heads->answer = answer;
        heads->since = strtoull(call->params[0], NULL, 10);
        heads->at_ms = request->started_us / 1000; /* not later than the snapshot */
    } else {
        err = read_heads(&request->arena, result, &answer); /* too large to keep */
    }
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    reply(request, answer);
}

static bool fresh(const struct heads *heads, uint64_t since)
{
    bool covers = since == 0 || (heads->since != 0 && heads->since <= since);
    return heads->answer != NULL && covers && clock_ms() - heads->at_ms < SHARE_MS;
}

void answer_heads_since(struct request *request, const Link__Request *message)
{
    struct core *core = request->core;
    const Link__HeadsSince *question = message->heads_since;
    struct bytes epoch = bytes_make(question->epoch.data, question->epoch.len);
    uint64_t since = question->since;
    if (question->has_epoch && !bytes_equal(epoch, bytes_make(core->epoch.b, 16))) {
        since = 0; /* a transaction id of another history means nothing in this one */
    }
    if (fresh(core->heads, since)) {
        reply(request, core->heads->answer);
        return;
    }
    const char *params[1] = {arena_printf(&request->arena, "%" PRIu64, since)};
    if (params[0] == NULL) {
        query_refuse(request, ERR_LIMIT_REACHED);
        return;
    }
    query(request, "SELECT * FROM heads_since($1)", DB_READ, 0, 1, params, on_heads);
}
