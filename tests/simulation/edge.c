/* What stands around edge/streams.c and edge/upstream.c in the simulated edge: sessions
 * and repair, as small as they can be. */
#include <stdlib.h>

#include "world.h"

#define ASK_MS 3000 /* as edge/repair.c */

struct edge_call {
    struct upstream_call call;
    struct list node; /* edge->calls */
    struct sim_edge *edge;
    struct op op;
    struct client *client; /* whose op, or whose subscription; NULL: the edge's own */
    uint64_t conn;         /* as it was then */
};

static void ask(struct sim_edge *edge, struct client *client, const struct op *op,
                int64_t within_ms);

/* ---------------------------------------------------------------- answers */

static struct publication *make_publication(const struct event *event)
{
    Link__Publication from = LINK__PUBLICATION__INIT;
    Link__Control control = LINK__CONTROL__INIT;
    Link__Who who = LINK__WHO__INIT;
    struct stream_id id = place_id(event->place);
    struct uuid target = user_id(event->target);
    ProtobufCBinaryData users = {sizeof(target), target.b};
    from.has_stream = from.has_seq = true;
    from.stream.data = (uint8_t *)&id;
    from.stream.len = sizeof(id);
    from.seq = event->seq;
    from.tag = event->tag;
    from.prev_tag = event->prev_tag;
    from.after = event->after;
    from.event = (char *)(uintptr_t) "E";
    from.json.data = (uint8_t *)(uintptr_t)event;
    from.json.len = sizeof(*event);
    if (event->place == ACCESS) {
        who.n_users = 1;
        who.users = &users;
        control.who = &who;
        from.control = &control;
    }
    return publication_create(&from);
}

/* What was read of the rights of an edge's clients may be of another history. */
static void forget_checks(const struct sim_edge *edge)
{
    for (int i = 0; i < USERS; i++) {
        if (world.clients[i].edge == edge->index) {
            memset(world.clients[i].checked, 0, sizeof(world.clients[i].checked));
        }
    }
}

static void take_rows(struct edge_call *call, const struct reply *reply)
{
    struct publication *list[PAGE_MAX];
    struct stream_rows rows = {
        .stream = place_id(call->op.place),
        .after = call->op.seq,
        .head = reply->seq,
        .first = 1,
        .head_tag = reply->tag,
        .resync = reply->resync,
        .rows = list,
        .row_count = reply->row_count,
    };
    for (uint32_t i = 0; i < reply->row_count; i++) {
        list[i] = make_publication(&reply->rows[i]);
    }
    trace("edge %d hears of %d after %lu: %u rows, head %lu%s", call->edge->index,
          call->op.place, rows.after, reply->row_count, rows.head,
          rows.resync ? ", resync" : "");
    if (call->op.place == ACCESS) {
        forget_checks(call->edge);
    }
    streams_rows(call->edge->streams, &rows, world.now_ms);
    for (uint32_t i = 0; i < reply->row_count; i++) {
        publication_unref(list[i]);
    }
}

/* Another epoch's numbers say nothing of the old ones. Learnt before what it came with is
 * applied. */
static void learn_epoch(struct sim_edge *edge, uint32_t epoch)
{
    if (edge->has_epoch && edge->epoch != epoch) {
        trace("edge %d learns epoch %u", edge->index, epoch);
        edge->heads_since = 0;
        forget_checks(edge);
        streams_renew(edge->streams, world.now_ms);
    }
    edge->epoch = epoch;
    edge->has_epoch = true;
}

/* The first answer says nothing of what was before: all streams are confirmed, and that
 * after the answer from which the heads go on. */
static void take_heads(struct sim_edge *edge, const struct reply *reply)
{
    learn_epoch(edge, reply->epoch);
    if (edge->heads_since == 0 && !faulty(FAULT_HEADS_FIRST)) {
        forget_checks(edge);
        streams_renew(edge->streams, world.now_ms);
    }
    edge->heads_since = reply->next_since;
    for (int place = 0; place < PLACES; place++) {
        if (reply->heads[place] > 0) {
            edge_take_head(edge, place, reply->heads[place]);
        }
    }
}

static void take_join(struct edge_call *call, const struct reply *reply)
{
    struct client *client = call->client;
    const struct op *op = &call->op;
    struct out_frame frame = {.kind = OUT_DENIED, .place = op->place};
    if (!reply->allowed || client->subscriptions[op->place] != NULL) {
        client_push(client, &frame);
        return;
    }
    struct stream_open open = {
        .stream = place_id(op->place),
        .seq = reply->seq,
        .tag = reply->tag,
        .has_access = true,
        .access = place_id(ACCESS),
        .access_seq = reply->access_seq,
        .resume = op->has_seq && !reply->resync,
        .resume_seq = op->seq,
        .resume_tag = op->tag,
    };
    frame.kind = OUT_JOINED;
    frame.seq = open.resume ? op->seq : reply->seq;
    frame.tag = open.resume ? op->tag : reply->tag;
    client_push(client, &frame);
    trace("edge %d: user %d joins %d at %lu (head %lu, access %lu)", call->edge->index,
          client->user, op->place, frame.seq, reply->seq, reply->access_seq);
    client->checked[op->place] = reply->access_seq;
    client->subscriptions[op->place] =
        streams_open(call->edge->streams, &open, &client->owner->id, world.now_ms);
}

static void take_verdict(struct edge_call *call, const struct reply *reply)
{
    struct subscription *subscription = call->client->subscriptions[call->op.place];
    if (subscription == NULL || !subscription->unchecked) {
        return;
    }
    if (reply == NULL) {
        ask(call->edge, call->client, &call->op, ASK_MS);
        return;
    }
    trace("edge %d: verdict on user %d in %d: %d at %lu", call->edge->index,
          call->op.user, call->op.place, reply->allowed, reply->access_seq);
    if (reply->allowed && reply->access_seq > call->client->checked[call->op.place]) {
        call->client->checked[call->op.place] = reply->access_seq;
    }
    streams_verdict(call->edge->streams, subscription, reply->allowed, reply->access_seq,
                    world.now_ms);
}

static void take_change(struct edge_call *call, enum upstream_result result,
                        const struct reply *reply)
{
    struct out_frame frame = {
        .kind = OUT_ACK, .op = call->op, .epoch = world.database.epoch};
    if (result == UPSTREAM_NO_ANSWER && !faulty(FAULT_HONEST)) {
        world.stats.unanswered++;
        client_disconnect(call->client);
        return;
    }
    if (reply == NULL) {
        world.stats.unavailable++;
        frame.kind = OUT_UNAVAILABLE;
    } else {
        frame.reply = *reply;
    }
    client_push(call->client, &frame);
}

static void done(struct upstream_call *upstream, enum upstream_result result,
                 const Link__Reply *message)
{
    struct edge_call *call = container_of(upstream, struct edge_call, call);
    struct sim_edge *edge = call->edge;
    struct reply reply;
    bool answered = result == UPSTREAM_REPLY;
    if (answered) {
        memcpy(&reply, message->event->payload.data, sizeof(reply));
    }
    list_remove(&call->node);
    if (call->client != NULL && call->client->conn != call->conn) {
        free(call);
        return; /* whoever asked is gone */
    }
    struct stream_id stream = place_id(call->op.place);
    switch (call->op.kind) {
    case OP_CATCH_UP:
        if (answered) {
            learn_epoch(edge, reply.epoch);
        }
        if (answered && chance(500)) {
            trace("edge %d finds no room for %d in an answer", edge->index,
                  call->op.place);
            streams_fetch_again(edge->streams, &stream);
        } else if (answered) {
            take_rows(call, &reply);
        } else {
            trace("edge %d hears nothing of %d", edge->index, call->op.place);
            streams_fetch_failed(edge->streams, &stream, world.now_ms);
        }
        break;
    case OP_HEADS:
        edge->heads_pending = false;
        if (answered) {
            take_heads(edge, &reply);
        }
        break;
    case OP_RECHECK:
        take_verdict(call, answered ? &reply : NULL);
        break;
    case OP_JOIN:
        if (answered) {
            take_join(call, &reply);
        } else {
            client_push(call->client,
                        &(struct out_frame){.kind = OUT_DENIED, .place = call->op.place});
        }
        break;
    default:
        take_change(call, result, answered ? &reply : NULL);
    }
    free(call);
}

static void ask(struct sim_edge *edge, struct client *client, const struct op *op,
                int64_t within_ms)
{
    struct edge_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        abort();
    }
    call->edge = edge;
    call->op = *op;
    call->client = client;
    call->conn = client != NULL ? client->conn : 0;
    Link__Request request = LINK__REQUEST__INIT;
    Link__EventCall event = LINK__EVENT_CALL__INIT;
    struct uuid id = {{0}};
    world.last_request++;
    memcpy(id.b, &world.last_request, sizeof(world.last_request));
    event.name = (char *)(uintptr_t) "OP";
    event.encoding = LINK__ENCODING__JSON;
    event.payload.data = (uint8_t *)(uintptr_t)op;
    event.payload.len = sizeof(*op);
    request.request_id.data = id.b;
    request.request_id.len = sizeof(id.b);
    request.body_case = LINK__REQUEST__BODY_EVENT;
    request.event = &event;
    call->call.request = &request;
    call->call.deadline_ms = world.now_ms + within_ms;
    call->call.changes = OP_CHANGES(op->kind);
    call->call.done = done;
    list_push(&edge->calls, &call->node);
    upstream_request(edge->upstream, &call->call);
}

/* ---------------------------------------------------------------- streams_io */

/* Rights at the time of reading decide: a member when it was committed, or at some time
 * since, as one who was taken back and resumes. */
static bool may_have_read(int user, const struct event *event)
{
    bool may = is_member(user) || (event->members >> user & 1) != 0;
    const struct place_log *log = &world.database.logs[ACCESS];
    for (uint64_t seq = event->after; seq < log->count && !may; seq++) {
        may = log->events[seq].kind == OP_ADD && log->events[seq].target == user;
    }
    return may;
}

static struct client *client_of(const struct subscription *subscription)
{
    const struct uuid *id = subscription_user(subscription);
    return container_of(id, struct owner, id)->client;
}

static void io_deliver(void *user, struct subscription *subscription,
                       struct publication *publication)
{
    struct client *client = client_of(subscription);
    struct event event;
    memcpy(&event, publication->json.data, sizeof(event));
    if (!may_have_read(client->user, &event)) {
        violate(LEAK_AFTER_REVOKE, "user %d place %d seq %lu", client->user, event.place,
                event.seq);
    }
    trace("edge %d delivers %d:%lu to user %d", client->edge, event.place, event.seq,
          client->user);
    client_push(client, &(struct out_frame){.kind = OUT_EVENT,
                                            .place = event.place,
                                            .seq = event.seq,
                                            .tag = event.tag});
}

static bool io_ready(void *user, struct subscription *subscription)
{
    const struct client *client = client_of(subscription);
    return client->out_count < world.out_max;
}

static void io_interest(void *user, const struct stream_id *stream, bool on)
{
    struct sim_edge *edge = user;
    uint32_t bit = 1u << place_of(stream);
    edge->interest = on ? edge->interest | bit : edge->interest & ~bit;
}

static void io_fetch(void *user, const struct stream_id *stream, uint64_t seq,
                     uint32_t tag)
{
    struct sim_edge *edge = user;
    struct op op;
    memset(&op, 0, sizeof(op));
    op.kind = OP_CATCH_UP;
    op.place = (uint8_t)place_of(stream);
    op.seq = seq;
    op.tag = tag;
    trace("edge %d fetches %d after %lu", edge->index, op.place, seq);
    ask(edge, NULL, &op, ASK_MS);
}

static void io_recheck(void *user, struct subscription *subscription)
{
    struct sim_edge *edge = user;
    struct client *client = client_of(subscription);
    struct op op;
    memset(&op, 0, sizeof(op));
    op.kind = OP_RECHECK;
    op.user = client->user;
    op.place = (uint8_t)place_of(streams_id(subscription));
    if (subscription->checked != 0 &&
        subscription->checked <= client->checked[op.place]) {
        violate(NEEDLESS_RECHECK, "user %d place %d", op.user, op.place);
    }
    ask(edge, client, &op, ASK_MS);
}

/* Only a loss later than the last time the right was read may end it. */
static void io_ended(void *user, struct subscription *subscription)
{
    struct client *client = client_of(subscription);
    enum place place = place_of(streams_id(subscription));
    const struct place_log *log = &world.database.logs[ACCESS];
    bool lost = world.restored;
    for (uint64_t seq = client->checked[place]; seq < log->count; seq++) {
        lost = lost || (log->events[seq].kind == OP_KICK &&
                        log->events[seq].target == client->user);
    }
    if (!lost) {
        violate(WRONGLY_ENDED, "user %d place %d", client->user, place);
    }
    client->subscriptions[place] = NULL;
    client_push(client, &(struct out_frame){.kind = OUT_GONE, .place = place});
}

static void io_resync(void *user, struct subscription *subscription, uint64_t seq,
                      uint32_t tag)
{
    struct client *client = client_of(subscription);
    client_push(client, &(struct out_frame){.kind = OUT_RESYNC,
                                            .place = place_of(streams_id(subscription)),
                                            .seq = seq,
                                            .tag = tag});
}

static void io_control(void *user, struct publication *publication)
{
}

/* ---------------------------------------------------------------- what the world calls
 */

void edge_start(struct sim_edge *edge)
{
    static const struct streams_io io = {
        .deliver = io_deliver,
        .ready = io_ready,
        .interest = io_interest,
        .fetch = io_fetch,
        .recheck = io_recheck,
        .ended = io_ended,
        .resync = io_resync,
        .control = io_control,
    };
    edge->boot++;
    edge->heads_since = 0;
    edge->has_epoch = edge->heads_pending = false;
    edge->interest = 0;
    list_init(&edge->calls);
    struct upstream_options options = {.cores = "core"};
    options.edge_id.b[0] = (uint8_t)edge->index;
    struct upstream_events none = {0};
    if (streams_create(&io, edge, &world.limits, &edge->streams) != ERR_OK ||
        upstream_open(&edge->loop, &options, none, edge, &edge->upstream) != ERR_OK) {
        abort();
    }
}

static void note_counters(const struct streams_counters *counters)
{
    world.stats.fenced += counters->fenced;
    world.stats.rechecks += counters->rechecks;
    world.stats.resyncs += counters->resyncs;
    world.stats.fetches += counters->fetches;
}

void edge_stop(struct sim_edge *edge)
{
    note_counters(streams_counters(edge->streams));
    upstream_close(edge->upstream);
    streams_destroy(edge->streams);
    for (struct list *node; (node = list_take(&edge->calls)) != NULL;) {
        free(container_of(node, struct edge_call, node));
    }
}

void edge_tick(struct sim_edge *edge)
{
    streams_tick(edge->streams, world.now_ms);
}

void edge_ask_heads(struct sim_edge *edge)
{
    if (edge->heads_pending || faulty(FAULT_HEADS_NONE)) {
        return;
    }
    struct op op;
    memset(&op, 0, sizeof(op));
    op.kind = OP_HEADS;
    op.seq = edge->heads_since;
    edge->heads_pending = true;
    ask(edge, NULL, &op, ASK_MS);
}

void edge_take_event(struct sim_edge *edge, const struct event *event, uint32_t epoch)
{
    learn_epoch(edge, epoch);
    struct publication *publication = make_publication(event);
    streams_offer(edge->streams, publication, world.now_ms);
    publication_unref(publication);
}

void edge_take_head(struct sim_edge *edge, enum place place, uint64_t seq)
{
    struct stream_id id = place_id(place);
    streams_head(edge->streams, &id, seq, world.now_ms);
}

void edge_request(struct sim_edge *edge, struct client *client, const struct op *op)
{
    ask(edge, client, op, world.timeout_ms);
}

void edge_leave(struct sim_edge *edge, struct client *client, enum place place)
{
    if (client->subscriptions[place] != NULL) {
        streams_close(edge->streams, client->subscriptions[place], world.now_ms);
        client->subscriptions[place] = NULL;
    }
}

void edge_disconnect(struct sim_edge *edge, struct client *client)
{
    for (int place = 0; place < PLACES; place++) {
        edge_leave(edge, client, place);
    }
    LIST_EACH(&edge->calls, node) {
        struct edge_call *call = container_of(node, struct edge_call, node);
        if (call->client == client && call->op.kind != OP_RECHECK) {
            upstream_cancel(&call->call);
            list_remove(&call->node);
            free(call);
        }
    }
}

/* The socket has room again. */
void edge_feed(struct sim_edge *edge, struct client *client)
{
    for (int place = 0; place < PLACES; place++) {
        struct subscription *subscription = client->subscriptions[place];
        if (subscription != NULL && subscription->behind &&
            client->out_count < world.out_max) {
            streams_resume(edge->streams, subscription, world.now_ms);
        }
    }
}
