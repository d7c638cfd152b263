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

#include "base/buf.h"
#include "base/json_scan.h"
#include "edge/frame/frame_text.h"
#include "edge/frame/greeting.h"

/* The members of a client's message. A slice without bytes: not there. */
struct envelope {
    struct bytes event, id, data, trace, hello, ping;
};

static struct frame *write_event(const char *name_space, struct bytes name,
                                 struct bytes payload)
{
    struct buf buf;
    frame_buf_begin(&buf, name.size + payload.size + FRAME_AROUND);
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
    frame_buf_begin(&buf, payload.size + FRAME_AROUND);
    buf_append_text(&buf, "{\"reply\":");
    buf_append_number(&buf, id);
    buf_append_text(&buf, ",\"data\":");
    frame_append_payload(&buf, payload);
    buf_append_char(&buf, '}');
    return frame_of_buf(&buf);
}

static struct frame *write_error(const struct session *session, uint64_t id,
                                 const struct refusal *refusal)
{
    struct buf buf;
    frame_buf_begin(&buf, FRAME_AROUND);
    buf_printf(&buf, "{\"reply\":%" PRIu64 ",\"error\":", id);
    refusal_json(refusal, &buf);
    buf_append_char(&buf, '}');
    return frame_of_buf(&buf);
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
        greeting_refuse(conn, "", "json", "must be one JSON object");
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
            greeting_refuse(conn, "", place == NULL ? "unknown" : "duplicate",
                            place == NULL
                                ? "has a member other than event, id, data, trace, "
                                  "hello, ping"
                                : "has a member twice");
            return false;
        }
        *place = value;
    }
    *ret_envelope = envelope;
    return true;
}

static void receive_hello(struct conn *conn, struct bytes object)
{
    if (object.data[0] != '{') {
        greeting_refuse(conn, "hello", "type", "must be an object");
        return;
    }
    char text[FRAME_TOKEN_SIZE];
    struct session_hello hello = {0};
    frame_read_auth(object, text, &hello.token, &hello.resume);
    greeting_hello(conn, &hello);
    explicit_bzero(text, sizeof(text));
}

static void receive_event(struct conn *conn, struct session *session,
                          const struct envelope *envelope)
{
    struct session_event event = {0};
    char name[FRAME_NAME_SIZE], trace[FRAME_NAME_SIZE];
    if (envelope->id.size > 0 && !frame_read_id(envelope->id, &event.id)) {
        greeting_refuse(conn, "id", "range", "must be a whole number from 0 to 2^53-1");
        return;
    }
    event.wants_reply = envelope->id.size > 0;
    if (!frame_read_text(envelope->event, name, &event.name) || event.name.size == 0) {
        greeting_refuse(conn, "event", envelope->event.size > 0 ? "type" : "required",
                        "must be a string of at most 128 bytes");
        return;
    }
    if (envelope->trace.size > 0 &&
        !frame_read_text(envelope->trace, trace, &event.trace)) {
        greeting_refuse(conn, "trace", "type", "must be a string of at most 128 bytes");
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
        frame_buf_begin(&buf, envelope.ping.size + FRAME_AROUND);
        buf_append_text(&buf, "{\"pong\":");
        buf_append_bytes(&buf, envelope.ping);
        buf_append_char(&buf, '}');
        greeting_send(conn, frame_of_buf(&buf));
        return;
    }
    struct session *session = greeting_session(conn);
    if (session != NULL) {
        receive_event(conn, session, &envelope);
    }
}

const struct framing framing_json = {
    .name = "json",
    .encoding = LINK__ENCODING__JSON,
    .open = greeting_open,
    .state_size = sizeof(struct greeting),
    .receive = receive,
    .tick = greeting_tick,
    .accepted = greeting_no_frame,
    .ended = greeting_no_frame,
    .event = write_event,
    .reply = write_reply,
    .error = write_error,
};
