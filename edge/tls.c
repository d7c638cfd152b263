/* Ends the clients' TLS in front of everything else at the edge. A tunnel passes bytes
 * between the client's socket and one end of a socket pair; the other end goes the way of
 * any plain connection. That costs a copy and two descriptors a client, and in return
 * the strict reading of requests, the direct writes and every limit are the same for
 * both kinds of client. What one side does not take stops the other from being read. */
#include "edge/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/http_head.h"
#include "edge/tls_context.h"

#define PIECE_MAX  16384 /* a record of TLS */
#define BUFFER_MAX (HTTP_HEAD_MAX + 2 * PIECE_MAX)
#define LEAVING_MS 5000 /* for the client to hang up after we did */

struct tls {
    uv_loop_t *loop;
    SSL_CTX *context;
    char *certificate, *key;
    struct list tunnels;
    struct list leaving; /* tunnels whose edge side has ended, longest ago first */
    size_t count;        /* also those that are being closed */
    bool destroyed;
};

/* One end of a tunnel and what it is watched for. */
struct tunnel_end {
    uv_poll_t poll;
    int fd;
    int events;
};

struct tunnel {
    struct tls *tls;
    struct list in_tunnels;
    struct list in_leaving;
    SSL *ssl;
    struct tunnel_end client, edge;
    struct buf to_edge;   /* read and not taken yet; memory only while in use */
    struct buf to_client; /* the same */
    int64_t left_at_ms;   /* the edge's side has ended; 0: it has not */
    int handles;          /* that are open */
    bool head_passed;     /* the first request is on its way to the edge */
    bool client_done;     /* sends no more */
    bool client_blocked;  /* takes no more for now */
    bool closed;
};

static struct metric handshakes =
    METRIC_COUNTER("belfry_edge_tls_handshakes_total", "TLS handshakes that succeeded.");
static struct metric failures =
    METRIC_COUNTER("belfry_edge_tls_failures_total", "TLS handshakes that failed.");

/* ---------------------------------------------------------------- all tunnels */

static void tls_free(struct tls *tls)
{
    SSL_CTX_free(tls->context);
    free(tls->certificate);
    free(tls->key);
    free(tls);
}

enum err tls_create(uv_loop_t *loop, const char *certificate, const char *key,
                    struct tls **ret_tls, const char **ret_problem)
{
    struct tls *tls = calloc(1, sizeof(*tls));
    *ret_problem = "out of memory";
    if (tls == NULL) {
        return ERR_UNAVAILABLE;
    }
    metrics_register(&handshakes);
    metrics_register(&failures);
    tls->loop = loop;
    list_init(&tls->tunnels);
    list_init(&tls->leaving);
    tls->certificate = strdup(certificate);
    tls->key = strdup(key);
    if (tls->certificate != NULL && tls->key != NULL) {
        tls->context = tls_context_load(tls->certificate, tls->key, ret_problem);
    }
    if (tls->context == NULL) {
        tls_free(tls);
        return ERR_VALIDATION_ERROR;
    }
    *ret_tls = tls;
    return ERR_OK;
}

enum err tls_reload(struct tls *tls, const char **ret_problem)
{
    SSL_CTX *context = tls_context_load(tls->certificate, tls->key, ret_problem);
    if (context == NULL) {
        return ERR_VALIDATION_ERROR;
    }
    SSL_CTX_free(tls->context); /* clients that are here keep it */
    tls->context = context;
    return ERR_OK;
}

size_t tls_count(const struct tls *tls)
{
    return tls->count;
}

/* ---------------------------------------------------------------- the end of a tunnel */

static void on_closed(uv_handle_t *handle)
{
    struct tunnel *tunnel = handle->data;
    struct tls *tls = tunnel->tls;
    if (--tunnel->handles > 0) {
        return;
    }
    free(tunnel);
    if (--tls->count == 0 && tls->destroyed) {
        tls_free(tls);
    }
}

static void tunnel_close(struct tunnel *tunnel)
{
    if (tunnel->closed) {
        return;
    }
    tunnel->closed = true;
    list_remove(&tunnel->in_tunnels);
    list_remove(&tunnel->in_leaving);
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
    static uint8_t piece[PIECE_MAX];
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
    tunnel->left_at_ms = clock_ms();
    list_push(&tunnel->tls->leaving, &tunnel->in_leaving);
}

static void pump_to_client(struct tunnel *tunnel)
{
    static uint8_t piece[PIECE_MAX];
    size_t got = sizeof(piece);
    tunnel->client_blocked = false;
    /* A piece that is not full was the last one; what comes later wakes us again. */
    while (got == sizeof(piece) && tunnel->left_at_ms == 0 && pass_what_waits(tunnel)) {
        ssize_t size = recv(tunnel->edge.fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (size <= 0) {
            leave(tunnel);
            return;
        }
        got = (size_t)size;
        size_t taken = pass_to_client(tunnel, piece, got);
        if (taken < got && !tunnel->closed) {
            buf_append(&tunnel->to_client, piece + taken, got - taken);
        }
        if (tunnel->to_client.failed) {
            tunnel_close(tunnel);
        }
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
    int edge = tunnel->to_client.size > 0 || tunnel->left_at_ms != 0 ? 0 : UV_READABLE;
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
    } else if (!tunnel->closed && edge_is_gone(tunnel)) {
        tunnel_close(tunnel);
    }
    if (!tunnel->closed) {
        watch_both(tunnel);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct tunnel *tunnel = poll->data;
    if (status < 0) { /* an error of the socket: libuv watches it no more */
        container_of(poll, struct tunnel_end, poll)->events = 0;
        serve(tunnel, true, true);
    } else if (poll == &tunnel->client.poll) {
        serve(tunnel, (events & UV_READABLE) != 0, tunnel->client_blocked);
    } else {
        serve(tunnel, (events & UV_WRITABLE) != 0, (events & UV_READABLE) != 0);
    }
}

static bool end_open(struct tunnel *tunnel, struct tunnel_end *end, int fd)
{
    end->fd = fd;
    if (uv_poll_init(tunnel->tls->loop, &end->poll, fd) != 0) {
        return false;
    }
    end->poll.data = tunnel;
    tunnel->handles++;
    return true;
}

static struct tunnel *tunnel_create(struct tls *tls)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    SSL *ssl = SSL_new(tls->context);
    if (tunnel == NULL || ssl == NULL) {
        free(tunnel);
        SSL_free(ssl);
        return NULL;
    }
    tunnel->tls = tls;
    tunnel->ssl = ssl;
    buf_init(&tunnel->to_edge, BUFFER_MAX);
    buf_init(&tunnel->to_client, BUFFER_MAX);
    return tunnel;
}

bool tls_enter(struct tls *tls, int *fd)
{
    int pair[2];
    struct tunnel *tunnel = tunnel_create(tls);
    if (tunnel == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        if (tunnel != NULL) {
            SSL_free(tunnel->ssl);
            free(tunnel);
        }
        return false;
    }
    tls->count++;
    list_push(&tls->tunnels, &tunnel->in_tunnels);
    bool watched = end_open(tunnel, &tunnel->client, *fd) &&
                   end_open(tunnel, &tunnel->edge, pair[0]);
    if (!watched || SSL_set_fd(tunnel->ssl, *fd) != 1) {
        abort(); /* new, valid descriptors: only a mistake of ours gets here */
    }
    *fd = pair[1];
    SSL_set_accept_state(tunnel->ssl);
    watch_both(tunnel);
    return true;
}

void tls_tick(struct tls *tls, int64_t now_ms)
{
    while (!list_empty(&tls->leaving)) {
        struct tunnel *tunnel =
            container_of(tls->leaving.next, struct tunnel, in_leaving);
        if (now_ms - tunnel->left_at_ms < LEAVING_MS) {
            return;
        }
        tunnel_close(tunnel);
    }
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    tls->destroyed = true;
    if (tls->count == 0) {
        tls_free(tls);
        return;
    }
    LIST_EACH(&tls->tunnels, node) {
        tunnel_close(container_of(node, struct tunnel, in_tunnels));
    }
}
