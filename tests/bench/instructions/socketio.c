/* The hot path of what a Socket.IO client sends: one message through Engine.IO's and
 * Socket.IO's grammar, up to where the session takes it over. */
#include "edge/edge.h"
#include "edge/session.h"
#include "instructions/measured.h"

#define MESSAGE                                                                          \
    "42/messages,7[\"SEND_MESSAGE\",{\"roomId\":"                                        \
    "\"00000000-0000-4000-9000-000000000001\",\"clientId\":"                             \
    "\"3f2a9c51-7f0d-4c1b-9a57-1c2d3e4f5061\",\"content\":\"the quick brown fox jumps "  \
    "over the lazy dog, and whatever else fits into a message of ordinary length\"}]"

static struct edge_config config;
static struct edge edge;
static struct conn *conn;
static struct session session;
static size_t called, payload_size;

/* ---------------------------------------------------------------- the session's side */

const char *session_namespace(struct edge *of, struct bytes name)
{
    return session.name_space;
}

void session_open(struct conn *of, const char *name_space,
                  const struct session_hello *hello)
{
}

void session_call(struct session *of, const struct session_event *event)
{
    called++;
    payload_size += event->payload.size;
}

void session_close(struct session *of, const char *reason)
{
}

void session_ready(struct session *of)
{
}

/* ---------------------------------------------------------------- the connection's */

static void on_dirty(struct conn *of)
{
}

static void on_close(struct conn *of, enum close_code code, const char *reason)
{
    fprintf(stderr, "closed: %s\n", reason);
    exit(1);
}

static void on_reading(struct conn *of, bool on)
{
}

static const struct conn_io io = {
    .dirty = on_dirty, .close = on_close, .reading = on_reading};

static void receive(void)
{
    framing_socketio.receive(conn, bytes_make(MESSAGE, sizeof(MESSAGE) - 1), false);
}

MEASURED
{
    receive();
}

int main(void)
{
    config.message_max = 65536;
    config.send_queue = 65536;
    config.ping_interval_ms = 25000;
    config.ping_timeout_ms = 20000;
    config.hello_timeout_ms = 5000;
    edge.config = &config;
    edge.conns = pool_take(sizeof(*edge.conns));
    reflist_init(edge.conns);
    conn = conn_create(&edge, &framing_socketio, &io);
    MUST(conn != NULL && framing_socketio.open(conn) == ERR_OK);
    session.conn = conn;
    session.name_space = "/messages";
    session.state = SESSION_OPEN;
    conn_add_session(conn, &session);
    for (int i = 0; i < MEASURED_CALLS; i++) {
        receive();
    }
    for (int i = 0; i < MEASURED_CALLS; i++) {
        measured();
    }
    MUST(called == 2 * MEASURED_CALLS && payload_size > called * 100);
    return 0;
}
