/* What PostgreSQL costs alone: a bare libpq loop that runs the statement which the core
 * composes for SEND_MESSAGE, up to 32 to a commit, two commits under way. */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/uuid.h"
#include "core/admission.h"
#include "core/db/db_many.h"
#include "core/event.h"
#include "core/event_stats.h"
#include "load/usage.h"

#define BATCH_MAX  DB_BATCH_MAX
#define SEGMENTS   2
#define CONNS_MAX  16
#define ARGS       4 /* content, reply_to, client_id, id */
#define PARAMS     (ADMISSION_PARAMS + ARGS)
#define TEXT_BYTES 120
#define STATEMENT  "send"
#define SESSION    "00000000-0000-4000-b000-000000000001"

struct options {
    const char *conninfo;
    uint32_t users, rooms, batch, conns;
    double warm, seconds;
    struct usage_group postgres;
};

struct conn {
    PGconn *pg;
    uint32_t number;
    int segments; /* sent, their Sync result not yet here */
};

/* One call, as the core would submit it. */
struct call {
    struct db_call call;
    char user[40], room[40], key[40], id[UUID_TEXT_SIZE], hash[40];
};

struct loop {
    struct options options;
    const struct db_many *many;
    Oid types[PARAMS]; /* of its parameters */
    struct conn conns[CONNS_MAX];
    char actions[24];
    char text[TEXT_BYTES + 1];
    uint64_t done, refused, busy;
    uint64_t random;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "belfry-pgloop: %s: %s\n", what, why);
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000ULL + (uint64_t)at.tv_nsec;
}

/* splitmix64 */
static uint64_t next_random(struct loop *loop)
{
    uint64_t z = loop->random += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* A random member of a random room; a room stays on one connection, as in the core. */
static uint32_t pick_user(struct loop *loop, const struct conn *conn)
{
    for (;;) {
        uint32_t user = (uint32_t)(next_random(loop) % loop->options.users);
        if (user % loop->options.rooms % loop->options.conns == conn->number) {
            return user;
        }
    }
}

/* Keys are what clients make, random UUIDs; a message's id is made as the core does. */
static void make_call(struct loop *loop, struct conn *conn, struct call *call)
{
    uint32_t user = pick_user(loop, conn);
    uint64_t a = next_random(loop), b = next_random(loop);
    snprintf(call->user, sizeof(call->user), "00000000-0000-4000-8000-%012x", user);
    snprintf(call->room, sizeof(call->room), "00000000-0000-4000-9000-%012x",
             user % loop->options.rooms);
    snprintf(call->key, sizeof(call->key), "%08x-%04x-4%03x-%04x-%012llx", (uint32_t)a,
             (uint32_t)(a >> 32) & 0xffff, (uint32_t)(a >> 48) & 0xfff,
             (uint32_t)(b & 0x3fff) | 0x8000, (unsigned long long)(b >> 16));
    uuid_format(uuid_v7(), call->id);
    snprintf(call->hash, sizeof(call->hash), "\\x%016llx%016llx", (unsigned long long)a,
             (unsigned long long)b);
    const char *params[PARAMS] = {
        "1", /* as the core does, also with one call in a batch */
        call->user, SESSION,        NULL,       "0",       "f",
        call->key,  "SEND_MESSAGE", call->hash, "actions", loop->actions,
        "3",        call->room,     "0",        NULL,      "0",
        loop->text, NULL,           call->key,  call->id,
    };
    call->call.many = loop->many;
    call->call.param_count = PARAMS;
    memcpy(call->call.params, params, sizeof(params));
}

static void send_calls(struct loop *loop, struct conn *conn)
{
    static struct call calls[BATCH_MAX];
    struct db_call *list[BATCH_MAX];
    struct db_many_params params;
    int count = (int)loop->options.batch;
    for (int i = 0; i < count; i++) {
        make_call(loop, conn, &calls[i]);
        list[i] = &calls[i].call;
    }
    if (!db_many_params_make(list, count, loop->types, &params)) {
        fail("send", "no memory");
    }
    if (PQsendQueryPrepared(conn->pg, STATEMENT, PARAMS, params.values, params.sizes,
                            params.formats, 1) != 1) {
        fail("send", PQerrorMessage(conn->pg));
    }
    buf_finish(&params.buf);
}

static void send_segments(struct loop *loop, struct conn *conn)
{
    while (conn->segments < SEGMENTS) {
        send_calls(loop, conn);
        if (PQpipelineSync(conn->pg) != 1) {
            fail("sync", PQerrorMessage(conn->pg));
        }
        conn->segments++;
    }
    if (PQflush(conn->pg) < 0) {
        fail("flush", PQerrorMessage(conn->pg));
    }
}

static void take_row(struct loop *loop, const PGresult *result, int row)
{
    const char *status = PQgetvalue(result, row, 0);
    if (strcmp(status, "OK") == 0) {
        loop->done++;
    } else if (strcmp(status, "BUSY") == 0) {
        loop->busy++;
    } else {
        if (loop->refused++ == 0) {
            fprintf(stderr, "belfry-pgloop: refused: %s\n", status);
        }
    }
}

static void receive(struct loop *loop, struct conn *conn)
{
    if (PQconsumeInput(conn->pg) != 1) {
        fail("receive", PQerrorMessage(conn->pg));
    }
    while (conn->segments > 0 && !PQisBusy(conn->pg)) {
        PGresult *result = PQgetResult(conn->pg);
        switch (result != NULL ? PQresultStatus(result) : PGRES_EMPTY_QUERY) {
        case PGRES_PIPELINE_SYNC:
            conn->segments--;
            break;
        case PGRES_TUPLES_OK:
            for (int row = 0; row < PQntuples(result); row++) {
                take_row(loop, result, row);
            }
            break;
        case PGRES_EMPTY_QUERY: /* NULL ends each statement's results */
            break;
        default:
            fail("statement", PQresultErrorMessage(result));
        }
        PQclear(result);
    }
}

static void run_until(struct loop *loop, uint64_t end_ns)
{
    struct pollfd polls[CONNS_MAX];
    uint32_t conns = loop->options.conns;
    while (now_ns(CLOCK_MONOTONIC) < end_ns) {
        for (uint32_t i = 0; i < conns; i++) {
            send_segments(loop, &loop->conns[i]);
            polls[i] = (struct pollfd){PQsocket(loop->conns[i].pg), POLLIN, 0};
        }
        poll(polls, conns, 1000);
        for (uint32_t i = 0; i < conns; i++) {
            if (polls[i].revents != 0) {
                receive(loop, &loop->conns[i]);
            }
        }
    }
}

static void drain(struct loop *loop)
{
    for (uint32_t i = 0; i < loop->options.conns; i++) {
        while (loop->conns[i].segments > 0) {
            struct pollfd wait = {PQsocket(loop->conns[i].pg), POLLIN, 0};
            poll(&wait, 1, 1000);
            receive(loop, &loop->conns[i]);
        }
    }
}

/* As the core connects (core/db/db_conn.c): plans are made once, and not on empty tables.
 */
static void open_conn(struct loop *loop, struct conn *conn, uint32_t number,
                      const char *sql)
{
    conn->number = number;
    conn->pg = PQconnectdb(loop->options.conninfo);
    if (PQstatus(conn->pg) != CONNECTION_OK) {
        fail("connect", PQerrorMessage(conn->pg));
    }
    PGresult *result = PQexec(conn->pg, "SET enable_seqscan = off; "
                                        "SET plan_cache_mode = force_generic_plan; "
                                        "SET jit = off");
    PQclear(result);
    result = PQprepare(conn->pg, STATEMENT, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail("prepare", PQerrorMessage(conn->pg));
    }
    PQclear(result);
    result = PQdescribePrepared(conn->pg, STATEMENT);
    for (int i = 0; i < PARAMS && i < PQnparams(result); i++) {
        loop->types[i] = PQparamtype(result, i);
    }
    PQclear(result);
    PQsetnonblocking(conn->pg, 1);
    if (PQenterPipelineMode(conn->pg) != 1) {
        fail("pipeline", PQerrorMessage(conn->pg));
    }
}

static void measure(struct loop *loop)
{
    const struct options *options = &loop->options;
    run_until(loop, now_ns(CLOCK_MONOTONIC) + (uint64_t)(options->warm * 1e9));
    uint64_t done = loop->done;
    uint64_t machine = usage_machine_ns();
    uint64_t postgres = usage_cpu_ns(&options->postgres);
    uint64_t own = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t began = now_ns(CLOCK_MONOTONIC);
    run_until(loop, began + (uint64_t)(options->seconds * 1e9));
    double seconds = (double)(now_ns(CLOCK_MONOTONIC) - began) / 1e9;
    double used_pg = (double)(usage_cpu_ns(&options->postgres) - postgres);
    double used = (double)(now_ns(CLOCK_PROCESS_CPUTIME_ID) - own);
    double foreign = (double)(usage_machine_ns() - machine) - used_pg - used;
    double count = (double)(loop->done - done);
    drain(loop);
    printf("{\"program\":\"pgloop\",\"users\":%u,\"rooms\":%u,\"batch\":%u,"
           "\"connections\":%u,\"seconds\":%.3f,\"rate\":%.0f,\"postgres_us\":%.3f,"
           "\"client_us\":%.3f,\"refused\":%llu,\"busy\":%llu,\"foreign\":%.3f}\n",
           options->users, options->rooms, options->batch, options->conns, seconds,
           count / seconds, used_pg / 1e3 / count, used / 1e3 / count,
           (unsigned long long)loop->refused, (unsigned long long)loop->busy,
           foreign > 0 ? foreign / seconds / 1e9 : 0);
}

static void read_options(int argc, char **argv, struct options *ret_options)
{
    char pid_text[64];
    if (argc != 8) {
        fprintf(stderr, "belfry-pgloop USERS ROOMS BATCH CONNECTIONS WARM_S SECONDS "
                        "POSTGRES_PID; DATABASE_URL says where\n");
        exit(2);
    }
    *ret_options = (struct options){
        .conninfo = getenv("DATABASE_URL"),
        .users = (uint32_t)atoi(argv[1]),
        .rooms = (uint32_t)atoi(argv[2]),
        .batch = (uint32_t)atoi(argv[3]),
        .conns = (uint32_t)atoi(argv[4]),
        .warm = atof(argv[5]),
        .seconds = atof(argv[6]),
    };
    snprintf(pid_text, sizeof(pid_text), "postgres=%d+", atoi(argv[7]));
    if (ret_options->conninfo == NULL || ret_options->users == 0 ||
        ret_options->rooms == 0 || ret_options->batch == 0 ||
        ret_options->batch > BATCH_MAX || ret_options->conns == 0 ||
        ret_options->conns > CONNS_MAX || ret_options->rooms < ret_options->conns ||
        !usage_parse(pid_text, &ret_options->postgres)) {
        fail("options", "a number out of range, or no DATABASE_URL");
    }
}

int main(int argc, char **argv)
{
    static struct loop loop;
    read_options(argc, argv, &loop.options);
    const struct event_def *event = event_find(bytes_of_text("SEND_MESSAGE"));
    if (event == NULL || event_stats_init() != ERR_OK) {
        fail("contract", "SEND_MESSAGE is not in it");
    }
    if (event_statement(event, ARGS) == NULL || event_shortcut(event) == NULL) {
        fail("contract", "no statement");
    }
    loop.many = event_shortcut(event);
    snprintf(loop.actions, sizeof(loop.actions), "%llu",
             (unsigned long long)event->actions);
    memset(loop.text, 'x', TEXT_BYTES);
    loop.random = now_ns(CLOCK_REALTIME);
    for (uint32_t i = 0; i < loop.options.conns; i++) {
        open_conn(&loop, &loop.conns[i], i, loop.many->sql);
    }
    measure(&loop);
    for (uint32_t i = 0; i < loop.options.conns; i++) {
        PQfinish(loop.conns[i].pg);
    }
    return loop.refused > 0 ? 1 : 0;
}
