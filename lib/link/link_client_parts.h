/* The struct behind link_client.h and its two halves: link_client.c on the loop thread,
 * link_client_io.c on NNG's. Only they include this. */
#ifndef LINK_LINK_CLIENT_PARTS_H
#define LINK_LINK_CLIENT_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "link/link_client.h"
#include "link/link_parts.h"

#define CONTEXTS 2 /* messages under way */

/* Who may touch a context: the loop while IDLE or DONE, NNG else. */
enum context_state { CONTEXT_IDLE, CONTEXT_SENDING, CONTEXT_WAITING, CONTEXT_DONE };

struct context {
    struct link_client *client;
    nng_ctx ctx;
    nng_aio *aio;
    enum context_state state; /* under lock */
    nng_msg *answer;          /* DONE: NULL if it failed */
    struct context *next;     /* of the finished ones, under lock */
    int64_t sent_at_ms;       /* 0: not under way */
};

struct link_client {
    _Atomic int refs; /* three handles of the loop, and NNG */
    nng_socket socket;
    struct context contexts[CONTEXTS];
    size_t context_count; /* that were made: fewer only when opening fails */

    pthread_mutex_t lock;
    struct context *finished; /* the five under lock */
    struct context **finished_end;
    bool woken;
    bool closing;
    bool pipe_lost;
    nng_pipe pipe;

    uv_async_t wake;
    uv_prepare_t turn;
    uv_timer_t timer;

    const struct link_key *key;
    struct uuid edge_id;
    struct link_client_events events;
    void *user;
    char address[LINK_ADDRESS_SIZE];

    struct frame_queue queue;
    struct arena arena;
    struct uuid core_id; /* that answered last */
    uint64_t link_id;    /* tells it from another link of this edge to the same core */
    uint64_t number;     /* of the last message */
    size_t outstanding;
    bool up;
    bool draining;
    bool closed;

    int64_t heard_at_ms; /* or when waiting began anew */
    int64_t timer_due_ms;
    int64_t probe_at_ms;
    int64_t probe_delay_ms;
    int64_t redial_at_ms;
    int64_t redial_delay_ms;
};

/* Socket, contexts and dialer; false: link_client_io_close() what is there. */
bool link_client_io_open(struct link_client *client);

/* Closes in the background and then drops NNG's reference. */
void link_client_io_close(struct link_client *client);

/* The message goes out and its answer is awaited; both end in client->finished. */
void link_client_io_send(struct context *context, nng_msg *msg);

/* What has ended since the last time, as a list; ret_lost: the connection broke. */
struct context *link_client_io_take(struct link_client *client, bool *ret_lost);

/* A message that NNG still holds, for want of a connection, would be carried out long
 * after its requests have been given to another core. */
void link_client_io_cancel_unsent(struct link_client *client);

/* Breaks the connection, so that NNG makes another one. */
void link_client_io_redial(struct link_client *client);

void link_client_unref(struct link_client *client);

#endif
