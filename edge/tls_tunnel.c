/* Ends the clients' TLS in front of everything else at the edge. A tunnel passes bytes
 * between the client's socket and one end of a socket pair; the other end goes the way of
 * any plain connection. That costs two descriptors a client and a copy of what it sends,
 * and in return the strict reading of requests and every limit are the same for both
 * kinds of client. What one side does not take stops the other from being read.
 *
 * Frames need not go through the pair: while nothing is in it they are written to the
 * client at once, and what its socket does not take then waits here. From there on they
 * go by the pair, until all of that is sent. */
#include "edge/tls_tunnel.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/http_head.h"

#define PIECE_MAX     16384 /* a record of TLS */
#define LEAVING_BYTES 1024  /* that a client must take to be given more time */
#define BUFFER_MAX    (HTTP_HEAD_MAX + 2 * PIECE_MAX)
#define SSL_MODE                                                                         \
    (SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |                          \
     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

static uint8_t piece[PIECE_MAX]; /* on its way; nothing stays there */

static struct metric handshakes =
    METRIC_COUNTER("belfry_edge_tls_handshakes_total", "TLS handshakes that succeeded.");
static struct metric failures =
    METRIC_COUNTER("belfry_edge_tls_failures_total", "TLS handshakes that failed.");

void tunnel_metrics_register(void)
{
    metrics_register(&handshakes);
    metrics_register(&failures);
}

/* ---------------------------------------------------------------- the end of a tunnel */

static void on_closed(uv_handle_t *handle)
{
    struct tunnel *tunnel = handle->data;
    struct tunnels *tunnels = tunnel->tunnels;
    if (--tunnel->handles > 0) {
        return;
    }
    free(tunnel);
    if (--tunnels->count == 0 && tunnels->on_empty != NULL) {
        tunnels->on_empty(tunnels);
    }
}

void tunnel_close(struct tunnel *tunnel)
{
    struct map *by_plain_fd = &tunnel->tunnels->by_plain_fd;
    if (tunnel->closed) {
        return;
    }
    tunnel->closed = true;
    list_remove(&tunnel->in_all);
    list_remove(&tunnel->in_leaving);
    if (map_get(by_plain_fd, &tunnel->plain_fd) == tunnel) {
        map_remove(by_plain_fd, &tunnel->plain_fd); /* else the number is another's now */
    }
    uv_close((uv_handle_t *)&tunnel->client.poll, on_closed);
    uv_close((uv_handle_t *)&tunnel->edge.poll, on_closed);
    SSL_free(tunnel->ssl);
    close(tunnel->client.fd);
    close(tunnel->edge.fd);
    buf_finish(&tunnel->to_edge);
    buf_finish(&tunnel->to_client);
}

/* ---------------------------------------------------------------- client to edge */

/* Hands on what waits. False: not all of it was taken. */
static bool pass_to_edge(struct tunnel *tunnel)
{
    struct buf *buf = &tunnel->to_edge;
    while (buf->size > 0) {
        ssize_t sent =
            send(tunnel->edge.fd, buf->data, buf->size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                tunnel_close(tunnel); /* nobody there any more */
            }
            return false;
        }
        buf_consume(buf, (size_t)sent);
    }
    buf_finish(buf);
    return true;
}

/* The door wakes at each byte that a socket pair has for it: so it gets the first head
 * when that is whole, or more than a head can be. */
static bool head_is_whole(const struct tunnel *tunnel, size_t before)
{
    const struct buf *buf = &tunnel->to_edge;
    size_t from = before > 3 ? before - 3 : 0;
    return buf->size > HTTP_HEAD_MAX ||
           memmem(buf->data + from, buf->size - from, "\r\n\r\n", 4) != NULL;
}

/* True: something was read, and there is more that OpenSSL holds. What the socket holds
 * wakes us again. */
static bool read_client(struct tunnel *tunnel)
{
    ERR_clear_error();
    int got = SSL_read(tunnel->ssl, piece, sizeof(piece));
    if (got > 0) {
        size_t before = tunnel->to_edge.size;
        buf_append(&tunnel->to_edge, piece, (size_t)got);
        tunnel->head_passed = tunnel->head_passed || head_is_whole(tunnel, before);
        if (tunnel->to_edge.failed) {
            tunnel_close(tunnel);
        }
        return !tunnel->closed && SSL_has_pending(tunnel->ssl) == 1;
    }
    int problem = SSL_get_error(tunnel->ssl, got);
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) {
        return false;
    }
    if (problem == SSL_ERROR_ZERO_RETURN) {
        tunnel->client_done = tunnel->head_passed = true;
        return true;
    }
    tunnel_close(tunnel); /* also without a farewell: what came may be cut off */
    return false;
}

static void pump_to_edge(struct tunnel *tunnel)
{
    for (bool more = true;; more = read_client(tunnel)) {
        if (tunnel->closed || (tunnel->head_passed && !pass_to_edge(tunnel))) {
            return;
        }
        if (!more || tunnel->client_done) {
            break;
        }
    }
    if (tunnel->client_done) {
        shutdown(tunnel->edge.fd, SHUT_WR);
    }
}

/* ---------------------------------------------------------------- edge to client */

/* What has left the socket's queue, too: that may hold megabytes. */
static uint64_t bytes_taken(const struct tunnel *tunnel)
{
    int queued = 0;
    ioctl(tunnel->client.fd, SIOCOUTQ, &queued);
    return BIO_number_written(SSL_get_wbio(tunnel->ssl)) - (uint64_t)queued;
}

/* From now on the client has its time to take what waits, and to hang up. */
static void give_time(struct tunnel *tunnel)
{
    tunnel->left_at_ms = clock_ms();
    tunnel->left_at_bytes = bytes_taken(tunnel);
    list_remove(&tunnel->in_leaving);
    list_push(&tunnel->tunnels->leaving, &tunnel->in_leaving);
}

void tunnel_expire(struct tunnel *tunnel)
{
    if (bytes_taken(tunnel) - tunnel->left_at_bytes < LEAVING_BYTES) {
        tunnel_close(tunnel);
    } else {
        give_time(tunnel);
    }
}

/* How much of it the client's socket took: all, unless the client is blocked or gone. */
static size_t pass_to_client(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
    size_t taken = 0;
    while (taken < size) {
        ERR_clear_error();
        int sent = SSL_write(tunnel->ssl, data + taken, (int)(size - taken));
        if (sent > 0) {
            taken += (size_t)sent;
            continue;
        }
        int problem = SSL_get_error(tunnel->ssl, sent);
        tunnel->client_blocked =
            problem == SSL_ERROR_WANT_WRITE || problem == SSL_ERROR_WANT_READ;
        if (!tunnel->client_blocked) {
            tunnel_close(tunnel);
        }
        break;
    }
    return taken;
}

/* False: some still waits, or the tunnel is closed. */
static bool pass_what_waits(struct tunnel *tunnel)
{
    struct buf *buf = &tunnel->to_client;
    size_t taken = pass_to_client(tunnel, buf->data, buf->size);
    if (tunnel->closed) {
        return false;
    }
    buf_consume(buf, taken);
    if (buf->size > 0) {
        return false;
    }
    buf_finish(buf);
    return true;
}

/* The edge's side has ended: by close(), or the door has refused and still reads away
 * what comes. */
static void leave(struct tunnel *tunnel)
{
    struct pollfd end = {.fd = tunnel->edge.fd, .events = POLLIN};
    ERR_clear_error();
    SSL_shutdown(tunnel->ssl);
    ERR_clear_error();
    poll(&end, 1, 0);
    if (tunnel->client_done || (end.revents & POLLHUP) != 0) {
        tunnel_close(tunnel);
        return;
    }
    shutdown(tunnel->client.fd, SHUT_WR);
    tunnel->edge_done = true;
    give_time(tunnel);
}

static void send_piece(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
    size_t taken = pass_to_client(tunnel, data, size);
    if (taken < size && !tunnel->closed) {
        buf_append(&tunnel->to_client, data + taken, size - taken);
    }
    if (tunnel->to_client.failed) {
        tunnel_close(tunnel);
    }
}

static void pump_to_client(struct tunnel *tunnel)
{
    size_t got = sizeof(piece);
    tunnel->client_blocked = false;
    /* A piece that is not full was the last one; what comes later wakes us again. */
    while (got == sizeof(piece) && !tunnel->edge_done && !tunnel->closed &&
           pass_what_waits(tunnel)) {
        ssize_t size = recv(tunnel->edge.fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            tunnel->pair_empty = errno == EAGAIN;
            return;
        }
        if (size <= 0) {
            leave(tunnel);
            return;
        }
        got = (size_t)size;
        tunnel->pair_empty = got < sizeof(piece);
        send_piece(tunnel, piece, got);
    }
}

/* ---------------------------------------------------------------- both */

static void on_ready(uv_poll_t *poll, int status, int events);

static void watch(struct tunnel_end *end, int events)
{
    if (events == end->events) {
        return;
    }
    end->events = events;
    if (events == 0) {
        uv_poll_stop(&end->poll);
    } else {
        uv_poll_start(&end->poll, events, on_ready);
    }
}

static void watch_both(struct tunnel *tunnel)
{
    bool edge_blocked = tunnel->head_passed && tunnel->to_edge.size > 0;
    int client = tunnel->client_done || edge_blocked ? 0 : UV_READABLE;
    int edge = tunnel->to_client.size == 0 ? UV_READABLE : UV_DISCONNECT;
    if (tunnel->edge_done ||
        (edge == UV_DISCONNECT && list_linked(&tunnel->in_leaving))) {
        edge = 0;
    }
    watch(&tunnel->client, client | (tunnel->client_blocked ? UV_WRITABLE : 0));
    watch(&tunnel->edge, edge | (edge_blocked ? UV_WRITABLE : 0));
}

/* True: it is behind us. */
static bool shake_hands(struct tunnel *tunnel)
{
    if (SSL_is_init_finished(tunnel->ssl)) {
        return true;
    }
    ERR_clear_error();
    int result = SSL_accept(tunnel->ssl);
    if (result == 1) {
        metric_add(&handshakes, 1);
        return true;
    }
    int problem = SSL_get_error(tunnel->ssl, result);
    tunnel->client_blocked =
        problem == SSL_ERROR_WANT_WRITE || tunnel->to_client.size > 0;
    if (problem != SSL_ERROR_WANT_READ && problem != SSL_ERROR_WANT_WRITE) {
        metric_add(&failures, 1);
        log_debug("TLS handshake failed",
                  LOG_TEXT("problem", ERR_reason_error_string(ERR_peek_error()) != NULL
                                          ? ERR_reason_error_string(ERR_peek_error())
                                          : "the client went"));
        tunnel_close(tunnel);
    }
    return false;
}

/* The edge gave up while hands were shaken: the head took too long. */
static bool edge_is_gone(const struct tunnel *tunnel)
{
    char byte;
    return recv(tunnel->edge.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* What an end was ready for; the other would only be asked in vain. */
static void serve(struct tunnel *tunnel, bool to_edge, bool to_client)
{
    if (shake_hands(tunnel)) {
        if (to_edge || SSL_has_pending(tunnel->ssl) == 1) {
            pump_to_edge(tunnel);
        }
        if (to_client && !tunnel->closed) {
            pump_to_client(tunnel);
        }
    } else if (!tunnel->closed && tunnel->to_client.size == 0 && edge_is_gone(tunnel)) {
        tunnel_close(tunnel);
    }
    if (!tunnel->closed) {
        watch_both(tunnel);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct tunnel *tunnel = poll->data;
    if (poll == &tunnel->edge.poll && (status < 0 || (events & UV_DISCONNECT) != 0)) {
        give_time(tunnel);
    }
    if (status < 0) { /* an error of the socket: libuv watches it no more */
        container_of(poll, struct tunnel_end, poll)->events = 0;
        serve(tunnel, true, true);
    } else if (poll == &tunnel->client.poll) {
        serve(tunnel, (events & UV_READABLE) != 0, tunnel->client_blocked);
    } else {
        serve(tunnel, (events & UV_WRITABLE) != 0, (events & UV_READABLE) != 0);
    }
}

/* ---------------------------------------------------------------- past the pair */

/* As much of the parts as fits the piece, from where *at and *offset point; moves them.
 */
static size_t gather(const struct iovec *parts, uint32_t count, uint32_t *at,
                     size_t *offset)
{
    size_t size = 0;
    while (*at < count && size < sizeof(piece)) {
        size_t left = parts[*at].iov_len - *offset;
        size_t some = left < sizeof(piece) - size ? left : sizeof(piece) - size;
        memcpy(piece + size, (const uint8_t *)parts[*at].iov_base + *offset, some);
        size += some;
        *offset += some;
        if (some == left) {
            (*at)++;
            *offset = 0;
        }
    }
    return size;
}

static bool fit_a_piece(const struct iovec *parts, uint32_t count)
{
    size_t size = 0;
    for (uint32_t i = 0; i < count; i++) {
        size += parts[i].iov_len;
    }
    return size <= sizeof(piece);
}

/* An answer to a ping may be in the pair even so, whole, as the kernel takes so little; a
 * frame may go before it, but not half a frame: of more than a piece the rest may have to
 * go by the pair. */
size_t tunnel_send(struct tunnel *tunnel, const struct iovec *parts, uint32_t count)
{
    uint32_t at = 0;
    size_t offset = 0, taken = 0;
    tunnel->pair_empty = tunnel->pair_empty && fit_a_piece(parts, count);
    if (tunnel->to_client.size == 0 && !tunnel->pair_empty) {
        pump_to_client(tunnel);
    }
    while (at < count && tunnel->pair_empty && tunnel->to_client.size == 0 &&
           !tunnel->closed) {
        size_t size = gather(parts, count, &at, &offset);
        send_piece(tunnel, piece, size);
        taken += size;
    }
    if (tunnel->closed) {
        return 0;
    }
    tunnel->pair_empty = taken > 0 && tunnel->to_client.size == 0;
    watch_both(tunnel);
    return taken;
}

/* ---------------------------------------------------------------- opening */

static bool end_open(struct tunnel *tunnel, struct tunnel_end *end, int fd)
{
    end->fd = fd;
    if (uv_poll_init(tunnel->tunnels->loop, &end->poll, fd) != 0) {
        return false;
    }
    end->poll.data = tunnel;
    tunnel->handles++;
    return true;
}

bool tunnel_open(struct tunnels *tunnels, SSL *ssl, int *fd)
{
    int pair[2];
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    if (tunnel == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        free(tunnel);
        return false;
    }
    tunnel->tunnels = tunnels;
    tunnel->ssl = ssl;
    tunnel->plain_fd = pair[1];
    buf_init(&tunnel->to_edge, BUFFER_MAX);
    buf_init(&tunnel->to_client, BUFFER_MAX);
    tunnels->count++;
    list_push(&tunnels->all, &tunnel->in_all);
    bool watched = end_open(tunnel, &tunnel->client, *fd) &&
                   end_open(tunnel, &tunnel->edge, pair[0]);
    if (!watched || SSL_set_fd(ssl, *fd) != 1) {
        abort(); /* new, valid descriptors: only a mistake of ours gets here */
    }
    SSL_set_mode(ssl, SSL_MODE);
    SSL_set_accept_state(ssl);
    /* Who had this number before is forgotten. Without memory all goes by the pair. */
    map_remove(&tunnels->by_plain_fd, &pair[1]);
    if (map_put(&tunnels->by_plain_fd, &pair[1], tunnel) != ERR_OK) {
        log_debug("no memory for direct writes to a client with TLS");
    }
    *fd = pair[1];
    watch_both(tunnel);
    return true;
}
