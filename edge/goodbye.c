#include "edge/goodbye.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"
#include "edge/session.h"

#define AGAIN_MAX 1000 /* at once: what clients ask must not wait behind them */

/* A session that ended, until a core knows. */
struct goodbye {
    struct upstream_call call;
    struct list node;
    struct uuid session, user;
};

void goodbyes_init(struct goodbyes *goodbyes, struct edge *edge)
{
    goodbyes->edge = edge;
    list_init(&goodbyes->under_way);
    list_init(&goodbyes->kept);
}

static void forget(struct goodbye *goodbye)
{
    list_remove(&goodbye->node);
    free(goodbye);
}

void goodbyes_finish(struct goodbyes *goodbyes)
{
    LIST_EACH(&goodbyes->under_way, node) {
        struct goodbye *goodbye = container_of(node, struct goodbye, node);
        upstream_cancel(&goodbye->call);
        forget(goodbye);
    }
    LIST_EACH(&goodbyes->kept, node) {
        forget(container_of(node, struct goodbye, node));
    }
}

static void done(struct upstream_call *call, enum upstream_result result,
                 const Link__Reply *reply)
{
    (void)result; /* a core that was not told hears it from the next whole lease, or from
                     the lease's end */
    (void)reply;
    forget(container_of(call, struct goodbye, call));
}

/* NULL: no memory. */
static struct goodbye *make(struct list *list, const struct uuid *session,
                            const struct uuid *user)
{
    struct goodbye *goodbye = calloc(1, sizeof(*goodbye));
    if (goodbye != NULL) {
        goodbye->session = *session;
        goodbye->user = *user;
        list_push(list, &goodbye->node);
    }
    return goodbye;
}

void goodbye_say(struct goodbyes *goodbyes, const struct uuid *session,
                 const struct uuid *user, const char *reason, bool keep)
{
    const struct edge *edge = goodbyes->edge;
    struct goodbye *goodbye = make(&goodbyes->under_way, session, user);
    if (goodbye == NULL) {
        return;
    }
    Link__Request request = LINK__REQUEST__INIT;
    Link__Disconnect disconnect = LINK__DISCONNECT__INIT;
    Link__Actor actor;
    struct uuid id = uuid_v7();
    session_actor_of(session, user, &actor);
    disconnect.reason = (char *)reason;
    request.request_id.data = id.b;
    request.request_id.len = 16;
    request.actor = &actor;
    request.body_case = LINK__REQUEST__BODY_DISCONNECT;
    request.disconnect = &disconnect;
    goodbye->call.request = &request;
    goodbye->call.deadline_ms = clock_ms() + edge->config->request_timeout_ms;
    goodbye->call.done = done;
    upstream_request(edge->upstream, &goodbye->call);
    if (keep) {
        make(&goodbyes->kept, session, user);
    }
}

void goodbyes_again(struct goodbyes *goodbyes)
{
    int left = AGAIN_MAX;
    LIST_EACH(&goodbyes->kept, node) {
        if (left-- == 0) {
            return;
        }
        struct goodbye *kept = container_of(node, struct goodbye, node);
        goodbye_say(goodbyes, &kept->session, &kept->user, "connection lost", false);
        forget(kept);
    }
}
