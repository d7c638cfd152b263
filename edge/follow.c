/* What a session that follows may hear of what may have been gained. */
#include "edge/follow.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"

/* A room made public to a crowd makes everybody in it ask: so many at once, the others
 * wait for their turn. */
#define UNDER_WAY_MAX 256

/* What a session that waits will ask about. */
struct gain {
    struct uuid community, room;
};

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
    list_remove(&session->in_follow);
    free(session->follow_gain);
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

/* One room is remembered; more than that is everything. */
static void wait_for_turn(struct session *session, const Link__Gained *gained)
{
    struct edge *edge = session->conn->edge;
    bool first = !list_linked(&session->in_follow);
    bool one = gained != NULL && gained->has_community_id && gained->n_rooms == 1 &&
               gained->community_id.len == 16 && gained->rooms[0].len == 16;
    struct gain *gain = first && one ? malloc(sizeof(*gain)) : NULL;
    if (gain != NULL) {
        memcpy(gain->community.b, gained->community_id.data, 16);
        memcpy(gain->room.b, gained->rooms[0].data, 16);
    }
    free(session->follow_gain);
    session->follow_gain = gain;
    if (first) {
        list_push(&edge->follow_waiting, &session->in_follow);
    }
}

static void ask_next(struct edge *edge)
{
    while (edge->follow_under_way < UNDER_WAY_MAX && !list_empty(&edge->follow_waiting)) {
        struct session *session =
            container_of(list_take(&edge->follow_waiting), struct session, in_follow);
        struct gain *gain = session->follow_gain;
        Link__Gained gained = LINK__GAINED__INIT;
        session->follow_gain = NULL;
        if (gain != NULL) {
            ProtobufCBinaryData room = {16, gain->room.b};
            gained.has_community_id = true;
            gained.community_id = (ProtobufCBinaryData){16, gain->community.b};
            gained.n_rooms = 1;
            gained.rooms = &room;
            follow_ask(session, &gained);
        } else {
            follow_ask(session, NULL);
        }
        free(gain);
    }
}

static void take_answer(struct session *session, enum upstream_result result,
                        const Link__Reply *reply)
{
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

static void asked(struct upstream_call *call, enum upstream_result result,
                  const Link__Reply *reply)
{
    struct asking *asking = container_of(call, struct asking, call);
    struct edge *edge = asking->edge;
    struct session *session = map_get(&edge->sessions, &asking->session_id);
    free(asking);
    edge->follow_under_way--;
    if (session != NULL && session->state == SESSION_OPEN) {
        take_answer(session, result, reply);
    }
    ask_next(edge);
}

static void send_question(struct session *session, struct asking *asking,
                          const Link__Gained *gained)
{
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
    edge->follow_under_way++;
    upstream_request(edge->upstream, &asking->call);
}

void follow_ask(struct session *session, const Link__Gained *gained)
{
    if (session->state != SESSION_OPEN) {
        return;
    }
    if (!session->follows || session->follow_asked) {
        session->follow_again = true;
        return;
    }
    if (session->conn->edge->follow_under_way >= UNDER_WAY_MAX ||
        list_linked(&session->in_follow)) {
        wait_for_turn(session, gained);
        return;
    }
    struct asking *asking = calloc(1, sizeof(*asking));
    if (asking == NULL) {
        session->follow_again = true;
        return;
    }
    send_question(session, asking, gained);
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
