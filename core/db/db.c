/* Queues calls, gives each a connection, and keeps time over them. */
#include "core/db/db_conn.h"
#include "core/handle.h"

#include <stdlib.h>

#include "base/clock.h"

#define QUEUE_MAX    10000
#define TICK_MS      25
#define GONE_MS      1000  /* without any connection: callers hear it at once */
#define STALL_MS     30000 /* a segment without an answer: the server has stopped */
#define CONNINFO_MAX 4096

struct metric db_segments =
    METRIC_COUNTER("belfry_core_db_segments_total", "Transactions sent to PostgreSQL.");
struct metric db_calls =
    METRIC_COUNTER("belfry_core_db_calls_total", "Statements sent in them.");
struct metric db_busy =
    METRIC_COUNTER("belfry_core_db_busy_total", "Calls that met a lock and ran again.");
struct metric db_reruns = METRIC_COUNTER("belfry_core_db_reruns_total",
                                         "Calls run again after a failed segment.");
struct metric db_reconnects = METRIC_COUNTER("belfry_core_db_reconnects_total",
                                             "Connections to PostgreSQL that were lost.");
static struct metric db_queue =
    METRIC_GAUGE("belfry_core_db_waiting", "Calls that wait for a connection.");
static struct metric db_connected =
    METRIC_GAUGE("belfry_core_db_connections", "Connections that are ready.");

static void register_metrics(void)
{
    metrics_register(&db_segments);
    metrics_register(&db_calls);
    metrics_register(&db_busy);
    metrics_register(&db_reruns);
    metrics_register(&db_reconnects);
    metrics_register(&db_queue);
    metrics_register(&db_connected);
}

void db_finish(struct db_call *call, enum err err, bool unknown, const char *sqlstate,
               const char *message, const struct db_result *result)
{
    struct db_outcome outcome = {
        .err = err,
        .unknown = unknown,
        .sqlstate = sqlstate,
        .message = message,
    };
    call->done(call, &outcome, result);
}

int db_statement(struct db *db, const char *sql)
{
    struct db_statement *known = map_get(&db->statements, &sql);
    if (known != NULL) {
        return known->number;
    }
    if (db->statement_count == DB_STATEMENTS_MAX) {
        return -1;
    }
    struct db_statement *statement = calloc(1, sizeof(*statement));
    if (statement == NULL) {
        return -1;
    }
    statement->sql = sql;
    statement->number = db->statement_count;
    if (map_put(&db->statements, &sql, statement) != ERR_OK) {
        free(statement);
        return -1;
    }
    db->statement_count++;
    return statement->number;
}

void db_route(struct db *db, struct db_call *call, bool first)
{
    struct list *to = &db->stranded;
    int lane = db->conn_count / 2;
    int home = (int)(call->affinity % (uint32_t)lane) + (call->db.alone ? lane : 0);
    for (int i = 0; i < db->conn_count; i++) {
        struct db_conn *conn = &db->conns[(home + i) % db->conn_count];
        if (conn->state == CONN_READY) {
            to = &conn->waiting;
            break;
        }
    }
    /* list_push() before the first node is the front of the list */
    list_push(first ? to->next : to, &call->node);
    db->waiting++;
}

static void reroute(struct db *db, struct list *from)
{
    struct list moved;
    list_init(&moved);
    for (struct list *node = list_take(from); node != NULL; node = list_take(from)) {
        list_push(&moved, node);
    }
    for (struct list *node = list_take(&moved); node != NULL; node = list_take(&moved)) {
        db->waiting--;
        db_route(db, container_of(node, struct db_call, node), false);
    }
}

static void tell_state(struct db *db, bool ready, const char *why)
{
    db->told_down = !ready;
    if (db->options.on_state != NULL && !db->closing) {
        db->options.on_state(db->options.user, ready, why);
    }
}

void db_state_changed(struct db *db, struct db_conn *conn, bool ready, const char *why)
{
    bool before = db->ready > 0;
    db->ready += ready ? 1 : -1;
    metric_set(&db_connected, db->ready);
    if (ready) {
        reroute(db, &db->stranded);
    } else {
        db->alive_ms = clock_ms();
        reroute(db, &conn->busy);
        reroute(db, &conn->waiting);
    }
    if (before != (db->ready > 0)) {
        tell_state(db, ready, why);
    }
}

void db_still_down(struct db *db, const char *why)
{
    if (db->ready == 0 && !db->told_down) {
        tell_state(db, false, why);
    }
}

static void expire(struct db *db, struct list *calls, int64_t now)
{
    LIST_EACH(calls, node) {
        struct db_call *call = container_of(node, struct db_call, node);
        if (call->deadline_ms <= now || db->closing) {
            list_remove(node);
            db->waiting--;
            db_finish(call, ERR_UNAVAILABLE, call->db.maybe, "", "no connection in time",
                      NULL);
        }
    }
}

static void tick_conn(struct db_conn *conn, int64_t now)
{
    struct db *db = conn->db;
    if (conn->state == CONN_DOWN && conn->retry_at_ms <= now) {
        db_conn_start(conn);
    } else if (conn->state == CONN_CONNECTING &&
               now - conn->connect_started_ms > db->options.connect_timeout_ms) {
        db_conn_lost(conn, "connecting takes too long");
    } else if (!list_empty(&conn->segments)) {
        struct db_segment *oldest =
            container_of(conn->segments.next, struct db_segment, node);
        if (now - oldest->sent_ms > STALL_MS) {
            db_conn_lost(conn, "no answer");
        }
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct db *db = timer->data;
    int64_t now = clock_ms();
    for (int i = 0; i < db->conn_count; i++) {
        expire(db, &db->conns[i].waiting, now);
        expire(db, &db->conns[i].busy, now);
        tick_conn(&db->conns[i], now);
    }
    expire(db, &db->stranded, now);
    metric_set(&db_queue, (int64_t)db->waiting);
}

/* Runs just before the loop sleeps: what one turn has submitted travels together. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct db *db = prepare->data;
    for (int i = 0; i < db->conn_count; i++) {
        db_conn_pump(&db->conns[i]);
    }
}

static void start_handles(struct db *db, uv_loop_t *loop)
{
    uv_prepare_init(loop, db->prepare);
    db->prepare->data = db;
    uv_prepare_start(db->prepare, on_prepare);
    uv_timer_init(loop, db->timer);
    db->timer->data = db;
    uv_timer_start(db->timer, on_tick, 0, TICK_MS);
}

enum err db_open(uv_loop_t *loop, const struct db_options *options, struct db **ret_db)
{
    register_metrics();
    struct db *db = calloc(1, sizeof(*db));
    if (db == NULL) {
        return ERR_UNAVAILABLE;
    }
    db->options = *options;
    db->loop = loop;
    db->alive_ms = clock_ms();
    list_init(&db->stranded);
    map_init(&db->statements, sizeof(const char *));
    /* one lane of connections for what never waits, one for what may */
    db->conn_count = 2 * (options->connections > 0 ? options->connections : 1);
    db->conns = calloc((size_t)db->conn_count, sizeof(*db->conns));
    db->conninfo = strndup(options->conninfo, CONNINFO_MAX);
    db->prepare = calloc(1, sizeof(*db->prepare));
    db->timer = calloc(1, sizeof(*db->timer));
    db->lock_statement = db_statement(db, DB_LOCK_STREAM_SQL);
    if (db->conns == NULL || db->conninfo == NULL || db->prepare == NULL ||
        db->timer == NULL || db->lock_statement < 0) {
        free(db->conns);
        free(db->conninfo);
        free(db->prepare);
        free(db->timer);
        map_finish(&db->statements);
        free(db);
        return ERR_UNAVAILABLE;
    }
    for (int i = 0; i < db->conn_count; i++) {
        struct db_conn *conn = &db->conns[i];
        conn->db = db;
        list_init(&conn->waiting);
        list_init(&conn->busy);
        list_init(&conn->segments);
    }
    start_handles(db, loop);
    *ret_db = db;
    return ERR_OK;
}

void db_close(struct db *db)
{
    if (db == NULL) {
        return;
    }
    db->closing = true;
    handle_close(db->prepare);
    handle_close(db->timer);
    for (int i = 0; i < db->conn_count; i++) {
        db_conn_lost(&db->conns[i], "closing");
    }
    expire(db, &db->stranded, 0);
    size_t cursor = 0;
    void *statement;
    while (map_next(&db->statements, &cursor, NULL, &statement)) {
        free(statement);
    }
    map_finish(&db->statements);
    free(db->conninfo);
    free(db->conns);
    free(db);
}

enum err db_submit(struct db *db, struct db_call *call)
{
    bool gone = db->ready == 0 && clock_ms() - db->alive_ms > GONE_MS;
    if (db->closing || gone || db->waiting >= QUEUE_MAX) {
        return ERR_UNAVAILABLE;
    }
    memset(&call->db, 0, sizeof(call->db));
    call->db.alone = call->mode == DB_ALONE;
    db_route(db, call, false);
    return ERR_OK;
}

bool db_ready(const struct db *db)
{
    return db->ready > 0;
}

size_t db_waiting(const struct db *db)
{
    return db->waiting;
}
