/* The structs behind link_server.h and its two halves: link_server.c on the loop thread,
 * link_server_io.c on NNG's. Only they include this. */
#ifndef LINK_LINK_SERVER_PARTS_H
#define LINK_LINK_SERVER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "link/link_parts.h"
#include "link/link_server.h"

#define CONTEXTS      128 /* messages of all edges that may wait for answers */
#define CATALOGUE_MAX 64  /* bytes of its hash */

/* A REP context: NNG's while RECEIVING and SENDING, the loop's while PARKED. */
enum context_state { CONTEXT_RECEIVING, CONTEXT_PARKED, CONTEXT_SENDING };

struct context {
    struct link_server *server;
    nng_ctx ctx;
    nng_aio *aio;
    enum context_state state; /* handed over with the context itself, under lock */
    nng_msg *request;
    struct context *next; /* of those that arrived, under lock */

    struct list node; /* in peer->parked */
    uint64_t number;
    uint32_t pipe_id;
    int64_t parked_at_ms;
};

/* What replies belong to. Not the edge alone: two addresses may lead it to one core. */
struct peer_key {
    struct uuid edge_id;
    uint8_t link_id[8];
};

_Static_assert(sizeof(struct peer_key) == 24, "keys of maps have no padding");

struct link_peer {
    struct list node; /* in server->peers; unlinked: forgotten */
    struct link_server *server;
    unsigned refs; /* one of them is the server's */
    struct peer_key key;
    struct frame_queue queue;
    struct list parked; /* struct context, oldest first */
    size_t parked_count;
    uint64_t number; /* the newest */
    uint32_t pipe_id;
    bool owed; /* something that it should be told at once */
    int64_t heard_at_ms;
};

struct link_server {
    _Atomic int refs; /* three handles of the loop, and NNG */
    nng_socket socket;
    struct context contexts[CONTEXTS];
    _Atomic int sending;

    pthread_mutex_t lock;
    struct context *arrived; /* the four under lock */
    struct context **arrived_end;
    bool woken;
    _Atomic bool closing; /* also read without */

    uv_async_t wake;
    uv_prepare_t turn;
    uv_timer_t timer;
    int64_t timer_due_ms;

    const struct link_key *key;
    struct uuid core_id;
    uint8_t catalogue[CATALOGUE_MAX];
    size_t catalogue_size;
    struct link_server_events events;
    void *user;

    struct arena arena;
    struct map peers_by_key; /* struct peer_key -> struct link_peer */
    struct list peers;
    bool draining;
    bool closed;
};

/* Listens; false: link_server_io_close() what is there. */
bool link_server_io_open(struct link_server *server, const char *host, int port);

/* Closes in the background and then drops NNG's reference. */
void link_server_io_close(struct link_server *server);

/* The contexts whose requests came since the last time, as a list. */
struct context *link_server_io_take(struct link_server *server);

/* Answers what the context holds; it then receives the next message. */
void link_server_io_send(struct context *context, nng_msg *msg);

/* The same without an answer. */
void link_server_io_drop(struct context *context);

void link_server_unref(struct link_server *server);

#endif
