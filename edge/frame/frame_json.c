/* Plain JSON frames on /ws, one object a message, for clients without a library:
 *
 *     {"hello":{"token":"…","resume":{…}}}              first, unless a header named one
 *     {"event":"SEND_MESSAGE","id":7,"data":{…},"trace":"…"}
 *     {"ping":…}                                        answered by {"pong":…}
 *     {"event":"MESSAGE_CREATED","data":{…}}            server events
 *     {"reply":7,"data":{…}} or {"reply":7,"error":{…}}
 *
 * With an Authorization header the session begins at once, and a hello comes too late.
 * An object that makes no sense is answered by the ERROR event; a client that goes on
 * sending such is closed. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json_scan.h"
#include "edge/edge.h"
#include "edge/frame/frame.h"
#include "edge/frame/frame_text.h"
#include "edge/session.h"

#define MALFORMED_MAX 32

struct json_state {
    bool greeted;       /* a session was asked for */
    uint32_t malformed; /* messages */
    int64_t pinged_ms;  /* last WebSocket ping, or when it opened */
};

/* The members of a client's message. A slice without bytes: not there. */
struct envelope {
    struct bytes event, id, data, trace, hello, ping;
};

static enum err open_conn(struct conn *conn)
{
    struct json_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return ERR_UNAVAILABLE;
    }
    state->pinged_ms = conn->opened_ms;
    conn->framing_state = state;
    if (conn->bearer.size > 0) {
        state->greeted = true;
        session_open(conn, session_namespace(conn->edge, BYTES_LITERAL("/")),
                     conn->bearer, (struct bytes){0});
    }
    return ERR_OK;
}

static void close_conn(struct conn *conn)
{
    free(conn->framing_state);
    conn->framing_state = NULL;
}

static struct frame *write_event(const char *name_space, struct bytes name,
                                 struct bytes payload)
{
    struct buf buf;
    buf_init(&buf, FRAME_TEXT_MAX);
    buf_append_text(&buf, "{\"event\":");
    buf_append_json_string(&buf, name);
    buf_append_text(&buf, ",\"data\":");
    frame_append_payload(&buf, payload);
    buf_append_char(&buf, '}');
    return frame_of_buf(&buf);
}

static struct frame *write_reply(const struct session *session, uint64_t id,
                                 struct bytes payload)
{
    struct buf buf;
    buf_init(&buf, FRAME_TEXT_MAX);
    buf_printf(&buf, "{\"reply\":%" PRIu64 ",\"data\":", id);
    frame_append_payload(&buf, payload);
    buf_append_char(&buf, '}');
    return frame_of_buf(&buf);
}

static struct frame *write_error(const struct session *session, uint64_t id,
                                 const struct refusal *refusal)
{
    struct buf buf;
    buf_init(&buf, FRAME_TEXT_MAX);
    buf_printf(&buf, "{\"reply\":%" PRIu64 ",\"error\":", id);
    refusal_json(refusal, &buf);
    buf_append_char(&buf, '}');
    return frame_of_buf(&buf);
}

static struct frame *write_nothing(const struct session *session)
{
    return NULL;
}

static void send_made(struct conn *conn, struct frame *frame)
{
    conn_send(conn, frame);
    frame_unref(frame);
}

/* Tells what is wrong with `path` (a member, or "" for the whole message). */
static void refuse(struct conn *conn, const char *path, const char *rule,
                   const char *message)
{
    struct json_state *state = conn->framing_state;
    struct buf details, json;
    buf_init(&details, 512);
    buf_printf(&details, "[{\"path\":\"%s\",\"rule\":\"%s\",\"message\":\"%s\"}]", path,
               rule, message);
    struct refusal refusal = {.event = "",
                              .code = err_code(ERR_VALIDATION_ERROR),
                              .message = err_message(ERR_VALIDATION_ERROR),
                              .details = buf_bytes(&details)};
    buf_init(&json, 2048);
    refusal_json(&refusal, &json);
    send_made(conn, write_event("/", BYTES_LITERAL("ERROR"), buf_bytes(&json)));
    buf_finish(&json);
    buf_finish(&details);
    if (++state->malformed >= MALFORMED_MAX) {
        conn_close(conn, CLOSE_POLICY, "too many malformed messages");
    }
}

/* Takes the object apart. False: it was refused. */
static bool read_envelope(struct conn *conn, struct bytes message,
                          struct envelope *ret_envelope)
{
    struct envelope envelope = {0};
    const struct {
        const char *name;
        struct bytes *value;
    } members[] = {
        {"event", &envelope.event}, {"id", &envelope.id},       {"data", &envelope.data},
        {"trace", &envelope.trace}, {"hello", &envelope.hello}, {"ping", &envelope.ping},
    };
    enum json_type type;
    if (!json_valid(message, &type) || type != JSON_OBJECT_TYPE) {
        refuse(conn, "", "json", "must be one JSON object");
        return false;
    }
    size_t at = 0;
    struct bytes key, value;
    while (json_next(message, &at, &key, &value)) {
        struct bytes *place = NULL;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
            place = bytes_equal_text(key, members[i].name) ? members[i].value : place;
        }
        if (place == NULL || place->size > 0) {
            refuse(conn, "", place == NULL ? "unknown" : "duplicate",
                   place == NULL ? "has a member other than event, id, data, trace, "
                                   "hello, ping"
                                 : "has a member twice");
            return false;
        }
        *place = value;
    }
    *ret_envelope = envelope;
    return true;
}

static void receive_hello(struct conn *conn, struct bytes hello)
{
    struct json_state *state = conn->framing_state;
    if (state->greeted) {
        conn_close(conn, CLOSE_ALREADY_AUTHENTICATED, "already authenticated");
        return;
    }
    if (hello.data[0] != '{') {
        refuse(conn, "hello", "type", "must be an object");
        return;
    }
    char text[FRAME_TOKEN_SIZE];
    struct bytes token, resume;
    frame_read_auth(hello, text, &token, &resume);
    state->greeted = true;
    session_open(conn, session_namespace(conn->edge, BYTES_LITERAL("/")), token, resume);
    explicit_bzero(text, sizeof(text));
}

static void receive_event(struct conn *conn, struct session *session,
                          const struct envelope *envelope)
{
    struct session_event event = {0};
    char name[FRAME_NAME_SIZE], trace[FRAME_NAME_SIZE];
    if (envelope->id.size > 0 && !frame_read_id(envelope->id, &event.id)) {
        refuse(conn, "id", "range", "must be a whole number from 0 to 2^53-1");
        return;
    }
    event.wants_reply = envelope->id.size > 0;
    if (!frame_read_text(envelope->event, name, &event.name) || event.name.size == 0) {
        refuse(conn, "event", envelope->event.size > 0 ? "type" : "required",
               "must be a string of at most 128 bytes");
        return;
    }
    if (envelope->trace.size > 0 &&
        !frame_read_text(envelope->trace, trace, &event.trace)) {
        refuse(conn, "trace", "type", "must be a string of at most 128 bytes");
        return;
    }
    event.payload = frame_payload(envelope->data);
    session_call(session, &event);
}

static void receive(struct conn *conn, struct bytes message, bool binary)
{
    struct envelope envelope;
    if (conn->closing) {
        return;
    }
    if (binary) {
        conn_close(conn, CLOSE_WRONG_TYPE, "JSON comes in text messages");
        return;
    }
    if (!read_envelope(conn, message, &envelope)) {
        return;
    }
    if (envelope.hello.size > 0) {
        receive_hello(conn, envelope.hello);
        return;
    }
    if (envelope.ping.size > 0) {
        struct buf buf;
        buf_init(&buf, FRAME_TEXT_MAX);
        buf_append_text(&buf, "{\"pong\":");
        buf_append_bytes(&buf, envelope.ping);
        buf_append_char(&buf, '}');
        send_made(conn, frame_of_buf(&buf));
        return;
    }
    struct session *session = conn_session(conn, "/");
    if (session == NULL) {
        conn_close(conn, CLOSE_NOT_AUTHENTICATED, "hello comes first");
        return;
    }
    receive_event(conn, session, &envelope);
}

/* Pings of the WebSocket itself (RFC 6455 section 5.5.2): every client library answers
 * them by itself, and so does a browser. */
static void tick(struct conn *conn, int64_t now_ms)
{
    const struct edge_config *config = conn->edge->config;
    struct json_state *state = conn->framing_state;
    if (!state->greeted && now_ms - conn->opened_ms >= config->hello_timeout_ms) {
        conn_close(conn, CLOSE_TOKEN, "no hello in time");
        return;
    }
    int64_t since_ping = now_ms - state->pinged_ms;
    bool unanswered = conn->heard_ms < state->pinged_ms;
    if (unanswered && since_ping >= config->ping_timeout_ms) {
        conn_close(conn, CLOSE_POLICY, "ping timeout");
    } else if (!unanswered && since_ping >= config->ping_interval_ms) {
        state->pinged_ms = now_ms;
        send_made(conn, frame_create_ping());
    }
}

const struct framing framing_json = {
    .name = "json",
    .encoding = LINK__ENCODING__JSON,
    .open = open_conn,
    .close = close_conn,
    .receive = receive,
    .tick = tick,
    .accepted = write_nothing,
    .ended = write_nothing,
    .event = write_event,
    .reply = write_reply,
    .error = write_error,
};
