/* Gives the edge one core that answers, or says so soon: everything about NNG and
 * about silence is dealt with here. */
#include "link/link_client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "link/link_client_parts.h"

#define QUEUE_BYTES_MAX (4 * 1024 * 1024)
/* Structs are larger than their packed form. */
#define ARENA_BYTES_MAX        (64 * 1024 * 1024)
#define PROBE_MIN_MS           50
#define PROBE_MAX_MS           1000
#define REDIAL_MIN_MS          5000 /* a connection that stays silent is given up */
#define REDIAL_MAX_MS          60000
#define STALL_MS               250 /* the loop itself was held up: not the core's fault */
#define EDGE_ID_FIELD          1
#define REQUEST_ID_FIELD       1
#define REQUEST_DEADLINE_FIELD 3
#define REQUEST_ATTEMPT_FIELD  6
#define NUMBER_FIELD           3
#define LINK_FIELD             4

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static size_t under_way(const struct link_client *client)
{
    size_t count = 0;
    for (size_t i = 0; i < CONTEXTS; i++) {
        count += client->contexts[i].sent_at_ms != 0;
    }
    return count;
}

/* Since when the core owes an answer. */
static int64_t silent_since(const struct link_client *client)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < CONTEXTS; i++) {
        int64_t sent_at = client->contexts[i].sent_at_ms;
        oldest = sent_at != 0 ? min64(oldest, sent_at) : oldest;
    }
    return max64(client->heard_at_ms, oldest);
}

static void on_timer(uv_timer_t *timer);

static void arm_timer(struct link_client *client)
{
    int64_t now = clock_ms();
    int64_t due;
    if (client->up) {
        due = under_way(client) > 0 ? silent_since(client) + LINK_SILENCE_MS : now;
    } else if (under_way(client) > 0) {
        due = client->redial_at_ms;
    } else {
        due = client->probe_at_ms;
    }
    due = max64(due, now + 1);
    client->timer_due_ms = due;
    uv_update_time(client->timer.loop);
    uv_timer_start(&client->timer, on_timer, (uint64_t)(due - now), 0);
}

static void go_down(struct link_client *client)
{
    if (!client->up) {
        return;
    }
    int64_t now = clock_ms();
    client->up = false;
    client->draining = false;
    client->outstanding = 0;
    frame_queue_finish(&client->queue);
    link_client_io_cancel_unsent(client);
    client->probe_at_ms = now;
    client->probe_delay_ms = PROBE_MIN_MS;
    client->redial_delay_ms = REDIAL_MIN_MS;
    client->redial_at_ms = now + REDIAL_MIN_MS;
    arm_timer(client);
    client->events.on_down(client->user, client);
}

/* Something that should have brought an answer has not. */
static void fail(struct link_client *client)
{
    go_down(client);
    if (client->closed) {
        return;
    }
    client->probe_at_ms = clock_ms() + client->probe_delay_ms;
    client->probe_delay_ms = min64(client->probe_delay_ms * 2, PROBE_MAX_MS);
    arm_timer(client);
}

/* `chunk` NULL: an empty message, which only asks for answers. */
static void send_message(struct link_client *client, struct context *context,
                         struct frame_chunk *chunk)
{
    chunk = chunk != NULL ? chunk : frame_chunk_create();
    nng_msg *msg = NULL;
    enum err err = ERR_UNAVAILABLE;
    if (chunk != NULL) {
        struct buf *body = frame_chunk_buf(chunk);
        frame_append_bytes(body, EDGE_ID_FIELD, bytes_make(client->edge_id.b, 16));
        frame_append_varint(body, NUMBER_FIELD, ++client->number);
        frame_append_varint(body, LINK_FIELD, client->link_id);
        err = link_message_make(client->key, FRAME_TO_CORE, chunk, &msg);
    }
    if (err != ERR_OK) {
        fail(client); /* its requests are lost: the owner must know */
        return;
    }
    context->sent_at_ms = clock_ms();
    link_client_io_send(context, msg);
}

static struct context *idle_context(struct link_client *client)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        if (client->contexts[i].sent_at_ms == 0) {
            return &client->contexts[i];
        }
    }
    return NULL;
}

static void pump(struct link_client *client)
{
    struct context *context;
    while (client->up && client->queue.count > 0 &&
           (context = idle_context(client)) != NULL) {
        send_message(client, context, frame_queue_take(&client->queue));
    }
    if (client->closed || under_way(client) > 0) {
        return;
    }
    if (client->up || clock_ms() >= client->probe_at_ms) {
        send_message(client, &client->contexts[0], NULL);
        if (!client->closed) {
            arm_timer(client);
        }
    }
}

static void come_up(struct link_client *client, const Link__FromCore *message)
{
    client->up = true;
    memcpy(client->core_id.b, message->core_id.data, sizeof(client->core_id.b));
    client->probe_delay_ms = PROBE_MIN_MS;
    client->redial_delay_ms = REDIAL_MIN_MS;
    client->draining = message->has_draining && message->draining;
    client->events.on_up(client->user, client, message);
    if (!client->closed) {
        arm_timer(client);
    }
}

static void hand_on(struct link_client *client, const Link__FromCore *message)
{
    client->heard_at_ms = clock_ms();
    /* Another process at the same address knows nothing of what was asked. */
    if (client->up && memcmp(message->core_id.data, client->core_id.b, 16) != 0) {
        go_down(client);
    }
    if (!client->closed && !client->up) {
        come_up(client, message);
    }
    if (client->closed) {
        return;
    }
    client->draining = message->has_draining && message->draining;
    client->events.on_message(client->user, client, message);
    for (size_t i = 0; i < message->n_replies && !client->closed; i++) {
        client->outstanding -= client->outstanding > 0;
        client->events.on_reply(client->user, client, message->replies[i]);
    }
}

static void handle_finished(struct link_client *client, struct context *context)
{
    nng_msg *answer = context->answer;
    context->answer = NULL;
    context->sent_at_ms = 0;
    if (answer == NULL) {
        fail(client);
        return;
    }
    ProtobufCMessage *message;
    arena_reset(&client->arena);
    struct bytes frame = bytes_make(nng_msg_body(answer), nng_msg_len(answer));
    enum err err = frame_open(client->key, FRAME_FROM_CORE, &link__from_core__descriptor,
                              frame, &client->arena, &message);
    nng_msg_free(answer);
    metric_add(&link_messages_received, 1);
    if (err != ERR_OK || ((Link__FromCore *)message)->core_id.len != 16) {
        fail(client);
        return;
    }
    hand_on(client, (Link__FromCore *)message);
}

static void on_wake(uv_async_t *wake)
{
    struct link_client *client = wake->data;
    bool lost;
    struct context *finished = link_client_io_take(client, &lost);

    while (finished != NULL && !client->closed) {
        struct context *context = finished;
        finished = context->next;
        handle_finished(client, context);
    }
    if (lost && !client->closed) {
        go_down(client);
    }
    if (!client->closed) {
        pump(client);
    }
}

static void on_turn(uv_prepare_t *turn)
{
    pump(turn->data);
}

/* The connection stands, but nothing comes: the other side may have lost it. */
static void redial(struct link_client *client)
{
    link_client_io_redial(client);
    client->redial_delay_ms = min64(client->redial_delay_ms * 2, REDIAL_MAX_MS);
    client->redial_at_ms = clock_ms() + client->redial_delay_ms;
}

static void on_timer(uv_timer_t *timer)
{
    struct link_client *client = timer->data;
    int64_t now = clock_ms();
    if (now > client->timer_due_ms + STALL_MS) {
        /* Answers may lie here unread: a moment more, not the whole time again. */
        int64_t moment = now - LINK_SILENCE_MS + STALL_MS;
        client->heard_at_ms = max64(client->heard_at_ms, moment);
    }
    if (client->up && under_way(client) > 0 &&
        now >= silent_since(client) + LINK_SILENCE_MS) {
        go_down(client);
    } else if (!client->up && under_way(client) > 0 && now >= client->redial_at_ms) {
        redial(client);
    }
    if (client->closed) {
        return;
    }
    pump(client);
    if (!client->closed) {
        arm_timer(client);
    }
}

/* ---- opening and closing ---- */

static void handles_init(struct link_client *client, uv_loop_t *loop)
{
    uv_async_init(loop, &client->wake, on_wake);
    uv_prepare_init(loop, &client->turn);
    uv_timer_init(loop, &client->timer);
    client->wake.data = client->turn.data = client->timer.data = client;
    uv_prepare_start(&client->turn, on_turn);
}

enum err link_client_open(uv_loop_t *loop, const char *host, int port,
                          const struct link_key *key, struct uuid edge_id,
                          struct link_client_events events, void *user,
                          struct link_client **ret_client)
{
    link_metrics_register();
    struct link_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return ERR_UNAVAILABLE;
    }
    client->key = key;
    client->edge_id = edge_id;
    random_bytes(&client->link_id, sizeof(client->link_id));
    client->events = events;
    client->user = user;
    client->finished_end = &client->finished;
    client->probe_delay_ms = PROBE_MIN_MS;
    client->redial_delay_ms = REDIAL_MIN_MS;
    client->redial_at_ms = clock_ms() + REDIAL_MIN_MS;
    client->pipe = (nng_pipe)NNG_PIPE_INITIALIZER;
    frame_queue_init(&client->queue);
    arena_init(&client->arena, ARENA_BYTES_MAX);
    pthread_mutex_init(&client->lock, NULL);
    link_address_format(host, port, client->address);

    handles_init(client, loop);
    atomic_store(&client->refs, 4);
    if (!link_client_io_open(client)) {
        link_client_close(client);
        return ERR_UNAVAILABLE;
    }
    arm_timer(client);
    *ret_client = client;
    return ERR_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    link_client_unref(handle->data);
}

void link_client_close(struct link_client *client)
{
    if (client == NULL || client->closed) {
        return;
    }
    client->closed = true;
    client->up = false;
    link_client_io_close(client);
    uv_close((uv_handle_t *)&client->wake, on_handle_closed);
    uv_close((uv_handle_t *)&client->turn, on_handle_closed);
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
}

/* ---- the rest of the interface ---- */

enum err link_client_send(struct link_client *client, const Link__Request *request)
{
    if (!client->up || client->queue.bytes > QUEUE_BYTES_MAX) {
        return ERR_UNAVAILABLE;
    }
    TRY(frame_queue_push(&client->queue, &request->base));
    client->outstanding++;
    return ERR_OK;
}

enum err link_client_send_packed(struct link_client *client, struct bytes packed,
                                 uint64_t id, uint32_t deadline_ms, uint32_t attempt)
{
    if (!client->up || client->queue.bytes > QUEUE_BYTES_MAX) {
        return ERR_UNAVAILABLE;
    }
    uint8_t tail[3 * FRAME_VARINT_MAX];
    size_t size = frame_put_varint(tail, REQUEST_ID_FIELD, id);
    size += frame_put_varint(tail + size, REQUEST_DEADLINE_FIELD, deadline_ms);
    size += frame_put_varint(tail + size, REQUEST_ATTEMPT_FIELD, attempt);
    TRY(frame_queue_push_packed(&client->queue, packed, bytes_make(tail, size)));
    client->outstanding++;
    return ERR_OK;
}

bool link_client_up(const struct link_client *client)
{
    return client->up;
}

bool link_client_draining(const struct link_client *client)
{
    return client->draining;
}

size_t link_client_outstanding(const struct link_client *client)
{
    return client->outstanding;
}

const char *link_client_address(const struct link_client *client)
{
    return client->address;
}
