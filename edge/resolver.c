/* Lets cores come and go without a word to the edges: the DNS names that edges were given
 * always lead to those that are there. */
#include "edge/resolver.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"

#define HOST_MAX      255
#define NAMES_MAX     64
#define ADDRESSES_MAX 512 /* of one name */
#define INTERVAL_MS   1000

static struct metric failures =
    METRIC_COUNTER("belfry_edge_resolve_failures_total",
                   "Look-ups of core names that failed; the last addresses stay.");

/* One address; several names may lead to it. */
struct address {
    unsigned uses;
    int port;
    char host[];
};

/* One host:port of the list, and where it led to the last time. */
struct name {
    struct resolver *resolver;
    uv_getaddrinfo_t lookup;
    bool busy;
    bool failing; /* and said so */
    int port;
    char host[HOST_MAX + 1];
    struct address **addresses;
    size_t address_count;
};

struct resolver {
    uv_timer_t timer;
    uint64_t interval_ms;
    struct resolver_events events;
    void *user;
    struct name *names;
    size_t name_count;
    struct map addresses; /* "host port" -> struct address */
    unsigned refs;        /* the timer, and each look-up under way */
    bool closed;
};

static void resolver_unref(struct resolver *resolver)
{
    if (--resolver->refs > 0) {
        return;
    }
    for (size_t i = 0; i < resolver->name_count; i++) {
        free(resolver->names[i].addresses);
    }
    size_t cursor = 0;
    void *address;
    while (map_next(&resolver->addresses, &cursor, NULL, &address)) {
        free(address);
    }
    map_finish(&resolver->addresses);
    free(resolver->names);
    free(resolver);
}

/* ---- the list of names ---- */

static bool parse_port(struct bytes text, int *ret_port)
{
    int port = 0;
    if (text.size == 0 || text.size > 5) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        port = port * 10 + (text.data[i] - '0');
    }
    *ret_port = port;
    return port >= 1 && port <= 65535;
}

static bool has_any(struct bytes text, const char *of)
{
    for (size_t i = 0; i < text.size; i++) {
        if (strchr(of, text.data[i]) != NULL) { /* finds NUL too */
            return true;
        }
    }
    return false;
}

/* "core:7400" or "[::1]:7400" */
static bool parse_name(struct bytes text, struct name *ret_name)
{
    const uint8_t *colon = text.size > 0 ? memrchr(text.data, ':', text.size) : NULL;
    if (colon == NULL) {
        return false;
    }
    size_t host_size = (size_t)(colon - text.data);
    struct bytes host = bytes_make(text.data, host_size);
    struct bytes port = bytes_make(colon + 1, text.size - host_size - 1);
    if (host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']') {
        host = bytes_make(host.data + 1, host.size - 2);
    } else if (has_any(host, ":[]")) {
        return false; /* IPv6 without brackets: where does the port begin? */
    }
    if (host.size == 0 || host.size > HOST_MAX || !parse_port(port, &ret_name->port) ||
        has_any(host, " []/")) {
        return false;
    }
    memcpy(ret_name->host, host.data, host.size);
    return true;
}

static struct bytes trim(struct bytes text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text = bytes_make(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ') {
        text.size--;
    }
    return text;
}

static bool parse_names(const char *text, struct resolver *resolver)
{
    while (text != NULL) {
        const char *comma = strchr(text, ',');
        size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        if (resolver->name_count == NAMES_MAX) {
            return false;
        }
        struct name *name = &resolver->names[resolver->name_count++];
        name->resolver = resolver;
        if (!parse_name(trim(bytes_make(text, size)), name)) {
            return false;
        }
        text = comma != NULL ? comma + 1 : NULL;
    }
    return true;
}

/* ---- addresses ---- */

static void address_key(const char *host, int port, char ret_key[HOST_MAX + 8])
{
    snprintf(ret_key, HOST_MAX + 8, "%.255s %d", host, port);
}

/* NULL: no memory. */
static struct address *address_use(struct resolver *resolver, const char *host, int port)
{
    char key[HOST_MAX + 8];
    address_key(host, port, key);
    struct address *address = map_get(&resolver->addresses, key);
    if (address == NULL) {
        address = calloc(1, sizeof(*address) + strlen(host) + 1);
        if (address == NULL || map_put(&resolver->addresses, key, address) != ERR_OK) {
            free(address);
            return NULL;
        }
        address->port = port;
        strcpy(address->host, host);
    }
    if (++address->uses == 1) {
        resolver->events.on_added(resolver->user, address->host, port);
    }
    return address;
}

static void address_drop(struct resolver *resolver, struct address *address)
{
    if (--address->uses > 0) {
        return;
    }
    char key[HOST_MAX + 8];
    address_key(address->host, address->port, key);
    map_remove(&resolver->addresses, key);
    resolver->events.on_removed(resolver->user, address->host, address->port);
    free(address);
}

static bool has_address(struct address *const *addresses, size_t count, const char *host)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(addresses[i]->host, host) == 0) {
            return true;
        }
    }
    return false;
}

/* The name leads to these addresses now. New ones come before old ones go, so that what
 * moves from one name to another is not seen to go. */
static void name_update(struct name *name, const struct addrinfo *found)
{
    struct resolver *resolver = name->resolver;
    struct address **now = calloc(ADDRESSES_MAX, sizeof(struct address *));
    size_t count = 0;
    for (; now != NULL && found != NULL && count < ADDRESSES_MAX && !resolver->closed;
         found = found->ai_next) {
        char host[HOST_MAX + 1];
        if (getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), NULL, 0,
                        NI_NUMERICHOST) != 0 ||
            has_address(now, count, host)) {
            continue;
        }
        struct address *address = address_use(resolver, host, name->port);
        if (address != NULL) {
            now[count++] = address;
        }
    }
    if (count == 0) {
        free(now);
        return; /* no memory, or closed meanwhile */
    }
    for (size_t i = 0; i < name->address_count && !resolver->closed; i++) {
        address_drop(resolver, name->addresses[i]);
    }
    free(name->addresses);
    name->addresses = now;
    name->address_count = count;
}

static void on_resolved(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct name *name = container_of(lookup, struct name, lookup);
    struct resolver *resolver = name->resolver;
    name->busy = false;
    if (!resolver->closed && status == 0 && found != NULL) {
        if (name->failing) {
            log_info("core name resolves again", LOG_TEXT("name", name->host));
        }
        name->failing = false;
        name_update(name, found);
    } else if (!resolver->closed) {
        metric_add(&failures, 1);
        if (!name->failing) {
            log_warn("core name does not resolve", LOG_TEXT("name", name->host),
                     LOG_TEXT("reason", status != 0 ? uv_strerror(status) : "no address"),
                     LOG_INT("kept", (int64_t)name->address_count));
        }
        name->failing = true;
    }
    uv_freeaddrinfo(found);
    resolver_unref(resolver);
}

static void on_interval(uv_timer_t *timer)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                          .ai_socktype = SOCK_STREAM};
    struct resolver *resolver = timer->data;
    for (size_t i = 0; i < resolver->name_count; i++) {
        struct name *name = &resolver->names[i];
        if (!name->busy && uv_getaddrinfo(timer->loop, &name->lookup, on_resolved,
                                          name->host, NULL, &hints) == 0) {
            name->busy = true;
            resolver->refs++;
        }
    }
}

/* ---- opening and closing ---- */

enum err resolver_open(uv_loop_t *loop, const char *names, int64_t interval_ms,
                       struct resolver_events events, void *user,
                       struct resolver **ret_resolver)
{
    metrics_register(&failures);
    struct resolver *resolver = calloc(1, sizeof(*resolver));
    if (resolver == NULL) {
        return ERR_UNAVAILABLE;
    }
    resolver->refs = 1;
    resolver->interval_ms = (uint64_t)(interval_ms > 0 ? interval_ms : INTERVAL_MS);
    resolver->events = events;
    resolver->user = user;
    map_init(&resolver->addresses, MAP_TEXT_KEYS);
    resolver->names = calloc(NAMES_MAX, sizeof(struct name));
    if (resolver->names == NULL || names == NULL || !parse_names(names, resolver)) {
        enum err err = resolver->names == NULL ? ERR_UNAVAILABLE : ERR_VALIDATION_ERROR;
        resolver_unref(resolver);
        return err;
    }
    uv_timer_init(loop, &resolver->timer);
    resolver->timer.data = resolver;
    uv_timer_start(&resolver->timer, on_interval, 0, resolver->interval_ms);
    *ret_resolver = resolver;
    return ERR_OK;
}

static void on_timer_closed(uv_handle_t *timer)
{
    resolver_unref(timer->data);
}

void resolver_close(struct resolver *resolver)
{
    if (resolver == NULL || resolver->closed) {
        return;
    }
    resolver->closed = true;
    uv_close((uv_handle_t *)&resolver->timer, on_timer_closed);
}
