/* Stands in for everything that edge/upstream.c and the library ask of the outside. */
#include "doubles.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/resolver.h"
#include "link/link_client.h"

#define TIMERS_MAX 16

/* ---------------------------------------------------------------- link */

struct link_client {
    int edge, core;
    uint32_t edge_boot, core_boot;
    bool up;
    struct link_client_events events;
    void *user;
    char address[16];
};

static struct link_client *links[EDGES][CORES];

struct link_client *doubles_link(int edge, int core)
{
    return links[edge][core];
}

enum err link_client_open(uv_loop_t *loop, const char *host, int port,
                          const struct link_key *key, struct uuid edge_id,
                          struct link_client_events events, void *user,
                          struct link_client **ret_client)
{
    struct link_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        abort();
    }
    client->edge = edge_id.b[0];
    client->core = port;
    client->edge_boot = world.edges[client->edge].boot;
    client->events = events;
    client->user = user;
    snprintf(client->address, sizeof(client->address), "%s:%d", host, port);
    links[client->edge][client->core] = client;
    *ret_client = client;
    return ERR_OK;
}

void link_client_close(struct link_client *client)
{
    links[client->edge][client->core] = NULL;
    free(client);
}

enum err link_client_send(struct link_client *client, const Link__Request *request)
{
    return ERR_UNAVAILABLE; /* catalogues are known here */
}

enum err link_client_send_packed(struct link_client *client, struct bytes packed,
                                 uint64_t id, uint32_t deadline_ms, uint32_t attempt)
{
    Link__Request *request = link__request__unpack(NULL, packed.size, packed.data);
    if (request == NULL || request->body_case != LINK__REQUEST__BODY_EVENT ||
        request->event->payload.len != sizeof(struct op)) {
        abort();
    }
    if (!doubles_link_lost(client)) {
        struct op op;
        struct uuid request_id;
        memcpy(&op, request->event->payload.data, sizeof(op));
        memcpy(&request_id, request->request_id.data, sizeof(request_id));
        core_receive(client->core, client->edge, client->edge_boot, id, request_id, &op);
    }
    link__request__free_unpacked(request, NULL);
    return ERR_OK;
}

bool link_client_up(const struct link_client *client)
{
    return client->up;
}

bool link_client_draining(const struct link_client *client)
{
    return false;
}

const char *link_client_address(const struct link_client *client)
{
    return client->address;
}

bool doubles_link_lost(const struct link_client *client)
{
    return client->core_boot != world.core_boots[client->core];
}

void doubles_link_down(struct link_client *client)
{
    trace("edge %d loses core %d", client->edge, client->core);
    client->up = false;
    client->events.on_down(client->user, client);
}

void doubles_link_up(struct link_client *client)
{
    Link__FromCore first = LINK__FROM_CORE__INIT;
    client->up = true;
    client->core_boot = world.core_boots[client->core];
    client->events.on_up(client->user, client, &first);
}

/* Handed on even if the link counts as down: a late reply is a reply. */
void doubles_reply(const struct message *message)
{
    struct link_client *client = links[message->edge][message->core];
    if (client == NULL || client->edge_boot != message->boot) {
        return;
    }
    Link__Reply reply = LINK__REPLY__INIT;
    Link__EventReply body = LINK__EVENT_REPLY__INIT;
    Link__Error error = LINK__ERROR__INIT;
    reply.id = message->call;
    if (message->refused || message->broken) {
        error.code = (char *)err_code(ERR_UNAVAILABLE);
        reply.body_case = LINK__REPLY__BODY_ERROR;
        reply.error = &error;
        reply.has_refused_before_sql = reply.refused_before_sql = message->refused;
    } else {
        body.payload.data = (uint8_t *)(uintptr_t)&message->reply;
        body.payload.len = sizeof(message->reply);
        reply.body_case = LINK__REPLY__BODY_EVENT;
        reply.event = &body;
    }
    client->events.on_reply(client->user, client, &reply);
}

/* ---------------------------------------------------------------- resolver, catalogue */

struct resolver {
    char unused;
};

enum err resolver_open(uv_loop_t *loop, const char *names, int64_t interval_ms,
                       struct resolver_events events, void *user,
                       struct resolver **ret_resolver)
{
    static struct resolver only;
    for (int core = 0; core < CORES; core++) {
        events.on_added(user, "core", core);
    }
    *ret_resolver = &only;
    return ERR_OK;
}

void resolver_close(struct resolver *resolver)
{
}

bool catalogue_hash_known(const struct catalogue *catalogue, struct bytes hash)
{
    return true;
}

bool catalogue_hash_has(const struct catalogue *catalogue, struct bytes hash,
                        const char *name)
{
    return true;
}

enum err catalogue_add(struct catalogue *catalogue, const Link__Catalogue *message)
{
    return ERR_OK;
}

void catalogue_prune(struct catalogue *catalogue,
                     bool (*in_use)(void *user, struct bytes hash), void *user)
{
}

/* ---------------------------------------------------------------- loop and clock */

static struct {
    uv_timer_t *timer;
    uv_timer_cb callback;
    int64_t due_ms;
} timers[TIMERS_MAX];

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    return 0;
}

int uv_timer_stop(uv_timer_t *timer)
{
    for (int i = 0; i < TIMERS_MAX; i++) {
        if (timers[i].timer == timer) {
            timers[i].timer = NULL;
        }
    }
    return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t ms, uint64_t repeat)
{
    uv_timer_stop(timer);
    for (int i = 0; i < TIMERS_MAX; i++) {
        if (timers[i].timer == NULL) {
            timers[i].timer = timer;
            timers[i].callback = callback;
            timers[i].due_ms = world.now_ms + (int64_t)ms;
            return 0;
        }
    }
    abort();
}

void uv_close(uv_handle_t *handle, uv_close_cb callback)
{
    uv_timer_stop((uv_timer_t *)handle);
    callback(handle);
}

void doubles_run_timers(void)
{
    for (int i = 0; i < TIMERS_MAX; i++) {
        uv_timer_t *timer = timers[i].timer;
        if (timer != NULL && timers[i].due_ms <= world.now_ms) {
            timers[i].timer = NULL;
            timers[i].callback(timer);
        }
    }
}

int64_t clock_ms(void)
{
    return world.now_ms;
}

/* ---------------------------------------------------------------- chance, silence */

static uint64_t bytes_state;

/* Maps draw their seed once in a process, at first use; their order must not depend on
 * which seed of ours came first. */
static void seed_maps(void)
{
    struct map map;
    int value, key = 0;
    map_init(&map, sizeof(key));
    if (map_put(&map, &key, &value) != ERR_OK) {
        abort();
    }
    map_finish(&map);
}

void doubles_begin(void)
{
    bytes_state = 0;
    seed_maps();
    memset(timers, 0, sizeof(timers));
    bytes_state = world.plan.seed;
}

/* Of its own row of numbers: what draws from it is no part of the plan. */
void random_bytes(void *ret, size_t size)
{
    uint8_t *at = ret;
    for (size_t i = 0; i < size; i++) {
        bytes_state = bytes_state * UINT64_C(6364136223846793005) + 1442695040888963407;
        at[i] = (uint8_t)(bytes_state >> 56);
    }
}

struct uuid uuid_v7(void)
{
    struct uuid uuid;
    random_bytes(&uuid, sizeof(uuid));
    return uuid;
}

/* Frames are never made here. */
void frame_unref(struct frame *frame)
{
}

bool stream_from_bytes(struct bytes bytes, struct stream_id *ret_stream)
{
    if (bytes.size != sizeof(*ret_stream)) {
        return false;
    }
    memcpy(ret_stream, bytes.data, sizeof(*ret_stream));
    return true;
}

bool log_enabled(enum log_level level)
{
    return false;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count)
{
}

void metrics_register(struct metric *metric)
{
}
