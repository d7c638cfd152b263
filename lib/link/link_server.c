/* Lets the core see requests and peers instead of sockets: takes link messages apart,
 * and answers each one when its time has come. */
#include "link/link_server.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "link/link_parts.h"

#define FIRST_MS        10000 /* an edge speaks as soon as it is connected */
#define CATALOGUE_MAX   64    /* bytes of its hash */
#define PARKED_MAX      2     /* messages of one edge that wait for answers */
#define NEWER_MS        2     /* after a newer message the older is answered */
#define HOLD_MS         500   /* the longest that a message stays unanswered */
#define FORGET_MS       30000
#define SWEEP_MS        5000
#define PEERS_MAX       4096
#define BACKLOG_MAX     (8 * 1024 * 1024)
#define QUEUE_BYTES_MAX (64 * 1024 * 1024) /* replies that one edge does not fetch */
#define ARENA_BYTES_MAX (64 * 1024 * 1024)
#define CORE_ID_FIELD   1
#define DRAINING_FIELD  3
#define CATALOGUE_FIELD 4
#define BUSY_FIELD      5

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
    struct channel *channel; /* of its newest message; NULL: that broke */
    size_t parked_count;     /* messages that came over it and are not answered */
    int64_t parked_at_ms[PARKED_MAX]; /* oldest first */
    uint64_t number;                  /* the newest */
    bool owed;                        /* something that it should be told at once */
    int64_t heard_at_ms;
};

struct link_server {
    int refs; /* three handles of the loop */
    struct channel_hub hub;
    struct channel_listener *listener;
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
    uint32_t busy; /* percent */
    bool closed;
};

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

static void forget_channel(struct link_server *server, const struct channel *channel)
{
    LIST_EACH(&server->peers, node) {
        struct link_peer *peer = container_of(node, struct link_peer, node);
        if (peer->channel == channel) {
            peer->channel = NULL;
            peer->parked_count = 0;
        }
    }
}

/* The oldest message. */
static void answer(struct link_server *server, struct link_peer *peer)
{
    peer->parked_count--;
    memmove(peer->parked_at_ms, peer->parked_at_ms + 1,
            peer->parked_count * sizeof(peer->parked_at_ms[0]));

    struct frame_chunk *chunk = frame_queue_take(&peer->queue);
    chunk = chunk != NULL ? chunk : frame_chunk_create();
    enum err err = ERR_UNAVAILABLE;
    if (chunk != NULL) {
        struct buf *body = frame_chunk_buf(chunk);
        frame_append_bytes(body, CORE_ID_FIELD, bytes_make(server->core_id.b, 16));
        if (server->draining) {
            frame_append_varint(body, DRAINING_FIELD, 1);
        }
        if (server->busy > 0) {
            frame_append_varint(body, BUSY_FIELD, server->busy);
        }
        frame_append_bytes(body, CATALOGUE_FIELD,
                           bytes_make(server->catalogue, server->catalogue_size));
        err = link_message_send(server->key, FRAME_FROM_CORE, chunk, peer->channel);
    }
    peer->owed = false;
    if (err != ERR_OK) { /* the edge must know: it asks elsewhere */
        channel_break(peer->channel);
        forget_channel(server, peer->channel);
    }
}

/* When the oldest parked message is due though there are no replies for it. */
static int64_t parked_due(const struct link_peer *peer)
{
    if (peer->owed) {
        return 0;
    }
    int64_t due = peer->parked_at_ms[0] + HOLD_MS;
    if (peer->parked_count > 1) {
        int64_t newer_due = peer->parked_at_ms[1] + NEWER_MS;
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
        /* What the network does not take waits here, where it is limited. */
        while (peer->parked_count > 0 && channel_backlog(peer->channel) == 0) {
            int64_t due = parked_due(peer);
            if (peer->queue.count == 0 && now < due) {
                next_due = due < next_due ? due : next_due;
                break;
            }
            answer(server, peer);
        }
        if (now - peer->heard_at_ms > FORGET_MS && peer->parked_count == 0) {
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

static void park(struct link_server *server, struct link_peer *peer, int64_t now)
{
    if (peer->parked_count == PARKED_MAX) {
        answer(server, peer);
    }
    if (peer->channel != NULL) {
        peer->parked_at_ms[peer->parked_count++] = now;
    }
}

static void handle_message(struct link_server *server, struct channel *channel,
                           const Link__ToCore *message)
{
    struct link_peer *peer = peer_find(server, message);
    if (peer == NULL) {
        return; /* to the edge we are silent: it asks elsewhere */
    }
    peer->heard_at_ms = clock_ms();
    if (message->number >= peer->number) {
        peer->number = message->number;
        if (peer->channel != channel) {
            /* A new edge, or one that had lost us, waits for a sign of life. */
            peer->owed = true;
            peer->channel = channel;
            peer->parked_count = 0;
        }
    }
    /* A message of a connection that has gone gets no replies: they would be lost without
     * anybody noticing. */
    if (peer->channel == channel) {
        park(server, peer, peer->heard_at_ms);
    }

    link_peer_ref(peer);
    for (size_t i = 0; i < message->n_requests && !server->closed; i++) {
        server->events.on_request(server->user, peer, message->requests[i]);
    }
    link_peer_unref(peer);
}

static void on_channel_open(void *user, struct channel *channel)
{
    struct link_server *server = user;
    if (channel_listener_count(server->listener) > PEERS_MAX) {
        channel_break(channel);
    }
}

static void on_channel_message(void *user, struct channel *channel, struct bytes frame)
{
    struct link_server *server = user;
    ProtobufCMessage *message;
    arena_reset(&server->arena);
    enum err err = frame_open(server->key, FRAME_TO_CORE, &link__to_core__descriptor,
                              frame, &server->arena, &message);
    metric_add(&link_messages_received, 1);
    if (err == ERR_OK && ((Link__ToCore *)message)->edge_id.len == 16) {
        handle_message(server, channel, (Link__ToCore *)message);
    }
}

static void on_channel_close(void *user, struct channel *channel)
{
    forget_channel(user, channel);
}

static void on_wake(uv_async_t *wake)
{
    channel_hub_poll(&((struct link_server *)wake->data)->hub, SIZE_MAX);
}

/* On one of NNG's threads. */
static void wake_loop(void *user)
{
    uv_async_send(&((struct link_server *)user)->wake);
}

/* ---- opening and closing ---- */

static void handles_init(struct link_server *server, uv_loop_t *loop)
{
    uv_async_init(loop, &server->wake, on_wake);
    uv_prepare_init(loop, &server->turn);
    uv_timer_init(loop, &server->timer);
    server->wake.data = server->turn.data = server->timer.data = server;
    uv_prepare_start(&server->turn, on_turn);
    server->refs = 3;
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
    arena_init(&server->arena, ARENA_BYTES_MAX);
    map_init(&server->peers_by_key, sizeof(struct peer_key));
    list_init(&server->peers);

    handles_init(server, loop);
    channel_hub_init(&server->hub, loop, wake_loop, server);
    struct channel_options options = {
        .message_max = FRAME_MAX_BYTES, .backlog_max = BACKLOG_MAX, .first_ms = FIRST_MS};
    struct channel_events channel_events = {on_channel_open, on_channel_message,
                                            on_channel_close};
    enum err err = channel_listen(&server->hub, host, port, options, channel_events,
                                  server, &server->listener);
    if (err != ERR_OK) {
        link_server_close(server);
        return ERR_UNAVAILABLE;
    }
    *ret_server = server;
    return ERR_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct link_server *server = handle->data;
    if (--server->refs > 0) {
        return;
    }
    channel_hub_finish(&server->hub);
    arena_finish(&server->arena);
    free(server);
}

void link_server_close(struct link_server *server)
{
    if (server == NULL || server->closed) {
        return;
    }
    server->closed = true;
    LIST_EACH(&server->peers, node) {
        peer_forget(container_of(node, struct link_peer, node));
    }
    map_finish(&server->peers_by_key);

    channel_listener_close(server->listener);
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

void link_server_set_busy(struct link_server *server, uint32_t percent)
{
    server->busy = percent;
}

bool link_server_flushed(const struct link_server *server)
{
    LIST_EACH(&server->peers, node) {
        const struct link_peer *peer = container_of(node, struct link_peer, node);
        if (peer->channel != NULL &&
            (peer->queue.count > 0 || channel_backlog(peer->channel) > 0)) {
            return false;
        }
    }
    return true;
}
