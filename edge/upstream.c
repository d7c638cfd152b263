/* Sees every request through to an answer, or to the one thing that may honestly be said
 * without one, whatever happens to the cores meanwhile. */
#include "edge/upstream.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/upstream_parts.h"

#define WAITING_MAX       10000
#define WAITING_BYTES_MAX (16 * 1024 * 1024)
#define BACKOFF_MIN_MS    20
#define BACKOFF_MAX_MS    200
#define TICK_FAST_MS      10
#define TICK_SLOW_MS      50

static struct metric retries =
    METRIC_COUNTER("belfry_edge_upstream_retries_total",
                   "Requests that were sent again, to another core or later.");
static struct metric late_replies =
    METRIC_COUNTER("belfry_edge_upstream_late_replies_total",
                   "Replies to requests that had ended already.");
static struct metric ended_unavailable = METRIC_COUNTER_LABEL(
    "belfry_edge_upstream_unanswered_total", "result=\"unavailable\"",
    "Requests that ended without a reply: surely without effect, or not known.");
static struct metric ended_no_answer = METRIC_COUNTER_LABEL(
    "belfry_edge_upstream_unanswered_total", "result=\"no_answer\"",
    "Requests that ended without a reply: surely without effect, or not known.");
static struct metric waiting_gauge = METRIC_GAUGE(
    "belfry_edge_upstream_waiting", "Requests that wait for a core that can take them.");

/* ---- where a call is ---- */

static void detach(struct upstream_call *call)
{
    if (!list_linked(&call->node)) {
        return;
    }
    list_remove(&call->node);
    if (call->waits) {
        call->up->waiting_count--;
        call->up->waiting_bytes -= call->packed_size;
        metric_set(&waiting_gauge, (int64_t)call->up->waiting_count);
    } else {
        call->core->call_count--;
    }
}

static void forget(struct upstream_call *call)
{
    detach(call);
    list_remove(&call->all);
    map_remove(&call->up->calls_by_id, &call->id);
    free(call->packed);
    call->packed = NULL;
    call->up = NULL;
}

static void finish(struct upstream_call *call, enum upstream_result result,
                   const Link__Reply *reply)
{
    forget(call);
    call->done(call, result, reply);
}

/* Its time is over. UNAVAILABLE only if nothing can have happened. */
static void finish_unanswered(struct upstream_call *call)
{
    bool surely_nothing = !call->changes || call->refused >= call->sent;
    metric_add(surely_nothing ? &ended_unavailable : &ended_no_answer, 1);
    finish(call, surely_nothing ? UPSTREAM_UNAVAILABLE : UPSTREAM_NO_ANSWER, NULL);
}

static void wait(struct upstream_call *call, int64_t retry_at_ms)
{
    struct upstream *up = call->up;
    detach(call);
    call->waits = true;
    call->retry_at_ms = retry_at_ms;
    list_push(&up->waiting, &call->node);
    up->waiting_count++;
    up->waiting_bytes += call->packed_size;
    metric_set(&waiting_gauge, (int64_t)up->waiting_count);
    upstream_tick_within(up, retry_at_ms > 0 ? TICK_FAST_MS : TICK_SLOW_MS);
}

/* To the best core, or to those that wait. Calls nothing of the user's. */
static void dispatch(struct upstream_call *call)
{
    struct upstream *up = call->up;
    int64_t now = clock_ms();
    int64_t left = call->give_up_ms - now;
    struct upstream_core *core = left > 0 ? upstream_core_choose(up, call) : NULL;
    if (core == NULL) {
        wait(call, left > 0 ? 0 : now);
        return;
    }
    uint32_t deadline_ms = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
    enum err err =
        link_client_send_packed(core->client, bytes_make(call->packed, call->packed_size),
                                call->id, deadline_ms, call->sent + 1);
    if (err != ERR_OK) {
        call->give_up_ms = err == ERR_PAYLOAD_TOO_LARGE ? now : call->give_up_ms;
        wait(call, now + BACKOFF_MIN_MS);
        call->core = core; /* its queue is full: another's is not, perhaps */
        return;
    }
    detach(call);
    if (++call->sent > 1) {
        metric_add(&retries, 1);
    }
    call->waits = false;
    call->core = core;
    call->sent_at_ms = now;
    list_push(&core->calls, &call->node);
    core->call_count++;
    upstream_tick_within(up, TICK_SLOW_MS);
}

void upstream_resend_calls(struct upstream_core *core)
{
    while (!list_empty(&core->calls)) {
        dispatch(container_of(core->calls.next, struct upstream_call, node));
    }
}

/* Those whose time to try again has come; `all`: a core is there now, for any of them. */
static void send_waiting(struct upstream *up, bool all)
{
    int64_t now = clock_ms();
    size_t count = up->waiting_count;
    for (struct list *node = up->waiting.next; count > 0; count--) {
        struct upstream_call *call = container_of(node, struct upstream_call, node);
        node = node->next; /* dispatch() puts back behind the last one */
        if (call->retry_at_ms == 0 ? all : call->retry_at_ms <= now) {
            dispatch(call);
        }
    }
}

void upstream_send_waiting(struct upstream *up)
{
    send_waiting(up, true);
}

/* ---- replies ---- */

/* False: the reply says nothing of what the request as a whole came to. An error of one
 * attempt inside PostgreSQL speaks for that attempt alone. */
static bool is_final(const struct upstream_call *call, const Link__Reply *reply)
{
    if (reply->body_case != LINK__REPLY__BODY_ERROR) {
        return true;
    }
    enum err err = err_from_code(reply->error->code);
    bool alone = call->sent <= call->refused + 1;
    return err != ERR_UNAVAILABLE && (err != ERR_INTERNAL || !call->changes || alone);
}

/* Grows with each refusal, and differs from call to call, so that a core in trouble is
 * not asked by all of them at once. */
static int64_t backoff_ms(const struct upstream_call *call)
{
    uint32_t doublings = call->sent < 4 ? call->sent : 4;
    int64_t most = (int64_t)BACKOFF_MIN_MS << doublings;
    most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
    uint16_t dice;
    random_bytes(&dice, sizeof(dice));
    return BACKOFF_MIN_MS + dice % (most - BACKOFF_MIN_MS + 1);
}

void upstream_on_reply(struct upstream_core *core, const Link__Reply *reply)
{
    struct upstream_call *call = map_get(&core->up->calls_by_id, &reply->id);
    if (call == NULL) {
        metric_add(&late_replies, 1);
        return;
    }
    if (is_final(call, reply)) {
        finish(call, UPSTREAM_REPLY, reply);
        return;
    }
    if (reply->has_refused_before_sql && reply->refused_before_sql) {
        call->refused++;
        core->busy = 100; /* it would refuse the next one, too */
    }
    /* Of an older attempt: the newer one goes on. */
    if (!call->waits && call->core == core) {
        wait(call, clock_ms() + backoff_ms(call));
    }
}

/* ---- time ---- */

/* Users may cancel any call from within `done`: so those that are over are moved to a
 * list of their own first, from which a cancelled one disappears. */
static void end_expired(struct upstream *up)
{
    struct list expired;
    list_init(&expired);
    int64_t now = clock_ms();
    LIST_EACH(&up->calls, node) {
        struct upstream_call *call = container_of(node, struct upstream_call, all);
        if (now >= call->give_up_ms) {
            list_remove(&call->all);
            list_push(&expired, &call->all);
        }
    }
    while (!list_empty(&expired)) {
        finish_unanswered(container_of(expired.next, struct upstream_call, all));
    }
}

static bool any_retries(const struct upstream *up)
{
    LIST_EACH(&up->waiting, node) {
        if (container_of(node, struct upstream_call, node)->retry_at_ms > 0) {
            return true;
        }
    }
    return false;
}

static void on_tick(uv_timer_t *tick)
{
    struct upstream *up = tick->data;
    end_expired(up);
    send_waiting(up, false);
    bool leaving = upstream_cores_sweep(up);

    uv_timer_stop(&up->tick);
    up->tick_ms = 0;
    if (any_retries(up)) {
        upstream_tick_within(up, TICK_FAST_MS);
    } else if (leaving || !list_empty(&up->calls)) {
        upstream_tick_within(up, TICK_SLOW_MS);
    }
}

void upstream_tick_within(struct upstream *up, uint64_t ms)
{
    if (up->tick_ms == 0 || ms < up->tick_ms) {
        up->tick_ms = ms;
        uv_timer_start(&up->tick, on_tick, ms, 0);
    }
}

/* ---- the interface ---- */

enum err upstream_open(uv_loop_t *loop, const struct upstream_options *options,
                       struct upstream_events events, void *user,
                       struct upstream **ret_up)
{
    metrics_register(&retries);
    metrics_register(&late_replies);
    metrics_register(&ended_unavailable);
    metrics_register(&ended_no_answer);
    metrics_register(&waiting_gauge);
    struct upstream *up = calloc(1, sizeof(*up));
    if (up == NULL) {
        return ERR_UNAVAILABLE;
    }
    up->loop = loop;
    up->options = *options;
    up->events = events;
    up->user = user;
    list_init(&up->cores);
    list_init(&up->calls);
    list_init(&up->waiting);
    map_init(&up->calls_by_id, sizeof(uint64_t));

    enum err err = upstream_cores_open(up);
    up->options.cores = NULL; /* was borrowed */
    if (err != ERR_OK) {
        free(up);
        return err;
    }
    uv_timer_init(loop, &up->tick);
    up->tick.data = up;
    *ret_up = up;
    return ERR_OK;
}

static void on_tick_closed(uv_handle_t *tick)
{
    free(tick->data);
}

void upstream_close(struct upstream *up)
{
    if (up == NULL) {
        return;
    }
    LIST_EACH(&up->calls, node) {
        forget(container_of(node, struct upstream_call, all));
    }
    map_finish(&up->calls_by_id);
    upstream_cores_close(up);
    uv_close((uv_handle_t *)&up->tick, on_tick_closed);
}

/* Keeps what each attempt needs; false: no memory. */
static bool keep_request(struct upstream_call *call)
{
    const ProtobufCMessage *request = &call->request->base;
    size_t size = protobuf_c_message_get_packed_size(request);
    size_t name_size = call->event != NULL ? strlen(call->event) + 1 : 0;
    call->packed = malloc(size + name_size);
    if (call->packed == NULL) {
        return false;
    }
    call->packed_size = protobuf_c_message_pack(request, call->packed);
    call->event_name = NULL;
    if (name_size > 0) {
        char *name = (char *)call->packed + size;
        memcpy(name, call->event, name_size);
        call->event_name = name;
    }
    return true;
}

void upstream_request(struct upstream *up, struct upstream_call *call)
{
    call->up = up;
    call->id = ++up->last_id;
    call->core = NULL;
    call->waits = false;
    call->sent = call->refused = 0;
    call->give_up_ms = call->deadline_ms;
    call->packed = NULL;
    call->packed_size = 0;
    call->all = call->node = (struct list){0};
    list_push(&up->calls, &call->all);

    bool room = up->waiting_count < WAITING_MAX && up->waiting_bytes < WAITING_BYTES_MAX;
    if (!room || !keep_request(call) ||
        map_put(&up->calls_by_id, &call->id, call) != ERR_OK) {
        call->give_up_ms = clock_ms(); /* the next tick says so */
    }
    dispatch(call);
}

void upstream_cancel(struct upstream_call *call)
{
    if (call->up != NULL) {
        forget(call);
    }
}

bool upstream_ready(const struct upstream *up)
{
    return up->ready;
}
