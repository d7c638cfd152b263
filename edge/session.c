/* The life of a session: its subscriptions, what it is told, its end. How it begins is in
 * session_connect.c, what it asks for in session_call.c. */
#include "edge/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"
#include "edge/fanout.h"
#include "edge/follow.h"
#include "edge/occupancy.h"
#include "edge/recovery.h"
#include "link/grant.h"

#define TOKEN_WARN_MS  60000
#define NAMESPACES_MAX 64

/* ---------------------------------------------------------------- small helpers */

const char *session_namespace(struct edge *edge, struct bytes name)
{
    static const char *interned[NAMESPACES_MAX] = {"/"};
    if (!bytes_equal_text(name, "/") && !catalogue_has_namespace(edge->catalogue, name)) {
        return NULL;
    }
    for (int i = 0; i < NAMESPACES_MAX; i++) {
        if (interned[i] == NULL) {
            interned[i] = strndup((const char *)name.data, name.size);
            return interned[i];
        }
        if (bytes_equal_text(name, interned[i])) {
            return interned[i];
        }
    }
    return NULL;
}

void session_actor_of(const struct uuid *session, const struct uuid *user,
                      Link__Actor *ret_actor)
{
    link__actor__init(ret_actor);
    if (!uuid_is_zero(*user)) {
        ret_actor->has_user_id = true;
        ret_actor->user_id.data = (uint8_t *)user->b;
        ret_actor->user_id.len = 16;
    }
    ret_actor->has_session_id = true;
    ret_actor->session_id.data = (uint8_t *)session->b;
    ret_actor->session_id.len = 16;
}

void session_actor(const struct session *session, Link__Actor *ret_actor)
{
    session_actor_of(&session->id, &session->user_id, ret_actor);
    ret_actor->username = session->username;
    ret_actor->token_id = session->token_id;
    ret_actor->has_issued_at = ret_actor->has_expires_at = true;
    ret_actor->issued_at = session->issued_at;
    ret_actor->expires_at = session->expires_at;
    ret_actor->has_service = session->service;
    ret_actor->service = session->service;
}

void session_rename(struct session *session, struct bytes username)
{
    if (bytes_equal(username, bytes_of_text(session->username))) {
        return;
    }
    char *name =
        username.size > 0 ? pool_text((const char *)username.data, username.size) : NULL;
    if (name != NULL || username.size == 0) {
        pool_realloc(session->username, 0);
        session->username = name;
    }
}

static void leave_user(struct edge *edge, struct session *session)
{
    if (!reflist_linked(&session->in_user)) {
        return;
    }
    struct session *other =
        container_of(reflist_next(&session->in_user), struct session, in_user);
    reflist_remove(&session->in_user);
    if (other == session) {
        map_remove(&edge->users, &session->user_id);
        occupancy_forget_user(edge->occupancy, &session->user_id);
    } else if (map_get(&edge->users, &session->user_id) == session &&
               map_put(&edge->users, &session->user_id, other) != ERR_OK) {
        abort(); /* the entry is there already */
    }
}

/* ---------------------------------------------------------------- refusing */

void session_refuse(struct session *session, enum err err, const char *message)
{
    struct buf json;
    buf_init(&json, 4096);
    buf_append_text(&json, "{\"message\":");
    buf_append_json_string(&json, bytes_of_text(message));
    buf_printf(&json, ",\"code\":\"%s\"}", err_code(err));
    session_end(session, "CONNECTION_ERROR", buf_bytes(&json), CLOSE_TOKEN, message);
    buf_finish(&json);
}

/* ---------------------------------------------------------------- subscriptions */

struct subscription *session_subscription(const struct session *session,
                                          const struct stream_id *stream)
{
    struct subscription *subscription = session_subscriptions(session);
    while (subscription != NULL && !stream_equal(streams_id(subscription), stream)) {
        subscription = subscription_next(subscription);
    }
    return subscription;
}

void session_forget(struct session *session, const struct subscription *subscription)
{
    ref *at = &session->subscriptions;
    while (ref_to(*at) != subscription) {
        struct subscription *other = ref_to(*at);
        at = &other->next;
    }
    *at = subscription->next;
    session->subscription_count--;
}

/* Its name is the session's; a grant that was read later knows it better. */
static void take_grant(struct session *session, struct subscription *subscription,
                       struct bytes grant)
{
    struct stream_id stream;
    struct bytes username;
    if (grant_read(grant, &stream, &username)) {
        subscription->granted = true;
        if (username.size > 0) {
            session_rename(session, username);
        }
    }
}

void session_subscribe(struct session *session, const Link__Open *from)
{
    struct edge *edge = session->conn->edge;
    struct stream_open open = {
        .seq = from->seq,
        .tag = from->tag,
        .access_seq = from->access_seq,
        .resume = from->resume != NULL,
        .resume_seq = from->resume != NULL ? from->resume->seq : 0,
        .resume_tag = from->resume != NULL ? from->resume->tag : 0,
    };
    if (!stream_from_bytes(bytes_make(from->stream.data, from->stream.len),
                           &open.stream)) {
        return;
    }
    open.has_access =
        from->has_access &&
        stream_from_bytes(bytes_make(from->access.data, from->access.len), &open.access);
    struct subscription *there = session_subscription(session, &open.stream);
    if (there != NULL) {
        streams_open_again(edge->streams, there, open.access_seq, clock_ms());
        return;
    }
    if (session->subscription_count >= SESSION_SUBSCRIPTIONS_MAX) {
        session_resync(session, &open.stream, open.seq, open.tag);
        return;
    }
    if (from->resync) {
        session_resync(session, &open.stream, open.seq, open.tag);
    }
    struct subscription *subscription =
        streams_open(edge->streams, &open, &session->user_id, clock_ms());
    if (subscription == NULL) {
        conn_close(session->conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    subscription->next = session->subscriptions;
    session->subscriptions = ref_of(subscription);
    session->subscription_count++;
    take_grant(session, subscription, bytes_make(from->grant.data, from->grant.len));
    if (open.stream.kind == STREAM_ROOM) {
        occupancy_enter(edge->occupancy, session, subscription);
    }
}

void session_unsubscribe(struct session *session, struct subscription *subscription)
{
    struct edge *edge = session->conn->edge;
    occupancy_leave(edge->occupancy, session, subscription);
    session_forget(session, subscription);
    streams_close(edge->streams, subscription, clock_ms());
}

/* {"stream","seq","cursor"}: where something begins for the client. */
static void send_position(struct session *session, const char *event,
                          const struct stream_id *stream, uint64_t seq, uint32_t tag)
{
    char name[STREAM_TEXT_SIZE], cursor[CURSOR_TEXT_SIZE];
    stream_format(stream, name);
    cursor_format(seq, tag, cursor);
    struct buf json;
    buf_init(&json, 512);
    buf_printf(&json, "{\"stream\":\"%s\",\"seq\":%" PRIu64 ",\"cursor\":\"%s\"}", name,
               seq, cursor);
    session_send(session, event, buf_bytes(&json));
    buf_finish(&json);
}

void session_open_told(struct session *session, const Link__Open *open)
{
    struct stream_id stream;
    if (!stream_from_bytes(bytes_make(open->stream.data, open->stream.len), &stream)) {
        return;
    }
    if (session_subscription(session, &stream) == NULL) {
        send_position(session, "STREAM_OPENED", &stream, open->seq, open->tag);
    }
    session_subscribe(session, open);
}

void session_resync(struct session *session, const struct stream_id *stream, uint64_t seq,
                    uint32_t tag)
{
    recovery_cut(session);
    send_position(session, "RESYNC", stream, seq, tag);
}

void session_ready(struct session *session)
{
    struct edge *edge = session->conn->edge;
    int64_t now_ms = clock_ms();
    struct subscription *next;
    for (struct subscription *s = session_subscriptions(session); s != NULL; s = next) {
        next = subscription_next(s);
        if (!conn_ready(session->conn)) {
            return;
        }
        if (s->behind) {
            streams_resume(edge->streams, s, now_ms);
        }
    }
    session_next_call(session);
}

/* ---------------------------------------------------------------- sending, ending */

void session_send(struct session *session, const char *event, struct bytes json)
{
    struct frame *frame =
        session->conn->framing->event(session->name_space, bytes_of_text(event), json);
    conn_send(session->conn, frame);
    frame_unref(frame);
}

void session_tick(struct session *session, int64_t unix_ms)
{
    follow_tick(session);
    if (session->state != SESSION_OPEN || session->expires_at == 0) {
        return;
    }
    int64_t left_ms = session->expires_at * 1000 - unix_ms;
    if (left_ms <= 0) {
        session_refuse(session, ERR_TOKEN_EXPIRED, "Token expired");
    } else if (left_ms <= TOKEN_WARN_MS && !session->expiring_told) {
        char at[25], json[64];
        clock_format(session->expires_at * 1000, at);
        snprintf(json, sizeof(json), "{\"expiresAt\":\"%s\"}", at);
        session->expiring_told = true;
        session_send(session, "TOKEN_EXPIRING", bytes_of_text(json));
    }
}

void session_close(struct session *session, const char *reason)
{
    struct edge *edge = session->conn->edge;
    bool was_open = session->state == SESSION_OPEN;
    session->state = SESSION_ENDED;
    recovery_forget(session);
    follow_finish(session);
    fanout_drop_held(session);
    session_drop_calls(session);
    while (session->subscriptions != 0) {
        session_unsubscribe(session, session_subscriptions(session));
    }
    if (was_open) {
        occupancy_session_over(edge->occupancy, &session->id, &session->user_id, reason,
                               true);
    }
    leave_user(edge, session);
    map_remove(&edge->sessions, &session->id);
    conn_remove_session(session->conn, session);
    pool_realloc(session->username, 0);
    pool_realloc(session->token_id, 0);
    pool_give(session);
}

void session_end(struct session *session, const char *event, struct bytes payload,
                 enum close_code code, const char *reason)
{
    struct conn *conn = session->conn;
    if (session->state == SESSION_CONNECTING && conn->framing->accepted != NULL) {
        struct frame *frame = conn->framing->accepted(session);
        if (frame != NULL) {
            conn_send(conn, frame);
            frame_unref(frame);
        }
    }
    if (event != NULL) {
        session_send(session, event, payload);
    }
    struct frame *ended = conn->framing->ended(session);
    if (ended != NULL) {
        conn_send(conn, ended);
        frame_unref(ended);
    }
    session_close(session, reason);
    if (conn->session_count == 0) {
        conn_close(conn, code, reason);
    }
}
