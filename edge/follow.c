/* What a session that follows may hear of what may have been gained. */
#include "edge/follow.h"

#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"

/* A room made public to a crowd makes everybody in it ask: so many at once, the others
 * wait for their turn. */
#define UNDER_WAY_MAX 256

/* What a session remembers that once had something to. */
struct follow {
    struct session *session;
    struct list waiting;         /* for its turn to ask: edge->follow_waiting */
    struct uuid community, room; /* about what, if about_one; else everything */
    bool about_one;
    uint32_t left_count; /* at most SESSION_SUBSCRIPTIONS_MAX, then the oldest goes */
    struct uuid *left;   /* rooms that it follows no more: it said LEAVE */
};

/* A question under way. It outlives its session, which it finds again by id. */
struct asking {
    struct upstream_call call;
    struct edge *edge;
    struct uuid session_id;
};

/* NULL: no memory. */
static struct follow *follow_of(struct session *session)
{
    if (session->follow == NULL) {
        session->follow = calloc(1, sizeof(*session->follow));
        if (session->follow != NULL) {
            session->follow->session = session;
        }
    }
    return session->follow;
}

static bool waits(const struct session *session)
{
    return session->follow != NULL && list_linked(&session->follow->waiting);
}

/* The place of a room among those left; left_count: it is not there. */
static uint32_t find_left(const struct follow *follow, const struct stream_id *stream)
{
    uint32_t i = 0;
    while (i < follow->left_count && !uuid_equal(follow->left[i], stream->id)) {
        i++;
    }
    return i;
}

static bool has_left(const struct session *session, const struct stream_id *stream)
{
    const struct follow *follow = session->follow;
    return follow != NULL && find_left(follow, stream) < follow->left_count;
}

static void forget_left(struct follow *follow, uint32_t at)
{
    follow->left_count--;
    memmove(&follow->left[at], &follow->left[at + 1],
            (follow->left_count - at) * sizeof(*follow->left));
}

static void add_left(struct follow *follow, const struct stream_id *stream)
{
    if (follow->left_count == SESSION_SUBSCRIPTIONS_MAX) {
        forget_left(follow, 0);
    }
    size_t size = (follow->left_count + 1) * sizeof(*follow->left);
    struct uuid *grown = realloc(follow->left, size);
    if (grown != NULL) { /* else it may come back */
        follow->left = grown;
        follow->left[follow->left_count++] = stream->id;
    }
}

void follow_note(struct session *session, const struct stream_id *stream, bool joined)
{
    if (stream->kind != STREAM_ROOM) {
        return;
    }
    if (has_left(session, stream)) {
        forget_left(session->follow, find_left(session->follow, stream));
    }
    if (!joined && session->follows && follow_of(session) != NULL) {
        add_left(session->follow, stream);
    }
}

void follow_finish(struct session *session)
{
    if (session->follow != NULL) {
        list_remove(&session->follow->waiting);
        free(session->follow->left);
        free(session->follow);
        session->follow = NULL;
    }
}

static void open_all(struct session *session, const Link__Control *control)
{
    for (size_t i = 0; control != NULL && i < control->n_open; i++) {
        struct stream_id stream;
        const ProtobufCBinaryData *id = &control->open[i]->stream;
        if (stream_from_bytes(bytes_make(id->data, id->len), &stream) &&
            !has_left(session, &stream)) {
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
    bool one = gained != NULL && gained->has_community_id && gained->n_rooms == 1 &&
               gained->community_id.len == 16 && gained->rooms[0].len == 16;
    struct follow *follow = follow_of(session);
    if (follow == NULL) {
        session->follow_again = true; /* follow_tick() tries again */
        return;
    }
    if (list_linked(&follow->waiting)) {
        follow->about_one = false;
        return;
    }
    follow->about_one = one;
    if (one) {
        memcpy(follow->community.b, gained->community_id.data, 16);
        memcpy(follow->room.b, gained->rooms[0].data, 16);
    }
    list_push(&session->conn->edge->follow_waiting, &follow->waiting);
}

static void ask_next(struct edge *edge)
{
    while (edge->follow_under_way < UNDER_WAY_MAX && !list_empty(&edge->follow_waiting)) {
        struct follow *follow =
            container_of(list_take(&edge->follow_waiting), struct follow, waiting);
        Link__Gained gained = LINK__GAINED__INIT;
        ProtobufCBinaryData room = {16, follow->room.b};
        gained.has_community_id = true;
        gained.community_id = (ProtobufCBinaryData){16, follow->community.b};
        gained.n_rooms = 1;
        gained.rooms = &room;
        follow_ask(follow->session, follow->about_one ? &gained : NULL);
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
    if (session->conn->edge->follow_under_way >= UNDER_WAY_MAX || waits(session)) {
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
