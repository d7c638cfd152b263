/* Takes requests from the link, gives each to the part that answers its kind, and sends
 * the answers back. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include "core/request.h"
#include "link/link_server.h"

struct worker;

MUST_CHECK enum err worker_create(struct core *core, struct worker **ret_worker);
/* Only when nothing is under way. Accepts NULL. */
void worker_destroy(struct worker *worker);

/* link_server's on_request; `user` is the worker. */
void worker_on_request(void *user, struct link_peer *peer, const Link__Request *message);

/* Requests that have not been answered yet. */
size_t worker_in_flight(const struct worker *worker);

/* ---- what answers the kinds of requests; each finishes the request once ---- */
typedef void answer_fn(struct request *request, const Link__Request *message);
answer_fn answer_event, answer_connect, answer_disconnect, answer_catch_up,
    answer_heads_since, answer_recheck, answer_catalogue, answer_lease, answer_publish,
    answer_follow, answer_description;

/* The edge that asks; zero in tests without one. */
struct uuid request_edge(const struct request *request);

#endif
