/* The structs behind upstream.h and its two halves: upstream.c follows the calls,
 * upstream_cores.c the cores. Only they include this. */
#ifndef EDGE_UPSTREAM_PARTS_H
#define EDGE_UPSTREAM_PARTS_H

#include "base/map.h"
#include "base/metrics.h"
#include "edge/core_choice.h"
#include "edge/resolver.h"
#include "edge/upstream.h"
#include "link/link_client.h"

#define CORE_HASH_MAX 64
#define CATALOGUE_ID  (UINT64_C(1) << 63) /* the id of our own requests to a core */

/* One address where a core is, was, or should be. */
struct upstream_core {
    struct list node; /* in up->cores, by core_rank() */
    struct upstream *up;
    struct link_client *client;
    struct list calls; /* struct upstream_call, asked here last */
    size_t call_count;
    uint32_t busy;    /* percent: what it said last; a refusal counts as 100 */
    int64_t heard_ms; /* when it said anything */
    bool draining;
    bool lost;    /* has been down: its bus connection may be dead and not know */
    bool leaving; /* its name no longer leads here; goes when nothing is under way */
    uint8_t hash[CORE_HASH_MAX]; /* of its catalogue */
    size_t hash_size;
    int64_t catalogue_asked_ms;
    int port;
    char host[];
};

struct upstream {
    uv_loop_t *loop;
    struct upstream_options options;
    struct upstream_events events;
    void *user;
    struct resolver *resolver;
    struct list cores;
    struct core_spread spread;
    struct list calls;   /* struct upstream_call, all: every one under way */
    struct list waiting; /* struct upstream_call, node */
    size_t waiting_count;
    size_t waiting_bytes;
    struct map calls_by_id;
    uint64_t last_id;
    uv_timer_t tick;
    uint64_t tick_ms; /* 0: not running */
    bool ready;
};

/* ---- upstream_cores.c ---- */

/* Follows the names of the options. */
MUST_CHECK enum err upstream_cores_open(struct upstream *up);
void upstream_cores_close(struct upstream *up);

/* Drops the cores that leave and have nothing under way. True: some are still leaving. */
bool upstream_cores_sweep(struct upstream *up);

/* The core to ask; NULL: none that is up, stays, and knows the event. */
struct upstream_core *upstream_core_choose(struct upstream *up,
                                           const struct upstream_call *call);

/* ---- upstream.c ---- */

void upstream_on_reply(struct upstream_core *core, const Link__Reply *reply);

/* The core's calls go to others, or wait. */
void upstream_resend_calls(struct upstream_core *core);

/* A core has become usable: what waits is sent. */
void upstream_send_waiting(struct upstream *up);

/* Something is to be looked after within `ms`. */
void upstream_tick_within(struct upstream *up, uint64_t ms);

#endif
