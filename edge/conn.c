/* Keeps each client's send queue within its limit, so that a slow reader costs us a fixed
 * amount of memory and nobody else anything. */
#include "edge/conn.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "edge/edge.h"
#include "edge/recovery.h"
#include "edge/session.h"

#define QUEUE_CAPACITY_MIN 8
#define HIGH_MARK_PART     4 /* a quarter of the limit */
#define BEHIND_MAX_MS      10000

static struct metric dropped = METRIC_COUNTER(
    "belfry_edge_frames_dropped_total", "Ephemeral frames dropped for slow clients.");
static struct metric too_slow =
    METRIC_COUNTER("belfry_edge_slow_clients_total",
                   "Connections closed because the client read too slowly.");

struct conn *conn_create(struct edge *edge, const struct framing *framing,
                         const struct conn_io *io)
{
    struct conn *conn = pool_take(sizeof(*conn) + io->state_size + framing->state_size);
    if (conn == NULL) {
        return NULL;
    }
    metrics_register(&dropped);
    metrics_register(&too_slow);
    conn->edge = edge;
    conn->framing = framing;
    conn->io = io;
    conn->opened_ms = conn->heard_ms = (uint32_t)clock_ms();
    reflist_push(edge->conns, &conn->in_edge);
    edge->conn_count++;
    edge->protobuf_count += framing->encoding == LINK__ENCODING__PROTOBUF;
    return conn;
}

/* Takes `count` frames off the head; the ring goes with the last one, since most
 * connections are idle most of the time. */
static void take(struct conn *conn, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct frame *frame = conn_queued(conn, i);
        conn->queued_bytes -= (uint32_t)frame_wire(frame).size;
        frame_unref(frame);
    }
    conn->queue_count -= count;
    if (conn->queue_count == 0) {
        if (conn->has_ring) {
            free(conn->ring);
            conn->has_ring = false;
        }
        conn->alone = NULL;
    } else if (conn->has_ring) {
        conn->ring->head = (conn->ring->head + count) & (conn->ring->capacity - 1);
    }
}

static void end_sessions(struct conn *conn, const char *reason)
{
    while (conn->sessions != NULL) {
        struct session *session = conn->sessions;
        recovery_keep(session, clock_ms());
        session_close(session, reason);
    }
}

void conn_destroy(struct conn *conn)
{
    conn->closing = true;
    end_sessions(conn, "connection lost");
    take(conn, conn->queue_count);
    reflist_remove(&conn->in_edge);
    conn->edge->conn_count--;
    conn->edge->protobuf_count -= conn->framing->encoding == LINK__ENCODING__PROTOBUF;
    if (conn->bearer != NULL) {
        explicit_bzero(conn->bearer, strlen(conn->bearer));
        free(conn->bearer);
    }
    pool_give(conn);
}

/* Room for one more pointer; false: no memory. */
static bool reserve(struct conn *conn)
{
    if (conn->queue_count < (conn->has_ring ? conn->ring->capacity : 1)) {
        return true;
    }
    uint32_t capacity = conn->has_ring ? conn->ring->capacity * 2 : QUEUE_CAPACITY_MIN;
    struct frame_ring *ring = malloc(sizeof(*ring) + capacity * sizeof(struct frame *));
    if (ring == NULL) {
        return false;
    }
    ring->head = 0;
    ring->capacity = capacity;
    for (uint32_t i = 0; i < conn->queue_count; i++) {
        ring->frames[i] = conn_queued(conn, i);
    }
    if (conn->has_ring) {
        free(conn->ring);
    }
    conn->ring = ring;
    conn->has_ring = true;
    return true;
}

static size_t high_mark(const struct conn *conn)
{
    return (size_t)conn->edge->config->send_queue / HIGH_MARK_PART;
}

void conn_send(struct conn *conn, struct frame *frame)
{
    if (conn->closing) {
        return;
    }
    if (frame == NULL) {
        conn_close(conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    size_t size = frame_wire(frame).size;
    /* One answer may be larger than the queue: a page of long messages. */
    if (conn->queued_bytes > high_mark(conn) &&
        conn->queued_bytes + size > (size_t)conn->edge->config->send_queue) {
        if (frame->droppable) {
            metric_add(&dropped, 1);
            return;
        }
        conn_close(conn, CLOSE_TOO_SLOW, "reads too slowly");
        return;
    }
    if (!reserve(conn)) {
        conn_close(conn, CLOSE_TRY_LATER, "out of memory");
        return;
    }
    if (conn->has_ring) {
        uint32_t end = conn->ring->head + conn->queue_count;
        conn->ring->frames[end & (conn->ring->capacity - 1)] = frame_ref(frame);
    } else {
        conn->alone = frame_ref(frame);
    }
    conn->queue_count++;
    conn->queued_bytes += (uint32_t)size;
    if (!conn->is_behind && conn->queued_bytes > high_mark(conn)) {
        conn->is_behind = true;
        conn->behind_since_ms = (uint32_t)clock_ms();
    }
    conn->io->dirty(conn);
}

bool conn_ready(const struct conn *conn)
{
    return !conn->closing && conn->queued_bytes <= high_mark(conn);
}

/* Calls session_ready() for each session that still is when its turn comes: one of them
 * may end others. */
static void wake_sessions(struct conn *conn)
{
    struct session *sessions[CONN_SESSIONS_MAX];
    int count = 0;
    for (struct session *s = conn->sessions; s != NULL; s = s->next) {
        sessions[count++] = s;
    }
    for (int i = 0; i < count && conn_ready(conn); i++) {
        struct session *s = conn->sessions;
        while (s != NULL && s != sessions[i]) {
            s = s->next;
        }
        if (s != NULL) {
            session_ready(s);
        }
    }
}

void conn_sent(struct conn *conn, uint32_t count)
{
    take(conn, count < conn->queue_count ? count : conn->queue_count);
    if (conn->is_behind && conn->queued_bytes <= high_mark(conn)) {
        conn->is_behind = false;
        wake_sessions(conn);
    }
}

void conn_close(struct conn *conn, enum close_code code, const char *reason)
{
    if (conn->closing) {
        return;
    }
    conn->closing = true;
    if (code == CLOSE_TOO_SLOW) {
        metric_add(&too_slow, 1);
        take(conn, conn->queue_count); /* it would never get there */
    }
    conn->io->close(conn, code, reason);
    conn->io->dirty(conn);
}

void conn_settle(struct conn *conn)
{
    if (conn->closing) {
        end_sessions(conn, "connection closed");
    }
}

void conn_tick(struct conn *conn, int64_t now_ms)
{
    if (conn->closing) {
        return;
    }
    if (conn->is_behind && conn_since(conn->behind_since_ms, now_ms) > BEHIND_MAX_MS) {
        conn_close(conn, CLOSE_TOO_SLOW, "reads too slowly");
        return;
    }
    if (conn->reading_stopped) {
        conn->heard_ms = (uint32_t)now_ms; /* it cannot answer what we do not read */
    }
    conn->framing->tick(conn, now_ms);
}

void conn_add_session(struct conn *conn, struct session *session)
{
    session->next = conn->sessions;
    conn->sessions = session;
    conn->session_count++;
}

void conn_remove_session(struct conn *conn, struct session *session)
{
    for (struct session **at = &conn->sessions; *at != NULL; at = &(*at)->next) {
        if (*at == session) {
            *at = session->next;
            conn->session_count--;
            return;
        }
    }
}

struct session *conn_session(const struct conn *conn, const char *name_space)
{
    struct session *session = conn->sessions;
    while (session != NULL && strcmp(session->name_space, name_space) != 0) {
        session = session->next;
    }
    return session;
}
