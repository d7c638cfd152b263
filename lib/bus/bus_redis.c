/* Why: the bus for those who run Redis already, by its pub/sub.
 *
 * A topic is the channel "belfry:TOPIC". In RESP2 a connection that subscribes can do
 * nothing else, so there are two. Both belong to the worker's thread, which waits for
 * them and for the owner with poll(2): hiredis 0.14 has async adapters only for loops
 * that it would share, and this interface has none to share. */
#include "bus/bus_worker.h"

#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bus/bus_redis_link.h"

#define PREFIX           "belfry:"
#define CHANNEL_MAX      (sizeof(PREFIX) + BUS_TOPIC_MAX)
#define DEFAULT_PORT     6379
#define TURN_MS          1000
#define RECONNECT_MIN_MS 100
#define RECONNECT_MAX_MS 1000
#define BATCH            256 /* messages between two looks at what has arrived */
#define WRITE_BYTES      (256 * 1024)

struct bus_redis {
    struct bus bus;
    struct bus_worker worker;
    struct bus_address address;
    struct bus_redis_link sub; /* worker's thread only, like `pub` */
    struct bus_redis_link pub;
};

static struct bus_redis *redis_of(const struct bus *bus)
{
    return container_of(bus, struct bus_redis, bus);
}

/* --- worker's thread ------------------------------------------------------------ */

static void on_push(struct bus_redis *self, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        strcmp(reply->element[0]->str, "message") != 0 ||
        reply->element[1]->len < strlen(PREFIX)) {
        return; /* a confirmation or a pong */
    }
    const redisReply *channel = reply->element[1];
    const redisReply *payload = reply->element[2];
    bus_receive(&self->bus,
                bytes_make(channel->str + strlen(PREFIX), channel->len - strlen(PREFIX)),
                bytes_make(payload->str, payload->len));
}

/* Reads what poll() has announced. False: the connection is lost. */
static bool link_read(struct bus_redis *self, struct bus_redis_link *link)
{
    if (redisBufferRead(link->context) != REDIS_OK) {
        return false;
    }
    link->heard_ms = clock_ms();
    for (;;) {
        void *value = NULL;
        if (redisGetReplyFromReader(link->context, &value) != REDIS_OK) {
            return false;
        }
        if (value == NULL) {
            return true;
        }
        redisReply *reply = value;
        bool refused = reply->type == REDIS_REPLY_ERROR;
        if (refused && link == &self->pub) {
            bus_count_publish_error();
        } else if (!refused && link == &self->sub) {
            on_push(self, reply);
        }
        freeReplyObject(reply);
        if (refused && link == &self->sub) {
            return false; /* a topic that was not taken: begin anew, with all of them */
        }
    }
}

static bool send_changes(struct bus_redis *self)
{
    char topic[BUS_TOPIC_MAX + 1];
    bool wanted;
    for (int unsent = 1; bus_worker_take_change(&self->worker, topic, &wanted);
         unsent++) {
        const char *verb = wanted ? "SUBSCRIBE" : "UNSUBSCRIBE";
        if (redisAppendCommand(self->sub.context, "%s " PREFIX "%s", verb, topic) !=
            REDIS_OK) {
            return false;
        }
        if (unsent % BATCH == 0 && !bus_redis_link_flush(&self->sub)) {
            return false;
        }
    }
    return bus_redis_link_flush(&self->sub);
}

static bool append_publish(struct bus_redis *self, const struct bus_message *message)
{
    char channel[CHANNEL_MAX];
    memcpy(stpcpy(channel, PREFIX), message->topic, (size_t)message->topic_size + 1);
    const char *argv[] = {"PUBLISH", channel, (const char *)message->payload};
    const size_t sizes[] = {strlen("PUBLISH"), strlen(channel), message->payload_size};
    return redisAppendCommandArgv(self->pub.context, 3, argv, sizes) == REDIS_OK;
}

static bool send_queued(struct bus_redis *self)
{
    size_t unsent_bytes = 0;
    for (int i = 0; i < BATCH; i++) {
        struct bus_message *message = bus_worker_take(&self->worker);
        if (message == NULL) {
            return bus_redis_link_flush(&self->pub);
        }
        bool appended = append_publish(self, message);
        unsent_bytes += message->payload_size;
        free(message);
        if (!appended) {
            bus_count_publish_error();
            return false;
        }
        if (unsent_bytes >= WRITE_BYTES) {
            if (!bus_redis_link_flush(&self->pub)) {
                return false;
            }
            unsent_bytes = 0;
        }
    }
    bus_worker_signal(&self->worker); /* the rest, after a look at what has arrived */
    return bus_redis_link_flush(&self->pub);
}

/* One round of waiting, reading and sending. False: a connection is lost. */
static bool turn(struct bus_redis *self)
{
    struct pollfd fds[] = {
        {.fd = self->worker.event_fd, .events = POLLIN},
        {.fd = self->sub.context->fd, .events = POLLIN},
        {.fd = self->pub.context->fd, .events = POLLIN},
    };
    (void)poll(fds, 3, TURN_MS);

    if (fds[1].revents != 0 && !link_read(self, &self->sub)) {
        return false;
    }
    if (fds[2].revents != 0 && !link_read(self, &self->pub)) {
        return false;
    }
    if (fds[0].revents != 0) {
        bus_worker_clear(&self->worker);
        if (!send_changes(self) || !send_queued(self)) {
            return false;
        }
    }
    int64_t now_ms = clock_ms();
    return bus_redis_link_alive(&self->sub, now_ms) &&
           bus_redis_link_alive(&self->pub, now_ms);
}

/* Connects, and works until a connection is lost or the bus is closed. True if it had
 * been connected. */
static bool session(struct bus_redis *self)
{
    bool connected = bus_redis_link_open(&self->sub, &self->address) &&
                     bus_redis_link_open(&self->pub, &self->address);
    if (connected) {
        bus_worker_forget_told(&self->worker);
        if (send_changes(self)) {
            bus_worker_set_connected(&self->worker, true);
            while (turn(self) && !bus_worker_stopping(&self->worker)) {
            }
        }
    }
    bus_worker_set_connected(&self->worker, false);
    bus_redis_link_close(&self->sub);
    bus_redis_link_close(&self->pub);
    return connected;
}

static void *work(void *user)
{
    struct bus_redis *self = user;
    int pause_ms = RECONNECT_MIN_MS;
    do {
        if (session(self)) {
            pause_ms = RECONNECT_MIN_MS;
        } else if (pause_ms * 2 <= RECONNECT_MAX_MS) {
            pause_ms *= 2;
        } else {
            pause_ms = RECONNECT_MAX_MS;
        }
    } while (bus_worker_pause(&self->worker, pause_ms));
    return NULL;
}

/* --- owner's thread ------------------------------------------------------------- */

static enum err redis_bus_open(const char *address, struct bus_events events,
                               struct bus **ret_bus)
{
    if (strncmp(address, "//", 2) != 0) {
        return ERR_VALIDATION_ERROR;
    }
    struct bus_address server;
    TRY(bus_address_parse(bytes_of_text(address + 2), DEFAULT_PORT, &server));
    struct bus_redis *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ERR_UNAVAILABLE;
    }
    bus_init(&self->bus, &bus_redis_driver, events);
    self->bus.routes_topics = true;
    self->address = server;
    enum err err = bus_worker_start(&self->worker, work, self);
    if (err != ERR_OK) {
        bus_finish(&self->bus);
        free(self);
        return err;
    }
    *ret_bus = &self->bus;
    return ERR_OK;
}

static void redis_bus_close(struct bus *bus)
{
    struct bus_redis *self = redis_of(bus);
    bus_worker_stop(&self->worker);
    bus_finish(&self->bus);
    explicit_bzero(self->address.password, sizeof(self->address.password));
    free(self);
}

static enum err redis_bus_publish(struct bus *bus, struct bytes topic,
                                  struct bytes payload)
{
    return bus_worker_publish(&redis_of(bus)->worker, topic, payload);
}

static enum err redis_bus_subscribe(struct bus *bus, const char *topic)
{
    return bus_worker_want(&redis_of(bus)->worker, topic);
}

static void redis_bus_unsubscribe(struct bus *bus, const char *topic)
{
    bus_worker_unwant(&redis_of(bus)->worker, topic);
}

static bool redis_bus_connected(const struct bus *bus)
{
    return atomic_load(&redis_of(bus)->worker.connected);
}

const struct bus_driver bus_redis_driver = {
    .scheme = "redis",
    .open = redis_bus_open,
    .close = redis_bus_close,
    .publish = redis_bus_publish,
    .subscribe = redis_bus_subscribe,
    .unsubscribe = redis_bus_unsubscribe,
    .poll = bus_poll_inbox,
    .connected = redis_bus_connected,
};
