/* Protobuf frames on /ws (subprotocol belfry.v1.proto): one ClientFrame or ServerFrame of
 * proto/belfry/client.proto in each binary message, for clients that have the contract.
 *
 * Read strictly and written by hand: both are small, payloads pass through as bytes, and
 * protobuf-c would copy each of them and believe what it reads. */
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/wire_scan.h"
#include "edge/frame/frame_text.h"
#include "edge/frame/greeting.h"
#include "edge/publication.h"
#include "link/frame.h"

#define RESUME_JSON_MAX (1024 * 1024)

/* The numbers of proto/belfry/client.proto; the tests hold them against it. */
enum { CLIENT_HELLO = 1, CLIENT_CALL = 2, CLIENT_PING = 3 };
enum { HELLO_TOKEN = 1, HELLO_RESUME = 2 };
enum { CURSOR_STREAM = 1, CURSOR_CURSOR = 2 };
enum { CALL_EVENT = 1, CALL_ID = 2, CALL_PAYLOAD = 3, CALL_TRACE = 4 };
enum { PING_DATA = 1 };

enum { SERVER_EVENT = 1, SERVER_REPLY = 2, SERVER_ERROR = 3, SERVER_PONG = 4 };
enum {
    EVENT_NAME = 1,
    EVENT_STREAM = 2,
    EVENT_SEQ = 3,
    EVENT_CURSOR = 4,
    EVENT_TIMESTAMP = 5,
    EVENT_PAYLOAD = 6,
    EVENT_JSON = 7
};
enum { REPLY_ID = 1, REPLY_PAYLOAD = 2 };
enum {
    ERROR_ID = 1,
    ERROR_EVENT = 2,
    ERROR_CODE = 3,
    ERROR_MESSAGE = 4,
    ERROR_DETAILS = 5,
    ERROR_RETRY_AFTER_MS = 6
};
enum { PONG_DATA = 1 };

/* ---------------------------------------------------------------- writing */

static void append_text(struct buf *buf, uint32_t field, const char *text)
{
    frame_append_bytes(buf, field, bytes_of_text(text));
}

/* The ServerFrame with this body; finishes it. */
static struct frame *frame_of_body(uint32_t field, struct buf *body)
{
    struct buf buf;
    buf_init(&buf, FRAME_TEXT_MAX);
    frame_append_bytes(&buf, field, buf_bytes(body));
    struct frame *frame =
        body->failed || buf.failed ? NULL : frame_create(buf_bytes(&buf), true);
    buf_finish(&buf);
    buf_finish(body);
    return frame;
}

static struct frame *write_event(const char *name_space, struct bytes name,
                                 struct bytes json)
{
    struct buf body;
    buf_init(&body, FRAME_TEXT_MAX);
    frame_append_bytes(&body, EVENT_NAME, name);
    frame_append_bytes(&body, EVENT_JSON, json.size > 0 ? json : BYTES_LITERAL("{}"));
    return frame_of_body(SERVER_EVENT, &body);
}

/* The members that every payload of a core begins with belong to the frame here; what is
 * not known otherwise is among them. */
static struct bytes find_timestamp(struct bytes json)
{
    struct bytes value;
    if (json.size == 0 || !json_member(json, "timestamp", &value) || value.size < 2) {
        return (struct bytes){0};
    }
    return bytes_make(value.data + 1, value.size - 2);
}

static struct frame *write_publication(const char *name_space,
                                       const struct publication *publication)
{
    struct buf body;
    buf_init(&body, FRAME_TEXT_MAX);
    frame_append_bytes(&body, EVENT_NAME, publication->event);
    if (publication->durable) {
        char stream[STREAM_TEXT_SIZE], cursor[CURSOR_TEXT_SIZE];
        stream_format(&publication->stream, stream);
        cursor_format(publication->seq, publication->tag, cursor);
        append_text(&body, EVENT_STREAM, stream);
        frame_append_varint(&body, EVENT_SEQ, publication->seq);
        append_text(&body, EVENT_CURSOR, cursor);
    }
    struct bytes timestamp = find_timestamp(publication->json);
    if (timestamp.size > 0) {
        frame_append_bytes(&body, EVENT_TIMESTAMP, timestamp);
    }
    if (publication->has_protobuf) {
        frame_append_bytes(&body, EVENT_PAYLOAD, publication->protobuf);
    } else {
        frame_append_bytes(&body, EVENT_JSON, publication->json);
    }
    return frame_of_body(SERVER_EVENT, &body);
}

static struct frame *write_reply(const struct session *session, uint64_t id,
                                 struct bytes payload)
{
    struct buf body;
    buf_init(&body, FRAME_TEXT_MAX);
    frame_append_varint(&body, REPLY_ID, id);
    frame_append_bytes(&body, REPLY_PAYLOAD, payload);
    return frame_of_body(SERVER_REPLY, &body);
}

static struct frame *write_error(const struct session *session, uint64_t id,
                                 const struct refusal *refusal)
{
    struct buf body;
    buf_init(&body, FRAME_TEXT_MAX);
    frame_append_varint(&body, ERROR_ID, id);
    append_text(&body, ERROR_EVENT, refusal->event != NULL ? refusal->event : "");
    append_text(&body, ERROR_CODE, refusal->code);
    append_text(&body, ERROR_MESSAGE, refusal->message);
    if (refusal->details.size > 0) {
        frame_append_bytes(&body, ERROR_DETAILS, refusal->details);
    }
    if (refusal->retry_after_ms > 0) {
        frame_append_varint(&body, ERROR_RETRY_AFTER_MS, refusal->retry_after_ms);
    }
    return frame_of_body(SERVER_ERROR, &body);
}

/* ---------------------------------------------------------------- reading */

/* A field that a message may have. */
struct known_field {
    const char *name;
    uint32_t number;
    enum { NUMBER, BYTES, TEXT, MESSAGES } kind; /* MESSAGES may be repeated */
};

#define KNOWN(fields) (fields), sizeof(fields) / sizeof((fields)[0])

/* What is wrong with a field of a message; NULL: nothing. `earlier`: given before. */
static const char *field_breaks(const struct known_field *known,
                                const struct wire_field *field,
                                const struct wire_field *earlier, const char **ret_rule)
{
    if (earlier->number != 0 && known->kind != MESSAGES) {
        *ret_rule = "duplicate";
        return "is given twice";
    }
    if (field->type != (known->kind == NUMBER ? WIRE_VARINT : WIRE_BYTES)) {
        *ret_rule = "type";
        return "has the wrong wire type";
    }
    if (known->kind == TEXT && !utf8_valid(field->content)) {
        *ret_rule = "utf8";
        return "must be UTF-8 without NUL";
    }
    return NULL;
}

/* Takes a message apart: ret_fields (zeroed) has an element for each known field, with
 * number 0 if it is not there; of repeated ones the last. False: it was refused. */
static bool read_fields(struct conn *conn, struct bytes message,
                        const struct known_field *known, size_t count,
                        struct wire_field *ret_fields)
{
    struct wire_reader reader = wire_reader_make(message);
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        size_t i = 0;
        while (i < count && known[i].number != field.number) {
            i++;
        }
        if (i == count) {
            greeting_refuse(conn, "", "unknown", "has a field that is not known");
            return false;
        }
        const char *rule;
        const char *problem = field_breaks(&known[i], &field, &ret_fields[i], &rule);
        if (problem != NULL) {
            greeting_refuse(conn, known[i].name, rule, problem);
            return false;
        }
        ret_fields[i] = field;
    }
    if (reader.malformed) {
        greeting_refuse(conn, "", "protobuf", "must be one packed ClientFrame");
    }
    return !reader.malformed;
}

/* Names, cursors and traces are short. False: it was refused. */
static bool check_text(struct conn *conn, const char *name, struct bytes text,
                       bool required)
{
    bool missing = required && text.size == 0;
    if (missing || text.size >= FRAME_NAME_SIZE) {
        greeting_refuse(conn, name, missing ? "required" : "max_length",
                        "must be a string of at most 128 bytes");
        return false;
    }
    return true;
}

/* Appends a member to the JSON object of what is resumed. False: it was refused. */
static bool read_cursor(struct conn *conn, struct bytes message, struct buf *ret_resume)
{
    static const struct known_field known[] = {
        {"resume.stream", CURSOR_STREAM, TEXT},
        {"resume.cursor", CURSOR_CURSOR, TEXT},
    };
    struct wire_field fields[2] = {{0}};
    if (!read_fields(conn, message, KNOWN(known), fields) ||
        !check_text(conn, known[0].name, fields[0].content, true) ||
        !check_text(conn, known[1].name, fields[1].content, false)) {
        return false;
    }
    buf_append_char(ret_resume, ret_resume->size > 0 ? ',' : '{');
    buf_append_json_string(ret_resume, fields[0].content);
    buf_append_char(ret_resume, ':');
    if (fields[1].content.size == 0) {
        buf_append_text(ret_resume, "null");
    } else {
        buf_append_json_string(ret_resume, fields[1].content);
    }
    return true;
}

/* The cursors of a hello as JSON, none if there are none. False: it was refused. */
static bool read_resume(struct conn *conn, struct bytes hello, struct buf *ret_resume)
{
    struct wire_reader reader = wire_reader_make(hello);
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        if (field.number == HELLO_RESUME &&
            !read_cursor(conn, field.content, ret_resume)) {
            return false;
        }
    }
    if (ret_resume->size > 0) {
        buf_append_char(ret_resume, '}');
    }
    if (ret_resume->failed) {
        conn_close(conn, CLOSE_TRY_LATER, "out of memory");
    }
    return !ret_resume->failed;
}

static void receive_hello(struct conn *conn, struct bytes message)
{
    static const struct known_field known[] = {
        {"token", HELLO_TOKEN, TEXT},
        {"resume", HELLO_RESUME, MESSAGES},
    };
    struct wire_field fields[2] = {{0}};
    struct buf resume;
    buf_init(&resume, RESUME_JSON_MAX);
    if (read_fields(conn, message, KNOWN(known), fields) &&
        read_resume(conn, message, &resume)) {
        struct session_hello hello = {.token = fields[0].content,
                                      .resume = buf_bytes(&resume)};
        greeting_hello(conn, &hello);
    }
    buf_finish(&resume);
}

static void receive_call(struct conn *conn, struct session *session, struct bytes message)
{
    enum { EVENT, ID, PAYLOAD, TRACE, COUNT };
    static const struct known_field known[] = {
        [EVENT] = {"event", CALL_EVENT, TEXT},
        [ID] = {"id", CALL_ID, NUMBER},
        [PAYLOAD] = {"payload", CALL_PAYLOAD, BYTES},
        [TRACE] = {"trace", CALL_TRACE, TEXT},
    };
    struct wire_field fields[COUNT] = {{0}};
    if (!read_fields(conn, message, KNOWN(known), fields) ||
        !check_text(conn, "event", fields[EVENT].content, true) ||
        !check_text(conn, "trace", fields[TRACE].content, false)) {
        return;
    }
    struct session_event event = {
        .name = fields[EVENT].content,
        .payload = fields[PAYLOAD].content,
        .wants_reply = fields[ID].number != 0,
        .id = fields[ID].value,
        .trace = fields[TRACE].content,
    };
    session_call(session, &event);
}

static void receive_ping(struct conn *conn, struct bytes message)
{
    static const struct known_field known[] = {{"data", PING_DATA, BYTES}};
    struct wire_field field = {0};
    if (!read_fields(conn, message, KNOWN(known), &field)) {
        return;
    }
    struct buf body;
    buf_init(&body, FRAME_TEXT_MAX);
    if (field.number != 0) {
        frame_append_bytes(&body, PONG_DATA, field.content);
    }
    greeting_send(conn, frame_of_body(SERVER_PONG, &body));
}

static void receive(struct conn *conn, struct bytes message, bool binary)
{
    enum { HELLO, CALL, PING, COUNT };
    static const struct known_field known[] = {
        [HELLO] = {"hello", CLIENT_HELLO, BYTES},
        [CALL] = {"call", CLIENT_CALL, BYTES},
        [PING] = {"ping", CLIENT_PING, BYTES},
    };
    struct wire_field fields[COUNT] = {{0}};
    if (conn->closing) {
        return;
    }
    if (!binary) {
        conn_close(conn, CLOSE_WRONG_TYPE, "protobuf comes in binary messages");
        return;
    }
    if (!read_fields(conn, message, KNOWN(known), fields)) {
        return;
    }
    int bodies = (fields[HELLO].number != 0) + (fields[CALL].number != 0) +
                 (fields[PING].number != 0);
    if (bodies != 1) {
        greeting_refuse(conn, "", "body", "must have exactly one of hello, call, ping");
    } else if (fields[HELLO].number != 0) {
        receive_hello(conn, fields[HELLO].content);
    } else if (fields[PING].number != 0) {
        receive_ping(conn, fields[PING].content);
    } else {
        struct session *session = greeting_session(conn);
        if (session != NULL) {
            receive_call(conn, session, fields[CALL].content);
        }
    }
}

const struct framing framing_protobuf = {
    .name = "protobuf",
    .encoding = LINK__ENCODING__PROTOBUF,
    .open = greeting_open,
    .state_size = sizeof(struct greeting),
    .receive = receive,
    .tick = greeting_tick,
    .accepted = greeting_no_frame,
    .ended = greeting_no_frame,
    .event = write_event,
    .publication = write_publication,
    .reply = write_reply,
    .error = write_error,
};
