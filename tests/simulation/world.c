/* The scheduler: what happens next, which faults strike, and what must be true at the
 * end. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "doubles.h"
#include "edge/stream.h"

struct world world;

#ifdef BELFRY_PLANTED_FAULTS
unsigned planted_faults;
#endif

const char *const violation_names[VIOLATIONS] = {
    [GAP] = "GAP",
    [DUP] = "DUP",
    [PHANTOM] = "PHANTOM",
    [LEAK_AFTER_REVOKE] = "LEAK_after_revoke",
    [ACCEPT_AFTER_REVOKE] = "ACCEPT_after_revoke",
    [TAIL_OR_STUCK] = "TAIL_or_stuck",
    [SUB_NEVER_ENDED] = "SUB_never_ended",
    [WRONGLY_ENDED] = "WRONGLY_ENDED",
    [NEEDLESS_RECHECK] = "NEEDLESS_recheck",
    [NEEDLESS_RESYNC] = "NEEDLESS_resync",
    [ACKED_LOST] = "ACKED_LOST",
    [TWICE] = "TWICE",
    [ERROR_BUT_WRITTEN] = "ERROR_but_written",
    [RETRY_REFUSED_AFTER_EFFECT] = "RETRY_refused_after_effect",
    [RETRY_OTHER_ANSWER] = "RETRY_other_answer",
    [OTHER_HISTORY] = "OTHER_HISTORY",
    [MEMORY_OVER_LIMIT] = "MEMORY_over_limit",
};

void trace(const char *format, ...)
{
    if (world.plan.trace) {
        va_list arguments;
        va_start(arguments, format);
        printf("%6lu ", world.step);
        vprintf(format, arguments);
        printf("\n");
        va_end(arguments);
    }
}

void violate(enum violation violation, const char *format, ...)
{
    world.violations[violation]++;
    if (world.plan.trace) {
        va_list arguments;
        va_start(arguments, format);
        printf("%6lu ---- %s: ", world.step, violation_names[violation]);
        vprintf(format, arguments);
        printf("\n");
        va_end(arguments);
    }
}

bool world_failed(void)
{
    for (int i = 0; i < VIOLATIONS; i++) {
        if (world.violations[i] > 0) {
            return true;
        }
    }
    return false;
}

/* splitmix64 (Steele, Lea, Flood) */
static uint64_t draw(void)
{
    uint64_t z = world.random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint32_t dice(uint32_t sides)
{
    return (uint32_t)((draw() >> 32) * sides >> 32);
}

bool chance(uint32_t per_10000)
{
    return dice(10000) < per_10000;
}

/* ---------------------------------------------------------------- names */

struct stream_id place_id(enum place place)
{
    struct stream_id id = {.kind = place == ACCESS      ? STREAM_ACCESS
                                   : place == COMMUNITY ? STREAM_COMMUNITY
                                   : place >= USER_0    ? STREAM_USER
                                                        : STREAM_ROOM};
    id.id.b[0] = (uint8_t)place;
    return id;
}

enum place place_of(const struct stream_id *id)
{
    return id->id.b[0];
}

struct uuid user_id(int user)
{
    return (struct uuid){{(uint8_t)(1 + user)}};
}

struct op_state *op_new(enum op_kind kind, int user)
{
    if (world.op_count == world.op_capacity) {
        world.op_capacity = world.op_capacity * 2 + 64;
        world.ops = realloc(world.ops, world.op_capacity * sizeof(*world.ops));
        if (world.ops == NULL) {
            abort();
        }
    }
    struct op_state *state = &world.ops[world.op_count];
    memset(state, 0, sizeof(*state));
    state->op.kind = (uint8_t)kind;
    state->op.user = (uint8_t)user;
    state->op.id = world.op_count++;
    return state;
}

/* ---------------------------------------------------------------- faults */

static void kill_edge(struct sim_edge *edge)
{
    trace("edge %d is killed", edge->index);
    for (int i = 0; i < USERS; i++) {
        if (world.clients[i].edge == edge->index) {
            client_disconnect(&world.clients[i]);
        }
    }
    edge_stop(edge);
    edge_start(edge);
    world.stats.edge_kills++;
}

static void crash_database(void)
{
    trace("PostgreSQL crashes");
    core_kill_tasks(-1);
    world.stats.database_crashes++;
    if (faulty(FAULT_LOGGED)) {
        world.database.answer_count = 0;
    }
}

/* What came after the backup has never been. Nothing on its way lives as long as a
 * restore takes. */
static void restore_database(void)
{
    trace("PostgreSQL is restored");
    crash_database();
    network_drop_all();
    uint32_t epoch = world.database.epoch;
    database_copy(&world.database, &world.backup);
    world.database.epoch = epoch + 1;
    for (uint32_t i = 0; i < world.op_count; i++) {
        struct op op = world.ops[i].op;
        world.ops[i] = (struct op_state){.op = op};
    }
    for (int place = ACCESS; place < USER_0; place++) {
        const struct place_log *log = &world.database.logs[place];
        for (size_t i = 0; i < log->count && place != COMMUNITY; i++) {
            world.ops[log->events[i].op].effects++;
        }
    }
    world.restored = true;
    world.has_backup = false;
    world.stats.restores++;
}

static void backup_or_restore(void)
{
    if (!world.plan.restore || world.restored || world.step * 3 < world.plan.steps) {
        return;
    }
    if (!world.has_backup) {
        database_copy(&world.backup, &world.database);
        world.has_backup = true;
    } else if (chance(1500)) {
        restore_database();
    }
}

static void fault(uint32_t x)
{
    if (!world.chaos) {
        return;
    }
    if (x < 8900) {
        client_disconnect(&world.clients[dice(USERS)]);
    } else if (x < 8940) {
        core_kill((int)dice(CORES));
    } else if (x < 8955) {
        kill_edge(&world.edges[dice(EDGES)]);
    } else if (x < 8965) {
        crash_database();
    } else if (x < 9100) {
        backup_or_restore();
    }
}

/* ---------------------------------------------------------------- steps */

static void spontaneous(void)
{
    uint32_t x = dice(10000);
    if (x < 4000) {
        client_act(&world.clients[dice(USERS)]);
    } else if (x < 6200) {
        client_receive(&world.clients[dice(USERS)]);
    } else if (x < 8000) {
        edge_tick(&world.edges[dice(EDGES)]);
    } else if (x < 8600) {
        edge_ask_heads(&world.edges[dice(EDGES)]);
    } else if (x < 8850) {
        network_link_step();
    } else {
        fault(x);
    }
}

static void check_memory(void)
{
    for (int i = 0; i < EDGES; i++) {
        const struct streams *streams = world.edges[i].streams;
        if (streams->ring_bytes > streams->limits.ring_bytes_max) {
            violate(MEMORY_OVER_LIMIT, "edge %d: %zu bytes", i, streams->ring_bytes);
        }
    }
}

static void step(void)
{
    world.step++;
    world.now_ms += dice(5);
    doubles_run_timers();
    uint32_t x = dice(100);
    if (x < 45) {
        core_step();
    } else if (x < 75) {
        network_deliver();
    } else {
        spontaneous();
    }
    if (!world.chaos) { /* slow readers come to an end, too, and links come back */
        client_receive(&world.clients[dice(USERS)]);
        network_link_step();
    }
    check_memory();
}

/* ---------------------------------------------------------------- the end */

static void check_subscriptions(const struct client *client)
{
    for (int place = 0; place < PLACES; place++) {
        const struct view *view = &client->views[place];
        uint64_t head = database_head(&world.database, place);
        if (!view->joined) {
            continue;
        }
        if (!is_member(client->user)) {
            violate(SUB_NEVER_ENDED, "user %d place %d", client->user, place);
        } else if (view->cursor != head) {
            violate(TAIL_OR_STUCK, "user %d place %d: %lu of %lu", client->user, place,
                    view->cursor, head);
        } else if (view->tag != database_tag(&world.database, place, head)) {
            violate(OTHER_HISTORY, "user %d place %d", client->user, place);
        }
    }
}

static void check_ops(void)
{
    for (uint32_t i = 0; i < world.op_count; i++) {
        const struct op_state *state = &world.ops[i];
        if (state->acked && state->effects == 0) {
            violate(ACKED_LOST, "op %u", i);
        }
        if (state->effects > 1) {
            violate(TWICE, "op %u", i);
        }
        if ((state->refused || state->failed) && state->effects > 0 && !state->acked) {
            violate(ERROR_BUT_WRITTEN, "op %u", i);
        }
    }
}

static void begin(const struct plan *plan)
{
    world = (struct world){.plan = *plan, .random = plan->seed, .chaos = true};
    planted_faults = plan->planted;
    world.now_ms = 1000;
    world.event_bytes = sizeof(struct publication) + FRAME_ROOM + sizeof(struct frame) +
                        2 * (1 + sizeof(struct event));
    static const uint32_t ring_max[] = {1, 4, 4, 8};
    static const uint32_t ring_events[] = {2, 8, 1000};
    static const uint32_t page[] = {1, 3, 3, PAGE_MAX};
    static const uint32_t out_max[] = {2, 4, 1000, 1000};
    static const uint32_t timeout_ms[] = {800, 2500};
    static const uint32_t idle_ms[] = {100, 2000};
    world.limits = (struct streams_limits){
        .hold_max = 3 + dice(3),
        .hold_ms = 20,
        .ring_max = ring_max[dice(4)],
        .ring_bytes_max = ring_events[dice(3)] * world.event_bytes,
        .idle_ms = idle_ms[dice(2)],
        .retry_ms = 50,
    };
    world.page = page[dice(4)];
    world.out_max = out_max[dice(4)];
    world.timeout_ms = timeout_ms[dice(2)];
    doubles_begin();
    database_init(&world.database);
    for (int i = 0; i < EDGES; i++) {
        world.edges[i].index = i;
        edge_start(&world.edges[i]);
    }
    for (int i = 0; i < USERS; i++) {
        world.clients[i].user = (uint8_t)i;
        world.clients[i].edge = -1;
        client_begin(&world.clients[i]);
    }
}

static void finish(void)
{
    for (int i = 0; i < USERS; i++) {
        client_disconnect(&world.clients[i]);
        client_finish(&world.clients[i]);
    }
    for (int i = 0; i < EDGES; i++) {
        edge_stop(&world.edges[i]);
    }
    core_finish();
    network_finish();
    database_finish(&world.database);
    database_finish(&world.backup);
    free(world.ops);
    world.ops = NULL;
}

/* Faults stop, the bus stays dead: heads and catch-ups alone must set all right. */
void world_run(const struct plan *plan)
{
    begin(plan);
    for (uint32_t i = 0; i < plan->steps; i++) {
        step();
    }
    trace("---- quiet");
    world.chaos = false;
    network_drop_publications();
    for (uint32_t i = 0; i < plan->quiet_steps; i++) {
        step();
    }
    for (int i = 0; i < USERS; i++) {
        while (world.clients[i].out_count > 0) {
            client_receive(&world.clients[i]);
        }
        check_subscriptions(&world.clients[i]);
    }
    check_ops();
    world.stats.steps = world.step;
    finish();
}
