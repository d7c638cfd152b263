/* WebSockets: puts messages together from the pieces libwebsockets reads, and writes
 * frames straight to the sockets. lws_callback_on_writable() and lws_write() for each
 * frame would cost twice as much; so all that waits for a client goes out with one
 * system call at the end of the loop's turn, and libwebsockets only helps when the
 * kernel takes no more.
 *
 * What libwebsockets 4.1 does not tell us, and so passes: frames without a mask
 * (RFC 6455 section 5.1 wants 1002), pings however many (it answers only the last), and
 * pongs without payload. An announced size above the limit is refused when the first
 * byte of the payload comes, not before. */
#include <errno.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/pieces.h"
#include "edge/session.h"
#include "edge/tls.h"
#include "edge/visitor.h"

#define FRAMES_PER_CALL   64
#define FRAGMENTS_MAX     64
#define FRAGMENTS_MS      10000 /* to finish a message */
#define CLOSING_MS        3000  /* for the handshake of closing */
#define PONGS_BURST       10
#define PONG_REFILL_MS    200  /* five a second */
#define SILENT_CLOSING_MS 1000 /* the same with a client that does not answer */

/* The transport's part of a conn. */
struct client {
    struct lws *wsi;
    struct frame *close_frame; /* goes behind all others; NULL: is not closing, or sent */
    struct reflist in_dirty;
    int fd;
    uint8_t pongs;
    bool armed : 1;   /* WRITEABLE will come */
    bool broken : 1;  /* the socket takes nothing any more */
    bool known : 1;   /* has said who it is */
    bool patient : 1; /* the client is thought to answer the close frame */
    /* Up to here is what each write needs. */
    uint32_t closing_since_ms; /* these two by the last 32 bits of the clock */
    uint32_t pongs_ms;
    struct reflist in_wheel;
    ref visitor;
    ref pieces; /* 0: no message is here in part */
};

_Static_assert(sizeof(struct client) % 8 == 0, "its framing's state follows");

static struct conn *conn_of(struct client *client)
{
    return (struct conn *)(void *)client - 1;
}

static struct visitor *visitor_of(const struct client *client)
{
    return ref_there(client->visitor);
}

static struct pieces *pieces_of(const struct client *client)
{
    return ref_to(client->pieces);
}

static struct metric frames_sent =
    METRIC_COUNTER("belfry_edge_frames_sent_total", "Frames written to clients.");
static struct metric bytes_sent =
    METRIC_COUNTER("belfry_edge_sent_bytes_total", "Bytes written to clients.");
static struct metric messages_received =
    METRIC_COUNTER("belfry_edge_messages_received_total", "Messages of clients.");
static struct metric write_calls =
    METRIC_COUNTER("belfry_edge_write_calls_total", "System calls that wrote frames.");

/* ---------------------------------------------------------------- writing */

static void arm(struct client *client)
{
    if (!client->armed) {
        client->armed = true;
        lws_callback_on_writable(client->wsi);
    }
}

/* Counted here and added up once a turn: an atomic addition costs as much as the rest of
 * our part in a write. One loop, one thread. */
static struct {
    int64_t frames, bytes, calls;
} tally;

static void add_tally(void)
{
    metric_add(&frames_sent, tally.frames);
    metric_add(&bytes_sent, tally.bytes);
    metric_add(&write_calls, tally.calls);
    memset(&tally, 0, sizeof(tally));
}

/* NULL: plain. */
static struct tls *tls_of(struct client *client)
{
    return conn_of(client)->edge->listener->tls;
}

/* A frame that is alone goes by send(): sendmsg() takes 5 % longer. */
static ssize_t send_parts(struct client *client, struct iovec *parts, uint32_t count)
{
    int fd = client->fd;
    struct tls *tls = tls_of(client);
    size_t taken = tls != NULL ? tls_send(tls, fd, parts, count) : 0;
    if (taken > 0) {
        return (ssize_t)taken;
    }
    if (count == 1) {
        return send(fd, parts->iov_base, parts->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One system call, or one a record of TLS. True: it took all that was offered, and more
 * may go. */
static bool write_some(struct client *client)
{
    struct conn *conn = conn_of(client);
    struct iovec parts[FRAMES_PER_CALL];
    uint32_t count = 0;
    size_t offered = 0;
    do { /* there is one at least */
        struct bytes wire = frame_wire(conn_queued(conn, count));
        parts[count] = (struct iovec){(void *)wire.data, wire.size};
        offered += wire.size;
    } while (++count < conn->queue_count && count < FRAMES_PER_CALL);
    ssize_t sent = send_parts(client, parts, count);
    tally.calls++;
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            arm(client);
        } else {
            client->broken = true;
            lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        }
        return false;
    }

    size_t left = (size_t)sent;
    uint32_t done = 0;
    while (done < count && left >= parts[done].iov_len) {
        left -= parts[done].iov_len;
        done++;
    }
    if (left > 0) {
        /* The rest of a frame is libwebsockets' to send before anything else, its own
         * PONG and CLOSE too: those must not cut into a frame. It keeps a copy. */
        lws_write(client->wsi, (uint8_t *)parts[done].iov_base + left,
                  parts[done].iov_len - left, LWS_WRITE_RAW);
        done++;
    }
    if ((size_t)sent < offered) {
        arm(client); /* also if it took whole frames: nobody else comes for the others */
    }
    tally.frames += done;
    tally.bytes += sent;
    conn_sent(conn, done);
    return (size_t)sent == offered;
}

/* The last frame. libwebsockets' own way, to return -1 from a callback, loses it: with
 * libuv it closes twice, and the second time at once. */
static void write_close(struct client *client)
{
    struct bytes wire = frame_wire(client->close_frame);
    ssize_t sent = send(client->fd, wire.data, wire.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
        arm(client);
        return;
    }
    if (sent >= 0 && (size_t)sent < wire.size) {
        lws_write(client->wsi, (uint8_t *)wire.data + sent, wire.size - (size_t)sent,
                  LWS_WRITE_RAW);
    }
    frame_unref(client->close_frame);
    client->close_frame = NULL;
}

static void flush(struct client *client)
{
    const struct conn *conn = conn_of(client);
    bool more = true;
    while (more && !client->broken &&
           (conn->queue_count > 0 || client->close_frame != NULL)) {
        if (lws_partial_buffered(client->wsi)) {
            arm(client);
            return;
        }
        if (conn->queue_count > 0) {
            more = write_some(client);
        } else {
            write_close(client);
            return;
        }
    }
}

static bool is_known(const struct conn *conn)
{
    const struct session *session = conn->sessions;
    while (session != NULL && session->state != SESSION_OPEN) {
        session = session->next;
    }
    return session != NULL;
}

void ws_flush_dirty(struct listener *listener)
{
    struct reflist *node;
    while ((node = reflist_take(&listener->rota->dirty)) != NULL) {
        struct client *client = container_of(node, struct client, in_dirty);
        conn_settle(conn_of(client));
        if (!client->known && is_known(conn_of(client))) {
            client->known = true;
            visitor_known(visitor_of(client));
        }
        if (!client->armed) {
            flush(client);
        }
    }
    if (tally.calls > 0) {
        add_tally();
    }
}

static void on_dirty(struct conn *conn)
{
    struct client *client = conn_transport(conn);
    if (!reflist_linked(&client->in_dirty)) {
        reflist_push(&conn->edge->listener->rota->dirty, &client->in_dirty);
    }
}

/* What the client still sends is read, or its answer to the close frame would not be. */
static void on_close(struct conn *conn, enum close_code code, const char *reason)
{
    struct client *client = conn_transport(conn);
    client->closing_since_ms = (uint32_t)clock_ms();
    client->patient = code != CLOSE_TOO_SLOW && code != CLOSE_POLICY;
    client->close_frame = frame_create_close(code, reason);
    if (conn->reading_stopped) {
        lws_rx_flow_control(client->wsi, 1);
    }
    log_debug("connection closes", LOG_INT("code", code), LOG_TEXT("reason", reason),
              LOG_TEXT("framing", conn->framing->name),
              LOG_TEXT("address", visitor_of(client)->address));
}

static void on_reading(struct conn *conn, bool on)
{
    struct client *client = conn_transport(conn);
    lws_rx_flow_control(client->wsi, on);
}

static const char *address_of(const struct conn *conn)
{
    const struct client *client = (const void *)(conn + 1);
    return visitor_of(client)->address;
}

static const struct conn_io io = {.state_size = sizeof(struct client),
                                  .dirty = on_dirty,
                                  .close = on_close,
                                  .reading = on_reading,
                                  .address = address_of};

static int on_writeable(struct client *client)
{
    client->armed = false;
    if (client->broken) {
        return -1;
    }
    tls_keep_order(tls_of(client), client->fd); /* libwebsockets has written */
    flush(client);
    return 0;
}

/* ---------------------------------------------------------------- reading */

/* A piece of a message: a part of a frame, a whole frame, often the whole message. */
static int on_receive(struct client *client, const void *in, size_t size)
{
    struct conn *conn = conn_of(client);
    size_t left = lws_remaining_packet_payload(client->wsi);
    size_t most = (size_t)conn->edge->config->message_max;
    if (conn->closing) {
        return 0;
    }
    /* What a frame's head announces is as good as sent: refused before it is here. */
    size_t before = client->pieces != 0 ? pieces_of(client)->buf.size : 0;
    if (before + size + left > most) {
        conn_close(conn, CLOSE_TOO_BIG, "message too big");
        return 0;
    }
    bool ends = left == 0 && lws_is_final_fragment(client->wsi);
    struct bytes message = bytes_make(in, size);
    if (!ends || client->pieces != 0) {
        if (!pieces_add(&client->pieces, most, in, size)) {
            conn_close(conn, CLOSE_TRY_LATER, "out of memory");
            return 0;
        }
        message = buf_bytes(&pieces_of(client)->buf);
    }
    if (ends) {
        metric_add(&messages_received, 1);
        conn->heard_ms = (uint32_t)clock_ms();
        conn->framing->receive(conn, message, lws_frame_is_binary(client->wsi));
        pieces_drop(&client->pieces);
        return 0;
    }
    if (left == 0 && ++pieces_of(client)->fragments > FRAGMENTS_MAX) {
        conn_close(conn, CLOSE_POLICY, "too many fragments");
    }
    return 0;
}

/* Pongs that nobody asked for are cheap to send and not free to read. */
static void on_pong(struct client *client)
{
    int64_t now_ms = clock_ms();
    uint32_t refill = ((uint32_t)now_ms - client->pongs_ms) / PONG_REFILL_MS;
    if (refill > 0) {
        client->pongs -= (uint8_t)(refill < client->pongs ? refill : client->pongs);
        client->pongs_ms = (uint32_t)now_ms;
    }
    conn_of(client)->heard_ms = (uint32_t)now_ms;
    if (client->pongs <= PONGS_BURST && ++client->pongs > PONGS_BURST) {
        conn_close(conn_of(client), CLOSE_POLICY, "too many pongs");
    }
}

/* RFC 6455 section 7.4: what may stand in a close frame. */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
            code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static int on_peer_close(struct client *client, const uint8_t *in, size_t size)
{
    client->broken = true; /* nothing follows a close frame */
    if (conn_of(client)->closing) {
        return -1; /* the answer to ours */
    }
    if (size == 0 || (size >= 2 && is_close_code((unsigned)in[0] << 8 | in[1]))) {
        return 0; /* libwebsockets echoes it */
    }
    lws_close_reason(client->wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
    return -1;
}

/* ---------------------------------------------------------------- life */

static void register_metrics(void)
{
    static bool done;
    if (done) {
        return; /* it looks through all there are, and each client comes by */
    }
    done = true;
    metrics_register(&frames_sent);
    metrics_register(&bytes_sent);
    metrics_register(&messages_received);
    metrics_register(&write_calls);
}

static const struct framing *choose_framing(struct lws *wsi,
                                            const struct visitor *visitor)
{
    if (visitor->kind == ADMIT_SOCKETIO) {
        return visitor->listener->edge->recovery != NULL ? &framing_socketio_recovery
                                                         : &framing_socketio;
    }
    return strcmp(lws_get_protocol(wsi)->name, "belfry.v1.proto") == 0 ? &framing_protobuf
                                                                       : &framing_json;
}

static int on_established(struct lws *wsi, struct visitor *visitor)
{
    struct listener *listener = visitor->listener;
    register_metrics();
    const struct framing *framing = choose_framing(wsi, visitor);
    struct conn *conn = conn_create(listener->edge, framing, &io);
    if (conn == NULL) {
        return -1;
    }
    struct client *client = conn_transport(conn);
    client->wsi = wsi;
    client->visitor = ref_of(visitor);
    client->fd = lws_get_socket_fd(wsi);
    conn->awaits_hello = visitor->awaits_hello;
    conn->bearer = visitor->bearer;
    visitor->bearer = NULL;
    visitor->conn = conn;
    tls_keep_order(listener->tls, client->fd); /* the answer to the upgrade is first */
    reflist_push(&listener->rota->wheel[listener->wheel_next], &client->in_wheel);
    listener->wheel_next = (listener->wheel_next + 1) % LISTENER_WHEEL;
    if (framing->open(conn) != ERR_OK) {
        conn_close(conn, CLOSE_TRY_LATER, "out of memory");
    }
    return 0;
}

static void on_closed(struct visitor *visitor)
{
    struct conn *conn = visitor->conn;
    struct client *client = conn_transport(conn);
    conn->closing = true; /* nothing makes it dirty any more */
    reflist_remove(&client->in_dirty);
    reflist_remove(&client->in_wheel);
    pieces_drop(&client->pieces);
    frame_unref(client->close_frame);
    conn_destroy(conn); /* and the client with it */
    visitor->conn = NULL;
}

int ws_callback(struct lws *wsi, enum lws_callback_reasons reason,
                struct visitor *visitor, void *in, size_t size)
{
    if (reason == LWS_CALLBACK_ESTABLISHED) {
        return on_established(wsi, visitor);
    }
    if (visitor->conn == NULL) {
        return 0;
    }
    struct client *client = conn_transport(visitor->conn);
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return on_receive(client, in, size);
    case LWS_CALLBACK_RECEIVE_PONG:
        on_pong(client);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return on_writeable(client);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return on_peer_close(client, in, size);
    case LWS_CALLBACK_CLOSED:
        on_closed(visitor);
        return 0;
    default:
        return 0;
    }
}

static void tick_client(struct client *client, int64_t now_ms)
{
    struct conn *conn = conn_of(client);
    if (conn->closing) {
        uint32_t most_ms = client->patient ? CLOSING_MS : SILENT_CLOSING_MS;
        if ((uint32_t)now_ms - client->closing_since_ms >= most_ms) {
            lws_set_timeout(client->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        }
        return;
    }
    if (client->pieces != 0 && now_ms - pieces_of(client)->since_ms >= FRAGMENTS_MS) {
        conn_close(conn, CLOSE_POLICY, "message takes too long");
        return;
    }
    conn_tick(conn, now_ms);
}

/* One part of the wheel: each client has its turn once in LISTENER_WHEEL calls. */
void ws_tick(struct listener *listener, int64_t now_ms)
{
    struct reflist *part = &listener->rota->wheel[listener->wheel_at];
    listener->wheel_at = (listener->wheel_at + 1) % LISTENER_WHEEL;
    REFLIST_EACH(part, node)
    {
        tick_client(container_of(node, struct client, in_wheel), now_ms);
    }
}
