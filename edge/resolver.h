/* The addresses behind the names of cores, followed as they come and go. NNG would take a
 * name's first address only, and only once. */
#ifndef EDGE_RESOLVER_H
#define EDGE_RESOLVER_H

#include <uv.h>

#include "base/err.h"

struct resolver;

/* On the loop thread, once for each address that appears or goes. `host` is numeric, IPv6
 * without brackets. */
struct resolver_events {
    void (*on_added)(void *user, const char *host, int port);
    void (*on_removed)(void *user, const char *host, int port);
};

/* `names` is a list of host:port, IPv6 addresses in brackets: "core:7400,[::1]:7401".
 * Each is resolved at once and then each interval_ms, with all its A and AAAA records. A
 * name that fails keeps its last addresses. ERR_VALIDATION_ERROR: not such a list. */
MUST_CHECK enum err resolver_open(uv_loop_t *loop, const char *names, int64_t interval_ms,
                                  struct resolver_events events, void *user,
                                  struct resolver **ret_resolver);

/* No callback afterwards. The loop must turn until look-ups under way have ended for the
 * memory to go. */
void resolver_close(struct resolver *resolver);

#endif
