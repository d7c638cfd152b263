/* Why: cnats waits and calls back as it likes, which a loop cannot bear. */
#include "bus/bus_nats_link.h"

#include <stdint.h>
#include <stdlib.h>

#include <nats/nats.h>

#include "base/clock.h"
#include "bus/bus_nats_options.h"
#include "bus/bus_worker.h"

#define RETRY_MS             200
#define PENDING_MESSAGES_MAX BUS_INBOX_MESSAGES_MAX
#define PENDING_BYTES_MAX    BUS_INBOX_BYTES_MAX
#define TURN_MS              500
#define BATCH                1024

struct nats_link {
    struct bus *bus;
    struct bus_worker worker;
    struct list live;
    uintptr_t id;
    natsOptions *options;
    natsConnection *connection; /* worker's thread only */
    struct map subscriptions;   /* subject -> natsSubscription; worker's thread only */
    int beat_ms;
    int64_t next_beat_ms; /* worker's thread only */
    _Atomic uint32_t beats, ups, reconnects;
    uint32_t seen_reconnects; /* worker's thread only */
    bool corked;
};

/* cnats may still call back when natsConnection_Destroy() has returned. So what it gets
 * is a number, never a pointer, and the number of a closed link is not found. */
static pthread_mutex_t live_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list live = {&live, &live};
static uintptr_t last_id;

static struct nats_link *live_find(const void *closure) /* live_mutex is held */
{
    LIST_EACH(&live, node) {
        struct nats_link *link = container_of(node, struct nats_link, live);
        if (link->id == (uintptr_t)closure) {
            return link;
        }
    }
    return NULL;
}

static void wake_owner(struct nats_link *link)
{
    link->bus->events.wake(link->bus->events.user);
}

/* ---- the library's threads ---- */

/* NULL: no memory, or nobody of ours would send such a one. */
static struct bus_message *copy_of(natsMsg *msg)
{
    const char *reply = natsMsg_GetReply(msg);
    struct bytes subject = bytes_of_text(natsMsg_GetSubject(msg));
    size_t size = (size_t)natsMsg_GetDataLength(msg);
    if (!bus_topic_valid(subject) || size > BUS_PAYLOAD_MAX ||
        (reply != NULL && strlen(reply) > BUS_TOPIC_MAX)) {
        return NULL;
    }
    struct bus_message *message =
        bus_message_create(subject, bytes_make(natsMsg_GetData(msg), size));
    if (message != NULL && reply != NULL) {
        memcpy(message->reply, reply, strlen(reply) + 1);
    }
    return message;
}

static void on_message(natsConnection *connection, natsSubscription *subscription,
                       natsMsg *msg, void *closure)
{
    struct bus_message *message = copy_of(msg);
    natsMsg_Destroy(msg);

    pthread_mutex_lock(&live_mutex);
    struct nats_link *link = live_find(closure);
    if (message == NULL || link == NULL) {
        bus_count_dropped(1);
        free(message);
    } else {
        bus_receive_message(link->bus, message);
    }
    pthread_mutex_unlock(&live_mutex);
}

/* Cut off, or connected: the worker looks by itself, at once. */
static void on_change(natsConnection *connection, void *closure)
{
    pthread_mutex_lock(&live_mutex);
    struct nats_link *link = live_find(closure);
    if (link != NULL) {
        bus_worker_signal(&link->worker);
    }
    pthread_mutex_unlock(&live_mutex);
}

/* Perhaps before the worker has seen that it was cut off. */
static void on_reconnect(natsConnection *connection, void *closure)
{
    pthread_mutex_lock(&live_mutex);
    struct nats_link *link = live_find(closure);
    if (link != NULL) {
        atomic_fetch_add(&link->reconnects, 1);
        bus_worker_signal(&link->worker);
    }
    pthread_mutex_unlock(&live_mutex);
}

/* ---- worker's thread ---- */

/* Without memory for one, all begins again: nothing is heard without it. */
static void tell_change(struct nats_link *link, const char *subject)
{
    natsSubscription *subscription = NULL;
    if (natsConnection_Subscribe(&subscription, link->connection, subject, on_message,
                                 (void *)link->id) != NATS_OK) {
        natsConnection_Close(link->connection);
        return;
    }
    natsSubscription_SetPendingLimits(subscription, PENDING_MESSAGES_MAX,
                                      PENDING_BYTES_MAX);
    if (map_put(&link->subscriptions, subject, subscription) != ERR_OK) {
        natsSubscription_Destroy(subscription);
        natsConnection_Close(link->connection);
    }
}

/* False: nothing is left, or the broker takes no more. */
static bool publish_some(struct nats_link *link)
{
    for (int i = 0; i < BATCH; i++) {
        struct bus_message *message = bus_worker_take(&link->worker);
        if (message == NULL) {
            return false;
        }
        int size = (int)message->payload_size;
        natsStatus status =
            message->reply[0] == '\0'
                ? natsConnection_Publish(link->connection, message->topic,
                                         message->payload, size)
                : natsConnection_PublishRequest(link->connection, message->topic,
                                                message->reply, message->payload, size);
        free(message);
        if (status != NATS_OK) {
            bus_count_publish_error();
        }
        if (status == NATS_TIMEOUT) {
            bus_worker_signal(&link->worker);
            return false; /* the next write would wait as long: look at `stopping` first
                           */
        }
    }
    bus_worker_signal(&link->worker); /* subjects must not wait behind a flood */
    return true;
}

static void look(struct nats_link *link)
{
    bool connected =
        natsConnection_Status(link->connection) == NATS_CONN_STATUS_CONNECTED;
    uint32_t reconnects = atomic_load(&link->reconnects);
    bool anew = connected && reconnects != link->seen_reconnects;
    link->seen_reconnects = reconnects;
    if (connected == atomic_load(&link->worker.connected) && !anew) {
        return;
    }
    bus_worker_set_connected(&link->worker, connected);
    if (connected) {
        atomic_fetch_add(&link->ups, 1);
        wake_owner(link);
    }
}

static void beat(struct nats_link *link)
{
    int64_t now_ms = clock_ms();
    if (now_ms >= link->next_beat_ms) {
        link->next_beat_ms = now_ms + link->beat_ms;
        atomic_fetch_add(&link->beats, 1);
        wake_owner(link);
    }
}

static void turn(struct nats_link *link)
{
    char subject[BUS_TOPIC_MAX + 1];
    bool wanted; /* is never taken back */
    look(link);
    while (bus_worker_take_change(&link->worker, subject, &wanted)) {
        tell_change(link, subject);
    }
    publish_some(link);
    beat(link);
}

static int until_turn_ms(const struct nats_link *link)
{
    int64_t left_ms = link->next_beat_ms - clock_ms();
    return left_ms > TURN_MS ? TURN_MS : left_ms > 0 ? (int)left_ms : 0;
}

static void disconnect(struct nats_link *link)
{
    bus_worker_set_connected(&link->worker, false);
    natsConnection_Destroy(link->connection);
    link->connection = NULL;

    size_t cursor = 0;
    void *subscription;
    while (map_next(&link->subscriptions, &cursor, NULL, &subscription)) {
        natsSubscription_Destroy(subscription);
    }
    map_finish(&link->subscriptions);
    map_init(&link->subscriptions, MAP_TEXT_KEYS);
}

/* The library reconnects by itself, but gives up for good on some errors, such as a login
 * that was refused twice: then all begins again. */
static void *work(void *user)
{
    struct nats_link *link = user;
    do {
        bus_worker_forget_told(&link->worker);
        natsStatus status = natsConnection_Connect(&link->connection, link->options);
        if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED) {
            continue;
        }
        do {
            turn(link);
        } while (bus_worker_wait(&link->worker, until_turn_ms(link)) &&
                 !natsConnection_IsClosed(link->connection));
        while (atomic_load(&link->worker.connected) && publish_some(link)) {
            /* what was accepted before the stop */
        }
        disconnect(link);
    } while (bus_worker_pause(&link->worker, RETRY_MS));
    nats_ReleaseThreadMemory();
    return NULL;
}

/* ---- owner's thread ---- */

enum err nats_link_open(const char *address, int beat_ms, struct bus *bus,
                        struct nats_link **ret_link)
{
    struct nats_link *link = calloc(1, sizeof(*link));
    if (link == NULL) {
        return ERR_UNAVAILABLE;
    }
    link->bus = bus;
    link->beat_ms = beat_ms;
    map_init(&link->subscriptions, MAP_TEXT_KEYS);
    pthread_mutex_lock(&live_mutex);
    link->id = ++last_id;
    pthread_mutex_unlock(&live_mutex);

    enum err err = bus_nats_options_create(address, on_change, on_reconnect,
                                           (void *)link->id, &link->options);
    if (err == ERR_OK) {
        err = bus_worker_start(&link->worker, work, link);
    }
    if (err != ERR_OK) {
        natsOptions_Destroy(link->options);
        free(link);
        return err;
    }
    pthread_mutex_lock(&live_mutex);
    list_push(&live, &link->live);
    pthread_mutex_unlock(&live_mutex);
    *ret_link = link;
    return ERR_OK;
}

void nats_link_close(struct nats_link *link)
{
    if (link == NULL) {
        return;
    }
    pthread_mutex_lock(&live_mutex);
    list_remove(&link->live);
    pthread_mutex_unlock(&live_mutex);

    bus_worker_stop(&link->worker);
    natsOptions_Destroy(link->options);
    free(link);
}

bool nats_link_is_up(const struct nats_link *link)
{
    return atomic_load(&link->worker.connected);
}

uint32_t nats_link_ups(const struct nats_link *link)
{
    return atomic_load(&link->ups);
}

uint32_t nats_link_beats(const struct nats_link *link)
{
    return atomic_load(&link->beats);
}

enum err nats_link_publish(struct nats_link *link, const char *subject,
                           struct bytes reply, struct bytes payload)
{
    struct bus_message *message = bus_message_create(bytes_of_text(subject), payload);
    if (message == NULL) {
        return ERR_UNAVAILABLE;
    }
    memcpy(message->reply, reply.data, reply.size);
    message->reply[reply.size] = '\0';
    TRY(bus_worker_push(&link->worker, message));
    if (!link->corked) {
        bus_worker_signal(&link->worker);
    }
    return ERR_OK;
}

enum err nats_link_subscribe(struct nats_link *link, const char *subject)
{
    return bus_worker_want(&link->worker, subject);
}

void nats_link_cork(struct nats_link *link, bool corked)
{
    link->corked = corked;
    if (!corked) {
        bus_worker_signal(&link->worker);
    }
}
