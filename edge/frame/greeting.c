/* Begins sessions on /ws, keeps them alive, and loses patience. */
#include "edge/frame/greeting.h"

#include "base/buf.h"
#include "edge/edge.h"

#define MALFORMED_MAX 32

static void begin(struct conn *conn, const struct session_hello *hello)
{
    struct greeting *greeting = conn_framing_state(conn);
    greeting->greeted = true;
    session_open(conn, session_namespace(conn->edge, BYTES_LITERAL("/")), hello);
}

enum err greeting_open(struct conn *conn)
{
    struct greeting *greeting = conn_framing_state(conn);
    greeting->pinged_ms = conn->opened_ms;
    if (conn->bearer != NULL && !conn->awaits_hello) {
        begin(conn, &(struct session_hello){.token = bytes_of_text(conn->bearer)});
    }
    return ERR_OK;
}

/* Pings of the WebSocket itself (RFC 6455 section 5.5.2): every client library answers
 * them by itself, and so does a browser. */
void greeting_tick(struct conn *conn, int64_t now_ms)
{
    const struct edge_config *config = conn->edge->config;
    struct greeting *greeting = conn_framing_state(conn);
    if (!greeting->greeted &&
        conn_since(conn->opened_ms, now_ms) >= config->hello_timeout_ms) {
        conn_close(conn, CLOSE_TOKEN, "no hello in time");
        return;
    }
    int64_t since_ping = conn_since(greeting->pinged_ms, now_ms);
    bool unanswered = (int32_t)(conn->heard_ms - greeting->pinged_ms) < 0;
    if (unanswered && since_ping >= config->ping_timeout_ms) {
        conn_close(conn, CLOSE_POLICY, "ping timeout");
    } else if (!unanswered && since_ping >= config->ping_interval_ms) {
        greeting->pinged_ms = (uint32_t)now_ms;
        greeting_send(conn, frame_create_ping());
    }
}

struct frame *greeting_no_frame(const struct session *session)
{
    return NULL;
}

void greeting_hello(struct conn *conn, const struct session_hello *hello)
{
    const struct greeting *greeting = conn_framing_state(conn);
    if (greeting->greeted) {
        conn_close(conn, CLOSE_ALREADY_AUTHENTICATED, "already authenticated");
        return;
    }
    begin(conn, hello);
}

struct session *greeting_session(struct conn *conn)
{
    struct session *session = conn_session(conn, "/");
    if (session == NULL) {
        conn_close(conn, CLOSE_NOT_AUTHENTICATED, "hello comes first");
    }
    return session;
}

void greeting_refuse(struct conn *conn, const char *path, const char *rule,
                     const char *message)
{
    struct greeting *greeting = conn_framing_state(conn);
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
    greeting_send(conn,
                  conn->framing->event("/", BYTES_LITERAL("ERROR"), buf_bytes(&json)));
    buf_finish(&json);
    buf_finish(&details);
    if (++greeting->malformed >= MALFORMED_MAX) {
        conn_close(conn, CLOSE_POLICY, "too many malformed messages");
    }
}

void greeting_send(struct conn *conn, struct frame *frame)
{
    conn_send(conn, frame);
    frame_unref(frame);
}
