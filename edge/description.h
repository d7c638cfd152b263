/* The document about the API, served as /asyncapi.json: the edge has it from a core, and
 * asks again whether it is still the same.
 *
 * All on the loop thread. */
#ifndef EDGE_DESCRIPTION_H
#define EDGE_DESCRIPTION_H

#include "base/list.h"
#include "edge/upstream.h"

#define DESCRIPTION_ETAG_SIZE 36 /* "…" of 32 hex digits, and a NUL */

struct description;

/* In memory of the caller that stays until `done` or description_cancel(). Zeroed it
 * waits for nothing. */
struct description_waiter {
    /* Exactly once, unless cancelled, later or at once. Both are borrowed for the call;
     * no document: no core has given one. */
    void (*done)(struct description_waiter *waiter, struct bytes document,
                 const char *etag);
    struct list node;
    bool waits;
};

/* `up` is borrowed. NULL: no memory. */
struct description *description_create(struct upstream *up, int64_t timeout_ms);

/* What a core gave or confirmed within the last second; else one is asked, once for all
 * who wait. If none answers, what it was before. */
void description_get(struct description *description, struct description_waiter *waiter);

/* No-op on one that does not wait. */
void description_cancel(struct description_waiter *waiter);

#endif
