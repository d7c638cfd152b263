/* The half of link_server.h that meets NNG's threads: they hand over what has come and
 * wake the loop, nothing else. */
#include "link/link_server_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <nng/protocol/reqrep0/rep.h>

void link_server_unref(struct link_server *server)
{
    if (atomic_fetch_sub(&server->refs, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < CONTEXTS; i++) {
        nng_msg_free(server->contexts[i].request);
    }
    arena_finish(&server->arena);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

/* ---- on NNG's threads ---- */

static void receive(struct context *context)
{
    context->state = CONTEXT_RECEIVING;
    if (!atomic_load(&context->server->closing)) {
        nng_ctx_recv(context->ctx, context->aio);
    }
}

static void on_sent(struct context *context, int rv)
{
    if (rv != 0) {
        nng_msg_free(nng_aio_get_msg(context->aio)); /* a failed send leaves it to us */
    }
    atomic_fetch_sub(&context->server->sending, 1);
    receive(context);
}

static void on_aio(void *user)
{
    struct context *context = user;
    struct link_server *server = context->server;
    int rv = nng_aio_result(context->aio);

    if (context->state == CONTEXT_SENDING) {
        on_sent(context, rv);
        return;
    }
    if (rv != 0) {
        if (rv != NNG_ECLOSED && rv != NNG_ECANCELED) {
            receive(context);
        }
        return;
    }
    pthread_mutex_lock(&server->lock);
    context->request = nng_aio_get_msg(context->aio);
    context->state = CONTEXT_PARKED;
    context->next = NULL;
    *server->arrived_end = context;
    server->arrived_end = &context->next;
    if (!server->woken && !atomic_load(&server->closing)) {
        server->woken = true;
        uv_async_send(&server->wake);
    }
    pthread_mutex_unlock(&server->lock);
}

/* ---- on the loop thread ---- */

struct context *link_server_io_take(struct link_server *server)
{
    pthread_mutex_lock(&server->lock);
    server->woken = false;
    struct context *arrived = server->arrived;
    server->arrived = NULL;
    server->arrived_end = &server->arrived;
    pthread_mutex_unlock(&server->lock);
    return arrived;
}

void link_server_io_send(struct context *context, nng_msg *msg)
{
    context->state = CONTEXT_SENDING;
    atomic_fetch_add(&context->server->sending, 1);
    nng_aio_set_msg(context->aio, msg);
    nng_ctx_send(context->ctx, context->aio);
}

void link_server_io_drop(struct context *context)
{
    receive(context);
}

/* ---- opening and closing ---- */

static bool contexts_open(struct link_server *server)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        struct context *context = &server->contexts[i];
        context->server = server;
        if (nng_ctx_open(&context->ctx, server->socket) != 0 ||
            nng_aio_alloc(&context->aio, on_aio, context) != 0) {
            return false;
        }
        nng_ctx_recv(context->ctx, context->aio);
    }
    return true;
}

static bool listen_at(struct link_server *server, const char *host, int port)
{
    char address[LINK_ADDRESS_SIZE];
    char url[LINK_ADDRESS_SIZE + 8];
    link_address_format(host, port, address);
    snprintf(url, sizeof(url), "tcp://%s", address);
    nng_listener listener;
    return nng_socket_set_size(server->socket, NNG_OPT_RECVMAXSZ, FRAME_MAX_BYTES) == 0 &&
           nng_listener_create(&listener, server->socket, url) == 0 &&
           nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true) == 0 &&
           nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true) == 0 &&
           nng_listener_start(listener, 0) == 0;
}

/* NNG 1.5 often hangs for ever, and its reaping of all connections with it, when a socket
 * is closed while messages pass: from here on none is received or sent any more. */
static void close_socket(void *user)
{
    struct link_server *server = user;
    for (size_t i = 0; i < CONTEXTS; i++) {
        if (server->contexts[i].aio != NULL) {
            nng_aio_stop(server->contexts[i].aio);
        }
    }
    usleep(LINK_QUIET_MS * 1000);
    nng_close(server->socket);
    for (size_t i = 0; i < CONTEXTS; i++) {
        nng_aio_free(server->contexts[i].aio); /* NULL is fine */
    }
    link_server_unref(server);
}

bool link_server_io_open(struct link_server *server, const char *host, int port)
{
    return nng_rep0_open(&server->socket) == 0 && contexts_open(server) &&
           listen_at(server, host, port);
}

void link_server_io_close(struct link_server *server)
{
    pthread_mutex_lock(&server->lock);
    atomic_store(&server->closing,
                 true); /* from now on nobody touches the handle to wake us */
    pthread_mutex_unlock(&server->lock);
    link_close_aside(close_socket, server);
}
