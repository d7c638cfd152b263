/* Lets the core see requests and peers instead of sockets: takes link messages apart,
 * and answers each one when its time has come. */
#include "link/link_server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "link/link_server_parts.h"

#define PARKED_MAX      2   /* of one edge */
#define NEWER_MS        2   /* after a newer message the older is answered */
#define HOLD_MS         500 /* the longest that a message stays unanswered */
#define FORGET_MS       30000
#define SWEEP_MS        5000
#define PEERS_MAX       4096
#define QUEUE_BYTES_MAX (64 * 1024 * 1024) /* replies that one edge does not fetch */
#define ARENA_BYTES_MAX (64 * 1024 * 1024)
#define CORE_ID_FIELD   1
#define DRAINING_FIELD  3
#define CATALOGUE_FIELD 4

static struct metric replies_dropped = METRIC_COUNTER(
    "belfry_link_replies_dropped_total",
    "Replies that found no way back: the edge is gone or fetches nothing.");

/* ---- peers ---- */

static struct link_peer *peer_find(struct link_server *server,
                                   const Link__ToCore *message)
{
    struct peer_key key;
    memcpy(key.edge_id.b, message->edge_id.data, sizeof(key.edge_id.b));
    memcpy(key.link_id, &message->link, sizeof(key.link_id));
    struct link_peer *peer = map_get(&server->peers_by_key, &key);
    if (peer != NULL || server->peers_by_key.size >= PEERS_MAX) {
        return peer;
    }
    peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        return NULL;
    }
    peer->server = server;
    peer->refs = 1;
    peer->key = key;
    frame_queue_init(&peer->queue);
    list_init(&peer->parked);
    if (map_put(&server->peers_by_key, &key, peer) != ERR_OK) {
        free(peer);
        return NULL;
    }
    list_push(&server->peers, &peer->node);
    return peer;
}

static void peer_forget(struct link_peer *peer)
{
    map_remove(&peer->server->peers_by_key, &peer->key);
    list_remove(&peer->node);
    metric_add(&replies_dropped, (int64_t)peer->queue.count);
    frame_queue_finish(&peer->queue);
    link_peer_unref(peer);
}

struct link_peer *link_peer_ref(struct link_peer *peer)
{
    peer->refs++;
    return peer;
}

void link_peer_unref(struct link_peer *peer)
{
    if (peer != NULL && --peer->refs == 0) {
        free(peer);
    }
}

struct uuid link_peer_edge(const struct link_peer *peer)
{
    return peer->key.edge_id;
}

/* ---- answering ---- */

static void answer(struct link_server *server, struct link_peer *peer,
                   struct context *context)
{
    list_remove(&context->node);
    peer->parked_count--;

    struct frame_chunk *chunk = frame_queue_take(&peer->queue);
    chunk = chunk != NULL ? chunk : frame_chunk_create();
    nng_msg *msg = NULL;
    enum err err = ERR_UNAVAILABLE;
    if (chunk != NULL) {
        struct buf *body = frame_chunk_buf(chunk);
        frame_append_bytes(body, CORE_ID_FIELD, bytes_make(server->core_id.b, 16));
        if (server->draining) {
            frame_append_varint(body, DRAINING_FIELD, 1);
        }
        frame_append_bytes(body, CATALOGUE_FIELD,
                           bytes_make(server->catalogue, server->catalogue_size));
        err = link_message_make(server->key, FRAME_FROM_CORE, chunk, &msg);
    }
    if (err != ERR_OK) {
        link_server_io_drop(
            context); /* no memory: the edge sees silence, and asks elsewhere */
        return;
    }
    peer->owed = false;
    link_server_io_send(context, msg);
}

static struct context *parked_first(const struct link_peer *peer)
{
    if (list_empty(&peer->parked)) {
        return NULL;
    }
    return container_of(peer->parked.next, struct context, node);
}

/* When the oldest parked message is due though there are no replies for it. */
static int64_t parked_due(const struct link_peer *peer, const struct context *oldest)
{
    if (peer->owed || peer->parked_count > PARKED_MAX ||
        oldest->pipe_id != peer->pipe_id) {
        return 0;
    }
    int64_t due = oldest->parked_at_ms + HOLD_MS;
    if (peer->parked_count > 1) {
        struct context *newer = container_of(oldest->node.next, struct context, node);
        int64_t newer_due = newer->parked_at_ms + NEWER_MS;
        due = newer_due < due ? newer_due : due;
    }
    return due;
}

/* Answers what can or must be answered; gives the time of the next one that must. */
static int64_t flush(struct link_server *server, int64_t now)
{
    int64_t next_due = now + SWEEP_MS;
    LIST_EACH(&server->peers, node) {
        struct link_peer *peer = container_of(node, struct link_peer, node);
        struct context *oldest;
        while ((oldest = parked_first(peer)) != NULL) {
            int64_t due = parked_due(peer, oldest);
            /* A message of a connection that has gone gets no replies: they would be lost
             * without anybody noticing. */
            bool replies = peer->queue.count > 0 && oldest->pipe_id == peer->pipe_id;
            if (!replies && now < due) {
                next_due = due < next_due ? due : next_due;
                break;
            }
            if (oldest->pipe_id != peer->pipe_id) {
                list_remove(&oldest->node);
                peer->parked_count--;
                link_server_io_drop(oldest);
                continue;
            }
            answer(server, peer, oldest);
        }
        if (now - peer->heard_at_ms > FORGET_MS && list_empty(&peer->parked)) {
            peer_forget(peer);
        }
    }
    return next_due;
}

static void on_timer(uv_timer_t *timer);

static void turn_end(struct link_server *server)
{
    int64_t now = clock_ms();
    int64_t due = flush(server, now);
    if (due != server->timer_due_ms) {
        server->timer_due_ms = due;
        uv_update_time(server->timer.loop);
        uv_timer_start(&server->timer, on_timer, (uint64_t)(due > now ? due - now : 0),
                       0);
    }
    if (server->events.on_turn != NULL) {
        server->events.on_turn(server->user);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct link_server *server = timer->data;
    server->timer_due_ms = 0; /* the turn's end does what is due */
}

static void on_turn(uv_prepare_t *turn)
{
    turn_end(turn->data);
}

/* ---- arriving ---- */

/* In the order of their numbers: NNG's threads may hand two messages over crosswise. */
static void park(struct link_peer *peer, struct context *context)
{
    struct list *before = &peer->parked;
    while (before->prev != &peer->parked &&
           container_of(before->prev, struct context, node)->number > context->number) {
        before = before->prev;
    }
    list_push(before, &context->node);
    peer->parked_count++;
}

static void handle_message(struct link_server *server, struct context *context,
                           const Link__ToCore *message)
{
    struct link_peer *peer = peer_find(server, message);
    if (peer == NULL) {
        link_server_io_drop(context);
        return;
    }
    context->number = message->number;
    context->parked_at_ms = clock_ms();
    peer->heard_at_ms = context->parked_at_ms;
    bool newest = message->number >= peer->number;
    if (newest) {
        peer->number = message->number;
        /* A new edge, or one that had lost us, waits for a sign of life. */
        peer->owed = peer->owed || peer->pipe_id != context->pipe_id;
        peer->pipe_id = context->pipe_id;
    }
    park(peer, context);

    link_peer_ref(peer);
    for (size_t i = 0; i < message->n_requests && !server->closed; i++) {
        server->events.on_request(server->user, peer, message->requests[i]);
    }
    link_peer_unref(peer);
}

static void handle_arrived(struct link_server *server, struct context *context)
{
    ProtobufCMessage *message;
    nng_msg *request = context->request;
    context->request = NULL;
    context->pipe_id = (uint32_t)nng_pipe_id(nng_msg_get_pipe(request));
    arena_reset(&server->arena);
    enum err err = frame_open(server->key, FRAME_TO_CORE, &link__to_core__descriptor,
                              bytes_make(nng_msg_body(request), nng_msg_len(request)),
                              &server->arena, &message);
    nng_msg_free(request);
    metric_add(&link_messages_received, 1);
    if (err != ERR_OK || ((Link__ToCore *)message)->edge_id.len != 16) {
        link_server_io_drop(context);
        return;
    }
    handle_message(server, context, (Link__ToCore *)message);
}

static void on_wake(uv_async_t *wake)
{
    struct link_server *server = wake->data;
    struct context *arrived = link_server_io_take(server);
    while (arrived != NULL && !server->closed) {
        struct context *context = arrived;
        arrived = context->next;
        handle_arrived(server, context);
    }
}

/* ---- opening and closing ---- */

static void handles_init(struct link_server *server, uv_loop_t *loop)
{
    uv_async_init(loop, &server->wake, on_wake);
    uv_prepare_init(loop, &server->turn);
    uv_timer_init(loop, &server->timer);
    server->wake.data = server->turn.data = server->timer.data = server;
    uv_prepare_start(&server->turn, on_turn);
}

enum err link_server_open(uv_loop_t *loop, const char *host, int port,
                          const struct link_key *key, struct uuid core_id,
                          struct bytes catalogue_hash, struct link_server_events events,
                          void *user, struct link_server **ret_server)
{
    link_metrics_register();
    metrics_register(&replies_dropped);
    struct link_server *server = calloc(1, sizeof(*server));
    if (server == NULL || catalogue_hash.size > CATALOGUE_MAX) {
        free(server);
        return server == NULL ? ERR_UNAVAILABLE : ERR_VALIDATION_ERROR;
    }
    server->key = key;
    server->core_id = core_id;
    server->catalogue_size = catalogue_hash.size;
    if (catalogue_hash.size > 0) {
        memcpy(server->catalogue, catalogue_hash.data, catalogue_hash.size);
    }
    server->events = events;
    server->user = user;
    server->arrived_end = &server->arrived;
    arena_init(&server->arena, ARENA_BYTES_MAX);
    map_init(&server->peers_by_key, sizeof(struct peer_key));
    list_init(&server->peers);
    pthread_mutex_init(&server->lock, NULL);

    handles_init(server, loop);
    atomic_store(&server->refs, 4);
    if (!link_server_io_open(server, host, port)) {
        link_server_close(server);
        return ERR_UNAVAILABLE;
    }
    *ret_server = server;
    return ERR_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    link_server_unref(handle->data);
}

void link_server_close(struct link_server *server)
{
    if (server == NULL || server->closed) {
        return;
    }
    server->closed = true;
    LIST_EACH(&server->peers, node) {
        struct link_peer *peer = container_of(node, struct link_peer, node);
        list_init(&peer->parked); /* its contexts go with the server */
        peer_forget(peer);
    }
    map_finish(&server->peers_by_key);

    link_server_io_close(server);
    uv_close((uv_handle_t *)&server->wake, on_handle_closed);
    uv_close((uv_handle_t *)&server->turn, on_handle_closed);
    uv_close((uv_handle_t *)&server->timer, on_handle_closed);
}

/* ---- the rest of the interface ---- */

/* What says instead of a reply that fits no frame, that the work was done in vain. */
static void reply_too_large(struct link_peer *peer, uint64_t id)
{
    Link__Error error = LINK__ERROR__INIT;
    error.code = (char *)err_code(ERR_INTERNAL);
    error.message = (char *)"The answer is too large";
    Link__Reply reply = LINK__REPLY__INIT;
    reply.id = id;
    reply.body_case = LINK__REPLY__BODY_ERROR;
    reply.error = &error;
    if (frame_queue_push(&peer->queue, &reply.base) != ERR_OK) {
        metric_add(&replies_dropped, 1);
    }
}

void link_server_reply(struct link_peer *peer, const Link__Reply *reply)
{
    if (!list_linked(&peer->node) || peer->queue.bytes > QUEUE_BYTES_MAX) {
        metric_add(&replies_dropped, 1);
        return;
    }
    enum err err = frame_queue_push(&peer->queue, &reply->base);
    if (err == ERR_PAYLOAD_TOO_LARGE) {
        reply_too_large(peer, reply->id);
    } else if (err != ERR_OK) {
        metric_add(&replies_dropped, 1);
    }
}

void link_server_drain(struct link_server *server)
{
    server->draining = true;
    LIST_EACH(&server->peers, node) {
        container_of(node, struct link_peer, node)->owed = true;
    }
}

bool link_server_flushed(const struct link_server *server)
{
    LIST_EACH(&server->peers, node) {
        if (container_of(node, struct link_peer, node)->queue.count > 0) {
            return false;
        }
    }
    return atomic_load(&server->sending) == 0;
}
