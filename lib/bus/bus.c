/* Why: what every driver would otherwise repeat: choice by URL, checks, counting. */
#include "bus/bus_driver.h"

#include <assert.h>
#include <stdint.h>

#include "bus/bus_internal.h"

/* Adding a driver: one file, one declaration in bus_driver.h, one line here. */
static const struct bus_driver *const drivers[] = {
    &bus_mem_driver,   &bus_nng_driver,
#ifdef BELFRY_BUS_NATS
    &bus_nats_driver,
#endif
#ifdef BELFRY_BUS_REDIS
    &bus_redis_driver,
#endif
    &bus_chaos_driver, &bus_trace_driver,
};

struct metric bus_published =
    METRIC_COUNTER("belfry_bus_published_total", "Messages given to the bus.");
struct metric bus_received =
    METRIC_COUNTER("belfry_bus_received_total", "Messages that the bus has handed on.");
struct metric bus_dropped = METRIC_COUNTER(
    "belfry_bus_dropped_total", "Messages that were malformed or found a queue full.");
struct metric bus_publish_errors = METRIC_COUNTER(
    "belfry_bus_publish_errors_total", "Messages that the bus could not send.");

static void register_metrics(void)
{
    metrics_register(&bus_published);
    metrics_register(&bus_received);
    metrics_register(&bus_dropped);
    metrics_register(&bus_publish_errors);
}

void bus_count_publish_error(void)
{
    metric_add(&bus_publish_errors, 1);
}

void bus_count_dropped(size_t count)
{
    metric_add(&bus_dropped, (int64_t)count);
}

/* NULL if there is none, or if it was left out of this build. */
static const struct bus_driver *driver_for(struct bytes scheme)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (bytes_equal_text(scheme, drivers[i]->scheme)) {
            return drivers[i];
        }
    }
    return NULL;
}

enum err bus_open(const char *url, struct bus_events events, struct bus **ret_bus)
{
    assert(events.on_message != NULL && events.wake != NULL);
    register_metrics();

    const char *colon = strchr(url, ':');
    if (colon == NULL) {
        return ERR_VALIDATION_ERROR;
    }
    const struct bus_driver *driver = driver_for(bytes_make(url, (size_t)(colon - url)));
    if (driver == NULL) {
        return ERR_VALIDATION_ERROR;
    }
    return driver->open(colon + 1, events, ret_bus);
}

void bus_close(struct bus *bus)
{
    if (bus != NULL) {
        bus->driver->close(bus);
    }
}

static bool address_valid(const char *host, int port)
{
    return host[0] != '\0' && strlen(host) <= 255 && port > 0 && port <= 65535;
}

enum err bus_listen(struct bus *bus, const char *host, int port)
{
    if (!address_valid(host, port)) {
        return ERR_VALIDATION_ERROR;
    }
    return bus->driver->listen != NULL ? bus->driver->listen(bus, host, port) : ERR_OK;
}

enum err bus_peer_add(struct bus *bus, const char *host, int port)
{
    if (!address_valid(host, port)) {
        return ERR_VALIDATION_ERROR;
    }
    return bus->driver->peer_add != NULL ? bus->driver->peer_add(bus, host, port)
                                         : ERR_OK;
}

void bus_peer_remove(struct bus *bus, const char *host, int port)
{
    if (bus->driver->peer_remove != NULL && address_valid(host, port)) {
        bus->driver->peer_remove(bus, host, port);
    }
}

bool bus_routes_topics(const struct bus *bus)
{
    return bus->routes_topics;
}

uint64_t bus_audience(const struct bus *bus, struct bytes topic)
{
    return bus->driver->audience != NULL ? bus->driver->audience(bus, topic) : 1;
}

static bool topic_char(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == ':' || c == '_' || c == '-';
}

bool bus_topic_valid(struct bytes topic)
{
    if (topic.size == 0 || topic.size > BUS_TOPIC_MAX) {
        return false;
    }
    for (size_t i = 0; i < topic.size; i++) {
        if (!topic_char(topic.data[i])) {
            return false;
        }
    }
    return true;
}

enum err bus_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    if (!bus_topic_valid(topic)) {
        return ERR_VALIDATION_ERROR;
    }
    if (payload.size > BUS_PAYLOAD_MAX) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    enum err err = bus->driver->publish(bus, topic, payload);
    if (!bus->driver->decorates) {
        metric_add(err == ERR_OK ? &bus_published : &bus_publish_errors, 1);
    }
    return err;
}

void bus_cork(struct bus *bus)
{
    if (bus->driver->cork != NULL) {
        bus->driver->cork(bus, true);
    }
}

void bus_uncork(struct bus *bus)
{
    if (bus->driver->cork != NULL) {
        bus->driver->cork(bus, false);
    }
}

/* The count lives in the map's value pointer itself: it is never 0, as map_put wants,
 * and a topic costs no allocation of its own. */
static enum err set_count(struct bus *bus, const char *key, uintptr_t count)
{
    return map_put(&bus->topics, key, (void *)count);
}

static void topic_key(struct bytes topic, char ret_key[BUS_TOPIC_MAX + 1])
{
    memcpy(ret_key, topic.data, topic.size);
    ret_key[topic.size] = '\0';
}

enum err bus_subscribe(struct bus *bus, struct bytes topic)
{
    if (!bus_topic_valid(topic)) {
        return ERR_VALIDATION_ERROR;
    }
    char key[BUS_TOPIC_MAX + 1];
    topic_key(topic, key);
    if (!bus->routes_topics) {
        return bus->driver->subscribe(bus, key); /* a list would be memory for nothing */
    }
    uintptr_t count = (uintptr_t)map_get(&bus->topics, key);
    if (count == 0 && bus->topics.size >= BUS_TOPICS_MAX) {
        return ERR_LIMIT_REACHED;
    }

    TRY(set_count(bus, key, count + 1));
    if (count > 0) {
        return ERR_OK;
    }
    enum err err = bus->driver->subscribe(bus, key);
    if (err != ERR_OK) {
        map_remove(&bus->topics, key);
    }
    return err;
}

void bus_unsubscribe(struct bus *bus, struct bytes topic)
{
    if (!bus_topic_valid(topic)) {
        return;
    }
    char key[BUS_TOPIC_MAX + 1];
    topic_key(topic, key);
    if (!bus->routes_topics) {
        bus->driver->unsubscribe(bus, key);
        return;
    }
    uintptr_t count = (uintptr_t)map_get(&bus->topics, key);
    if (count > 1) {
        enum err err = set_count(bus, key, count - 1);
        assert(err == ERR_OK); /* replacing a value needs no memory */
        (void)err;
    } else if (count == 1) {
        map_remove(&bus->topics, key);
        bus->driver->unsubscribe(bus, key);
    }
}

bool bus_poll(struct bus *bus, int limit)
{
    assert(limit > 0);
    return bus->driver->poll(bus, limit);
}

bool bus_connected(const struct bus *bus)
{
    return bus->driver->connected(bus);
}

const char *bus_name(const struct bus *bus)
{
    return bus->driver->scheme;
}
