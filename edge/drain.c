/* Sends the clients of a leaving edge away, spread over BELFRY_DRAIN. */
#include "edge/drain.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/edge.h"
#include "edge/occupancy.h"
#include "edge/session.h"

#define SLICE_MS 100
#define GRACE_MS 1000 /* after the last slice, for answers under way and closing */

static struct {
    uv_timer_t timer;
    struct edge *edge;
    int64_t until_ms;
    size_t per_slice;
} drain;

static void send_away(struct conn *conn)
{
    char json[64];
    unsigned pause_ms;
    random_bytes(&pause_ms, sizeof(pause_ms));
    snprintf(json, sizeof(json), "{\"reconnectInMs\":%u}", pause_ms % 1000);
    for (struct session *s = conn->sessions; s != NULL; s = s->next) {
        if (s->state == SESSION_OPEN) {
            session_send(s, "SERVER_DRAINING", bytes_of_text(json));
        }
    }
    conn_close(conn, CLOSE_RESTART, "the server restarts");
}

static void on_slice(uv_timer_t *timer)
{
    struct edge *edge = drain.edge;
    size_t left = drain.per_slice;
    REFLIST_EACH(edge->conns, node) {
        struct conn *conn = container_of(node, struct conn, in_edge);
        if (!conn->closing && left > 0) {
            send_away(conn);
            left--;
        }
    }
    if (edge->conn_count == 0 || clock_ms() >= drain.until_ms + GRACE_MS) {
        occupancy_renew(edge->occupancy, true);
        uv_timer_stop(timer);
        uv_stop(edge->loop);
    }
}

void drain_start(struct edge *edge)
{
    size_t slices = (size_t)(edge->config->drain_ms / SLICE_MS) + 1;
    drain.edge = edge;
    drain.until_ms = clock_ms() + edge->config->drain_ms;
    drain.per_slice = edge->conn_count / slices + 1;
    log_info("draining", LOG_INT("connections", (int64_t)edge->conn_count),
             LOG_INT("ms", edge->config->drain_ms));
    uv_timer_init(edge->loop, &drain.timer);
    uv_timer_start(&drain.timer, on_slice, 0, SLICE_MS);
}
