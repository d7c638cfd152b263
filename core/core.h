/* What one core process holds, and what its parts know of each other. */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <uv.h>

#include "base/uuid.h"
#include "core/config.h"
#include "core/db/db.h"
#include "core/hot.h"

#define REQUEST_ARENA_MAX (16 * 1024 * 1024)

/* Where calls to PostgreSQL go: the pipeline, or a test's own transaction. Like
 * db_submit(): `done` comes later or now, but not after an error. */
struct executor {
    enum err (*submit)(void *user, struct db_call *call);
    void *user;
};

struct core {
    const struct core_config *config;
    uv_loop_t *loop;
    struct uuid id;
    bool development;
    uint64_t service_rights;
    struct executor executor;

    struct db *db;
    struct bus *bus;
    struct link_key *key;
    struct link_server *server;
    struct publisher *publisher;
    struct worker *worker;
    struct heads *heads;
    struct sweeper *sweeper;
    struct status *status;
    struct hot hot; /* of the loop thread, as all of this */

    struct uuid epoch; /* of the database; zero until it was read */
    bool serving;      /* schema and epoch are known and fit */
    bool draining;
    bool checking, told_no_schema; /* database.c */
    bool refused;                  /* the database is not one that this core can serve */
    int64_t protobuf_until_ms;     /* some edge has clients that read protobuf */
    int chaos_turns;               /* until the point "after-reply" */
    uv_async_t *bus_wake;
    uv_prepare_t *prepare;
    uv_timer_t *drain;
    int64_t drain_started_ms;
};

/* Connects, listens and starts all parts; what goes wrong is logged. */
MUST_CHECK enum err core_open(uv_loop_t *loop, const struct core_config *config,
                              struct core *core);

/* Takes no new requests and closes when those under way are done, or after 5 s. */
void core_drain(struct core *core);

/* Frees everything; the loop then has nothing of it. */
void core_close(struct core *core);

/* True while publications should carry protobuf beside JSON. */
bool core_wants_protobuf(const struct core *core);
void core_note_protobuf(struct core *core);

#endif
