/* Requests to cores: which core is asked, when another one is asked again, and what may
 * honestly be said when none has answered.
 *
 * All on the loop thread. */
#ifndef EDGE_UPSTREAM_H
#define EDGE_UPSTREAM_H

#include <uv.h>

#include "base/err.h"
#include "base/list.h"
#include "base/uuid.h"
#include "belfry/link.pb-c.h"
#include "edge/catalogue.h"
#include "link/frame.h"

struct upstream;
struct upstream_core;

struct upstream_options {
    const char *cores; /* "core:7400,[::1]:7401": names are resolved again and again */
    const struct link_key *key;  /* borrowed, outlives the upstream */
    struct uuid edge_id;         /* new at each start of the edge */
    int64_t resolve_interval_ms; /* 0: 1000 */
    struct catalogue *catalogue; /* borrowed; filled with what the cores know */
};

/* Any of them may be NULL. None is called from within upstream_request(). */
struct upstream_events {
    /* True: at least one core that is not leaving answers, and its catalogue is here. */
    void (*on_ready)(void *user, bool ready);
    /* An address appeared or has gone for good: also the place to dial or drop the bus.
     */
    void (*on_core_added)(void *user, const char *host, int port);
    void (*on_core_removed)(void *user, const char *host, int port);
    /* A catalogue that was not known before has been added to options.catalogue. */
    void (*on_catalogue)(void *user);
};

/* ERR_VALIDATION_ERROR: `cores` is not a list of host:port. */
MUST_CHECK enum err upstream_open(uv_loop_t *loop, const struct upstream_options *options,
                                  struct upstream_events events, void *user,
                                  struct upstream **ret_up);

/* No callback afterwards: calls that were not answered are forgotten without `done`. Not
 * from within a callback. The loop must turn once more for the memory to go. */
void upstream_close(struct upstream *up);

enum upstream_result {
    UPSTREAM_REPLY,       /* from a core */
    UPSTREAM_UNAVAILABLE, /* surely nothing was changed: saying UNAVAILABLE is honest */
    UPSTREAM_NO_ANSWER,   /* nobody knows: say nothing (on a socket: close, to resume) */
};

/* One request, in memory of the caller that stays until `done` or upstream_cancel(). */
struct upstream_call {
    /* Read by upstream_request() only, which keeps a packed copy. Its id, deadline_ms and
     * attempt are set here; request_id, actor and body are the caller's. */
    const Link__Request *request;
    int64_t deadline_ms; /* clock_ms() */
    bool changes;        /* false: it has no effect, so UNAVAILABLE is always honest */
    uint32_t hint;       /* equal ones go to one of the cores in use; 0: none */
    const char *event;   /* only a core whose catalogue has it is asked; NULL: any.
                            Copied too */
    /* Exactly once, unless cancelled. `reply` (UPSTREAM_REPLY only) is borrowed for the
     * call. The call's memory may be reused or freed in it. */
    void (*done)(struct upstream_call *call, enum upstream_result result,
                 const Link__Reply *reply);
    void *user;

    /* upstream's own */
    struct upstream *up; /* NULL: not under way */
    struct list all;     /* every call under way */
    struct list node;    /* of its core, or of those that wait for one */
    bool waits;
    struct upstream_core *core; /* that was asked last; may be gone while it waits */
    uint64_t id;
    uint8_t *packed;        /* request, and the event's name behind it */
    size_t packed_size;     /* of the request */
    const char *event_name; /* NULL: any core will do */
    uint32_t sent;          /* attempts */
    int64_t sent_at_ms;     /* the last one */
    uint32_t refused;       /* attempts that surely had no effect */
    int64_t retry_at_ms;    /* 0: as soon as a core is there */
    int64_t give_up_ms;
};

/* Asks the core that core_choice.h finds; if its link breaks or falls silent, the
 * same request_id goes to another one at once, and again until the deadline. While no
 * core is up it waits, unless too many do so already: then it ends as
 * UPSTREAM_UNAVAILABLE. `done` is never called from within this function. */
void upstream_request(struct upstream *up, struct upstream_call *call);

/* Forgets it: `done` will not be called. What was sent may still happen. No-op on a call
 * that is not under way. */
void upstream_cancel(struct upstream_call *call);

bool upstream_ready(const struct upstream *up);
size_t upstream_cores_up(const struct upstream *up);

#endif
