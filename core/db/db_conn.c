/* Connects, watches the socket, and lets go: libpq's asynchronous side on libuv. */
#include "core/db/db_conn.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 1000
#define KEYWORDS_MAX   64

/* Plans must not be made for empty tables, a positive answer must be on disk, and
 * nothing may hold a lock for long. */
#define SESSION_OPTIONS                                                                  \
    "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan "                       \
    "-c synchronous_commit=on -c jit=off -c statement_timeout=8000 "                     \
    "-c lock_timeout=3000 -c idle_in_transaction_session_timeout=10000"

struct db_watch {
    uv_poll_t poll;
    int events;
    struct db_conn *conn; /* NULL once let go */
};

static void free_watch(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct db_watch, poll));
}

/* libuv must forget the socket before libpq closes it. */
static void unwatch(struct db_conn *conn)
{
    if (conn->watch != NULL) {
        conn->watch->conn = NULL;
        uv_poll_stop(&conn->watch->poll);
        uv_close((uv_handle_t *)&conn->watch->poll, free_watch);
        conn->watch = NULL;
    }
}

static void on_socket(uv_poll_t *poll, int status, int events);

static bool watch(struct db_conn *conn, int events)
{
    if (conn->watch == NULL) {
        struct db_watch *made = calloc(1, sizeof(*made));
        if (made == NULL) {
            return false;
        }
        if (uv_poll_init(conn->db->loop, &made->poll, PQsocket(conn->pg)) != 0) {
            free(made);
            return false;
        }
        made->conn = conn;
        conn->watch = made;
    }
    if (conn->watch->events == events) {
        return true; /* starting it again would cost two system calls */
    }
    conn->watch->events = events;
    return uv_poll_start(&conn->watch->poll, events, on_socket) == 0;
}

void db_conn_stop(struct db_conn *conn)
{
    unwatch(conn);
    PQfinish(conn->pg);
    conn->pg = NULL;
    conn->state = CONN_DOWN;
    db_conn_forget_prepared(conn);
}

static void plan_retry(struct db_conn *conn)
{
    int64_t backoff = conn->backoff_ms;
    conn->backoff_ms = backoff * 2 < BACKOFF_MAX_MS ? backoff * 2 : BACKOFF_MAX_MS;
    uint16_t jitter;
    random_bytes(&jitter, sizeof(jitter));
    conn->retry_at_ms = clock_ms() + backoff / 2 + jitter % (backoff / 2 + 1);
}

/* What was sent may have been committed: each call carries the key of its answer, or only
 * reads, so it is safe to run it again. One that was there at two losses runs alone, lest
 * it takes its neighbours down a third time. */
static void return_calls(struct db_conn *conn)
{
    struct list *node;
    while ((node = conn->segments.prev) != &conn->segments) {
        list_remove(node);
        struct db_segment *segment = container_of(node, struct db_segment, node);
        for (int i = segment->call_count - 1; i >= 0; i--) {
            struct db_call *call = segment->calls[i];
            call->db.maybe = true;
            call->db.losses++;
            call->db.alone = call->db.alone || call->db.losses >= 2;
            metric_add(&db_reruns, 1);
            db_route(conn->db, call, true);
        }
        db_segment_free(segment);
    }
    conn->in_flight = 0;
}

void db_conn_lost(struct db_conn *conn, const char *why)
{
    bool was_ready = conn->state == CONN_READY;
    bool was_down = conn->state == CONN_DOWN;
    char words[256];
    snprintf(words, sizeof(words), "%s", why);
    db_conn_stop(conn);
    if (!was_down) {
        plan_retry(conn);
    }
    return_calls(conn);
    if (was_ready) {
        metric_add(&db_reconnects, 1);
        db_state_changed(conn->db, conn, false, words);
    } else if (!was_down) {
        db_still_down(conn->db, words);
    }
}

/* Our options behind those that the settings give, our keepalives before them. */
static PGconn *start(const char *conninfo)
{
    static const char *const ours[][2] = {
        {"application_name", "belfry-core"},
        {"keepalives", "1"},
        {"keepalives_idle", "5"},
        {"keepalives_interval", "2"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "8000"},
        {"client_encoding", "UTF8"},
    };
    const char *keywords[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    char session_options[1024];
    const char *given_options = "";
    size_t count = 0;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        keywords[count] = ours[i][0];
        values[count++] = ours[i][1];
    }
    PQconninfoOption *given = PQconninfoParse(conninfo, NULL);
    for (PQconninfoOption *at = given;
         at != NULL && at->keyword != NULL && count + 2 < KEYWORDS_MAX; at++) {
        if (at->val == NULL) {
            continue;
        }
        if (strcmp(at->keyword, "options") == 0) {
            given_options = at->val;
        } else {
            keywords[count] = at->keyword;
            values[count++] = at->val;
        }
    }
    snprintf(session_options, sizeof(session_options), "%s %s", SESSION_OPTIONS,
             given_options);
    keywords[count] = "options";
    values[count++] = session_options;
    keywords[count] = NULL;
    values[count] = NULL;
    PGconn *pg = given != NULL ? PQconnectStartParams(keywords, values, 0)
                               : PQconnectStart(conninfo);
    PQconninfoFree(given);
    return pg;
}

void db_conn_start(struct db_conn *conn)
{
    if (conn->backoff_ms == 0) {
        conn->backoff_ms = BACKOFF_MIN_MS;
    }
    conn->connect_started_ms = clock_ms();
    conn->pg = start(conn->db->conninfo);
    conn->state = CONN_CONNECTING;
    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD ||
        !watch(conn, UV_WRITABLE)) {
        db_conn_lost(conn, conn->pg != NULL ? PQerrorMessage(conn->pg) : "no memory");
    }
}

static void ignore_notice(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

static void become_ready(struct db_conn *conn)
{
    PQsetNoticeProcessor(conn->pg, ignore_notice, NULL);
    if (PQsetnonblocking(conn->pg, 1) != 0 || PQenterPipelineMode(conn->pg) != 1) {
        db_conn_lost(conn, PQerrorMessage(conn->pg));
        return;
    }
    conn->state = CONN_READY;
    conn->backoff_ms = BACKOFF_MIN_MS;
    db_state_changed(conn->db, conn, true, "");
    if (conn->state == CONN_READY) {
        db_conn_flush(conn);
    }
}

static void connect_on(struct db_conn *conn)
{
    PostgresPollingStatusType wants = PQconnectPoll(conn->pg);
    /* libpq may have taken another socket, even one with the same number */
    unwatch(conn);
    bool watched = true;
    switch (wants) {
    case PGRES_POLLING_OK:
        become_ready(conn);
        return;
    case PGRES_POLLING_READING:
        watched = watch(conn, UV_READABLE);
        break;
    case PGRES_POLLING_WRITING:
        watched = watch(conn, UV_WRITABLE);
        break;
    default:
        watched = false;
        break;
    }
    if (!watched) {
        db_conn_lost(conn, PQerrorMessage(conn->pg));
    }
}

void db_conn_flush(struct db_conn *conn)
{
    int rest = PQflush(conn->pg);
    if (rest < 0 || !watch(conn, rest > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE)) {
        db_conn_lost(conn, PQerrorMessage(conn->pg));
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct db_conn *conn = container_of(poll, struct db_watch, poll)->conn;
    if (conn == NULL) {
        return;
    }
    if (conn->state == CONN_CONNECTING) {
        connect_on(conn);
        return;
    }
    if (status < 0 || (events & UV_READABLE) != 0) {
        if (!db_conn_receive(conn)) {
            db_conn_lost(conn, PQerrorMessage(conn->pg));
            return;
        }
    }
    db_conn_flush(conn);
}
