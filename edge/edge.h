/* The edge: what all of its parts share, and the order in which they start and stop. One
 * loop thread owns everything here. */
#ifndef EDGE_EDGE_H
#define EDGE_EDGE_H

#include <uv.h>

#include "base/map.h"
#include "bus/bus.h"
#include "edge/catalogue.h"
#include "edge/config.h"
#include "edge/conn.h"
#include "edge/identity.h"
#include "edge/limits.h"
#include "edge/streams.h"
#include "edge/upstream.h"
#include "link/frame.h"

struct listener;
struct description;
struct occupancy;
struct repair;
struct fanout;
struct recovery;

struct edge {
    const struct edge_config *config;
    uv_loop_t *loop;
    struct uuid id; /* new at each start */
    struct link_key *key;
    struct verifier *verifier;
    struct catalogue *catalogue;
    struct limits *limits;
    struct upstream *upstream;
    struct description *description; /* of the API, as cores give it */
    struct bus *bus;
    struct streams *streams;
    struct occupancy *occupancy; /* leases: who is in which room, which sessions live */
    struct repair *repair;       /* catch-up, heads, rechecks */
    struct fanout *fanout;       /* from the bus to the sessions */
    struct listener *listener;   /* libwebsockets: listener.c, ws.c, http.c */

    struct recovery *recovery; /* of Socket.IO sessions; NULL: is off */

    struct reflist *conns; /* struct conn, in_edge */
    size_t conn_count;
    size_t conns_before, conns_trimmed; /* a second ago; when the heap was trimmed */
    int trim_again_in_s;                /* 0: not */
    size_t protobuf_count;              /* of those, how many read protobuf */
    struct list follow_waiting;         /* follow.c: sessions whose turn comes */
    uint32_t follow_under_way;          /* questions */
    struct map users;    /* user id -> struct session, one of the ring in_user */
    struct map sessions; /* session id -> struct session */

    uint8_t epoch[16]; /* of the database, as last heard */
    bool has_epoch;
    int64_t heads_answered_ms; /* clock of the last answer to HeadsSince; 0: never */
    uint64_t heads_since;
    bool stale; /* no heads for STALE_MS: nothing is delivered until there are */
    bool draining;

    uv_prepare_t turn;
    uv_timer_t second, tick;
    uv_async_t bus_wake;
};

/* A revocation could be overlooked for no longer than this (P6). */
#define STALE_MS 5000

/* Starts everything; ERR_* with the reason logged. Run the loop afterwards. */
MUST_CHECK enum err edge_start(struct edge *edge, const struct edge_config *config,
                               uv_loop_t *loop);

/* Begins to leave: readiness goes, listening ends, clients are closed at a set pace with
 * a resume hint; the loop stops when the last is gone or BELFRY_DRAIN has passed. */
void edge_drain(struct edge *edge);

/* Settings that can change while running (log level, keys): SIGHUP. */
void edge_reload(struct edge *edge);

void edge_stop(struct edge *edge);

/* True while at least one core is reachable and the edge does not drain. */
bool edge_ready(const struct edge *edge);

/* A core answered HeadsSince; what was held back as stale goes on. */
void edge_heads_answered(struct edge *edge);

/* The database's epoch, as a core tells it: another one than before means that it was
 * restored, and nothing held here can be trusted. */
void edge_learn_epoch(struct edge *edge, struct bytes epoch);

#endif
