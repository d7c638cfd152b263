/* A whole Belfry in one process, under a seeded scheduler and a virtual clock: the edge's
 * own streams and upstream, and models of everything around them. A seed decides every
 * step, so that what breaks once can be looked at again. */
#ifndef SIMULATION_WORLD_H
#define SIMULATION_WORLD_H

#include "base/map.h"
#include "edge/planted.h"
#include "edge/streams.h"
#include "edge/upstream.h"

#define USERS    4
#define EDGES    2
#define CORES    2
#define PAGE_MAX 8

/* One community (also its access scope) with two rooms. User 0 is its owner: he kicks the
 * others and takes them back. */
enum place { ACCESS, COMMUNITY, ROOM_0, ROOM_1, USER_0, PLACES = USER_0 + USERS };
#define JOINABLE(place) ((place) >= COMMUNITY && (place) <= ROOM_1)

/* Rules of cores and PostgreSQL that can be taken away; those of the edge's own sources
 * are in edge/planted.h. */
enum fault {
    FAULT_LOCK = 1 << 0,          /* the right is checked without a lock */
    FAULT_HEADS_UPDATED = 1 << 1, /* heads by time, with a look-back */
    FAULT_HEADS_NONE = 1 << 2,    /* nobody asks for heads */
    FAULT_DEDUPE_OK = 1 << 3,     /* only successes stored, by request */
    FAULT_DEDUPE_CONN = 1 << 4,   /* one row for each connection */
    FAULT_DEDUPE_NONE = 1 << 5,   /* no answers stored */
    FAULT_DEDUPE_FIRST = 1 << 6,  /* the right is checked before the key */
    FAULT_LOGGED = 1 << 7,        /* answers do not survive a crash */
    FAULT_HEADS_FIRST = 1 << 10,  /* the first answer says nothing, but is believed */
    FAULT_HONEST = 1 << 8,        /* UNAVAILABLE although it may have happened */
    FAULT_SYNCREPLY = 1 << 9      /* the reply goes out before the commit */
};
#define FAULTS_DEDUPE (FAULT_DEDUPE_OK | FAULT_DEDUPE_CONN | FAULT_DEDUPE_NONE)

enum violation {
    GAP,
    DUP,
    PHANTOM,
    LEAK_AFTER_REVOKE,
    ACCEPT_AFTER_REVOKE,
    TAIL_OR_STUCK,
    SUB_NEVER_ENDED,
    WRONGLY_ENDED,
    NEEDLESS_RECHECK,
    NEEDLESS_RESYNC,
    ACKED_LOST,
    TWICE,
    ERROR_BUT_WRITTEN,
    RETRY_REFUSED_AFTER_EFFECT,
    RETRY_OTHER_ANSWER,
    OTHER_HISTORY,
    MEMORY_OVER_LIMIT,
    VIOLATIONS
};
extern const char *const violation_names[VIOLATIONS];

/* What one seed is run with. */
struct plan {
    uint64_t seed;
    uint32_t steps; /* with faults; the quiet end follows */
    uint32_t quiet_steps;
    unsigned planted; /* enum planted */
    unsigned faults;  /* enum fault */
    bool restore;     /* PostgreSQL is restored from a backup once */
    bool trace;
};

struct stats {
    uint64_t steps, core_kills, edge_kills, database_crashes, restores, received, acked,
        retries, unanswered, unavailable, fenced, rechecks, resyncs, fetches;
};

/* ---------------------------------------------------------------- what travels */

enum op_kind { OP_JOIN, OP_CATCH_UP, OP_HEADS, OP_RECHECK, OP_SEND, OP_KICK, OP_ADD };
#define OP_CHANGES(kind) ((kind) >= OP_SEND)

struct op {
    uint8_t kind, user, place, target;
    bool has_seq;
    uint32_t id;   /* the clientId of a change */
    uint64_t seq;  /* JOIN: to resume behind; CATCH_UP: after; HEADS: since */
    uint32_t tag;  /* of that event */
    uint64_t conn; /* whose request it is, and the how manieth of that connection */
    uint32_t number;
};

struct event {
    uint8_t place, kind, user, target;
    uint8_t members; /* after its commit, a bit for each */
    uint32_t op, tag, prev_tag;
    uint64_t seq, after, xid;
    uint64_t written_step; /* when the row was written, not when it committed */
};

enum reply_kind { REPLY_OK, REPLY_NO, REPLY_STALE, REPLY_READ };

struct reply {
    uint8_t kind, members;
    bool allowed, resync;
    uint32_t tag, epoch;
    uint64_t seq; /* of the change; head of what was read */
    uint64_t access_seq, next_since;
    uint64_t heads[PLACES];
    uint32_t row_count;
    struct event rows[PAGE_MAX];
};

/* ---------------------------------------------------------------- PostgreSQL */

struct place_log {
    struct event *events;
    size_t count, capacity;
};

struct answer_key {
    uint64_t kind, a, b;
};

struct answer {
    struct answer_key key;
    uint32_t number; /* FAULT_DEDUPE_CONN */
    uint8_t kind;    /* enum reply_kind */
    uint64_t seq;
};

struct database {
    struct place_log logs[PLACES];
    uint8_t members;
    uint64_t next_xid;
    uint32_t epoch;
    struct answer *answers;
    size_t answer_count, answer_capacity;
};

void database_init(struct database *database);
void database_finish(struct database *database);
void database_copy(struct database *to, const struct database *from);
struct event *database_append(struct database *database, struct event event);
uint64_t database_head(const struct database *database, enum place place);
uint32_t database_tag(const struct database *database, enum place place, uint64_t seq);
const struct answer *database_answer(const struct database *database,
                                     struct answer_key key);
void database_store(struct database *database, struct answer answer);

/* ---------------------------------------------------------------- cores */

struct task; /* one request on one core */

void core_receive(int core, int edge, uint32_t boot, uint64_t call, struct uuid request,
                  const struct op *op);
void core_step(void); /* of a random task */
void core_kill(int core);
void core_kill_tasks(int core); /* -1: of all cores, as PostgreSQL is gone */
void core_finish(void);

/* ---------------------------------------------------------------- the network */

enum message_kind { MESSAGE_EVENT, MESSAGE_HEAD, MESSAGE_REPLY };

struct message {
    enum message_kind kind;
    int edge, core;
    uint32_t boot, epoch;
    uint64_t call;
    bool refused; /* UNAVAILABLE, before SQL */
    bool broken;  /* UNAVAILABLE, nobody knows */
    union {
        struct event event; /* HEAD: only its place and seq */
        struct reply reply;
    };
};

void network_publish(const struct event *event);
void network_publish_head(const struct event *event);
void network_send(const struct message *message);
void network_deliver(void); /* a random message */
void network_link_step(void);
void network_drop_publications(void);
void network_drop_all(void);
void network_finish(void);

/* ---------------------------------------------------------------- edges */

struct edge_call;

struct sim_edge {
    int index;
    uint32_t boot;
    struct streams *streams;
    struct upstream *upstream;
    uv_loop_t loop;
    struct list calls; /* struct edge_call */
    uint64_t heads_since;
    uint32_t epoch;
    bool has_epoch;
    bool heads_pending;
    uint32_t interest; /* a bit for each place */
};

void edge_start(struct sim_edge *edge);
void edge_stop(struct sim_edge *edge); /* kill -9 */
void edge_tick(struct sim_edge *edge);
void edge_ask_heads(struct sim_edge *edge);
void edge_take_event(struct sim_edge *edge, const struct event *event, uint32_t epoch);
void edge_take_head(struct sim_edge *edge, enum place place, uint64_t seq);
struct client;
void edge_request(struct sim_edge *edge, struct client *client, const struct op *op);
void edge_leave(struct sim_edge *edge, struct client *client, enum place place);
void edge_disconnect(struct sim_edge *edge, struct client *client);
void edge_feed(struct sim_edge *edge, struct client *client);

/* ---------------------------------------------------------------- clients */

enum frame_kind_out {
    OUT_EVENT,
    OUT_JOINED,
    OUT_DENIED,
    OUT_GONE,
    OUT_RESYNC,
    OUT_ACK,
    OUT_UNAVAILABLE
};

struct out_frame {
    enum frame_kind_out kind;
    enum place place;
    uint64_t seq;
    uint32_t tag, epoch;
    struct op op;
    struct reply reply;
};

struct view {
    bool joined;
    uint64_t cursor;
    uint32_t tag;
};

/* Of subscriptions. */
struct owner {
    struct uuid id; /* of the user */
    struct client *client;
};

struct client {
    uint8_t user;
    int edge;            /* -1: not connected */
    struct owner *owner; /* in a block of pool.h */
    uint64_t conn;
    uint32_t number;
    struct subscription *subscriptions[PLACES]; /* the edge's */
    uint64_t checked[PLACES]; /* when their rights were read last; 0: it does not count */
    struct view views[PLACES]; /* the client's */
    struct view resume[PLACES];
    struct out_frame *out;
    size_t out_start, out_count, out_capacity;
    bool waits;
    bool has_unknown; /* a change without an answer: it is tried again */
    bool tried;       /* before this connection */
    struct op unknown;
};

void client_act(struct client *client);
void client_receive(struct client *client);
void client_push(struct client *client, const struct out_frame *frame);
void client_drop(struct client *client, enum place place);
void client_disconnect(struct client *client);
void client_begin(struct client *client);
void client_finish(struct client *client);

/* ---------------------------------------------------------------- the world */

struct op_state {
    uint32_t effects;
    bool acked, refused, failed;
    uint64_t acked_seq;
    struct op op;
};

struct world {
    struct plan plan;
    uint64_t random;
    uint64_t step;
    int64_t now_ms;
    bool chaos;
    struct database database, backup;
    bool has_backup, restored;
    uint32_t core_boots[CORES];
    struct sim_edge edges[EDGES];
    struct client clients[USERS];
    struct op_state *ops;
    uint32_t op_count, op_capacity;
    uint64_t last_conn;
    uint32_t last_request;

    struct streams_limits limits; /* small, and different from seed to seed */
    uint32_t page, out_max, timeout_ms;
    size_t event_bytes;

    struct stats stats;
    uint64_t violations[VIOLATIONS];
};
extern struct world world;

void world_run(const struct plan *plan);
bool world_failed(void);
void violate(enum violation violation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint32_t dice(uint32_t sides); /* 0 … sides - 1 */
bool chance(uint32_t per_10000);
struct op_state *op_new(enum op_kind kind, int user);
struct stream_id place_id(enum place place);
enum place place_of(const struct stream_id *id);
struct uuid user_id(int user);
static inline bool faulty(enum fault fault)
{
    return (world.plan.faults & fault) != 0;
}
static inline bool is_member(int user)
{
    return (world.database.members >> user & 1) != 0;
}

#endif
