/* Starts the parts of a core in the order in which they need each other, and stops them
 * in the opposite one. */
#include "core/core.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "bus/bus.h"
#include "core/chaos.h"
#include "core/database.h"
#include "core/event.h"
#include "core/event_stats.h"
#include "core/handle.h"
#include "core/heads.h"
#include "core/publish.h"
#include "core/status.h"
#include "core/sweeper.h"
#include "core/worker.h"
#include "link/link_server.h"

#define CONNECT_TIMEOUT_MS 3000
#define PROTOBUF_KEEP_MS   600000
#define DRAIN_POLL_MS      20
#define DRAIN_MIN_MS       700 /* an edge hears at least each 500 ms that we leave */
#define DRAIN_MAX_MS       5000

bool core_wants_protobuf(const struct core *core)
{
    return clock_ms() < core->protobuf_until_ms;
}

void core_note_protobuf(struct core *core)
{
    core->protobuf_until_ms = clock_ms() + PROTOBUF_KEEP_MS;
}

/* ------------------------------------------------------------------ bus */

static void on_bus_message(void *user, struct bytes topic, struct bytes payload)
{
    /* a core only speaks on the bus */
    (void)user;
    (void)topic;
    (void)payload;
}

static void wake_loop(void *user)
{
    struct core *core = user;
    uv_async_send(core->bus_wake);
}

static void on_bus_wake(uv_async_t *async)
{
    struct core *core = async->data;
    if (core->bus != NULL && bus_poll(core->bus, 256)) {
        uv_async_send(async);
    }
}

static enum err open_bus(struct core *core)
{
    core->bus_wake = calloc(1, sizeof(*core->bus_wake));
    if (core->bus_wake == NULL) {
        return ERR_UNAVAILABLE;
    }
    uv_async_init(core->loop, core->bus_wake, on_bus_wake);
    core->bus_wake->data = core;
    struct bus_events events = {on_bus_message, wake_loop, core, core->loop};
    TRY(bus_open(core->config->bus, events, &core->bus));
    return bus_listen(core->bus, core->config->listen_host,
                      (int)core->config->listen_port + 1);
}

/* ------------------------------------------------------------------ the loop's turns */

static void on_prepare(uv_prepare_t *prepare)
{
    struct core *core = prepare->data;
    publisher_flush(core->publisher);
    if (core->chaos_turns > 0 && --core->chaos_turns == 0) {
        chaos_point("after-reply");
    }
}

static enum err start_turns(struct core *core)
{
    core->prepare = calloc(1, sizeof(*core->prepare));
    if (core->prepare == NULL) {
        return ERR_UNAVAILABLE;
    }
    uv_prepare_init(core->loop, core->prepare);
    core->prepare->data = core;
    uv_prepare_start(core->prepare, on_prepare);
    return ERR_OK;
}

/* ------------------------------------------------------------------ life */

static enum err submit_to_db(void *user, struct db_call *call)
{
    return db_submit(user, call);
}

static enum err open_db(struct core *core)
{
    struct db_options options = {
        .conninfo = core->config->database_url,
        .connections = (int)core->config->db_connections,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .on_state = database_on_state,
        .user = core,
    };
    TRY(db_open(core->loop, &options, &core->db));
    core->executor = (struct executor){submit_to_db, core->db};
    return ERR_OK;
}

static enum err open_server(struct core *core)
{
    struct link_server_events events = {.on_request = worker_on_request};
    return link_server_open(core->loop, core->config->listen_host,
                            (int)core->config->listen_port, core->key, core->id,
                            bytes_make(event_catalogue_hash, 32), events, core->worker,
                            &core->server);
}

static enum err open_status(struct core *core)
{
    return status_open(core, core->config->status_host, (int)core->config->status_port,
                       &core->status);
}

static enum err open_key(struct core *core)
{
    return link_key_create(core->config->link_key, &core->key);
}

static enum err open_publisher(struct core *core)
{
    return publisher_open(core->loop, core->bus, core->key, core->id, &core->publisher);
}

static enum err open_worker(struct core *core)
{
    return worker_create(core, &core->worker);
}

static enum err open_heads(struct core *core)
{
    return heads_create(core, &core->heads);
}

static enum err open_sweeper(struct core *core)
{
    return sweeper_open(core, &core->sweeper);
}

static enum err open_stats(struct core *core)
{
    (void)core;
    return event_stats_init();
}

static const struct {
    const char *name;
    enum err (*open)(struct core *core);
} parts[] = {
    {"event table", open_stats},   {"link key", open_key},     {"bus", open_bus},
    {"publisher", open_publisher}, {"worker", open_worker},    {"heads", open_heads},
    {"database", open_db},         {"turns", start_turns},     {"sweeper", open_sweeper},
    {"status port", open_status},  {"link port", open_server},
};

enum err core_open(uv_loop_t *loop, const struct core_config *config, struct core *core)
{
    memset(core, 0, sizeof(*core));
    core->loop = loop;
    core->config = config;
    core->id = uuid_v7();
    core->development = config->env == ENV_DEVELOPMENT;
    core->service_rights = config->service_rights;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        enum err err = parts[i].open(core);
        if (err != ERR_OK) {
            log_error("cannot start", LOG_TEXT("part", parts[i].name), LOG_ERR(err));
            core_close(core);
            return err;
        }
    }
    log_info("core started", LOG_UUID("core", core->id),
             LOG_TEXT("bus", bus_name(core->bus)),
             LOG_INT("port", core->config->listen_port));
    return ERR_OK;
}

void core_close(struct core *core)
{
    core->serving = false;
    status_close(core->status);
    sweeper_close(core->sweeper);
    db_close(core->db); /* what is under way is answered now, while there is a link */
    if (core->server != NULL) {
        link_server_close(core->server);
    }
    publisher_close(core->publisher);
    bus_close(core->bus);
    core->bus = NULL;
    heads_destroy(core->heads);
    worker_destroy(core->worker);
    handle_close(core->prepare);
    handle_close(core->bus_wake);
    handle_close(core->drain);
    event_stats_finish();
    link_key_destroy(core->key);
}

static void on_drain_poll(uv_timer_t *timer)
{
    struct core *core = timer->data;
    int64_t waited = clock_ms() - core->drain_started_ms;
    bool empty = worker_in_flight(core->worker) == 0 &&
                 link_server_flushed(core->server) && !sweeper_telling(core->sweeper);
    if ((empty && waited >= DRAIN_MIN_MS) || waited >= DRAIN_MAX_MS) {
        log_info("core stopped", LOG_INT("ms", waited));
        uv_timer_stop(timer);
        core_close(core);
    }
}

void core_drain(struct core *core)
{
    if (core->draining) {
        return;
    }
    core->draining = true;
    core->drain_started_ms = clock_ms();
    core->drain = calloc(1, sizeof(*core->drain));
    link_server_drain(core->server);
    if (core->drain == NULL) {
        core_close(core);
        return;
    }
    uv_timer_init(core->loop, core->drain);
    core->drain->data = core;
    uv_timer_start(core->drain, on_drain_poll, 0, DRAIN_POLL_MS);
}
