/* A model of cores and of the transactions they run: each request is a task that can be
 * killed, or stopped for long, before every step it takes. */
#include "world.h"

#include <stdlib.h>

#define LOOK_BACK 300 /* steps: of FAULT_HEADS_UPDATED */

enum phase { ARRIVE, READ, KEY, LOCK, COUNTERS, COMMIT, REPLY, PUBLISH, DONE };

struct task {
    struct op op;
    int core, edge;
    uint32_t boot;
    uint64_t call;
    struct uuid request;
    enum phase phase;
    uint32_t idle; /* steps that it sleeps yet */

    bool holds_key, shared, exclusive, in_transaction;
    bool right; /* as it was read */
    struct answer_key key;
    const struct answer *old; /* found for the key, perhaps */
    uint32_t counters;        /* held, a bit for each place */
    uint64_t xid, access_seq, written_step;
    struct reply reply;
    struct event emitted[3];
    int emitted_count;
};

static struct task **tasks;
static size_t task_count, task_capacity;

void core_receive(int core, int edge, uint32_t boot, uint64_t call, struct uuid request,
                  const struct op *op)
{
    struct task *task = calloc(1, sizeof(*task));
    if (task_count == task_capacity) {
        task_capacity = task_capacity * 2 + 16;
        tasks = realloc(tasks, task_capacity * sizeof(struct task *));
    }
    if (task == NULL || tasks == NULL) {
        abort();
    }
    task->op = *op;
    task->core = core;
    task->edge = edge;
    task->boot = boot;
    task->call = call;
    task->request = request;
    tasks[task_count++] = task;
}

/* ---------------------------------------------------------------- locks */

static bool key_taken(const struct task *task)
{
    for (size_t i = 0; i < task_count; i++) {
        const struct task *other = tasks[i];
        if (other != task && other->holds_key && other->key.kind == task->key.kind &&
            other->key.a == task->key.a && other->key.b == task->key.b) {
            return true;
        }
    }
    return false;
}

static bool scope_taken(bool exclusive)
{
    for (size_t i = 0; i < task_count; i++) {
        if (tasks[i]->exclusive || (exclusive && tasks[i]->shared)) {
            return true;
        }
    }
    return false;
}

static bool counter_taken(enum place place)
{
    for (size_t i = 0; i < task_count; i++) {
        if ((tasks[i]->counters >> place & 1) != 0) {
            return true;
        }
    }
    return false;
}

static void end_transaction(struct task *task)
{
    task->holds_key = task->shared = task->exclusive = task->in_transaction = false;
    task->counters = 0;
}

static uint64_t snapshot_xmin(void)
{
    uint64_t xmin = world.database.next_xid;
    for (size_t i = 0; i < task_count; i++) {
        if (tasks[i]->in_transaction && tasks[i]->xid < xmin) {
            xmin = tasks[i]->xid;
        }
    }
    return xmin;
}

/* ---------------------------------------------------------------- replies */

static void send_reply(const struct task *task)
{
    struct message message = {
        .kind = MESSAGE_REPLY,
        .edge = task->edge,
        .core = task->core,
        .boot = task->boot,
        .call = task->call,
        .reply = task->reply,
    };
    network_send(&message);
}

static void send_unavailable(const struct task *task, bool refused)
{
    struct message message = {
        .kind = MESSAGE_REPLY,
        .edge = task->edge,
        .core = task->core,
        .boot = task->boot,
        .call = task->call,
        .refused = refused,
        .broken = !refused,
    };
    network_send(&message);
}

/* ---------------------------------------------------------------- reads: one snapshot */

/* Of a cursor: does it belong to this history? */
static bool fits(enum place place, uint64_t seq, uint32_t tag)
{
    return seq <= database_head(&world.database, place) &&
           (tag == 0 || tag == database_tag(&world.database, place, seq));
}

static void read_rows(const struct op *op, struct reply *reply)
{
    const struct place_log *log = &world.database.logs[op->place];
    reply->seq = log->count;
    reply->tag = database_tag(&world.database, op->place, log->count);
    reply->resync = !fits(op->place, op->seq, op->tag);
    for (uint64_t i = op->seq;
         !reply->resync && i < log->count && reply->row_count < world.page; i++) {
        reply->rows[reply->row_count++] = log->events[i];
    }
}

static void read_heads(const struct op *op, struct reply *reply)
{
    reply->next_since = snapshot_xmin();
    for (int place = 0; place < PLACES; place++) {
        const struct place_log *log = &world.database.logs[place];
        if (log->count == 0) {
            continue;
        }
        /* A stream's counter orders its events by xid, too: the last one decides. */
        const struct event *last = &log->events[log->count - 1];
        bool recent = faulty(FAULT_HEADS_UPDATED)
                          ? last->written_step + LOOK_BACK > world.step
                          : op->seq != 0 && last->xid >= op->seq;
        reply->heads[place] = recent ? log->count : 0;
    }
}

static void read_snapshot(struct task *task)
{
    const struct op *op = &task->op;
    struct reply *reply = &task->reply;
    reply->kind = REPLY_READ;
    reply->epoch = world.database.epoch;
    reply->access_seq = database_head(&world.database, ACCESS);
    reply->allowed = is_member(op->user);
    if (op->kind == OP_CATCH_UP) {
        read_rows(op, reply);
    } else if (op->kind == OP_HEADS) {
        read_heads(op, reply);
    } else if (op->kind == OP_JOIN) {
        reply->seq = database_head(&world.database, op->place);
        reply->tag = database_tag(&world.database, op->place, reply->seq);
        reply->resync = op->has_seq && !fits(op->place, op->seq, op->tag);
    }
    task->idle = chance(1000) ? dice(30) : 0;
    task->phase = REPLY;
}

/* ---------------------------------------------------------------- changes */

static struct answer_key key_of(const struct task *task)
{
    struct answer_key key = {.kind = 1, .a = task->op.user, .b = task->op.id};
    if (faulty(FAULT_DEDUPE_CONN)) {
        key = (struct answer_key){2, task->op.conn, 0};
    } else if (faulty(FAULT_DEDUPE_OK)) {
        key.kind = 3;
        memcpy(&key.a, task->request.b, 8);
        memcpy(&key.b, task->request.b + 8, 8);
    }
    return key;
}

/* Without stored answers a message has at least its row, unique by clientId. */
static const struct answer *message_row(const struct task *task)
{
    struct answer_key key = {4, task->op.user, task->op.id};
    bool used = (world.plan.faults & FAULTS_DEDUPE) != 0 && task->op.kind == OP_SEND;
    return used ? database_answer(&world.database, key) : NULL;
}

static bool answered_before(struct task *task)
{
    const struct answer *old =
        faulty(FAULT_DEDUPE_NONE) ? NULL : database_answer(&world.database, task->key);
    if (old != NULL && faulty(FAULT_DEDUPE_CONN) && old->number != task->op.number) {
        if (old->number > task->op.number) {
            task->reply.kind = REPLY_STALE;
            return true;
        }
        old = NULL;
    }
    if (old == NULL) {
        old = message_row(task);
    }
    if (old != NULL) {
        task->reply.kind = old->kind;
        task->reply.seq = old->seq;
    }
    return old != NULL;
}

static void store_answer(const struct task *task)
{
    struct answer answer = {.key = task->key,
                            .number = task->op.number,
                            .kind = task->reply.kind,
                            .seq = task->reply.seq};
    bool refusal = task->reply.kind == REPLY_NO;
    if (!faulty(FAULT_DEDUPE_NONE) && !(refusal && faulty(FAULT_DEDUPE_OK))) {
        database_store(&world.database, answer);
    }
    if (!refusal && task->op.kind == OP_SEND &&
        (world.plan.faults & FAULTS_DEDUPE) != 0) {
        answer.key = (struct answer_key){4, task->op.user, task->op.id};
        database_store(&world.database, answer);
    }
}

static void leave_transaction(struct task *task)
{
    end_transaction(task);
    task->idle = 1 + (chance(1000) ? dice(30) : 0);
    task->phase = REPLY;
}

static void take_key(struct task *task)
{
    task->key = key_of(task);
    if (!faulty(FAULT_DEDUPE_NONE)) {
        if (key_taken(task)) {
            return;
        }
        task->holds_key = true;
    }
    if (!faulty(FAULT_DEDUPE_FIRST) && answered_before(task)) {
        leave_transaction(task);
        return;
    }
    task->phase = LOCK;
}

/* The lock first, and in a later statement the right. */
static void take_lock(struct task *task)
{
    bool exclusive = task->op.kind != OP_SEND;
    if (!faulty(FAULT_LOCK)) {
        if (scope_taken(exclusive)) {
            return;
        }
        task->exclusive = exclusive;
        task->shared = !exclusive;
    }
    task->right = task->op.kind != OP_SEND || is_member(task->op.user);
    task->access_seq = database_head(&world.database, ACCESS);
    task->phase = COUNTERS;
}

static uint32_t places_of(const struct op *op)
{
    return op->kind == OP_SEND
               ? 1u << op->place
               : 1u << ACCESS | 1u << COMMUNITY | 1u << (USER_0 + op->target);
}

static void take_counters(struct task *task)
{
    if (task->counters == 0) {
        if (!task->right) {
            task->reply.kind = REPLY_NO;
            store_answer(task);
            leave_transaction(task);
            return;
        }
        if (faulty(FAULT_DEDUPE_FIRST) && answered_before(task)) {
            leave_transaction(task);
            return;
        }
    }
    uint32_t wanted = places_of(&task->op);
    for (int place = 0; place < PLACES; place++) {
        if ((wanted & ~task->counters) >> place & 1) {
            if (counter_taken(place)) {
                return;
            }
            task->counters |= 1u << place;
        }
    }
    if (message_row(task) != NULL) {
        answered_before(task); /* the unique index would have said so */
        leave_transaction(task);
        return;
    }
    task->xid = world.database.next_xid++;
    task->in_transaction = true;
    task->written_step = world.step;
    task->reply.kind = REPLY_OK;
    enum place first = task->op.kind == OP_SEND ? task->op.place : COMMUNITY;
    task->reply.seq = database_head(&world.database, first) + 1;
    if (faulty(FAULT_SYNCREPLY)) {
        send_reply(task);
    }
    task->idle = 1 + (chance(1000) ? dice(30) : 0);
    task->phase = COMMIT;
}

static void emit(struct task *task, enum place place)
{
    const struct op *op = &task->op;
    struct event event = {
        .place = (uint8_t)place,
        .kind = op->kind,
        .user = op->user,
        .target = op->target,
        .members = world.database.members,
        .op = op->id,
        .xid = task->xid,
        .after = place == ACCESS || place >= USER_0 ? 0 : task->access_seq,
        .written_step = task->written_step,
    };
    task->emitted[task->emitted_count++] = *database_append(&world.database, event);
}

static void commit(struct task *task)
{
    const struct op *op = &task->op;
    if (op->kind == OP_KICK) {
        world.database.members &= (uint8_t) ~(1u << op->target);
    } else if (op->kind == OP_ADD) {
        world.database.members |= (uint8_t)(1u << op->target);
    } else if (!is_member(op->user)) {
        violate(ACCEPT_AFTER_REVOKE, "user %d sends op %u", op->user, op->id);
    }
    if (op->kind == OP_SEND) {
        emit(task, op->place);
    } else {
        emit(task, ACCESS);
        task->access_seq = task->emitted[0].seq; /* `after` of its own event */
        emit(task, COMMUNITY);
        emit(task, USER_0 + op->target);
    }
    trace("core %d commits op %u kind %d user %d place %d target %d seq %lu", task->core,
          op->id, op->kind, op->user, op->place, op->target, task->emitted[0].seq);
    world.ops[op->id].effects++;
    store_answer(task);
    leave_transaction(task);
}

/* ---------------------------------------------------------------- life of a task */

static void arrive(struct task *task)
{
    task->idle = chance(500) ? dice(60) : 0; /* a stopped process */
    task->phase = OP_CHANGES(task->op.kind) ? KEY : READ;
    if (world.chaos && chance(200)) {
        send_unavailable(task, true);
        task->phase = DONE;
    }
}

static void reply(struct task *task)
{
    send_reply(task);
    task->phase = task->emitted_count > 0 ? PUBLISH : DONE;
}

static void publish(struct task *task)
{
    for (int i = 0; i < task->emitted_count; i++) {
        network_publish(&task->emitted[i]);
    }
    network_publish_head(&task->emitted[task->emitted_count - 1]);
    task->phase = DONE;
}

static void remove_task(size_t i)
{
    free(tasks[i]);
    tasks[i] = tasks[--task_count];
}

void core_step(void)
{
    static void (*const phases[])(struct task *) = {
        [ARRIVE] = arrive,  [READ] = read_snapshot,     [KEY] = take_key,
        [LOCK] = take_lock, [COUNTERS] = take_counters, [COMMIT] = commit,
        [REPLY] = reply,    [PUBLISH] = publish,
    };
    if (task_count == 0) {
        return;
    }
    size_t i = dice((uint32_t)task_count);
    if (tasks[i]->idle > 0) {
        tasks[i]->idle--;
        return;
    }
    phases[tasks[i]->phase](tasks[i]);
    if (tasks[i]->phase == DONE) {
        remove_task(i);
    }
}

void core_kill_tasks(int core)
{
    for (size_t i = task_count; i-- > 0;) {
        if (core < 0 && chance(5000)) {
            send_unavailable(tasks[i], false); /* the core lives, and has seen it break */
        }
        if (core < 0 || tasks[i]->core == core) {
            remove_task(i);
        }
    }
}

void core_kill(int core)
{
    core_kill_tasks(core);
    world.core_boots[core]++;
    world.stats.core_kills++;
    trace("core %d is killed", core);
}

void core_finish(void)
{
    while (task_count > 0) {
        remove_task(task_count - 1);
    }
    free(tasks);
    tasks = NULL;
    task_capacity = 0;
}
