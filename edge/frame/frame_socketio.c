/* Socket.IO 5 over Engine.IO 4, over a WebSocket, so that its clients need no change:
 *
 *     packet = type [ namespace "," ] [ id ] [ JSON ]
 *
 * The grammar is taken strictly: where the reference implementation lets odd input pass,
 * the connection ends. Binary packets are refused. Decided here, since Socket.IO leaves
 * it open: an event has one argument, its payload; without one, or with null, the
 * payload is {}; with several the payload is the whole array of the packet, which no
 * event takes, so that the client hears VALIDATION_ERROR. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json_scan.h"
#include "edge/edge.h"
#include "edge/frame/engineio.h"
#include "edge/frame/frame.h"
#include "edge/frame/frame_text.h"
#include "edge/recovery.h"
#include "edge/session.h"

#define CONNECT_TIMEOUT_FACTOR 2 /* of the hello timeout: 10 s */

struct socketio {
    struct engineio engineio;
    int64_t lonely_since_ms; /* without any session */
    /* Namespaces that we left and the client may not know yet (interned). */
    const char *left[CONN_SESSIONS_MAX];
};

struct packet {
    uint8_t type; /* '0' to '6' */
    struct bytes name_space;
    bool has_id;
    uint64_t id;
    struct bytes json; /* none, or one valid value */
    enum json_type json_type;
};

/* ---------------------------------------------------------------- writing */

/* "4", the packet type, and the namespace unless it is the main one. */
static void append_head(struct buf *buf, char type, struct bytes name_space)
{
    buf_append_char(buf, '4');
    buf_append_char(buf, type);
    if (!bytes_equal_text(name_space, "/")) {
        buf_append_bytes(buf, name_space);
        buf_append_char(buf, ',');
    }
}

static struct frame *write_event(const char *name_space, struct bytes name,
                                 struct bytes payload)
{
    struct buf buf;
    frame_buf_begin(&buf, name.size + payload.size + FRAME_AROUND);
    append_head(&buf, '2', bytes_of_text(name_space));
    buf_append_char(&buf, '[');
    buf_append_json_string(&buf, name);
    buf_append_char(&buf, ',');
    frame_append_payload(&buf, payload);
    buf_append_char(&buf, ']');
    return frame_of_buf(&buf);
}

static struct frame *write_reply(const struct session *session, uint64_t id,
                                 struct bytes payload)
{
    struct buf buf;
    frame_buf_begin(&buf, payload.size + FRAME_AROUND);
    append_head(&buf, '3', bytes_of_text(session->name_space));
    buf_append_number(&buf, id);
    buf_append_char(&buf, '[');
    frame_append_payload(&buf, payload);
    buf_append_char(&buf, ']');
    return frame_of_buf(&buf);
}

static struct frame *write_error(const struct session *session, uint64_t id,
                                 const struct refusal *refusal)
{
    struct buf buf;
    frame_buf_begin(&buf, FRAME_AROUND);
    append_head(&buf, '3', bytes_of_text(session->name_space));
    buf_printf(&buf, "%" PRIu64 "[{\"error\":", id);
    refusal_json(refusal, &buf);
    buf_append_text(&buf, "}]");
    return frame_of_buf(&buf);
}

/* A durable event that clients can name as their offset when they come back; ephemeral
 * ones are not recovered. */
static struct frame *write_recoverable(const char *name_space,
                                       const struct publication *publication)
{
    if (!publication->durable) {
        return write_event(name_space, publication->event, publication->json);
    }
    char offset[RECOVERY_OFFSET_SIZE];
    recovery_offset(publication, offset);
    struct buf buf;
    frame_buf_begin(&buf, publication->event.size + publication->json.size +
                              sizeof(offset) + FRAME_AROUND);
    append_head(&buf, '2', bytes_of_text(name_space));
    buf_append_char(&buf, '[');
    buf_append_json_string(&buf, publication->event);
    buf_append_char(&buf, ',');
    frame_append_payload(&buf, publication->json);
    buf_printf(&buf, ",\"%s\"]", offset);
    return frame_of_buf(&buf);
}

/* CONNECT: sid, and pid if it can be recovered. Without sid clients think of version 2;
 * the same pid as before tells them that they were recovered. */
static struct frame *write_accepted(const struct session *session)
{
    char id[UUID_TEXT_SIZE];
    const char *pid = recovery_id(session);
    uuid_format(recovery_sid(session), id);
    struct buf buf;
    frame_buf_begin(&buf, FRAME_AROUND);
    append_head(&buf, '0', bytes_of_text(session->name_space));
    buf_printf(&buf, "{\"sid\":\"%s\"", id);
    if (pid != NULL) {
        buf_printf(&buf, ",\"pid\":\"%s\"", pid);
    }
    buf_append_char(&buf, '}');
    return frame_of_buf(&buf);
}

/* DISCONNECT. What the client sent before it heard of this must not end its other
 * namespaces, so the name is kept. */
static struct frame *write_ended(const struct session *session)
{
    struct socketio *state = conn_framing_state(session->conn);
    for (int i = 0; i < CONN_SESSIONS_MAX; i++) {
        if (state->left[i] == NULL || state->left[i] == session->name_space) {
            state->left[i] = session->name_space;
            break;
        }
    }
    struct buf buf;
    frame_buf_begin(&buf, FRAME_AROUND);
    append_head(&buf, '1', bytes_of_text(session->name_space));
    return frame_of_buf(&buf);
}

static void send_buf(struct conn *conn, struct buf *buf)
{
    struct frame *frame = frame_of_buf(buf);
    conn_send(conn, frame);
    frame_unref(frame);
}

/* CONNECT_ERROR; the connection stays. */
static void refuse_connect(struct conn *conn, struct bytes name_space,
                           const char *message)
{
    struct buf buf;
    frame_buf_begin(&buf, FRAME_AROUND);
    append_head(&buf, '4', name_space);
    buf_printf(&buf, "{\"message\":\"%s\"}", message);
    send_buf(conn, &buf);
}

/* ---------------------------------------------------------------- reading */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool read_packet(struct bytes body, struct packet *ret_packet)
{
    struct packet packet = {.name_space = BYTES_LITERAL("/")};
    if (body.size == 0 || body.data[0] < '0' || body.data[0] > '6') {
        return false;
    }
    packet.type = body.data[0];
    size_t at = 1;
    if (at < body.size && body.data[at] == '/') {
        const uint8_t *start = body.data + at;
        const uint8_t *comma = memchr(start, ',', body.size - at);
        size_t size = comma != NULL ? (size_t)(comma - start) : body.size - at;
        packet.name_space = bytes_make(start, size);
        at += size + (comma != NULL ? 1 : 0);
    }
    size_t digits = at;
    while (at < body.size && is_digit(body.data[at])) {
        at++;
    }
    packet.has_id = at > digits;
    if (packet.has_id &&
        !frame_read_id(bytes_make(body.data + digits, at - digits), &packet.id)) {
        return false;
    }
    packet.json = bytes_make(body.data + at, body.size - at);
    if (packet.json.size > 0 && !json_valid(packet.json, &packet.json_type)) {
        return false;
    }
    *ret_packet = packet;
    return true;
}

/* Names of Socket.IO's own; a client that emits them means harm. */
static bool is_reserved(struct bytes name)
{
    static const char *const reserved[] = {"connect",     "connect_error",
                                           "disconnect",  "disconnecting",
                                           "newListener", "removeListener"};
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (bytes_equal_text(name, reserved[i])) {
            return true;
        }
    }
    return false;
}

/* The first item of an EVENT: a string, or a number, which is a name like any other. */
static bool read_name(struct bytes item, char space[FRAME_NAME_SIZE],
                      struct bytes *ret_name)
{
    if (item.data[0] == '"') {
        return frame_read_text(item, space, ret_name) && !is_reserved(*ret_name);
    }
    *ret_name = item;
    return (item.data[0] == '-' || is_digit(item.data[0])) && item.size < FRAME_NAME_SIZE;
}

static void bad_packet(struct conn *conn)
{
    conn_close(conn, CLOSE_PROTOCOL, "bad Socket.IO packet");
}

static void receive_event(struct conn *conn, struct session *session,
                          const struct packet *packet)
{
    struct session_event event = {.wants_reply = packet->has_id, .id = packet->id};
    char space[FRAME_NAME_SIZE];
    struct bytes name, payload = {0}, more;
    size_t at = 0;
    if (packet->json_type != JSON_ARRAY_TYPE ||
        !json_next(packet->json, &at, NULL, &name) ||
        !read_name(name, space, &event.name)) {
        bad_packet(conn);
        return;
    }
    if (json_next(packet->json, &at, NULL, &payload) &&
        json_next(packet->json, &at, NULL, &more)) {
        payload = packet->json;
    }
    event.payload = frame_payload(payload);
    session_call(session, &event);
}

static struct session *find_session(const struct conn *conn, struct bytes name_space)
{
    struct session *session = conn->sessions;
    while (session != NULL && !bytes_equal_text(name_space, session->name_space)) {
        session = session->next;
    }
    return session;
}

/* The slot of a namespace that the server has left, or NULL. */
static const char **find_left(struct conn *conn, struct bytes name_space)
{
    struct socketio *state = conn_framing_state(conn);
    for (int i = 0; i < CONN_SESSIONS_MAX; i++) {
        if (state->left[i] != NULL && bytes_equal_text(name_space, state->left[i])) {
            return &state->left[i];
        }
    }
    return NULL;
}

static void receive_connect(struct conn *conn, const struct packet *packet)
{
    if (find_session(conn, packet->name_space) != NULL ||
        (packet->json.size > 0 && packet->json_type != JSON_OBJECT_TYPE)) {
        bad_packet(conn);
        return;
    }
    const char *name_space = session_namespace(conn->edge, packet->name_space);
    if (name_space == NULL) {
        refuse_connect(conn, packet->name_space, "Invalid namespace");
        return;
    }
    if (conn->session_count == CONN_SESSIONS_MAX) {
        refuse_connect(conn, packet->name_space, "Too many namespaces");
        return;
    }
    const char **left = find_left(conn, packet->name_space);
    if (left != NULL) {
        *left = NULL;
    }
    char text[FRAME_TOKEN_SIZE], pid[FRAME_NAME_SIZE], offset[FRAME_NAME_SIZE];
    struct session_hello hello = {0};
    if (packet->json.size > 0) {
        frame_read_auth(packet->json, text, &hello.token, &hello.resume);
    }
    struct bytes value;
    if (packet->json.size > 0 && conn->framing->recovers &&
        json_member(packet->json, "pid", &value) &&
        frame_read_text(value, pid, &hello.recovery_id) &&
        json_member(packet->json, "offset", &value)) {
        frame_read_text(value, offset, &hello.offset);
    }
    session_open(conn, name_space, &hello);
    if (packet->json.size > 0) {
        explicit_bzero(text, sizeof(text));
    }
}

/* A packet of a namespace that this connection has joined. */
static void receive_joined(struct conn *conn, struct session *session,
                           const struct packet *packet)
{
    switch (packet->type) {
    case '1':
        if (packet->json.size > 0) {
            bad_packet(conn);
        } else {
            session_close(session, "client left");
        }
        return;
    case '2':
        if (session->state != SESSION_OPEN) {
            conn_close(conn, CLOSE_NOT_AUTHENTICATED, "not connected yet");
        } else {
            receive_event(conn, session, packet);
        }
        return;
    default:
        /* An ACK of something that we never asked to be acknowledged: ignored, as the
         * reference does, if it is one at all. */
        if (!packet->has_id || packet->json_type != JSON_ARRAY_TYPE) {
            bad_packet(conn);
        }
    }
}

static void receive_packet(struct conn *conn, struct bytes body)
{
    struct packet packet;
    if (body.size > 0 && (body.data[0] == '5' || body.data[0] == '6')) {
        conn_close(conn, CLOSE_WRONG_TYPE, "binary packets are not taken");
        return;
    }
    if (!read_packet(body, &packet) || packet.type == '4') {
        bad_packet(conn);
        return;
    }
    if (packet.type == '0') {
        receive_connect(conn, &packet);
        return;
    }
    struct session *session = find_session(conn, packet.name_space);
    if (session != NULL) {
        receive_joined(conn, session, &packet);
    } else if (find_left(conn, packet.name_space) == NULL) {
        conn_close(conn, CLOSE_NOT_AUTHENTICATED, "CONNECT comes first");
    }
}

static void receive(struct conn *conn, struct bytes message, bool binary)
{
    struct socketio *state = conn_framing_state(conn);
    struct bytes body;
    if (conn->closing) {
        return;
    }
    if (binary) {
        conn_close(conn, CLOSE_WRONG_TYPE, "binary messages are not taken");
        return;
    }
    switch (engineio_read(&state->engineio, message, clock_ms(), &body)) {
    case ENGINEIO_MESSAGE:
        receive_packet(conn, body);
        return;
    case ENGINEIO_PONG:
        return;
    case ENGINEIO_CLOSE:
        conn_close(conn, CLOSE_NORMAL, "client left");
        return;
    case ENGINEIO_BAD:
        conn_close(conn, CLOSE_PROTOCOL, "bad Engine.IO packet");
        return;
    }
}

/* ---------------------------------------------------------------- life */

static enum err open_conn(struct conn *conn)
{
    const struct edge_config *config = conn->edge->config;
    struct socketio *state = conn_framing_state(conn);
    int64_t now_ms = clock_ms(); /* conn->opened_ms is a part of it */
    state->lonely_since_ms = now_ms;
    engineio_init(&state->engineio, now_ms, config->ping_interval_ms,
                  config->ping_timeout_ms);
    struct buf buf;
    frame_buf_begin(&buf, FRAME_AROUND);
    engineio_open(&state->engineio, config->message_max, &buf);
    send_buf(conn, &buf);
    return ERR_OK;
}

static void tick(struct conn *conn, int64_t now_ms)
{
    struct socketio *state = conn_framing_state(conn);
    int64_t timeout_ms = conn->edge->config->hello_timeout_ms * CONNECT_TIMEOUT_FACTOR;
    if (conn->session_count > 0) {
        state->lonely_since_ms = now_ms;
    } else if (now_ms - state->lonely_since_ms >= timeout_ms) {
        conn_close(conn, CLOSE_TOKEN, "no CONNECT in time");
        return;
    }
    if (conn->reading_stopped) {
        engineio_pause(&state->engineio, now_ms);
    }
    struct buf buf;
    switch (engineio_tick(&state->engineio, now_ms)) {
    case ENGINEIO_NOTHING:
        return;
    case ENGINEIO_PING:
        frame_buf_begin(&buf, FRAME_AROUND);
        buf_append_char(&buf, '2');
        send_buf(conn, &buf);
        return;
    case ENGINEIO_SILENT:
        conn_close(conn, CLOSE_POLICY, "ping timeout");
        return;
    }
}

const struct framing framing_socketio = {
    .name = "socketio",
    .encoding = LINK__ENCODING__JSON,
    .open = open_conn,
    .state_size = sizeof(struct socketio),
    .receive = receive,
    .tick = tick,
    .accepted = write_accepted,
    .ended = write_ended,
    .event = write_event,
    .reply = write_reply,
    .error = write_error,
};

/* The same with connection state recovery. */
const struct framing framing_socketio_recovery = {
    .name = "socketio",
    .encoding = LINK__ENCODING__JSON,
    .recovers = true,
    .open = open_conn,
    .state_size = sizeof(struct socketio),
    .receive = receive,
    .tick = tick,
    .accepted = write_accepted,
    .ended = write_ended,
    .event = write_event,
    .publication = write_recoverable,
    .reply = write_reply,
    .error = write_error,
};
