/* Knows which cores there are, which of them answer, and what each of them knows. */
#include "edge/upstream_parts.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define CATALOGUE_RETRY_MS 2000
#define SWEEP_MS           50

static struct metric cores_up =
    METRIC_GAUGE("belfry_edge_cores_up", "Cores that answer, also draining ones.");

static struct bytes hash_of(const struct upstream_core *core)
{
    return bytes_make(core->hash, core->hash_size);
}

static bool usable(const struct upstream_core *core)
{
    return link_client_up(core->client) && !core->draining && !core->leaving;
}

static void update_ready(struct upstream *up)
{
    bool ready = false;
    LIST_EACH(&up->cores, node) {
        struct upstream_core *core = container_of(node, struct upstream_core, node);
        ready = ready || (usable(core) &&
                          catalogue_hash_known(up->options.catalogue, hash_of(core)));
    }
    metric_set(&cores_up, (int64_t)upstream_cores_up(up));
    if (ready != up->ready) {
        up->ready = ready;
        if (up->events.on_ready != NULL) {
            up->events.on_ready(up->user, ready);
        }
    }
}

/* ---- catalogues ---- */

static void ask_catalogue(struct upstream_core *core)
{
    int64_t now = clock_ms();
    if (core->catalogue_asked_ms != 0 &&
        now - core->catalogue_asked_ms < CATALOGUE_RETRY_MS) {
        return;
    }
    struct uuid request_id = uuid_v7();
    Link__GetCatalogue body = LINK__GET_CATALOGUE__INIT;
    Link__Request request = LINK__REQUEST__INIT;
    request.id = CATALOGUE_ID;
    request.request_id.data = request_id.b;
    request.request_id.len = sizeof(request_id.b);
    request.deadline_ms = CATALOGUE_RETRY_MS;
    request.body_case = LINK__REQUEST__BODY_GET_CATALOGUE;
    request.get_catalogue = &body;
    if (link_client_send(core->client, &request) == ERR_OK) {
        core->catalogue_asked_ms = now;
    }
}

static bool hash_in_use(void *user, struct bytes hash)
{
    struct upstream *up = user;
    LIST_EACH(&up->cores, node) {
        if (bytes_equal(hash_of(container_of(node, struct upstream_core, node)), hash)) {
            return true;
        }
    }
    return false;
}

/* Only while some core can be asked: what was known last stays while none is there, so
 * that a restart of all of them makes no event unknown. */
static void prune(struct upstream *up)
{
    if (up->ready) {
        catalogue_prune(up->options.catalogue, hash_in_use, up);
    }
}

static void on_catalogue(struct upstream_core *core, const Link__Reply *reply)
{
    struct upstream *up = core->up;
    if (reply->body_case != LINK__REPLY__BODY_CATALOGUE) {
        return; /* asked again with one of its next messages */
    }
    enum err err = catalogue_add(up->options.catalogue, reply->catalogue);
    if (err != ERR_OK) {
        log_error("catalogue of a core is unusable", LOG_ERR(err),
                  LOG_TEXT("core", link_client_address(core->client)));
        return;
    }
    update_ready(up);
    prune(up);
    if (up->events.on_catalogue != NULL) {
        up->events.on_catalogue(up->user);
    }
    upstream_send_waiting(up);
}

/* ---- what the link says ---- */

static void on_down(void *user, struct link_client *client)
{
    struct upstream_core *core = user;
    log_warn("core lost", LOG_TEXT("core", link_client_address(client)),
             LOG_INT("pending", (int64_t)core->call_count));
    core->lost = true;
    update_ready(core->up);
    upstream_resend_calls(core);
}

static void learn_hash(struct upstream_core *core, struct bytes hash)
{
    if (bytes_equal(hash, hash_of(core)) || hash.size > CORE_HASH_MAX) {
        return;
    }
    memcpy(core->hash, hash.data, hash.size);
    core->hash_size = hash.size;
    core->catalogue_asked_ms = 0;
    if (catalogue_hash_known(core->up->options.catalogue, hash)) {
        update_ready(core->up);
        prune(core->up);
        upstream_send_waiting(core->up);
    }
}

/* An edge only reads from the bus: of a host that vanished TCP tells it hours later. */
static void renew_bus(struct upstream_core *core)
{
    const struct upstream_events *events = &core->up->events;
    if (core->lost && events->on_core_added != NULL && events->on_core_removed != NULL) {
        events->on_core_removed(core->up->user, core->host, core->port);
        events->on_core_added(core->up->user, core->host, core->port);
    }
    core->lost = false;
}

static void on_up(void *user, struct link_client *client, const Link__FromCore *first)
{
    struct upstream_core *core = user;
    renew_bus(core);
    core->catalogue_asked_ms = 0;
    core->draining = link_client_draining(client);
    if (first->has_catalogue) { /* another version may have started at this address */
        learn_hash(core, bytes_make(first->catalogue.data, first->catalogue.len));
    }
    log_info("core is up", LOG_TEXT("core", link_client_address(client)));
    update_ready(core->up);
    upstream_send_waiting(core->up);
}

static void on_message(void *user, struct link_client *client,
                       const Link__FromCore *message)
{
    struct upstream_core *core = user;
    if (message->has_catalogue) {
        learn_hash(core, bytes_make(message->catalogue.data, message->catalogue.len));
    }
    if (!catalogue_hash_known(core->up->options.catalogue, hash_of(core))) {
        ask_catalogue(core);
    }
    core->busy = message->has_busy ? message->busy : 0;
    core->heard_ms = clock_ms();
    bool draining = link_client_draining(client);
    if (draining != core->draining) {
        core->draining = draining;
        log_info(draining ? "core drains" : "core no longer drains",
                 LOG_TEXT("core", link_client_address(client)));
        update_ready(core->up);
        upstream_send_waiting(core->up);
    }
}

static void on_reply(void *user, struct link_client *client, const Link__Reply *reply)
{
    struct upstream_core *core = user;
    if (reply->id == CATALOGUE_ID) {
        on_catalogue(core, reply);
    } else {
        upstream_on_reply(core, reply);
    }
}

/* ---- cores come and go ---- */

static struct upstream_core *core_find(struct upstream *up, const char *host, int port)
{
    LIST_EACH(&up->cores, node) {
        struct upstream_core *core = container_of(node, struct upstream_core, node);
        if (core->port == port && strcmp(core->host, host) == 0) {
            return core;
        }
    }
    return NULL;
}

static void core_destroy(struct upstream_core *core)
{
    link_client_close(core->client);
    list_remove(&core->node);
    free(core);
}

/* The node in front of which it stands: all edges have the same order. */
static struct list *place_of(struct upstream *up, const struct upstream_core *core)
{
    uint64_t rank = core_rank(link_client_address(core->client), 0);
    LIST_EACH(&up->cores, node) {
        struct upstream_core *other = container_of(node, struct upstream_core, node);
        if (core_rank(link_client_address(other->client), 0) < rank) {
            return node;
        }
    }
    return &up->cores;
}

static void on_added(void *user, const char *host, int port)
{
    struct upstream *up = user;
    struct upstream_core *core = core_find(up, host, port);
    if (core != NULL) {
        core->leaving = false;
        update_ready(up);
        upstream_send_waiting(up);
        return;
    }
    core = calloc(1, sizeof(*core) + strlen(host) + 1);
    if (core == NULL) {
        log_error("no memory for a core", LOG_TEXT("host", host), LOG_INT("port", port));
        return;
    }
    core->up = up;
    core->port = port;
    strcpy(core->host, host);
    list_init(&core->calls);
    struct link_client_events events = {on_up, on_down, on_reply, on_message};
    enum err err = link_client_open(up->loop, host, port, up->options.key,
                                    up->options.edge_id, events, core, &core->client);
    if (err != ERR_OK) {
        log_error("cannot dial a core", LOG_ERR(err), LOG_TEXT("host", host),
                  LOG_INT("port", port));
        free(core);
        return;
    }
    list_push(place_of(up, core), &core->node);
    log_info("core found", LOG_TEXT("core", link_client_address(core->client)));
    if (up->events.on_core_added != NULL) {
        up->events.on_core_added(up->user, core->host, core->port);
    }
}

static void on_removed(void *user, const char *host, int port)
{
    struct upstream *up = user;
    struct upstream_core *core = core_find(up, host, port);
    if (core != NULL) {
        core->leaving = true;
        update_ready(up);
        upstream_tick_within(up, SWEEP_MS);
    }
}

bool upstream_cores_sweep(struct upstream *up)
{
    bool leaving = false;
    LIST_EACH(&up->cores, node) {
        struct upstream_core *core = container_of(node, struct upstream_core, node);
        if (!core->leaving || core->call_count > 0) {
            leaving = leaving || core->leaving;
            continue;
        }
        log_info("core gone", LOG_TEXT("core", link_client_address(core->client)));
        if (up->events.on_core_removed != NULL) {
            up->events.on_core_removed(up->user, core->host, core->port);
        }
        core_destroy(core);
        update_ready(up);
        prune(up);
        return true; /* the owner may have changed the list; the next tick goes on */
    }
    return leaving;
}

enum err upstream_cores_open(struct upstream *up)
{
    metrics_register(&cores_up);
    struct resolver_events events = {on_added, on_removed};
    return resolver_open(up->loop, up->options.cores, up->options.resolve_interval_ms,
                         events, up, &up->resolver);
}

void upstream_cores_close(struct upstream *up)
{
    resolver_close(up->resolver);
    LIST_EACH(&up->cores, node) {
        core_destroy(container_of(node, struct upstream_core, node));
    }
}

size_t upstream_cores_up(const struct upstream *up)
{
    size_t count = 0;
    LIST_EACH(&up->cores, node) {
        count += link_client_up(container_of(node, struct upstream_core, node)->client);
    }
    return count;
}

/* ---- choosing ---- */

static struct core_load load_of(const struct upstream_core *core, int64_t now)
{
    struct core_load load = {.under_way = core->call_count,
                             .busy = core->busy,
                             .heard_ago_ms = now - core->heard_ms};
    if (core->call_count > 0) {
        struct list *oldest = core->calls.next;
        int64_t asked_ms = container_of(oldest, struct upstream_call, node)->sent_at_ms;
        load.silent_ms = now - (asked_ms > core->heard_ms ? asked_ms : core->heard_ms);
    }
    return load;
}

struct upstream_core *upstream_core_choose(struct upstream *up,
                                           const struct upstream_call *call)
{
    struct core_choice choice;
    int64_t now = clock_ms();
    const struct upstream_core *asked = NULL; /* the catalogue about, last */
    bool knows = false;
    core_choice_begin(&choice, &up->spread, call->hint, now);
    LIST_EACH(&up->cores, node) {
        struct upstream_core *core = container_of(node, struct upstream_core, node);
        if (!usable(core)) {
            continue;
        }
        if (call->event_name != NULL &&
            (asked == NULL || !bytes_equal(hash_of(core), hash_of(asked)))) {
            knows = catalogue_hash_has(up->options.catalogue, hash_of(core),
                                       call->event_name);
            asked = core;
        }
        if (call->event_name == NULL || knows) {
            struct core_load load = load_of(core, now);
            core_choice_offer(&choice, core, link_client_address(core->client), &load,
                              core == call->core);
        }
    }
    return core_choice_end(&choice, &up->spread, now);
}
