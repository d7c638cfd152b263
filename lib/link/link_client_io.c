/* The half of link_client.h that meets NNG's threads: they hand over what has ended and
 * wake the loop, nothing else. */
#include "link/link_client_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <nng/protocol/reqrep0/req.h>

#define QUIET_MAX_MS     1000
#define RECONNECT_MIN_MS 50
#define RECONNECT_MAX_MS 1000

void link_client_unref(struct link_client *client)
{
    if (atomic_fetch_sub(&client->refs, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < CONTEXTS; i++) {
        nng_msg_free(client->contexts[i].answer);
    }
    frame_queue_finish(&client->queue);
    arena_finish(&client->arena);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

/* ---- on NNG's threads ---- */

static void wake_locked(struct link_client *client)
{
    if (!client->woken && !client->closing) {
        client->woken = true;
        uv_async_send(&client->wake);
    }
}

static void on_aio(void *user)
{
    struct context *context = user;
    struct link_client *client = context->client;
    int rv = nng_aio_result(context->aio);

    pthread_mutex_lock(&client->lock);
    bool sent = context->state == CONTEXT_SENDING && rv == 0;
    if (sent && !client->closing) {
        context->state = CONTEXT_WAITING;
        pthread_mutex_unlock(&client->lock);
        nng_ctx_recv(context->ctx, context->aio);
        return;
    }
    if (context->state == CONTEXT_SENDING && rv != 0) {
        nng_msg_free(nng_aio_get_msg(context->aio)); /* a failed send leaves it to us */
    } else if (context->state == CONTEXT_WAITING && rv == 0) {
        context->answer = nng_aio_get_msg(context->aio);
    }
    context->state = CONTEXT_DONE;
    context->next = NULL;
    *client->finished_end = context;
    client->finished_end = &context->next;
    wake_locked(client);
    pthread_mutex_unlock(&client->lock);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *user)
{
    struct link_client *client = user;
    pthread_mutex_lock(&client->lock);
    if (event == NNG_PIPE_EV_ADD_POST) {
        client->pipe = pipe;
    } else {
        client->pipe = (nng_pipe)NNG_PIPE_INITIALIZER;
        client->pipe_lost = true;
        wake_locked(client);
    }
    pthread_mutex_unlock(&client->lock);
}

/* ---- on the loop thread ---- */

void link_client_io_send(struct context *context, nng_msg *msg)
{
    struct link_client *client = context->client;
    pthread_mutex_lock(&client->lock);
    context->state = CONTEXT_SENDING;
    pthread_mutex_unlock(&client->lock);
    nng_aio_set_msg(context->aio, msg);
    nng_ctx_send(context->ctx, context->aio);
}

struct context *link_client_io_take(struct link_client *client, bool *ret_lost)
{
    pthread_mutex_lock(&client->lock);
    client->woken = false;
    *ret_lost = client->pipe_lost;
    client->pipe_lost = false;
    struct context *finished = client->finished;
    client->finished = NULL;
    client->finished_end = &client->finished;
    for (struct context *context = finished; context != NULL; context = context->next) {
        context->state = CONTEXT_IDLE;
    }
    pthread_mutex_unlock(&client->lock);
    return finished;
}

void link_client_io_cancel_unsent(struct link_client *client)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        pthread_mutex_lock(&client->lock);
        bool unsent = client->contexts[i].state == CONTEXT_SENDING;
        pthread_mutex_unlock(&client->lock);
        if (unsent) {
            nng_aio_cancel(client->contexts[i].aio);
        }
    }
}

void link_client_io_redial(struct link_client *client)
{
    pthread_mutex_lock(&client->lock);
    nng_pipe pipe = client->pipe;
    pthread_mutex_unlock(&client->lock);
    if (nng_pipe_id(pipe) > 0) {
        nng_pipe_close(pipe);
    }
}

/* ---- opening and closing ---- */

static bool socket_setup(struct link_client *client)
{
    nng_socket socket = client->socket;
    /* Contexts take the resend time when they are opened. Infinite: only the owner knows
     * whether and where a request may be sent again. */
    return nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE) ==
               0 &&
           nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, FRAME_MAX_BYTES) == 0 &&
           nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS) == 0 &&
           nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS) == 0 &&
           nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, on_pipe, client) == 0 &&
           nng_pipe_notify(socket, NNG_PIPE_EV_REM_POST, on_pipe, client) == 0;
}

static bool contexts_open(struct link_client *client)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        struct context *context = &client->contexts[i];
        context->client = client;
        if (nng_ctx_open(&context->ctx, client->socket) != 0 ||
            nng_aio_alloc(&context->aio, on_aio, context) != 0) {
            return false;
        }
    }
    return true;
}

static bool dial(struct link_client *client)
{
    char url[LINK_ADDRESS_SIZE + 8];
    snprintf(url, sizeof(url), "tcp://%s", client->address);
    nng_dialer dialer;
    return nng_dialer_create(&dialer, client->socket, url) == 0 &&
           nng_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true) == 0 &&
           nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true) == 0 &&
           nng_dialer_start(dialer, NNG_FLAG_NONBLOCK) == 0;
}

static bool any_under_way(struct link_client *client)
{
    bool any = false;
    pthread_mutex_lock(&client->lock);
    for (size_t i = 0; i < CONTEXTS; i++) {
        enum context_state state = client->contexts[i].state;
        any = any || state == CONTEXT_SENDING || state == CONTEXT_WAITING;
    }
    pthread_mutex_unlock(&client->lock);
    return any;
}

/* NNG 1.5 often hangs for ever, and its reaping of all connections with it, when a socket
 * is closed while messages pass. A core that lives has answered after half a second. */
static void close_socket(void *user)
{
    struct link_client *client = user;
    for (int waited_ms = 0; waited_ms < QUIET_MAX_MS && any_under_way(client);
         waited_ms += LINK_QUIET_MS) {
        usleep(LINK_QUIET_MS * 1000);
    }
    for (size_t i = 0; i < CONTEXTS; i++) {
        if (client->contexts[i].aio != NULL) {
            nng_aio_stop(client->contexts[i].aio);
        }
    }
    usleep(LINK_QUIET_MS * 1000);
    nng_close(client->socket);
    for (size_t i = 0; i < CONTEXTS; i++) {
        nng_aio_free(client->contexts[i].aio); /* NULL is fine */
    }
    link_client_unref(client);
}

bool link_client_io_open(struct link_client *client)
{
    return nng_req0_open(&client->socket) == 0 && socket_setup(client) &&
           contexts_open(client) && dial(client);
}

void link_client_io_close(struct link_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->closing = true; /* from now on nobody touches the handle to wake us */
    pthread_mutex_unlock(&client->lock);
    link_close_aside(close_socket, client);
}
