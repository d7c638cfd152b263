/* Why: the bus may lose, double and reorder (P4), and tests must be able to make it so.
 *
 *     chaos:SEED:DROP:DUP:SHUFFLE:URL
 *
 * On the receiving side of the bus at URL, DROP and DUP are percentages, and SHUFFLE is
 * how many messages are held back at most; one of them, chosen at random, goes on when
 * another arrives, and all of them when they have waited 100 ms. What happens depends on
 * SEED and on the order of arrival only. chaos:SEED:100:0:0:URL is a dead bus. */
#include "bus/bus_driver.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

#define SHUFFLE_MAX 1000
#define HOLD_MS     100

struct held {
    struct bus_message *message;
    int64_t since_ms;
};

struct settings {
    uint64_t seed;
    unsigned drop_percent;
    unsigned dup_percent;
    unsigned shuffle;
};

struct bus_chaos {
    struct bus bus;
    struct bus *inner;
    struct settings settings;
    uint64_t random;
    struct held held[SHUFFLE_MAX + 1];
    unsigned held_count;
    struct bus_queue ready; /* goes to bus_deliver() next */
};

static struct bus_chaos *chaos_of(const struct bus *bus)
{
    return container_of(bus, struct bus_chaos, bus);
}

/* splitmix64: small, and good from any seed. */
static uint64_t next_random(struct bus_chaos *self)
{
    uint64_t z = (self->random += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static bool happens(struct bus_chaos *self, unsigned percent)
{
    return next_random(self) % 100 < percent;
}

static void let_go(struct bus_chaos *self, unsigned index)
{
    struct bus_message *message = self->held[index].message;
    self->held[index] = self->held[--self->held_count];
    if (!bus_queue_push(&self->ready, message)) {
        free(message);
    }
}

static void hold(struct bus_chaos *self, struct bytes topic, struct bytes payload)
{
    struct bus_message *message = bus_message_create(topic, payload);
    if (message == NULL) {
        return;
    }
    self->held[self->held_count++] = (struct held){message, clock_ms()};
    while (self->held_count > self->settings.shuffle) {
        let_go(self, (unsigned)(next_random(self) % self->held_count));
    }
}

static void on_message(void *user, struct bytes topic, struct bytes payload)
{
    struct bus_chaos *self = user;
    bool drop = happens(self, self->settings.drop_percent);
    bool dup = happens(self, self->settings.dup_percent);
    if (drop) {
        return;
    }
    hold(self, topic, payload);
    if (dup) {
        hold(self, topic, payload);
    }
}

static void wake(void *user)
{
    struct bus_chaos *self = user;
    self->bus.events.wake(self->bus.events.user);
}

static bool chaos_poll(struct bus *bus, int limit)
{
    struct bus_chaos *self = chaos_of(bus);
    bool more = bus_poll(self->inner, limit);

    int64_t now_ms = clock_ms();
    for (unsigned i = 0; i < self->held_count;) {
        if (now_ms - self->held[i].since_ms >= HOLD_MS) {
            let_go(self, i); /* another one is at `i` now */
        } else {
            i++;
        }
    }
    for (int i = 0; i < limit; i++) {
        struct bus_message *message = bus_queue_take(&self->ready);
        if (message == NULL) {
            return more;
        }
        bus_deliver(bus, bus_message_topic(message), bus_message_payload(message));
        free(message);
    }
    return more || self->ready.count > 0;
}

/* Digits and the ':' behind them; NULL if it is not that, or too much. */
static const char *parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    if (*text < '0' || *text > '9') {
        return NULL;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || *end != ':' || number > max) {
        return NULL;
    }
    *ret_number = number;
    return end + 1;
}

/* Gives the URL behind the settings, or NULL. */
static const char *parse_settings(const char *address, struct settings *settings)
{
    static const uint64_t max[] = {UINT64_MAX, 100, 100, SHUFFLE_MAX};
    uint64_t numbers[4];
    for (int i = 0; i < 4 && address != NULL; i++) {
        address = parse_number(address, max[i], &numbers[i]);
    }
    if (address != NULL) {
        *settings = (struct settings){numbers[0], (unsigned)numbers[1],
                                      (unsigned)numbers[2], (unsigned)numbers[3]};
    }
    return address;
}

static enum err chaos_open(const char *address, struct bus_events events,
                           struct bus **ret_bus)
{
    struct settings settings;
    const char *url = parse_settings(address, &settings);
    if (url == NULL) {
        return ERR_VALIDATION_ERROR;
    }
    struct bus_chaos *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ERR_UNAVAILABLE;
    }
    bus_init(&self->bus, &bus_chaos_driver, events);
    bus_queue_init(&self->ready, BUS_INBOX_MESSAGES_MAX, BUS_INBOX_BYTES_MAX);
    self->settings = settings;
    self->random = settings.seed;

    const struct bus_events inner = {on_message, wake, self, NULL};
    enum err err = bus_open(url, inner, &self->inner);
    if (err != ERR_OK) {
        bus_finish(&self->bus);
        free(self);
        return err;
    }
    self->bus.routes_topics = bus_routes_topics(self->inner);
    *ret_bus = &self->bus;
    return ERR_OK;
}

static void chaos_close(struct bus *bus)
{
    struct bus_chaos *self = chaos_of(bus);
    bus_close(self->inner);
    for (unsigned i = 0; i < self->held_count; i++) {
        free(self->held[i].message);
    }
    bus_queue_finish(&self->ready);
    bus_finish(&self->bus);
    free(self);
}

static enum err chaos_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    return bus_publish(chaos_of(bus)->inner, topic, payload);
}

static void chaos_cork(struct bus *bus, bool corked)
{
    if (corked) {
        bus_cork(chaos_of(bus)->inner);
    } else {
        bus_uncork(chaos_of(bus)->inner);
    }
}

static uint64_t chaos_audience(const struct bus *bus, struct bytes topic)
{
    return bus_audience(chaos_of(bus)->inner, topic);
}

static enum err chaos_subscribe(struct bus *bus, const char *topic)
{
    return bus_subscribe(chaos_of(bus)->inner, bytes_of_text(topic));
}

static void chaos_unsubscribe(struct bus *bus, const char *topic)
{
    bus_unsubscribe(chaos_of(bus)->inner, bytes_of_text(topic));
}

static bool chaos_connected(const struct bus *bus)
{
    return bus_connected(chaos_of(bus)->inner);
}

static enum err chaos_listen(struct bus *bus, const char *host, int port)
{
    return bus_listen(chaos_of(bus)->inner, host, port);
}

static enum err chaos_peer_add(struct bus *bus, const char *host, int port)
{
    return bus_peer_add(chaos_of(bus)->inner, host, port);
}

static void chaos_peer_remove(struct bus *bus, const char *host, int port)
{
    bus_peer_remove(chaos_of(bus)->inner, host, port);
}

const struct bus_driver bus_chaos_driver = {
    .scheme = "chaos",
    .decorates = true,
    .open = chaos_open,
    .close = chaos_close,
    .publish = chaos_publish,
    .cork = chaos_cork,
    .audience = chaos_audience,
    .subscribe = chaos_subscribe,
    .unsubscribe = chaos_unsubscribe,
    .poll = chaos_poll,
    .connected = chaos_connected,
    .listen = chaos_listen,
    .peer_add = chaos_peer_add,
    .peer_remove = chaos_peer_remove,
};
