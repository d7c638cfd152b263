/* The clients: they send, join, leave, vanish, come back and try again, and compare all
 * that they hear with what was promised. */
#include <stdlib.h>

#include "world.h"

void client_push(struct client *client, const struct out_frame *frame)
{
    if (client->out_count == client->out_capacity) {
        size_t capacity = client->out_capacity * 2 + 16;
        struct out_frame *out = malloc(capacity * sizeof(*out));
        if (out == NULL) {
            abort();
        }
        for (size_t i = 0; i < client->out_count; i++) {
            out[i] = client->out[(client->out_start + i) % client->out_capacity];
        }
        free(client->out);
        client->out = out;
        client->out_start = 0;
        client->out_capacity = capacity;
    }
    client->out[(client->out_start + client->out_count++) % client->out_capacity] =
        *frame;
}

/* Nothing of the stream follows a LEAVE. */
void client_drop(struct client *client, enum place place)
{
    size_t kept = 0;
    for (size_t i = 0; i < client->out_count; i++) {
        struct out_frame frame =
            client->out[(client->out_start + i) % client->out_capacity];
        bool answer = frame.kind == OUT_ACK || frame.kind == OUT_UNAVAILABLE;
        if (answer || frame.place != place) {
            client->out[(client->out_start + kept++) % client->out_capacity] = frame;
        }
    }
    client->out_count = kept;
}

void client_begin(struct client *client)
{
    client->owner = pool_take(sizeof(*client->owner));
    *client->owner = (struct owner){user_id(client->user), client};
}

void client_finish(struct client *client)
{
    pool_give(client->owner);
    free(client->out);
    client->out = NULL;
}

void client_disconnect(struct client *client)
{
    if (client->edge < 0) {
        return;
    }
    trace("user %d is gone from edge %d", client->user, client->edge);
    edge_disconnect(&world.edges[client->edge], client);
    client->edge = -1;
    client->conn = 0;
    client->out_count = 0;
    client->waits = false;
    client->tried = client->has_unknown;
    if (client->has_unknown && client->unknown.kind != OP_SEND &&
        (world.plan.faults & FAULTS_DEDUPE) != 0) {
        client->has_unknown = false; /* without a clientId: not known for ever */
    }
}

/* ---------------------------------------------------------------- hearing */

static void hear_event(struct client *client, const struct out_frame *frame)
{
    struct view *view = &client->views[frame->place];
    if (!view->joined) {
        violate(PHANTOM, "user %d place %d seq %lu", client->user, frame->place,
                frame->seq);
        return;
    }
    if (frame->seq <= view->cursor) {
        violate(DUP, "user %d place %d seq %lu after %lu", client->user, frame->place,
                frame->seq, view->cursor);
    } else if (frame->seq > view->cursor + 1) {
        violate(GAP, "user %d place %d seq %lu after %lu", client->user, frame->place,
                frame->seq, view->cursor);
    }
    view->cursor = frame->seq;
    view->tag = frame->tag;
    world.stats.received++;
}

static void hear_ack(struct client *client, const struct out_frame *frame)
{
    struct op_state *state = &world.ops[frame->op.id];
    if (frame->epoch != world.database.epoch) {
        client->waits = false; /* of before the restore: it may be undone */
        client->tried = true;
        return;
    }
    if (frame->reply.kind == REPLY_STALE) {
        return;
    }
    client->waits = client->has_unknown = client->tried = false;
    if (frame->reply.kind == REPLY_OK) {
        world.stats.acked++;
        if (state->acked && state->acked_seq != frame->reply.seq) {
            violate(RETRY_OTHER_ANSWER, "op %u", frame->op.id);
        }
        state->acked = true;
        state->acked_seq = frame->reply.seq;
    } else {
        state->refused = true;
        if (state->effects > 0) {
            violate(RETRY_REFUSED_AFTER_EFFECT, "op %u", frame->op.id);
        }
    }
}

/* What was tried before, without an answer, may still have happened. */
static void hear_unavailable(struct client *client, const struct out_frame *frame)
{
    client->waits = false;
    if (!client->tried) {
        world.ops[frame->op.id].failed = true;
        client->has_unknown = false;
    }
}

void client_receive(struct client *client)
{
    if (client->out_count == 0) {
        return;
    }
    struct out_frame frame = client->out[client->out_start];
    client->out_start = (client->out_start + 1) % client->out_capacity;
    client->out_count--;
    struct view *view = &client->views[frame.place];
    switch (frame.kind) {
    case OUT_EVENT:
        hear_event(client, &frame);
        break;
    case OUT_JOINED:
        *view = (struct view){true, frame.seq, frame.tag};
        client->waits = false;
        break;
    case OUT_DENIED:
        *view = (struct view){0};
        client->waits = false;
        break;
    case OUT_GONE:
        *view = (struct view){0};
        break;
    case OUT_RESYNC:
        if (!world.restored) {
            violate(NEEDLESS_RESYNC, "user %d place %d", client->user, frame.place);
        }
        *view = (struct view){true, frame.seq, frame.tag};
        break;
    case OUT_ACK:
        hear_ack(client, &frame);
        break;
    case OUT_UNAVAILABLE:
        hear_unavailable(client, &frame);
        break;
    }
    if (client->edge >= 0) {
        edge_feed(&world.edges[client->edge], client);
    }
}

/* ---------------------------------------------------------------- acting */

static void connect_again(struct client *client)
{
    client->edge = (int)dice(EDGES);
    client->conn = ++world.last_conn;
    client->number = 0;
    bool resume = chance(8000);
    for (int place = 0; place < PLACES; place++) {
        client->resume[place] = resume ? client->views[place] : (struct view){0};
        client->views[place] = (struct view){0};
    }
    trace("user %d is at edge %d", client->user, client->edge);
}

static void request(struct client *client, struct op *op)
{
    op->conn = client->conn;
    op->number = ++client->number;
    client->waits = true;
    edge_request(&world.edges[client->edge], client, op);
}

static void join(struct client *client, enum place place, const struct view *from)
{
    struct op op;
    memset(&op, 0, sizeof(op));
    op.kind = OP_JOIN;
    op.user = client->user;
    op.place = (uint8_t)place;
    if (from != NULL) {
        op.has_seq = true;
        op.seq = from->cursor;
        op.tag = from->tag;
    }
    request(client, &op);
}

static bool resume_next(struct client *client)
{
    for (int place = 0; place < PLACES; place++) {
        if (client->resume[place].joined) {
            struct view from = client->resume[place];
            client->resume[place].joined = false;
            join(client, place, &from);
            return true;
        }
    }
    return false;
}

static void change(struct client *client)
{
    if (client->has_unknown) {
        world.stats.retries++;
    } else {
        enum op_kind kind = OP_SEND;
        int target = 1 + (int)dice(USERS - 1);
        if (client->user == 0 && chance(3800)) {
            kind = is_member(target) ? OP_KICK : OP_ADD;
        }
        struct op *op = &op_new(kind, client->user)->op;
        op->place = (uint8_t)(ROOM_0 + dice(2));
        op->target = (uint8_t)target;
        client->unknown = *op;
        client->has_unknown = true;
    }
    struct op op = client->unknown;
    request(client, &op);
}

static void leave(struct client *client, enum place place)
{
    edge_leave(&world.edges[client->edge], client, place);
    client_drop(client, place);
    client->views[place] = (struct view){0};
    trace("user %d leaves %d", client->user, place);
    edge_feed(&world.edges[client->edge], client);
}

void client_act(struct client *client)
{
    if (client->edge < 0) {
        connect_again(client);
        return;
    }
    if (client->waits || resume_next(client) || !world.chaos) {
        return;
    }
    enum place place = COMMUNITY + dice(3);
    uint32_t x = dice(100);
    if (client->has_unknown) {
        change(client);
    } else if (x < 25) {
        if (!client->views[place].joined) {
            join(client, place, NULL);
        }
    } else if (x < 32) {
        if (client->views[place].joined) {
            leave(client, place);
        }
    } else {
        change(client);
    }
}
