/* The life of a session: token, CONNECT at a core, subscriptions, the end. What it sends
 * and asks for while it lives is in session_call.c. */
#include "edge/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "edge/edge.h"
#include "edge/occupancy.h"

#define RESUME_MAX          SESSION_SUBSCRIPTIONS_MAX
#define TOKEN_WARN_MS       60000
#define NAMESPACES_MAX      64
#define CONNECT_PAYLOAD_MAX (64 * 1024)

/* CONNECT under way. Lives until the core has answered, even if the session does not. */
struct connecting {
    struct upstream_call call;
    struct edge *edge;
    struct uuid session_id;
};

/* What a client wants to go on with, as link messages. */
struct resume_list {
    Link__Cursor cursors[RESUME_MAX];
    struct stream_id streams[RESUME_MAX];
    Link__Cursor *pointers[RESUME_MAX];
};

/* ---------------------------------------------------------------- small helpers */

void cursor_format(uint64_t seq, uint32_t tag, char ret_text[CURSOR_TEXT_SIZE])
{
    snprintf(ret_text, CURSOR_TEXT_SIZE, "%" PRIu64 ".%08" PRIx32, seq, tag);
}

bool cursor_parse(struct bytes text, uint64_t *ret_seq, uint32_t *ret_tag)
{
    char copy[CURSOR_TEXT_SIZE];
    if (text.size == 0 || text.size >= sizeof(copy) || text.data[0] < '0' ||
        text.data[0] > '9') {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    int used = 0;
    if (sscanf(copy, "%19" SCNu64 ".%8" SCNx32 "%n", ret_seq, ret_tag, &used) != 2) {
        return false;
    }
    return (size_t)used == text.size && *ret_seq <= INT64_MAX;
}

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

void session_actor(const struct session *session, Link__Actor *ret_actor)
{
    const struct identity *identity = &session->identity;
    link__actor__init(ret_actor);
    if (!uuid_is_zero(identity->user_id)) {
        ret_actor->has_user_id = true;
        ret_actor->user_id.data = (uint8_t *)identity->user_id.b;
        ret_actor->user_id.len = 16;
    }
    ret_actor->has_session_id = true;
    ret_actor->session_id.data = (uint8_t *)session->id.b;
    ret_actor->session_id.len = 16;
    ret_actor->username = identity->username[0] ? (char *)identity->username : NULL;
    ret_actor->token_id = identity->token_id[0] ? (char *)identity->token_id : NULL;
    ret_actor->has_issued_at = ret_actor->has_expires_at = true;
    ret_actor->issued_at = identity->issued_at;
    ret_actor->expires_at = identity->expires_at;
    ret_actor->has_service = identity->service;
    ret_actor->service = identity->service;
}

static void join_user(struct edge *edge, struct session *session)
{
    struct edge_user *user = map_get(&edge->users, &session->identity.user_id);
    if (user == NULL) {
        user = calloc(1, sizeof(*user));
        if (user == NULL || map_put(&edge->users, &session->identity.user_id, user)) {
            free(user);
            return; /* without it the session only misses control from other sessions */
        }
        user->id = session->identity.user_id;
        list_init(&user->sessions);
    }
    list_push(&user->sessions, &session->in_user);
}

static void leave_user(struct edge *edge, struct session *session)
{
    if (!list_linked(&session->in_user)) {
        return;
    }
    list_remove(&session->in_user);
    struct edge_user *user = map_get(&edge->users, &session->identity.user_id);
    if (user != NULL && list_empty(&user->sessions)) {
        map_remove(&edge->users, &session->identity.user_id);
        free(user);
    }
}

/* ---------------------------------------------------------------- refusing */

static void refuse(struct session *session, enum err err, const char *message)
{
    struct buf json;
    buf_init(&json, 4096);
    buf_append_text(&json, "{\"message\":");
    buf_append_json_string(&json, bytes_of_text(message));
    buf_printf(&json, ",\"code\":\"%s\"}", err_code(err));
    session_end(session, "CONNECTION_ERROR", buf_bytes(&json), CLOSE_TOKEN, message);
    buf_finish(&json);
}

/* ---------------------------------------------------------------- connecting */

/* {"room:…":"12.0a1b2c3d"}: entries that make no sense are left out; the client then has
 * no such subscription and sees it. */
static size_t read_resume(struct resume_list *list, struct bytes resume)
{
    enum json_type type;
    if (!json_valid(resume, &type) || type != JSON_OBJECT_TYPE) {
        return 0;
    }
    size_t count = 0, at = 0;
    struct bytes key, value;
    while (count < RESUME_MAX && json_next(resume, &at, &key, &value)) {
        Link__Cursor *cursor = &list->cursors[count];
        link__cursor__init(cursor);
        if (value.size < 2 || value.data[0] != '"' ||
            !stream_parse(key, &list->streams[count]) ||
            !cursor_parse(bytes_make(value.data + 1, value.size - 2), &cursor->seq,
                          &cursor->tag)) {
            continue;
        }
        cursor->has_tag = true;
        cursor->stream.data = (uint8_t *)&list->streams[count];
        cursor->stream.len = sizeof(struct stream_id);
        list->pointers[count] = cursor;
        count++;
    }
    return count;
}

static void send_success(struct session *session, const Link__Connected *connected)
{
    char user[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    uuid_format(session->identity.user_id, user);
    uuid_format(session->id, id);
    struct buf json;
    buf_init(&json, CONNECT_PAYLOAD_MAX);
    buf_append_text(&json, "{\"message\":\"Connected\",\"user\":");
    if (uuid_is_zero(session->identity.user_id)) {
        buf_append_text(&json, "null");
    } else {
        buf_printf(&json, "{\"id\":\"%s\",\"username\":", user);
        buf_append_json_string(&json, bytes_of_text(connected->username));
        buf_append_char(&json, '}');
    }
    buf_printf(&json, ",\"sessionId\":\"%s\",\"streams\":{", id);
    for (size_t i = 0; i < connected->n_open; i++) {
        struct stream_id stream;
        const Link__Open *open = connected->open[i];
        if (!stream_from_bytes(bytes_make(open->stream.data, open->stream.len),
                               &stream)) {
            continue;
        }
        char name[STREAM_TEXT_SIZE], cursor[CURSOR_TEXT_SIZE];
        stream_format(&stream, name);
        cursor_format(open->resume ? open->resume->seq : open->seq,
                      open->resume ? open->resume->tag : open->tag, cursor);
        buf_printf(&json, "%s\"%s\":\"%s\"", i > 0 ? "," : "", name, cursor);
    }
    buf_append_text(&json, "}}");
    session_send(session, "CONNECTION_SUCCESS", buf_bytes(&json));
    buf_finish(&json);
}

static void accept_session(struct edge *edge, struct session *session,
                           const Link__Connected *connected)
{
    session->state = SESSION_OPEN;
    if (connected->user_id.len == 16) {
        memcpy(session->identity.user_id.b, connected->user_id.data, 16);
    }
    snprintf(session->identity.username, sizeof(session->identity.username), "%s",
             connected->username);
    join_user(edge, session);
    struct frame *frame = session->conn->framing->accepted(session);
    if (frame != NULL) {
        conn_send(session->conn, frame);
        frame_unref(frame);
    }
    send_success(session, connected);
    for (size_t i = 0; i < connected->n_open && session->state == SESSION_OPEN; i++) {
        session_subscribe(session, connected->open[i]);
    }
    session_next_call(session);
}

static void connect_done(struct upstream_call *call, enum upstream_result result,
                         const Link__Reply *reply)
{
    struct connecting *connecting = container_of(call, struct connecting, call);
    struct edge *edge = connecting->edge;
    struct session *session = map_get(&edge->sessions, &connecting->session_id);
    free(connecting);
    if (session == NULL) {
        return; /* gone meanwhile; the core forgets it with Disconnect */
    }
    if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_CONNECTED) {
        accept_session(edge, session, reply->connected);
    } else if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_ERROR &&
               err_from_code(reply->error->code) != ERR_UNAVAILABLE) {
        enum err err = err_from_code(reply->error->code);
        refuse(session, err,
               reply->error->message != NULL ? reply->error->message : err_message(err));
    } else {
        /* Not the client's fault: the transport ends, so that it tries again. */
        conn_close(session->conn, CLOSE_TRY_LATER, "no core answers");
    }
}

static void send_connect(struct session *session, struct connecting *connecting,
                         Link__Connect *connect)
{
    struct edge *edge = session->conn->edge;
    Link__Request request = LINK__REQUEST__INIT;
    Link__Actor actor;
    struct uuid request_id = uuid_v7();
    session_actor(session, &actor);
    request.request_id.data = request_id.b;
    request.request_id.len = 16;
    request.actor = &actor;
    request.body_case = LINK__REQUEST__BODY_CONNECT;
    request.connect = connect;
    connecting->edge = edge;
    connecting->session_id = session->id;
    connecting->call.request = &request;
    connecting->call.deadline_ms = clock_ms() + edge->config->request_timeout_ms;
    connecting->call.changes = false;
    connecting->call.done = connect_done;
    upstream_request(edge->upstream, &connecting->call);
}

static void ask_core(struct session *session, struct bytes resume)
{
    Link__Connect connect = LINK__CONNECT__INIT;
    struct connecting *connecting = calloc(1, sizeof(*connecting));
    struct resume_list *list = resume.size > 0 ? malloc(sizeof(*list)) : NULL;
    if (connecting == NULL || (list == NULL && resume.size > 0)) {
        free(connecting);
        free(list);
        conn_close(session->conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    if (list != NULL) {
        connect.n_resume = read_resume(list, resume);
        connect.resume = list->pointers;
    }
    send_connect(session, connecting, &connect);
    free(list);
}

static struct session *new_session(struct conn *conn, const char *name_space)
{
    struct session *session = calloc(1, sizeof(*session));
    if (session == NULL || conn->session_count == CONN_SESSIONS_MAX) {
        free(session);
        return NULL;
    }
    session->conn = conn;
    session->id = uuid_v7();
    session->name_space = name_space;
    list_init(&session->subscriptions);
    list_init(&session->calls);
    if (map_put(&conn->edge->sessions, &session->id, session) != ERR_OK) {
        free(session);
        return NULL;
    }
    conn->sessions[conn->session_count++] = session;
    return session;
}

void session_open(struct conn *conn, const char *name_space, struct bytes token,
                  struct bytes resume)
{
    struct edge *edge = conn->edge;
    struct session *session = new_session(conn, name_space);
    if (session == NULL) {
        conn_close(conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    if (token.size == 0) {
        token = conn->bearer;
    }
    if (token.size == 0) {
        if (!edge->config->anonymous) {
            refuse(session, ERR_UNAUTHENTICATED, "Authentication failed");
            return;
        }
    } else {
        const char *reason = "";
        enum err err = verifier_check(edge->verifier, token, clock_unix_ms(),
                                      &session->identity, &reason);
        if (err != ERR_OK) {
            log_info("token refused", LOG_TEXT("reason", reason),
                     LOG_TEXT("address", conn->address));
            refuse(session, err,
                   err == ERR_TOKEN_EXPIRED ? "Token expired" : "Authentication failed");
            return;
        }
    }
    ask_core(session, resume);
}

/* ---------------------------------------------------------------- subscriptions */

struct subscription *session_subscription(const struct session *session,
                                          const struct stream_id *stream)
{
    LIST_EACH(&session->subscriptions, node)
    {
        struct subscription *subscription =
            container_of(node, struct subscription, in_session);
        if (stream_equal(streams_id(subscription), stream)) {
            return subscription;
        }
    }
    return NULL;
}

void session_subscribe(struct session *session, const Link__Open *from)
{
    struct edge *edge = session->conn->edge;
    struct stream_open open = {
        .seq = from->seq,
        .tag = from->tag,
        .access_seq = from->access_seq,
        .grant = bytes_make(from->grant.data, from->grant.len),
        .resume = from->resume != NULL,
        .resume_seq = from->resume != NULL ? from->resume->seq : 0,
    };
    if (!stream_from_bytes(bytes_make(from->stream.data, from->stream.len),
                           &open.stream)) {
        return;
    }
    open.has_access =
        from->has_access &&
        stream_from_bytes(bytes_make(from->access.data, from->access.len), &open.access);
    if (session_subscription(session, &open.stream) != NULL) {
        return;
    }
    if (session->subscription_count >= SESSION_SUBSCRIPTIONS_MAX) {
        session_resync(session, &open.stream, open.seq, open.tag);
        return;
    }
    if (from->resync) {
        session_resync(session, &open.stream, open.seq, open.tag);
    }
    struct subscription *subscription = streams_open(
        edge->streams, &open, session, session->identity.user_id, clock_ms());
    if (subscription == NULL) {
        conn_close(session->conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    list_push(&session->subscriptions, &subscription->in_session);
    session->subscription_count++;
    if (open.stream.kind == STREAM_ROOM) {
        occupancy_enter(edge->occupancy, session, subscription);
    }
}

void session_unsubscribe(struct session *session, struct subscription *subscription)
{
    struct edge *edge = session->conn->edge;
    occupancy_leave(edge->occupancy, session, subscription);
    session->subscription_count--;
    streams_close(edge->streams, subscription, clock_ms());
}

void session_resync(struct session *session, const struct stream_id *stream, uint64_t seq,
                    uint32_t tag)
{
    char name[STREAM_TEXT_SIZE], cursor[CURSOR_TEXT_SIZE];
    stream_format(stream, name);
    cursor_format(seq, tag, cursor);
    struct buf json;
    buf_init(&json, 512);
    buf_printf(&json, "{\"stream\":\"%s\",\"seq\":%" PRIu64 ",\"cursor\":\"%s\"}", name,
               seq, cursor);
    session_send(session, "RESYNC", buf_bytes(&json));
    buf_finish(&json);
}

void session_ready(struct session *session)
{
    struct edge *edge = session->conn->edge;
    int64_t now_ms = clock_ms();
    LIST_EACH(&session->subscriptions, node)
    {
        struct subscription *subscription =
            container_of(node, struct subscription, in_session);
        if (!conn_ready(session->conn)) {
            return;
        }
        if (subscription->behind) {
            streams_resume(edge->streams, subscription, now_ms);
        }
    }
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
    if (session->state != SESSION_OPEN || session->identity.expires_at == 0) {
        return;
    }
    int64_t left_ms = session->identity.expires_at * 1000 - unix_ms;
    if (left_ms <= 0) {
        refuse(session, ERR_TOKEN_EXPIRED, "Token expired");
    } else if (left_ms <= TOKEN_WARN_MS && !session->expiring_told) {
        char at[25], json[64];
        clock_format(session->identity.expires_at * 1000, at);
        snprintf(json, sizeof(json), "{\"expiresAt\":\"%s\"}", at);
        session->expiring_told = true;
        session_send(session, "TOKEN_EXPIRING", bytes_of_text(json));
    }
}

static void remove_from_conn(struct session *session)
{
    struct conn *conn = session->conn;
    for (int i = 0; i < conn->session_count; i++) {
        if (conn->sessions[i] == session) {
            conn->sessions[i] = conn->sessions[--conn->session_count];
            conn->sessions[conn->session_count] = NULL;
            return;
        }
    }
}

void session_close(struct session *session, const char *reason)
{
    struct edge *edge = session->conn->edge;
    bool was_open = session->state == SESSION_OPEN;
    session->state = SESSION_ENDED;
    session_drop_calls(session);
    LIST_EACH(&session->subscriptions, node)
    {
        session_unsubscribe(session, container_of(node, struct subscription, in_session));
    }
    if (was_open) {
        occupancy_session_closed(edge->occupancy, session, reason);
    }
    leave_user(edge, session);
    map_remove(&edge->sessions, &session->id);
    remove_from_conn(session);
    free(session);
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
