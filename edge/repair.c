/* Catch-up, heads and rechecks: the questions by which an edge stays right whatever the
 * bus does. */
#include "edge/repair.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/edge.h"
#include "edge/session.h"

#define BATCH_MAX        256 /* streams or subscribers in one request */
#define RECHECK_RETRY_MS 250
#define ASK_DEADLINE_MS  3000
#define ROWS_MAX         1000 /* of a stream in one answer */
#define ROWS_SUM         4000 /* of all streams in it: about what an answer has room for */

/* One request under way, of any of the three kinds, and what its answer is about. */
struct asking {
    struct upstream_call call;
    struct repair *repair;
    struct list node; /* repair->under_way */
    size_t count;
    struct stream_id streams[BATCH_MAX];
    union {
        struct {
            uint64_t after[BATCH_MAX]; /* fetches */
            uint32_t tags[BATCH_MAX];
        };
        struct {
            struct uuid sessions[BATCH_MAX]; /* rechecks */
            struct uuid users[BATCH_MAX];
        };
    };
};

struct repair {
    struct edge *edge;
    struct list under_way;
    struct asking *fetching;   /* being filled */
    struct asking *rechecking; /* being filled */
    int64_t recheck_at_ms;     /* not sent before: the last one failed */
    bool heads_under_way;
};

enum err repair_create(struct edge *edge, struct repair **ret_repair)
{
    struct repair *repair = calloc(1, sizeof(*repair));
    if (repair == NULL) {
        return ERR_UNAVAILABLE;
    }
    repair->edge = edge;
    list_init(&repair->under_way);
    *ret_repair = repair;
    return ERR_OK;
}

void repair_destroy(struct repair *repair)
{
    if (repair == NULL) {
        return;
    }
    LIST_EACH(&repair->under_way, node) {
        struct asking *asking = container_of(node, struct asking, node);
        upstream_cancel(&asking->call);
        free(asking);
    }
    free(repair->fetching);
    free(repair->rechecking);
    free(repair);
}

/* ---------------------------------------------------------------- asking */

static struct asking *new_asking(struct repair *repair)
{
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking != NULL) {
        asking->repair = repair;
    }
    return asking;
}

static void ask(struct asking *asking, Link__Request *request,
                void (*done)(struct upstream_call *, enum upstream_result,
                             const Link__Reply *))
{
    struct repair *repair = asking->repair;
    struct uuid id = uuid_v7();
    request->request_id.data = id.b;
    request->request_id.len = 16;
    request->has_protobuf = request->protobuf = repair->edge->protobuf_count > 0;
    list_push(&repair->under_way, &asking->node);
    asking->call.request = request;
    asking->call.deadline_ms = clock_ms() + ASK_DEADLINE_MS;
    asking->call.changes = false;
    asking->call.done = done;
    upstream_request(repair->edge->upstream, &asking->call);
}

static void asked(struct asking *asking)
{
    list_remove(&asking->node);
    free(asking);
}

/* ---------------------------------------------------------------- catch-up */

static void take_rows(struct edge *edge, const struct asking *asking, size_t i,
                      const Link__StreamRows *from)
{
    struct publication **list = calloc(from->n_rows + 1, sizeof(*list));
    if (list == NULL) {
        streams_fetch_failed(edge->streams, &asking->streams[i], clock_ms());
        return;
    }
    struct stream_rows rows = {.stream = asking->streams[i],
                               .after = asking->after[i],
                               .head = from->head,
                               .first = from->first,
                               .head_tag = from->head_tag,
                               .resync = from->resync,
                               .rows = list};
    for (size_t r = 0; r < from->n_rows; r++) {
        struct publication *row = publication_create(from->rows[r]);
        if (row == NULL) {
            break; /* what is missing is fetched again */
        }
        list[rows.row_count++] = row;
    }
    streams_rows(edge->streams, &rows, clock_ms());
    for (size_t r = 0; r < rows.row_count; r++) {
        publication_unref(list[r]);
    }
    free(list);
}

/* Which answer is about which stream; the others stay NULL. */
static void sort_answers(const struct asking *asking, const Link__Rows *reply,
                         const Link__StreamRows *ret_answers[BATCH_MAX])
{
    for (size_t a = 0; a < reply->n_streams; a++) {
        const Link__StreamRows *answer = reply->streams[a];
        struct stream_id stream;
        if (!stream_from_bytes(bytes_make(answer->stream.data, answer->stream.len),
                               &stream)) {
            continue;
        }
        for (size_t i = 0; i < asking->count; i++) {
            if (stream_equal(&asking->streams[i], &stream)) {
                ret_answers[i] = answer;
                break;
            }
        }
    }
}

static void fetch_done(struct upstream_call *call, enum upstream_result result,
                       const Link__Reply *reply)
{
    struct asking *asking = container_of(call, struct asking, call);
    struct edge *edge = asking->repair->edge;
    const Link__StreamRows *answers[BATCH_MAX] = {NULL};
    bool any = false;
    if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_ROWS) {
        edge_learn_epoch(edge,
                         bytes_make(reply->rows->epoch.data, reply->rows->epoch.len));
        sort_answers(asking, reply->rows, answers);
    }
    for (size_t i = 0; i < asking->count; i++) {
        any = any || answers[i] != NULL;
    }
    /* First those for whom there was no room: next time there will be, as who goes on
     * with the rows below comes after them. */
    for (size_t i = 0; i < asking->count; i++) {
        if (answers[i] == NULL && any) {
            streams_fetch_again(edge->streams, &asking->streams[i]);
        } else if (answers[i] == NULL) {
            streams_fetch_failed(edge->streams, &asking->streams[i], clock_ms());
        }
    }
    for (size_t i = 0; i < asking->count; i++) {
        if (answers[i] != NULL) {
            take_rows(edge, asking, i, answers[i]);
        }
    }
    asked(asking);
}

/* What has no room in the answer is read in vain, and again the next time: the more are
 * asked about, the fewer of each. Who needs more goes on at once. */
static uint32_t rows_each(size_t stream_count)
{
    size_t rows = ROWS_SUM / stream_count;
    return (uint32_t)(rows < ROWS_MAX ? rows : ROWS_MAX);
}

static void send_fetch(struct repair *repair)
{
    struct asking *asking = repair->fetching;
    Link__Request request = LINK__REQUEST__INIT;
    Link__CatchUp catch_up = LINK__CATCH_UP__INIT;
    Link__Cursor cursors[BATCH_MAX];
    Link__Cursor *pointers[BATCH_MAX];
    for (size_t i = 0; i < asking->count; i++) {
        link__cursor__init(&cursors[i]);
        cursors[i].stream.data = (uint8_t *)&asking->streams[i];
        cursors[i].stream.len = sizeof(asking->streams[i]);
        cursors[i].seq = asking->after[i];
        cursors[i].has_tag = asking->tags[i] != 0;
        cursors[i].tag = asking->tags[i];
        pointers[i] = &cursors[i];
    }
    catch_up.n_streams = asking->count;
    catch_up.streams = pointers;
    catch_up.has_limit = true;
    catch_up.limit = rows_each(asking->count);
    catch_up.has_protobuf = catch_up.protobuf = repair->edge->protobuf_count > 0;
    request.body_case = LINK__REQUEST__BODY_CATCH_UP;
    request.catch_up = &catch_up;
    repair->fetching = NULL;
    ask(asking, &request, fetch_done);
}

void repair_fetch(struct repair *repair, const struct stream_id *stream, uint64_t seq,
                  uint32_t tag)
{
    if (repair->fetching == NULL) {
        repair->fetching = new_asking(repair);
    }
    struct asking *asking = repair->fetching;
    if (asking == NULL) {
        streams_fetch_failed(repair->edge->streams, stream, clock_ms());
        return;
    }
    size_t i = asking->count++;
    asking->streams[i] = *stream;
    asking->after[i] = seq;
    asking->tags[i] = tag;
    if (asking->count == BATCH_MAX) {
        send_fetch(repair);
    }
}

/* ---------------------------------------------------------------- recheck */

static struct subscription *find_subscription(struct edge *edge, struct uuid session_id,
                                              const struct stream_id *stream)
{
    struct session *session = map_get(&edge->sessions, &session_id);
    return session != NULL ? session_subscription(session, stream) : NULL;
}

static void recheck_done(struct upstream_call *call, enum upstream_result result,
                         const Link__Reply *reply)
{
    struct asking *asking = container_of(call, struct asking, call);
    struct repair *repair = asking->repair;
    struct edge *edge = repair->edge;
    bool ok = result == UPSTREAM_REPLY &&
              reply->body_case == LINK__REPLY__BODY_RECHECKED &&
              reply->rechecked->n_verdicts == asking->count;
    if (!ok) {
        repair->recheck_at_ms = clock_ms() + RECHECK_RETRY_MS;
    }
    for (size_t i = 0; i < asking->count; i++) {
        struct subscription *subscription =
            find_subscription(edge, asking->sessions[i], &asking->streams[i]);
        if (subscription == NULL || !subscription->unchecked) {
            continue;
        }
        if (ok) {
            const Link__Verdict *verdict = reply->rechecked->verdicts[i];
            streams_verdict(edge->streams, subscription, verdict->allowed,
                            verdict->access_seq, clock_ms());
        } else {
            repair_recheck(repair, subscription);
        }
    }
    asked(asking);
}

static void send_recheck(struct repair *repair)
{
    struct asking *asking = repair->rechecking;
    Link__Request request = LINK__REQUEST__INIT;
    Link__Recheck recheck = LINK__RECHECK__INIT;
    Link__Subscriber subscribers[BATCH_MAX];
    Link__Subscriber *pointers[BATCH_MAX];
    for (size_t i = 0; i < asking->count; i++) {
        link__subscriber__init(&subscribers[i]);
        subscribers[i].user_id.data = asking->users[i].b;
        subscribers[i].user_id.len = 16;
        subscribers[i].stream.data = (uint8_t *)&asking->streams[i];
        subscribers[i].stream.len = sizeof(asking->streams[i]);
        pointers[i] = &subscribers[i];
    }
    recheck.n_subscribers = asking->count;
    recheck.subscribers = pointers;
    request.body_case = LINK__REQUEST__BODY_RECHECK;
    request.recheck = &recheck;
    repair->rechecking = NULL;
    ask(asking, &request, recheck_done);
}

void repair_recheck(struct repair *repair, struct subscription *subscription)
{
    if (repair->rechecking == NULL) {
        repair->rechecking = new_asking(repair);
    }
    struct asking *asking = repair->rechecking;
    if (asking == NULL) {
        abort(); /* nothing may be delivered to it, and nobody would ask again */
    }
    size_t i = asking->count++;
    const struct session *session = session_of(subscription);
    asking->sessions[i] = session->id;
    asking->users[i] = *subscription_user(subscription);
    asking->streams[i] = *streams_id(subscription);
    if (asking->count == BATCH_MAX) {
        send_recheck(repair);
    }
}

/* ---------------------------------------------------------------- heads */

static void take_heads(struct edge *edge, const Link__Heads *heads)
{
    int64_t now_ms = clock_ms();
    edge_learn_epoch(edge, bytes_make(heads->epoch.data, heads->epoch.len));
    if (edge->heads_since == 0) {
        /* A first answer says nothing of what was committed before it. */
        streams_renew(edge->streams, now_ms);
    }
    edge->heads_since = heads->next_since;
    edge_heads_answered(edge);
    for (size_t i = 0; i < heads->n_heads; i++) {
        struct stream_id stream;
        const Link__Head *head = heads->heads[i];
        if (stream_from_bytes(bytes_make(head->stream.data, head->stream.len), &stream)) {
            streams_head(edge->streams, &stream, head->seq, now_ms);
        }
    }
}

static void heads_done(struct upstream_call *call, enum upstream_result result,
                       const Link__Reply *reply)
{
    struct asking *asking = container_of(call, struct asking, call);
    struct repair *repair = asking->repair;
    repair->heads_under_way = false;
    if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_HEADS) {
        take_heads(repair->edge, reply->heads);
    }
    asked(asking);
}

void repair_ask_heads(struct repair *repair)
{
    struct edge *edge = repair->edge;
    struct asking *asking = repair->heads_under_way ? NULL : new_asking(repair);
    if (asking == NULL) {
        return;
    }
    Link__Request request = LINK__REQUEST__INIT;
    Link__HeadsSince heads = LINK__HEADS_SINCE__INIT;
    heads.since = edge->heads_since;
    heads.has_epoch = edge->has_epoch;
    heads.epoch.data = edge->epoch;
    heads.epoch.len = sizeof(edge->epoch);
    request.body_case = LINK__REQUEST__BODY_HEADS_SINCE;
    request.heads_since = &heads;
    repair->heads_under_way = true;
    ask(asking, &request, heads_done);
}

void repair_turn(struct repair *repair, int64_t now_ms)
{
    if (repair->fetching != NULL) {
        send_fetch(repair);
    }
    if (repair->rechecking != NULL && now_ms >= repair->recheck_at_ms) {
        send_recheck(repair);
    }
}
