/* How a session begins: the token, CONNECT at a core, and what the client goes on with.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "edge/edge.h"
#include "edge/fanout.h"
#include "edge/occupancy.h"
#include "edge/recovery.h"
#include "edge/session.h"

#define RESUME_MAX          SESSION_SUBSCRIPTIONS_MAX
#define RESUME_MEMORY_MAX   (1024 * 1024)
#define RECOVERED_MAX       (RESUME_MAX * (STREAM_TEXT_SIZE + CURSOR_TEXT_SIZE + 8))
#define CONNECT_PAYLOAD_MAX (2 * RECOVERED_MAX) /* what is resumed, and communities */

/* CONNECT under way. Lives until the core has answered, even if the session does not. */
struct connecting {
    struct upstream_call call;
    struct edge *edge;
    struct uuid session_id, user_id;
};

/* What a client wants to go on with, as a link message needs it. */
struct resume_entry {
    Link__Cursor cursor;
    struct stream_id stream;
};

static void join_user(struct edge *edge, struct session *session)
{
    struct session *first = map_get(&edge->users, &session->user_id);
    if (first != NULL) {
        reflist_push(&first->in_user, &session->in_user);
    } else if (map_put(&edge->users, &session->user_id, session) == ERR_OK) {
        reflist_init(&session->in_user);
    } /* else it only misses control from other sessions */
}

static bool read_cursor(Link__Cursor *ret_cursor, struct bytes value)
{
    link__cursor__init(ret_cursor);
    ret_cursor->has_tag = true;
    return value.size >= 2 && value.data[0] == '"' &&
           cursor_parse(bytes_make(value.data + 1, value.size - 2), &ret_cursor->seq,
                        &ret_cursor->tag);
}

static size_t count_members(struct bytes object)
{
    size_t count = 0, at = 0;
    struct bytes key, value;
    while (count < RESUME_MAX && json_next(object, &at, &key, &value)) {
        count++;
    }
    return count;
}

/* {"room:…":"12.0a1b2c3d","room:…":null}: entries that make no sense are left out; the
 * client then has no such subscription and sees it. False: no memory. */
static bool read_resume(struct arena *arena, struct bytes resume,
                        Link__Connect *ret_connect)
{
    enum json_type type;
    if (!json_valid(resume, &type) || type != JSON_OBJECT_TYPE) {
        return true;
    }
    size_t count = count_members(resume), at = 0;
    struct resume_entry *entry = arena_alloc(arena, (count + 1) * sizeof(*entry));
    ret_connect->resume = arena_alloc(arena, (count + 1) * sizeof(Link__Cursor *));
    ret_connect->rooms = arena_alloc(arena, (count + 1) * sizeof(ProtobufCBinaryData));
    if (entry == NULL || ret_connect->resume == NULL || ret_connect->rooms == NULL) {
        return false;
    }
    for (; count > 0; count--, entry++) {
        struct bytes key, value;
        if (!json_next(resume, &at, &key, &value) || !stream_parse(key, &entry->stream)) {
            continue;
        }
        if (bytes_equal_text(value, "null") && entry->stream.kind == STREAM_ROOM) {
            ret_connect->rooms[ret_connect->n_rooms++] =
                (ProtobufCBinaryData){sizeof(entry->stream.id.b), entry->stream.id.b};
        } else if (read_cursor(&entry->cursor, value)) {
            entry->cursor.stream.data = (uint8_t *)&entry->stream;
            entry->cursor.stream.len = sizeof(entry->stream);
            ret_connect->resume[ret_connect->n_resume++] = &entry->cursor;
        }
    }
    return true;
}

/* The rooms that a client joins come last: they do not fit where there are too many. */
static size_t open_count(const Link__Connected *connected)
{
    return connected->n_open < SESSION_SUBSCRIPTIONS_MAX ? connected->n_open
                                                         : SESSION_SUBSCRIPTIONS_MAX;
}

static void send_success(struct session *session, const Link__Connected *connected)
{
    char user[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    uuid_format(session->user_id, user);
    uuid_format(session->id, id);
    struct buf json;
    buf_init(&json, CONNECT_PAYLOAD_MAX);
    buf_append_text(&json, "{\"message\":\"Connected\",\"user\":");
    if (uuid_is_zero(session->user_id)) {
        buf_append_text(&json, "null");
    } else {
        buf_printf(&json, "{\"id\":\"%s\",\"username\":", user);
        buf_append_json_string(&json, bytes_of_text(connected->username));
        buf_append_char(&json, '}');
    }
    buf_printf(&json, ",\"sessionId\":\"%s\",\"streams\":{", id);
    for (size_t i = 0; i < open_count(connected); i++) {
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

/* What a Socket.IO client recovered holds only if nothing of it is lost: else it gets a
 * new id, by which it sees that it was not. */
static bool was_recovered(struct session *session, const Link__Connected *connected)
{
    if (!session->conn->framing->recovers) {
        return false;
    }
    bool recovered = session->trail != NULL && connected->n_resync == 0 &&
                     open_count(connected) == connected->n_open;
    if (!recovered) {
        recovery_forget(session);
    }
    recovery_begin(session->conn->edge->recovery, session);
    return recovered;
}

static void greet(struct session *session, const Link__Connected *connected)
{
    struct frame *frame = session->conn->framing->accepted(session);
    if (frame != NULL) {
        conn_send(session->conn, frame);
        frame_unref(frame);
    }
    send_success(session, connected);
}

static void accept_session(struct edge *edge, struct session *session,
                           const Link__Connected *connected)
{
    session->state = SESSION_OPEN;
    if (connected->user_id.len == 16 && !reflist_linked(&session->in_user)) {
        memcpy(session->user_id.b, connected->user_id.data, 16);
    }
    session_rename(session, bytes_of_text(connected->username));
    if (!reflist_linked(&session->in_user)) {
        join_user(edge, session);
    }
    bool recovered = was_recovered(session, connected);
    if (!recovered) {
        greet(session, connected);
    }
    for (size_t i = 0; i < open_count(connected) && session->state == SESSION_OPEN; i++) {
        session_subscribe(session, connected->open[i]);
    }
    fanout_control_held(session);
    if (recovered) {
        greet(session, connected); /* behind what was missed and is at hand */
    }
    session_next_call(session);
}

static void connect_done(struct upstream_call *call, enum upstream_result result,
                         const Link__Reply *reply)
{
    struct connecting *connecting = container_of(call, struct connecting, call);
    struct edge *edge = connecting->edge;
    struct uuid session_id = connecting->session_id, user_id = connecting->user_id;
    struct session *session = map_get(&edge->sessions, &session_id);
    bool connected =
        result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_CONNECTED;
    free(connecting);
    if (result == UPSTREAM_NO_ANSWER || (connected && session == NULL)) {
        /* it is there for a core, or may be, and nobody else will end it */
        occupancy_session_over(edge->occupancy, &session_id, &user_id,
                               "closed while it connected", false);
    }
    if (session == NULL) {
        return;
    }
    if (connected) {
        accept_session(edge, session, reply->connected);
    } else if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_ERROR &&
               err_from_code(reply->error->code) != ERR_UNAVAILABLE) {
        enum err err = err_from_code(reply->error->code);
        session_refuse(session, err,
                       reply->error->message != NULL ? reply->error->message
                                                     : err_message(err));
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
    request.has_protobuf = request.protobuf = edge->protobuf_count > 0;
    request.body_case = LINK__REQUEST__BODY_CONNECT;
    request.connect = connect;
    connecting->edge = edge;
    connecting->session_id = session->id;
    connecting->user_id = session->user_id;
    connecting->call.request = &request;
    connecting->call.deadline_ms = clock_ms() + edge->config->request_timeout_ms;
    connecting->call.changes = true; /* users are there or not */
    connecting->call.done = connect_done;
    upstream_request(edge->upstream, &connecting->call);
}

static void ask_core(struct session *session, struct bytes resume)
{
    Link__Connect connect = LINK__CONNECT__INIT;
    struct arena arena;
    arena_init(&arena, RESUME_MEMORY_MAX);
    struct connecting *connecting = calloc(1, sizeof(*connecting));
    if (connecting != NULL &&
        (resume.size == 0 || read_resume(&arena, resume, &connect))) {
        send_connect(session, connecting, &connect);
    } else {
        free(connecting);
        conn_close(session->conn, CLOSE_TRY_LATER, "out of memory");
    }
    arena_finish(&arena);
}

static struct session *new_session(struct conn *conn, const char *name_space)
{
    struct session *session = pool_take(sizeof(*session));
    if (session == NULL || conn->session_count == CONN_SESSIONS_MAX) {
        pool_give(session);
        return NULL;
    }
    session->conn = conn;
    session->id = uuid_v7();
    session->name_space = name_space;
    if (map_put(&conn->edge->sessions, &session->id, session) != ERR_OK) {
        pool_give(session);
        return NULL;
    }
    conn_add_session(conn, session);
    return session;
}

/* False: no memory, and the connection closes. */
static bool take_identity(struct session *session, const struct identity *identity)
{
    session->user_id = identity->user_id;
    session->issued_at = identity->issued_at;
    session->expires_at = identity->expires_at;
    session->service = identity->service;
    session_rename(session, bytes_of_text(identity->username));
    if (identity->token_id[0] != '\0') {
        session->token_id = pool_text(identity->token_id, strlen(identity->token_id));
        if (session->token_id == NULL) { /* it could not be revoked */
            conn_close(session->conn, CLOSE_TRY_LATER, "out of memory");
            return false;
        }
    }
    return true;
}

/* Who it is. False: refused, and the session is gone or its connection closes. */
static bool identify(struct session *session, struct bytes token)
{
    const struct conn *conn = session->conn;
    const struct edge *edge = conn->edge;
    if (token.size == 0) {
        token = bytes_of_text(conn->bearer);
    }
    if (token.size == 0) {
        if (!edge->config->anonymous) {
            session_refuse(session, ERR_UNAUTHENTICATED, "Authentication failed");
        }
        return edge->config->anonymous;
    }
    const char *reason = "";
    struct identity identity;
    enum err err =
        verifier_check(edge->verifier, token, clock_unix_ms(), &identity, &reason);
    if (err != ERR_OK) {
        log_info("token refused", LOG_TEXT("reason", reason),
                 LOG_TEXT("address", conn->io->address(conn)));
        session_refuse(session, err,
                       err == ERR_TOKEN_EXPIRED ? "Token expired"
                                                : "Authentication failed");
        return false;
    }
    return take_identity(session, &identity);
}

void session_open(struct conn *conn, const char *name_space,
                  const struct session_hello *hello)
{
    struct edge *edge = conn->edge;
    struct session *session = new_session(conn, name_space);
    if (session == NULL) {
        conn_close(conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    if (!identify(session, hello->token)) {
        return;
    }
    if (!uuid_is_zero(session->user_id)) {
        join_user(edge, session); /* a revocation may overtake the core's answer */
    }
    struct bytes resume = hello->resume;
    struct buf recovered;
    buf_init(&recovered, RECOVERED_MAX);
    if (hello->recovery_id.size > 0 && edge->recovery != NULL &&
        recovery_take(edge->recovery, session, hello->recovery_id, hello->offset,
                      &recovered)) {
        resume = buf_bytes(&recovered);
    }
    ask_core(session, resume);
    buf_finish(&recovered);
}
