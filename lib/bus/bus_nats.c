/* Why: the bus of more than one machine: NATS gives an edge only the topics it wants.
 *
 * A topic is the subject "belfry.TOPIC". All calls into cnats are made on the worker's
 * thread, as they wait for locks that are held over socket writes. Messages arrive on the
 * library's delivery thread. */
#include "bus/bus_worker.h"

#include <stdint.h>
#include <stdlib.h>

#include <nats/nats.h>

#include "bus/bus_nats_options.h"

#define PREFIX               "belfry."
#define SUBJECT_MAX          (sizeof(PREFIX) + BUS_TOPIC_MAX)
#define RETRY_MS             200
#define PENDING_MESSAGES_MAX 8192
#define PENDING_BYTES_MAX    (16 * 1024 * 1024)
#define TURN_MS              500
#define BATCH                1024

struct bus_nats {
    struct bus bus;
    struct bus_worker worker;
    struct list live;
    uintptr_t id;
    natsOptions *options;
    natsConnection *connection; /* worker's thread only */
    struct map subscriptions;   /* topic -> natsSubscription; worker's thread only */
};

/* cnats may still call back when natsConnection_Destroy() has returned. So what it gets
 * is a number, never a pointer, and the number of a closed bus is not found. */
static pthread_mutex_t live_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list live = {&live, &live};
static uintptr_t last_id;

static struct bus_nats *live_find(const void *closure) /* live_mutex is held */
{
    LIST_EACH(&live, node) {
        struct bus_nats *self = container_of(node, struct bus_nats, live);
        if (self->id == (uintptr_t)closure) {
            return self;
        }
    }
    return NULL;
}

static struct bus_nats *nats_of(const struct bus *bus)
{
    return container_of(bus, struct bus_nats, bus);
}

/* A topic is one token of a subject: its dots, which may stand anywhere, would make empty
 * tokens. '/' is in no topic. */
static void subject_format(const char *topic, char ret_subject[SUBJECT_MAX])
{
    char *at = stpcpy(ret_subject, PREFIX);
    for (; *topic != '\0'; topic++) {
        *at++ = *topic == '.' ? '/' : *topic;
    }
    *at = '\0';
}

static struct bytes topic_of(const char *subject, char topic[BUS_TOPIC_MAX + 1])
{
    size_t size = strlen(subject);
    if (size <= strlen(PREFIX) || size >= SUBJECT_MAX) {
        return bytes_make(topic, 0);
    }
    size -= strlen(PREFIX);
    for (size_t i = 0; i < size; i++) {
        char c = subject[strlen(PREFIX) + i];
        topic[i] = c == '/' ? '.' : c;
    }
    return bytes_make(topic, size);
}

/* --- the library's threads ------------------------------------------------------ */

static void on_message(natsConnection *connection, natsSubscription *subscription,
                       natsMsg *msg, void *closure)
{
    char topic[BUS_TOPIC_MAX + 1];
    struct bytes name = topic_of(natsMsg_GetSubject(msg), topic);

    pthread_mutex_lock(&live_mutex);
    struct bus_nats *self = live_find(closure);
    if (self != NULL) {
        bus_receive(&self->bus, name,
                    bytes_make(natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg)));
    }
    pthread_mutex_unlock(&live_mutex);
    natsMsg_Destroy(msg);
}

/* Connected, cut off, connected again: the worker looks by itself, at once. */
static void on_change(natsConnection *connection, void *closure)
{
    pthread_mutex_lock(&live_mutex);
    struct bus_nats *self = live_find(closure);
    if (self != NULL) {
        bus_worker_signal(&self->worker);
    }
    pthread_mutex_unlock(&live_mutex);
}

/* --- worker's thread ------------------------------------------------------------ */

static void tell_change(struct bus_nats *self, const char *topic, bool wanted)
{
    if (!wanted) {
        natsSubscription *old = map_remove(&self->subscriptions, topic);
        natsSubscription_Unsubscribe(old); /* NULL is an error, and does no harm */
        natsSubscription_Destroy(old);
        return;
    }
    char subject[SUBJECT_MAX];
    subject_format(topic, subject);
    natsSubscription *subscription = NULL;
    if (natsConnection_Subscribe(&subscription, self->connection, subject, on_message,
                                 (void *)self->id) != NATS_OK) {
        return; /* closed, and then all are told anew; or no memory, and it is a hint */
    }
    natsSubscription_SetPendingLimits(subscription, PENDING_MESSAGES_MAX,
                                      PENDING_BYTES_MAX);
    if (map_put(&self->subscriptions, topic, subscription) != ERR_OK) {
        natsSubscription_Unsubscribe(subscription);
        natsSubscription_Destroy(subscription);
    }
}

static void publish_queued(struct bus_nats *self)
{
    for (int i = 0; i < BATCH; i++) {
        struct bus_message *message = bus_worker_take(&self->worker);
        if (message == NULL) {
            return;
        }
        char subject[SUBJECT_MAX];
        subject_format(message->topic, subject);
        natsStatus status = natsConnection_Publish(
            self->connection, subject, message->payload, (int)message->payload_size);
        free(message);
        if (status != NATS_OK) {
            bus_count_publish_error();
        }
        if (status == NATS_TIMEOUT) {
            break; /* the next write would wait as long: look at `stopping` first */
        }
    }
    bus_worker_signal(&self->worker); /* topics must not wait behind a flood */
}

static void turn(struct bus_nats *self)
{
    bool connected =
        natsConnection_Status(self->connection) == NATS_CONN_STATUS_CONNECTED;
    if (connected != atomic_load(&self->worker.connected)) {
        bus_worker_set_connected(&self->worker, connected);
    }
    char topic[BUS_TOPIC_MAX + 1];
    bool wanted;
    while (bus_worker_take_change(&self->worker, topic, &wanted)) {
        tell_change(self, topic, wanted);
    }
    publish_queued(self);
}

static void disconnect(struct bus_nats *self)
{
    bus_worker_set_connected(&self->worker, false);
    natsConnection_Destroy(self->connection);
    self->connection = NULL;

    size_t cursor = 0;
    void *subscription;
    while (map_next(&self->subscriptions, &cursor, NULL, &subscription)) {
        natsSubscription_Destroy(subscription);
    }
    map_finish(&self->subscriptions);
    map_init(&self->subscriptions, MAP_TEXT_KEYS);
}

/* The library reconnects by itself, but gives up for good on some errors, such as a login
 * that was refused twice: then all begins again. */
static void *work(void *user)
{
    struct bus_nats *self = user;
    do {
        bus_worker_forget_told(&self->worker);
        natsStatus status = natsConnection_Connect(&self->connection, self->options);
        if (status != NATS_OK && status != NATS_NOT_YET_CONNECTED) {
            continue;
        }
        do {
            turn(self);
        } while (bus_worker_wait(&self->worker, TURN_MS) &&
                 !natsConnection_IsClosed(self->connection));
        if (atomic_load(&self->worker.connected)) {
            publish_queued(self); /* what was accepted before the stop */
        }
        disconnect(self);
    } while (bus_worker_pause(&self->worker, RETRY_MS));
    nats_ReleaseThreadMemory();
    return NULL;
}

/* --- owner's thread ------------------------------------------------------------- */

static enum err nats_bus_open(const char *address, struct bus_events events,
                              struct bus **ret_bus)
{
    struct bus_nats *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ERR_UNAVAILABLE;
    }
    bus_init(&self->bus, &bus_nats_driver, events);
    self->bus.routes_topics = true;
    map_init(&self->subscriptions, MAP_TEXT_KEYS);

    pthread_mutex_lock(&live_mutex);
    self->id = ++last_id;
    pthread_mutex_unlock(&live_mutex);

    enum err err =
        bus_nats_options_create(address, on_change, (void *)self->id, &self->options);
    if (err != ERR_OK) {
        goto error;
    }
    err = bus_worker_start(&self->worker, work, self);
    if (err != ERR_OK) {
        goto error;
    }
    pthread_mutex_lock(&live_mutex);
    list_push(&live, &self->live);
    pthread_mutex_unlock(&live_mutex);
    *ret_bus = &self->bus;
    return ERR_OK;

error:
    natsOptions_Destroy(self->options);
    bus_finish(&self->bus);
    free(self);
    return err;
}

static void nats_bus_close(struct bus *bus)
{
    struct bus_nats *self = nats_of(bus);

    pthread_mutex_lock(&live_mutex);
    list_remove(&self->live);
    pthread_mutex_unlock(&live_mutex);

    bus_worker_stop(&self->worker);
    natsOptions_Destroy(self->options);
    bus_finish(&self->bus);
    free(self);
}

static enum err nats_bus_publish(struct bus *bus, struct bytes topic,
                                 struct bytes payload)
{
    return bus_worker_publish(&nats_of(bus)->worker, topic, payload);
}

static enum err nats_bus_subscribe(struct bus *bus, const char *topic)
{
    return bus_worker_want(&nats_of(bus)->worker, topic);
}

static void nats_bus_unsubscribe(struct bus *bus, const char *topic)
{
    bus_worker_unwant(&nats_of(bus)->worker, topic);
}

static bool nats_bus_connected(const struct bus *bus)
{
    return atomic_load(&nats_of(bus)->worker.connected);
}

const struct bus_driver bus_nats_driver = {
    .scheme = "nats",
    .open = nats_bus_open,
    .close = nats_bus_close,
    .publish = nats_bus_publish,
    .subscribe = nats_bus_subscribe,
    .unsubscribe = nats_bus_unsubscribe,
    .poll = bus_poll_inbox,
    .connected = nats_bus_connected,
};
