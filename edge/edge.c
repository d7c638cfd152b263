/* Start and stop of the edge, its clockwork, and the wires between its parts. */
#include "edge/edge.h"

#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/description.h"
#include "edge/drain.h"
#include "edge/fanout.h"
#include "edge/listener.h"
#include "edge/occupancy.h"
#include "edge/recovery.h"
#include "edge/repair.h"
#include "edge/session.h"

#define TICK_MS      10
#define TRIM_CHANGE  1000 /* connections more or less */
#define TRIM_AGAIN_S 2
#define CALM_PART    64
/* Messages a turn, so that clients are served in between; what the loop reads itself is
 * 64 KB a turn from each core. */
#define BUS_POLL_MAX 512

static struct edge *the_edge; /* for the gauges, which are asked without an argument */

static int64_t count_connections(void)
{
    return (int64_t)the_edge->conn_count;
}

static int64_t count_sessions(void)
{
    return (int64_t)the_edge->sessions.size;
}

static int64_t count_streams(void)
{
    return (int64_t)streams_count(the_edge->streams);
}

static struct metric gauges[] = {
    METRIC_GAUGE_READ("belfry_edge_connections", "Open client connections.",
                      count_connections),
    METRIC_GAUGE_READ("belfry_edge_sessions", "Sessions, also those still connecting.",
                      count_sessions),
    METRIC_GAUGE_READ("belfry_edge_streams", "Streams that are followed.", count_streams),
};

/* What streams.h counts, shown as counters. */
#define STREAM_COUNTER(field)                                                            \
    static int64_t read_##field(void)                                                    \
    {                                                                                    \
        return (int64_t)streams_counters(the_edge->streams)->field;                      \
    }
STREAM_COUNTER(delivered)
STREAM_COUNTER(duplicates)
STREAM_COUNTER(gaps)
STREAM_COUNTER(fetches)
STREAM_COUNTER(fenced)
STREAM_COUNTER(rechecks)
STREAM_COUNTER(resyncs)
STREAM_COUNTER(held_dropped)

#define STREAM_METRIC(n, f, h)                                                           \
    {                                                                                    \
        .name = (n), .help = (h), .type = METRIC_COUNTER_TYPE, .read = read_##f          \
    }
static struct metric stream_counters[] = {
    STREAM_METRIC("belfry_edge_stream_events_total", delivered,
                  "Durable events handed to subscriptions."),
    STREAM_METRIC("belfry_edge_stream_duplicates_total", duplicates,
                  "Durable events that came again and were dropped."),
    STREAM_METRIC("belfry_edge_stream_gaps_total", gaps, "Gaps seen in streams."),
    STREAM_METRIC("belfry_edge_stream_fetches_total", fetches, "Catch-ups asked for."),
    STREAM_METRIC("belfry_edge_stream_fenced_total", fenced,
                  "Times an event waited for its access stream."),
    STREAM_METRIC("belfry_edge_stream_rechecks_total", rechecks,
                  "Subscriptions whose right was read again."),
    STREAM_METRIC("belfry_edge_stream_resyncs_total", resyncs,
                  "Subscriptions told that events are lost to them."),
    STREAM_METRIC("belfry_edge_stream_held_dropped_total", held_dropped,
                  "Early events that were not kept: no room, or there already."),
};

/* ---------------------------------------------------------------- wires */

static bool stream_ready(void *user, struct subscription *subscription)
{
    const struct edge *edge = user;
    const struct session *session = session_of(subscription);
    return !edge->stale && conn_ready(session->conn);
}

static void stream_deliver(void *user, struct subscription *subscription,
                           struct publication *publication)
{
    fanout_deliver(((struct edge *)user)->fanout, subscription, publication);
}

static void stream_interest(void *user, const struct stream_id *stream, bool on)
{
    struct edge *edge = user;
    char topic[STREAM_TEXT_SIZE];
    stream_format(stream, topic);
    if (!on) {
        bus_unsubscribe(edge->bus, bytes_of_text(topic));
    } else if (bus_subscribe(edge->bus, bytes_of_text(topic)) != ERR_OK) {
        log_warn("bus subscription refused", LOG_TEXT("topic", topic));
    }
}

static void stream_fetch(void *user, const struct stream_id *stream, uint64_t seq,
                         uint32_t tag)
{
    repair_fetch(((struct edge *)user)->repair, stream, seq, tag);
}

static void stream_recheck(void *user, struct subscription *subscription)
{
    repair_recheck(((struct edge *)user)->repair, subscription);
}

static void stream_ended(void *user, struct subscription *subscription)
{
    struct edge *edge = user;
    struct session *session = session_of(subscription);
    occupancy_leave(edge->occupancy, session, subscription);
    session_forget(session, subscription);
}

static void stream_resync(void *user, struct subscription *subscription, uint64_t seq,
                          uint32_t tag)
{
    (void)user;
    session_resync(session_of(subscription), streams_id(subscription), seq, tag);
}

static void stream_control(void *user, struct publication *publication)
{
    fanout_control(((struct edge *)user)->fanout, publication);
}

static const struct streams_io streams_io = {
    .deliver = stream_deliver,
    .ready = stream_ready,
    .interest = stream_interest,
    .fetch = stream_fetch,
    .recheck = stream_recheck,
    .ended = stream_ended,
    .resync = stream_resync,
    .control = stream_control,
};

static const struct streams_limits streams_limits = {
    .hold_max = 64,
    .hold_ms = 20,
    .ring_max = 64,
    .ring_bytes_max = 64 * 1024 * 1024,
    .idle_ms = 60000,
    .retry_ms = 250,
};

static void on_bus_message(void *user, struct bytes topic, struct bytes payload)
{
    (void)topic; /* each publication names its stream */
    fanout_frame(((struct edge *)user)->fanout, payload);
}

static void on_bus_wake_anywhere(void *user)
{
    uv_async_send(&((struct edge *)user)->bus_wake);
}

static void on_bus_wake(uv_async_t *handle)
{
    struct edge *edge = handle->data;
    if (bus_poll(edge->bus, BUS_POLL_MAX)) {
        uv_async_send(handle);
    }
}

static void on_core_added(void *user, const char *host, int port)
{
    struct edge *edge = user;
    if (bus_peer_add(edge->bus, host, port + 1) != ERR_OK) {
        log_warn("bus peer refused", LOG_TEXT("host", host), LOG_INT("port", port + 1));
    }
}

static void on_core_removed(void *user, const char *host, int port)
{
    bus_peer_remove(((struct edge *)user)->bus, host, port + 1);
}

/* ---------------------------------------------------------------- clockwork */

static void on_turn(uv_prepare_t *handle)
{
    struct edge *edge = handle->data;
    fanout_turn(edge->fanout);
    occupancy_turn(edge->occupancy);
    repair_turn(edge->repair, clock_ms());
}

static void on_tick(uv_timer_t *timer)
{
    struct edge *edge = timer->data;
    streams_tick(edge->streams, clock_ms());
}

static void wake_sessions(struct edge *edge)
{
    size_t at = 0;
    void *value;
    while (map_next(&edge->sessions, &at, NULL, &value)) {
        session_ready(value);
    }
}

static void check_stale(struct edge *edge, int64_t now_ms)
{
    bool stale =
        edge->heads_answered_ms != 0 && now_ms - edge->heads_answered_ms > STALE_MS;
    if (stale && !edge->stale) {
        log_warn("no core has answered about heads: delivery is held back",
                 LOG_INT("ms", now_ms - edge->heads_answered_ms));
    }
    edge->stale = stale;
}

void edge_heads_answered(struct edge *edge)
{
    edge->heads_answered_ms = clock_ms();
    if (edge->stale) {
        edge->stale = false;
        log_info("heads are answered again");
        wake_sessions(edge);
    }
}

void edge_learn_epoch(struct edge *edge, struct bytes epoch)
{
    if (epoch.size != sizeof(edge->epoch)) {
        return;
    }
    if (edge->has_epoch && memcmp(edge->epoch, epoch.data, epoch.size) != 0) {
        log_warn("the database has another epoch: all streams are read anew");
        edge->heads_since = 0;
        streams_renew(edge->streams, clock_ms());
    }
    memcpy(edge->epoch, epoch.data, epoch.size);
    edge->has_epoch = true;
}

static void tick_sessions(struct edge *edge)
{
    int64_t unix_ms = clock_unix_ms();
    size_t at = 0;
    void *value;
    while (map_next(&edge->sessions, &at, NULL, &value)) {
        session_tick(value, unix_ms); /* may remove the one just given */
    }
}

static size_t distance(size_t a, size_t b)
{
    return a > b ? a - b : b - a;
}

static void trim_heap(const struct edge *edge)
{
    int64_t began_us = clock_us();
    malloc_trim(0);
    log_debug("heap trimmed", LOG_INT("connections", (int64_t)edge->conn_count),
              LOG_INT("us", clock_us() - began_us));
}

/* A burst of clients that come or go leaves holes in malloc()'s heap, which it keeps:
 * they are given back when the burst is over and rooms have been told of it, and once
 * more when the answers to that are gone, too. */
static void give_back_holes(struct edge *edge)
{
    size_t count = edge->conn_count;
    bool calm = distance(count, edge->conns_before) <= count / CALM_PART &&
                occupancy_waiting(edge->occupancy) <= count / CALM_PART;
    edge->conns_before = count;
    if (calm && distance(count, edge->conns_trimmed) >= TRIM_CHANGE) {
        trim_heap(edge);
        edge->conns_trimmed = count;
        edge->trim_again_in_s = TRIM_AGAIN_S;
    } else if (edge->trim_again_in_s > 0 && --edge->trim_again_in_s == 0) {
        trim_heap(edge);
    }
}

static void on_second(uv_timer_t *timer)
{
    struct edge *edge = timer->data;
    give_back_holes(edge);
    check_stale(edge, clock_ms());
    tick_sessions(edge);
    if (edge->recovery != NULL) {
        recovery_tick(edge->recovery, clock_ms());
    }
    occupancy_renew(edge->occupancy, edge->draining);
    repair_ask_heads(edge->repair);
}

/* ---------------------------------------------------------------- start and stop */

static enum err open_bus(struct edge *edge)
{
    struct bus_events events = {on_bus_message, on_bus_wake_anywhere, edge, edge->loop};
    uv_async_init(edge->loop, &edge->bus_wake, on_bus_wake);
    edge->bus_wake.data = edge;
    TRY(bus_open(edge->config->bus, events, &edge->bus));
    TRY(bus_subscribe(edge->bus, BYTES_LITERAL("global")));
    return bus_subscribe(edge->bus, BYTES_LITERAL("heads"));
}

static enum err open_upstream(struct edge *edge)
{
    struct upstream_options options = {
        .cores = edge->config->cores,
        .key = edge->key,
        .edge_id = edge->id,
        .resolve_interval_ms = edge->config->resolve_interval_ms,
        .catalogue = edge->catalogue,
    };
    struct upstream_events events = {
        .on_core_added = on_core_added,
        .on_core_removed = on_core_removed,
    };
    return upstream_open(edge->loop, &options, events, edge, &edge->upstream);
}

static enum err open_verifier(struct edge *edge)
{
    const struct edge_config *config = edge->config;
    struct identity_options options = {
        .secret = config->jwt_secret,
        .secret_alg = edge_config_alg(config),
        .keys_dir = config->jwt_keys,
        .jwks_file = config->jwks,
        .issuer = config->jwt_issuer,
        .audience = config->jwt_audience,
        .leeway_s = config->jwt_leeway_ms / 1000,
    };
    const char *problem = "";
    enum err err = verifier_create(&options, &edge->verifier, &problem);
    if (err != ERR_OK) {
        log_error("token keys cannot be used", LOG_TEXT("problem", problem));
    }
    return err;
}

static enum err open_recovery(struct edge *edge)
{
    int64_t keep_ms = edge->config->socketio_recovery_ms;
    edge->recovery = keep_ms > 0 ? recovery_create(keep_ms) : NULL;
    return keep_ms > 0 && edge->recovery == NULL ? ERR_UNAVAILABLE : ERR_OK;
}

static void start_clockwork(struct edge *edge)
{
    session_register_metrics();
    uv_prepare_init(edge->loop, &edge->turn);
    edge->turn.data = edge;
    uv_prepare_start(&edge->turn, on_turn);
    uv_timer_init(edge->loop, &edge->tick);
    edge->tick.data = edge;
    uv_timer_start(&edge->tick, on_tick, TICK_MS, TICK_MS);
    uv_timer_init(edge->loop, &edge->second);
    edge->second.data = edge;
    uv_timer_start(&edge->second, on_second, 100, 1000);
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        metrics_register(&gauges[i]);
    }
    for (size_t i = 0; i < sizeof(stream_counters) / sizeof(stream_counters[0]); i++) {
        metrics_register(&stream_counters[i]);
    }
}

enum err edge_start(struct edge *edge, const struct edge_config *config, uv_loop_t *loop)
{
    memset(edge, 0, sizeof(*edge));
    the_edge = edge;
    edge->config = config;
    edge->loop = loop;
    edge->id = uuid_v7();
    edge->conns = pool_take(sizeof(*edge->conns));
    if (edge->conns == NULL) {
        return ERR_UNAVAILABLE;
    }
    reflist_init(edge->conns);
    list_init(&edge->follow_waiting);
    map_init_inside(&edge->users, sizeof(struct uuid), offsetof(struct session, user_id));
    map_init_inside(&edge->sessions, sizeof(struct uuid), offsetof(struct session, id));
    TRY(link_key_create(config->link_key, &edge->key));
    TRY(open_verifier(edge));
    edge->catalogue = catalogue_create();
    edge->limits = limits_create((enum edge_limits_mode)config->limits, 0);
    if (edge->catalogue == NULL || edge->limits == NULL) {
        return ERR_UNAVAILABLE;
    }
    TRY(streams_create(&streams_io, edge, &streams_limits, &edge->streams));
    TRY(fanout_create(edge, &edge->fanout));
    TRY(repair_create(edge, &edge->repair));
    TRY(occupancy_create(edge, &edge->occupancy));
    TRY(open_recovery(edge));
    TRY(open_bus(edge));
    TRY(open_upstream(edge));
    edge->description = description_create(edge->upstream, config->request_timeout_ms);
    if (edge->description == NULL) {
        return ERR_UNAVAILABLE;
    }
    start_clockwork(edge);
    TRY(listener_open(edge, &edge->listener));
    log_info("edge listens", LOG_TEXT("host", config->host),
             LOG_INT("port", config->port), LOG_TEXT("cores", config->cores),
             LOG_TEXT("bus", bus_name(edge->bus)));
    return ERR_OK;
}

void edge_drain(struct edge *edge)
{
    if (!edge->draining) {
        edge->draining = true;
        listener_stop_listening(edge->listener);
        drain_start(edge);
    }
}

void edge_reload(struct edge *edge)
{
    if (verifier_reload(edge->verifier) != ERR_OK) {
        log_error("token keys could not be read again: the old ones stay");
    }
    listener_reload(edge->listener);
}

void edge_stop(struct edge *edge)
{
    uv_prepare_stop(&edge->turn);
    uv_timer_stop(&edge->tick);
    uv_timer_stop(&edge->second);
    listener_close(edge->listener);
    upstream_close(edge->upstream);
    bus_close(edge->bus);
}

bool edge_ready(const struct edge *edge)
{
    return !edge->draining && upstream_ready(edge->upstream);
}
