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

/* The place of a room among those left; left_count: it is not there. */
static uint32_t find_left(const struct session *session, const struct stream_id *stream)
{
    uint32_t i = 0;
    while (i < session->left_count && !uuid_equal(session->left[i], stream->id)) {
        i++;
    }
    return i;
}

static void forget_left(struct session *session, uint32_t at)
{
    session->left_count--;
    memmove(&session->left[at], &session->left[at + 1],
            (session->left_count - at) * sizeof(*session->left));
}

void follow_note(struct session *session, const struct stream_id *stream, bool joined)
{
    if (stream->kind != STREAM_ROOM || (joined && session->left_count == 0)) {
        return;
    }
    uint32_t at = find_left(session, stream);
    if (at < session->left_count) {
        forget_left(session, at);
    }
    if (joined || !session->follows) {
        return;
    }
    if (session->left_count == SESSION_SUBSCRIPTIONS_MAX) {
        forget_left(session, 0);
    }
    size_t size = (session->left_count + 1) * sizeof(*session->left);
    struct uuid *grown = realloc(session->left, size);
    if (grown != NULL) { /* else it may come back */
        session->left = grown;
        session->left[session->left_count++] = stream->id;
    }
}

void follow_finish(struct session *session)
{
    free(session->left);
}

static void open_all(struct session *session, const Link__Control *control)
{
    for (size_t i = 0; control != NULL && i < control->n_open; i++) {
        struct stream_id stream;
        const ProtobufCBinaryData *id = &control->open[i]->stream;
        if (stream_from_bytes(bytes_make(id->data, id->len), &stream) &&
            find_left(session, &stream) == session->left_count) {
            session_open_told(session, control->open[i]);
        }
    }
}

/* An attempt that failed inside PostgreSQL says nothing of what may be heard. */
static bool is_answered(enum upstream_result result, const Link__Reply *reply)
{
    return result == UPSTREAM_REPLY &&
           (reply->body_case != LINK__REPLY__BODY_ERROR ||
            err_from_code(reply->error->code) != ERR_INTERNAL);
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
    if (!is_answered(result, reply)) {
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
    if (session->state != SESSION_OPEN) {
        return;
    }
    bool now = session->follows && !session->follow_asked;
    struct asking *asking = now ? calloc(1, sizeof(*asking)) : NULL;
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
        if (session_subscription(session, &community) != NULL) {
            follow_ask(session, gained);
        }
    }
}

void follow_begin(struct session *session)
{
    session->follows = true;
    follow_tick(session); /* the answer may be older than what was gained since */
}

void follow_tick(struct session *session)
{
    if (session->follows && session->follow_again && !session->follow_asked) {
        session->follow_again = false;
        follow_ask(session, NULL);
    }
}
