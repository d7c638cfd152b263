/* Writes down what framings and connections ask of sessions. */
#include "session_double.h"

#include <stdio.h>
#include <stdlib.h>

struct double_calls doubled;

static void keep(char *out, size_t out_size, struct bytes text)
{
    size_t size = text.size < out_size ? text.size : out_size - 1;
    if (size > 0) {
        memcpy(out, text.data, size);
    }
    out[size] = 0;
}

const char *session_namespace(struct edge *edge, struct bytes name)
{
    static const char *const known[] = {"/",  "/messages", "/1", "/2", "/3",
                                        "/4", "/5",        "/6", "/7", "/8"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (bytes_equal_text(name, known[i])) {
            return known[i];
        }
    }
    return NULL;
}

void session_open(struct conn *conn, const char *name_space,
                  const struct session_hello *hello)
{
    struct session *session = pool_take(sizeof(*session));
    session->conn = conn;
    session->name_space = name_space;
    session->state = doubled.state;
    memset(session->id.b, 0xab, sizeof(session->id.b));
    conn_add_session(conn, session);
    doubled.opens++;
    snprintf(doubled.name_space, sizeof(doubled.name_space), "%s", name_space);
    keep(doubled.token, sizeof(doubled.token), hello->token);
    keep(doubled.resume, sizeof(doubled.resume), hello->resume);
    keep(doubled.recovery_id, sizeof(doubled.recovery_id), hello->recovery_id);
    keep(doubled.offset, sizeof(doubled.offset), hello->offset);
}

void session_call(struct session *session, const struct session_event *event)
{
    doubled.calls++;
    doubled.wants_reply = event->wants_reply;
    doubled.id = event->id;
    keep(doubled.event, sizeof(doubled.event), event->name);
    keep(doubled.payload, sizeof(doubled.payload), event->payload);
    keep(doubled.trace, sizeof(doubled.trace), event->trace);
}

void session_close(struct session *session, const char *reason)
{
    conn_remove_session(session->conn, session);
    doubled.closes++;
    snprintf(doubled.close_reason, sizeof(doubled.close_reason), "%s", reason);
    pool_give(session);
}

void session_ready(struct session *session)
{
    doubled.readies++;
    if (doubled.on_ready != NULL) {
        doubled.on_ready(session);
    }
}

/* ---------------------------------------------------------------- the connection */

static struct double_edge *edge_of(struct conn *conn)
{
    struct double_edge **edge = conn_transport(conn);
    return *edge;
}

static void on_dirty(struct conn *conn)
{
    struct double_edge *edge = edge_of(conn);
    edge->dirty++;
}

static void on_close(struct conn *conn, enum close_code code, const char *reason)
{
    struct double_edge *edge = edge_of(conn);
    edge->close_code = (int)code;
    snprintf(edge->close_reason, sizeof(edge->close_reason), "%s", reason);
}

static void on_reading(struct conn *conn, bool on)
{
    struct double_edge *edge = edge_of(conn);
    edge->reading = on;
}

static const struct conn_io io = {.state_size = sizeof(struct double_edge *),
                                  .dirty = on_dirty,
                                  .close = on_close,
                                  .reading = on_reading};

void double_open(struct double_edge *ret_edge, const struct framing *framing,
                 const char *bearer)
{
    struct double_edge *edge = ret_edge;
    memset(edge, 0, sizeof(*edge));
    memset(&doubled, 0, sizeof(doubled));
    doubled.state = SESSION_OPEN;
    edge->reading = true;
    edge->config.message_max = 65536;
    edge->config.send_queue = 65536;
    edge->config.ping_interval_ms = 25000;
    edge->config.ping_timeout_ms = 20000;
    edge->config.hello_timeout_ms = 5000;
    edge->edge.config = &edge->config;
    edge->edge.conns = pool_take(sizeof(*edge->edge.conns));
    reflist_init(edge->edge.conns);
    edge->conn = conn_create(&edge->edge, framing, &io);
    if (edge->conn == NULL) {
        abort();
    }
    *(struct double_edge **)conn_transport(edge->conn) = edge;
    if (bearer != NULL) {
        edge->conn->bearer = strdup(bearer);
    }
    if (framing->open(edge->conn) != ERR_OK) {
        abort();
    }
}

void double_finish(struct double_edge *edge)
{
    conn_settle(edge->conn);
    conn_destroy(edge->conn);
    if (!reflist_empty(edge->edge.conns) || edge->edge.conn_count != 0) {
        abort();
    }
    pool_give(edge->edge.conns);
}

const char *double_sent(struct double_edge *edge)
{
    static char text[DOUBLE_TEXT_MAX];
    struct conn *conn = edge->conn;
    if (conn->queue_count == 0) {
        return "";
    }
    const struct frame *frame = conn_queued(conn, 0);
    keep(text, sizeof(text), bytes_make(frame->bytes + FRAME_ROOM, frame->size));
    conn_sent(conn, 1);
    return text;
}

void double_receive(struct double_edge *edge, struct bytes message, bool binary)
{
    uint8_t *copy = malloc(message.size > 0 ? message.size : 1);
    if (copy == NULL) {
        abort();
    }
    if (message.size > 0) {
        memcpy(copy, message.data, message.size);
    }
    edge->conn->framing->receive(edge->conn, bytes_make(copy, message.size), binary);
    free(copy);
}
