/* What a session that follows may hear of what may have been gained. */
#include "edge/follow.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"

/* A question under way. It outlives its session, which it finds again by id. */
struct asking {
    struct upstream_call call;
    struct edge *edge;
    struct uuid session_id;
};

static void open_all(struct session *session, const Link__Control *control)
{
    for (size_t i = 0; control != NULL && i < control->n_open; i++) {
        session_open_told(session, control->open[i]);
    }
}

static void asked(struct upstream_call *call, enum upstream_result result,
                  const Link__Reply *reply)
{
    struct asking *asking = container_of(call, struct asking, call);
    struct session *session = map_get(&asking->edge->sessions, &asking->session_id);
    free(asking);
    if (session == NULL || session->state != SESSION_OPEN) {
        return;
    }
    session->follow_asked = false;
    if (result != UPSTREAM_REPLY) {
        session->follow_again = true;
        return; /* follow_tick() tries again */
    }
    if (reply->body_case == LINK__REPLY__BODY_EVENT) {
        open_all(session, reply->event->control);
    }
    if (session->follow_again) {
        session->follow_again = false;
        follow_ask(session, NULL);
    }
}

void follow_ask(struct session *session, const Link__Gained *gained)
{
    if (!session->follows || session->state != SESSION_OPEN) {
        return;
    }
    struct asking *asking = session->follow_asked ? NULL : calloc(1, sizeof(*asking));
    if (asking == NULL) {
        session->follow_again = true;
        return;
    }
    struct edge *edge = session->conn->edge;
    Link__Request request = LINK__REQUEST__INIT;
    Link__Follow follow = LINK__FOLLOW__INIT;
    Link__Actor actor;
    struct uuid request_id = uuid_v7();
    session_actor(session, &actor);
    follow.gained = (Link__Gained *)gained;
    request.request_id.data = request_id.b;
    request.request_id.len = 16;
    request.actor = &actor;
    request.body_case = LINK__REQUEST__BODY_FOLLOW;
    request.follow = &follow;
    asking->edge = edge;
    asking->session_id = session->id;
    asking->call.request = &request;
    asking->call.deadline_ms = clock_ms() + edge->config->request_timeout_ms;
    asking->call.changes = false;
    asking->call.done = asked;
    session->follow_asked = true;
    upstream_request(edge->upstream, &asking->call);
}

void follow_ask_listeners(struct edge *edge, const Link__Gained *gained)
{
    struct stream_id community = {.kind = STREAM_COMMUNITY};
    if (!gained->has_community_id || gained->community_id.len != sizeof(community.id.b)) {
        return;
    }
    memcpy(community.id.b, gained->community_id.data, sizeof(community.id.b));
    size_t at = 0;
    void *value;
    while (map_next(&edge->sessions, &at, NULL, &value)) {
        struct session *session = value;
        if (session->follows && session_subscription(session, &community) != NULL) {
            follow_ask(session, gained);
        }
    }
}

void follow_tick(struct session *session)
{
    if (session->follow_again && !session->follow_asked) {
        session->follow_again = false;
        follow_ask(session, NULL);
    }
}
