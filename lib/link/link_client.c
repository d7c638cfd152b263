/* Gives the edge one core that answers, or says so soon: everything about silence is
 * dealt with here. */
#include "link/link_client.h"

#include <stdlib.h>

#include "base/clock.h"
#include "link/link_parts.h"

#define UNDER_WAY_MAX    2 /* messages */
#define RECONNECT_MIN_MS 50
#define RECONNECT_MAX_MS 1000
#define QUEUE_BYTES_MAX  (4 * 1024 * 1024)
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

struct link_client {
    int refs; /* three handles of the loop */
    struct channel_hub hub;
    struct channel *channel;
    uv_async_t wake;
    uv_prepare_t turn;
    uv_timer_t timer;

    const struct link_key *key;
    struct uuid edge_id;
    struct link_client_events events;
    void *user;
    char address[CHANNEL_ADDRESS_SIZE];

    struct frame_queue queue;
    struct arena arena;
    struct uuid core_id; /* that answered last */
    uint64_t link_id;    /* tells it from another link of this edge to the same core */
    uint64_t number;     /* of the last message */
    size_t outstanding;
    bool up;
    bool draining;
    bool closed;

    size_t under_way; /* messages; answers come in their order */
    int64_t sent_at_ms[UNDER_WAY_MAX];
    int64_t heard_at_ms; /* or when waiting began anew */
    int64_t timer_due_ms;
    int64_t probe_at_ms;
    int64_t probe_delay_ms;
    int64_t redial_at_ms;
    int64_t redial_delay_ms;
};

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Since when the core owes an answer. */
static int64_t silent_since(const struct link_client *client)
{
    return client->under_way > 0 ? max64(client->heard_at_ms, client->sent_at_ms[0])
                                 : INT64_MAX;
}

static void on_timer(uv_timer_t *timer);

static void arm_timer(struct link_client *client)
{
    int64_t now = clock_ms();
    int64_t due;
    if (!channel_is_open(client->channel)) {
        uv_timer_stop(&client->timer); /* on_open() goes on */
        return;
    }
    if (client->up) {
        due = client->under_way > 0 ? silent_since(client) + LINK_SILENCE_MS : now;
    } else if (client->under_way > 0) {
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
static void send_message(struct link_client *client, struct frame_chunk *chunk)
{
    chunk = chunk != NULL ? chunk : frame_chunk_create();
    enum err err = ERR_UNAVAILABLE;
    if (chunk != NULL) {
        struct buf *body = frame_chunk_buf(chunk);
        frame_append_bytes(body, EDGE_ID_FIELD, bytes_make(client->edge_id.b, 16));
        frame_append_varint(body, NUMBER_FIELD, ++client->number);
        frame_append_varint(body, LINK_FIELD, client->link_id);
        err = link_message_send(client->key, FRAME_TO_CORE, chunk, client->channel);
    }
    if (err != ERR_OK) {
        fail(client); /* its requests are lost: the owner must know */
        return;
    }
    client->sent_at_ms[client->under_way++] = clock_ms();
}

/* Only when the one before is with the kernel: a message that waited here for long would
 * be carried out after its requests have been given to another core. */
static bool may_send(const struct link_client *client)
{
    return channel_is_open(client->channel) && client->under_way < UNDER_WAY_MAX &&
           channel_backlog(client->channel) == 0;
}

static void pump(struct link_client *client)
{
    while (client->up && client->queue.count > 0 && may_send(client)) {
        send_message(client, frame_queue_take(&client->queue));
    }
    if (client->closed || client->under_way > 0 || !may_send(client)) {
        return;
    }
    if (client->up || clock_ms() >= client->probe_at_ms) {
        send_message(client, NULL);
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

/* ---- what the channel says ---- */

static void on_channel_open(void *user, struct channel *channel)
{
    struct link_client *client = user;
    client->probe_at_ms = clock_ms();
    client->redial_at_ms = client->probe_at_ms + client->redial_delay_ms;
    pump(client);
}

static void on_channel_message(void *user, struct channel *channel, struct bytes frame)
{
    struct link_client *client = user;
    if (client->under_way > 0) {
        client->under_way--;
        memmove(client->sent_at_ms, client->sent_at_ms + 1,
                client->under_way * sizeof(client->sent_at_ms[0]));
    }
    ProtobufCMessage *message;
    arena_reset(&client->arena);
    enum err err = frame_open(client->key, FRAME_FROM_CORE, &link__from_core__descriptor,
                              frame, &client->arena, &message);
    metric_add(&link_messages_received, 1);
    if (err != ERR_OK || ((Link__FromCore *)message)->core_id.len != 16) {
        fail(client);
        return;
    }
    hand_on(client, (Link__FromCore *)message);
}

static void on_channel_close(void *user, struct channel *channel)
{
    struct link_client *client = user;
    client->under_way = 0;
    go_down(client);
    if (!client->closed) {
        arm_timer(client);
    }
}

static void on_wake(uv_async_t *wake)
{
    struct link_client *client = wake->data;
    channel_hub_poll(&client->hub, SIZE_MAX);
    if (!client->closed) {
        pump(client);
    }
}

/* On one of NNG's threads. */
static void wake_loop(void *user)
{
    uv_async_send(&((struct link_client *)user)->wake);
}

static void on_turn(uv_prepare_t *turn)
{
    pump(turn->data);
}

/* The connection stands, but nothing comes: the other side may have lost it. */
static void redial(struct link_client *client)
{
    channel_break(client->channel);
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
    if (client->up && client->under_way > 0 &&
        now >= silent_since(client) + LINK_SILENCE_MS) {
        go_down(client);
    } else if (!client->up && client->under_way > 0 && now >= client->redial_at_ms) {
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
    client->refs = 3;
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
    client->probe_delay_ms = PROBE_MIN_MS;
    client->redial_delay_ms = REDIAL_MIN_MS;
    client->redial_at_ms = clock_ms() + REDIAL_MIN_MS;
    frame_queue_init(&client->queue);
    arena_init(&client->arena, ARENA_BYTES_MAX);
    channel_address_format(host, port, client->address);

    handles_init(client, loop);
    channel_hub_init(&client->hub, loop, wake_loop, client);
    struct channel_options options = {.message_max = FRAME_MAX_BYTES,
                                      .backlog_max = FRAME_MAX_BYTES,
                                      .redial_min_ms = RECONNECT_MIN_MS,
                                      .redial_max_ms = RECONNECT_MAX_MS};
    struct channel_events channel_events = {on_channel_open, on_channel_message,
                                            on_channel_close};
    enum err err = channel_dial(&client->hub, host, port, options, channel_events, client,
                                &client->channel);
    if (err != ERR_OK) {
        link_client_close(client);
        return err;
    }
    *ret_client = client;
    return ERR_OK;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct link_client *client = handle->data;
    if (--client->refs > 0) {
        return;
    }
    channel_hub_finish(&client->hub);
    frame_queue_finish(&client->queue);
    arena_finish(&client->arena);
    free(client);
}

void link_client_close(struct link_client *client)
{
    if (client == NULL || client->closed) {
        return;
    }
    client->closed = true;
    client->up = false;
    channel_close(client->channel);
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
