/* Why: to see every call into a bus and out of it, around any driver: `trace:URL` logs
 * them at debug level. Sizes only, never a payload. */
#include "bus/bus_driver.h"

#include <stdlib.h>

#include "base/log.h"

struct bus_trace {
    struct bus bus;
    struct bus *inner;
};

static struct bus_trace *trace_of(const struct bus *bus)
{
    return container_of(bus, struct bus_trace, bus);
}

static void on_message(void *user, struct bytes topic, struct bytes payload)
{
    struct bus_trace *self = user;
    log_debug("bus message", LOG_BYTES("topic", topic),
              LOG_INT("size_bytes", (int64_t)payload.size));
    bus_deliver(&self->bus, topic, payload);
}

static void wake(void *user)
{
    struct bus_trace *self = user;
    log_debug("bus wake");
    self->bus.events.wake(self->bus.events.user);
}

static enum err trace_open(const char *address, struct bus_events events,
                           struct bus **ret_bus)
{
    struct bus_trace *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ERR_UNAVAILABLE;
    }
    bus_init(&self->bus, &bus_trace_driver, events);

    const struct bus_events inner = {on_message, wake, self, events.loop};
    enum err err = bus_open(address, inner, &self->inner);
    if (err != ERR_OK) {
        bus_finish(&self->bus);
        free(self);
        return err;
    }
    log_debug("bus open", LOG_TEXT("bus", bus_name(self->inner))); /* no URL: passwords */
    self->bus.routes_topics = bus_routes_topics(self->inner);
    *ret_bus = &self->bus;
    return ERR_OK;
}

static void trace_close(struct bus *bus)
{
    struct bus_trace *self = trace_of(bus);
    log_debug("bus close");
    bus_close(self->inner);
    bus_finish(&self->bus);
    free(self);
}

static enum err trace_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    enum err err = bus_publish(trace_of(bus)->inner, topic, payload);
    log_debug("bus publish", LOG_BYTES("topic", topic),
              LOG_INT("size_bytes", (int64_t)payload.size), LOG_ERR(err));
    return err;
}

static void trace_cork(struct bus *bus, bool corked)
{
    if (corked) {
        bus_cork(trace_of(bus)->inner);
    } else {
        bus_uncork(trace_of(bus)->inner);
    }
}

static uint64_t trace_audience(const struct bus *bus, struct bytes topic)
{
    return bus_audience(trace_of(bus)->inner, topic);
}

static enum err trace_subscribe(struct bus *bus, const char *topic)
{
    enum err err = bus_subscribe(trace_of(bus)->inner, bytes_of_text(topic));
    log_debug("bus subscribe", LOG_TEXT("topic", topic), LOG_ERR(err));
    return err;
}

static void trace_unsubscribe(struct bus *bus, const char *topic)
{
    log_debug("bus unsubscribe", LOG_TEXT("topic", topic));
    bus_unsubscribe(trace_of(bus)->inner, bytes_of_text(topic));
}

static bool trace_poll(struct bus *bus, int limit)
{
    bool more = bus_poll(trace_of(bus)->inner, limit);
    log_debug("bus poll", LOG_INT("limit", limit), LOG_INT("more", more));
    return more;
}

static bool trace_connected(const struct bus *bus)
{
    return bus_connected(trace_of(bus)->inner);
}

static enum err trace_listen(struct bus *bus, const char *host, int port)
{
    enum err err = bus_listen(trace_of(bus)->inner, host, port);
    log_debug("bus listen", LOG_TEXT("host", host), LOG_INT("port", port), LOG_ERR(err));
    return err;
}

static enum err trace_peer_add(struct bus *bus, const char *host, int port)
{
    enum err err = bus_peer_add(trace_of(bus)->inner, host, port);
    log_debug("bus peer add", LOG_TEXT("host", host), LOG_INT("port", port),
              LOG_ERR(err));
    return err;
}

static void trace_peer_remove(struct bus *bus, const char *host, int port)
{
    log_debug("bus peer remove", LOG_TEXT("host", host), LOG_INT("port", port));
    bus_peer_remove(trace_of(bus)->inner, host, port);
}

const struct bus_driver bus_trace_driver = {
    .scheme = "trace",
    .decorates = true,
    .open = trace_open,
    .close = trace_close,
    .publish = trace_publish,
    .cork = trace_cork,
    .audience = trace_audience,
    .subscribe = trace_subscribe,
    .unsubscribe = trace_unsubscribe,
    .poll = trace_poll,
    .connected = trace_connected,
    .listen = trace_listen,
    .peer_add = trace_peer_add,
    .peer_remove = trace_peer_remove,
};
