/* Why: all that touches NNG's connections, and the care that their end needs. */
#include "bus/bus_nng_socket.h"

#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define BUFFER_MESSAGES  8192 /* the most that NNG allows */
#define FRAME_MAX        (1 + BUS_TOPIC_MAX + BUS_PAYLOAD_MAX)
#define RECONNECT_MIN_MS 100
#define RECONNECT_MAX_MS 1000
#define QUIET_MS         50  /* a connection without a message that long is quiet */
#define ADDRESS_MAX      320 /* tcp://[host of 255]:port */

static enum err err_of(int rv)
{
    switch (rv) {
    case 0:
        return ERR_OK;
    case NNG_EADDRINVAL:
    case NNG_EINVAL:
        return ERR_VALIDATION_ERROR;
    default:
        return ERR_UNAVAILABLE;
    }
}

/* --- NNG's threads -------------------------------------------------------------- */

/* ADD_PRE and REM_POST come in pairs for every connection; ADD_POST may be left out. */
static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *user)
{
    struct bus_nng_socket *self = user;
    if (event == NNG_PIPE_EV_REM_POST) {
        atomic_fetch_sub(&self->pipes, 1);
        return;
    }
    atomic_fetch_add(&self->pipes, 1);
    pthread_mutex_lock(&self->mutex);
    bool closing = self->closing;
    pthread_mutex_unlock(&self->mutex);
    if (closing) {
        nng_pipe_close(pipe); /* refuses it */
    }
}

/* Topic size, topic, payload. What is not that has no topic, and bus_receive() drops it.
 */
static void unpack(nng_msg *msg, struct bytes *ret_topic, struct bytes *ret_payload)
{
    const uint8_t *body = nng_msg_body(msg);
    size_t size = nng_msg_len(msg);
    *ret_topic = *ret_payload = bytes_make(body, 0);
    if (size > 0 && size - 1 >= body[0]) {
        *ret_topic = bytes_make(body + 1, body[0]);
        *ret_payload = bytes_make(body + 1 + body[0], size - 1 - body[0]);
    }
}

/* Inside the peer's receive: only queues, and asks for the next message. */
static void on_receive(void *user)
{
    struct bus_nng_socket *self = user;
    if (nng_aio_result(self->aio) != 0) {
        return; /* only when stopped */
    }
    nng_msg *msg = nng_aio_get_msg(self->aio);
    struct bytes topic, payload;
    unpack(msg, &topic, &payload);

    pthread_mutex_lock(&self->mutex);
    bool closing = self->closing;
    if (!closing) {
        bus_receive(self->bus, topic, payload);
    }
    pthread_mutex_unlock(&self->mutex);

    if (closing) {
        nng_pipe_close(nng_msg_get_pipe(msg)); /* here it is safe */
    } else {
        nng_recv_aio(self->socket, self->aio);
    }
    nng_msg_free(msg);
}

/* --- opening -------------------------------------------------------------------- */

static struct bus_nng_socket *socket_create(void)
{
    struct bus_nng_socket *self = calloc(1, sizeof(*self));
    if (self != NULL) {
        pthread_mutex_init(&self->mutex, NULL);
    }
    return self;
}

static void socket_destroy(struct bus_nng_socket *self)
{
    if (self->aio != NULL) {
        nng_aio_free(self->aio);
    }
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

static int watch_pipes(struct bus_nng_socket *self)
{
    int rv = nng_pipe_notify(self->socket, NNG_PIPE_EV_ADD_PRE, on_pipe, self);
    return rv != 0 ? rv
                   : nng_pipe_notify(self->socket, NNG_PIPE_EV_REM_POST, on_pipe, self);
}

static int pub_setup(struct bus_nng_socket *self)
{
    int rv = nng_aio_alloc(&self->aio, NULL, NULL);
    rv =
        rv != 0 ? rv : nng_socket_set_int(self->socket, NNG_OPT_SENDBUF, BUFFER_MESSAGES);
    rv = rv != 0 ? rv : nng_socket_set_size(self->socket, NNG_OPT_RECVMAXSZ, FRAME_MAX);
    return rv != 0 ? rv : watch_pipes(self);
}

static int sub_setup(struct bus_nng_socket *self)
{
    nng_socket s = self->socket;
    int rv = nng_aio_alloc(&self->aio, on_receive, self);
    rv = rv != 0 ? rv : nng_socket_set_int(s, NNG_OPT_RECVBUF, BUFFER_MESSAGES);
    rv = rv != 0 ? rv : nng_socket_set_size(s, NNG_OPT_RECVMAXSZ, FRAME_MAX);
    rv = rv != 0 ? rv : nng_socket_set_ms(s, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
    rv = rv != 0 ? rv : nng_socket_set_ms(s, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
    rv = rv != 0 ? rv : nng_socket_set(s, NNG_OPT_SUB_SUBSCRIBE, "", 0);
    return rv != 0 ? rv : watch_pipes(self);
}

enum err bus_nng_pub_open(struct bus_nng_socket **ret_socket)
{
    struct bus_nng_socket *self = socket_create();
    if (self == NULL || nng_pub0_open(&self->socket) != 0) {
        goto error;
    }
    if (pub_setup(self) != 0) {
        nng_close(self->socket);
        goto error;
    }
    *ret_socket = self;
    return ERR_OK;

error:
    if (self != NULL) {
        socket_destroy(self);
    }
    return ERR_UNAVAILABLE;
}

enum err bus_nng_sub_open(struct bus *bus, struct bus_nng_socket **ret_socket)
{
    struct bus_nng_socket *self = socket_create();
    if (self == NULL || nng_sub0_open(&self->socket) != 0) {
        goto error;
    }
    self->bus = bus;
    if (sub_setup(self) != 0) {
        nng_close(self->socket);
        goto error;
    }
    nng_recv_aio(self->socket, self->aio);
    *ret_socket = self;
    return ERR_OK;

error:
    if (self != NULL) {
        socket_destroy(self);
    }
    return ERR_UNAVAILABLE;
}

static void address_format(const char *host, int port, char ret_address[ADDRESS_MAX])
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(ret_address, ADDRESS_MAX, "tcp://%s%s%s:%d", v6 ? "[" : "", host,
             v6 ? "]" : "", port);
}

enum err bus_nng_socket_listen(struct bus_nng_socket *self, const char *host, int port)
{
    char address[ADDRESS_MAX];
    address_format(host, port, address);
    nng_listener listener;
    int rv = nng_listener_create(&listener, self->socket, address);
    if (rv != 0) {
        return err_of(rv);
    }
    rv = nng_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true);
    rv = rv != 0 ? rv : nng_listener_set_bool(listener, NNG_OPT_TCP_KEEPALIVE, true);
    rv = rv != 0 ? rv : nng_listener_start(listener, 0);
    if (rv != 0) {
        nng_listener_close(listener);
    }
    return err_of(rv);
}

enum err bus_nng_socket_dial(struct bus_nng_socket *self, const char *host, int port)
{
    char address[ADDRESS_MAX];
    address_format(host, port, address);
    nng_dialer dialer;
    int rv = nng_dialer_create(&dialer, self->socket, address);
    if (rv != 0) {
        return err_of(rv);
    }
    rv = nng_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true);
    rv = rv != 0 ? rv : nng_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
    rv = rv != 0 ? rv : nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    return err_of(rv); /* the dialer goes with its socket */
}

enum err bus_nng_socket_send(struct bus_nng_socket *self, nng_msg *msg)
{
    /* What nng_sendmsg() does, without a new aio each time, which asks the kernel for a
     * random number. PUB has it done when nng_send_aio() returns. */
    nng_aio_set_msg(self->aio, msg);
    nng_send_aio(self->socket, self->aio);
    nng_aio_wait(self->aio);
    if (nng_aio_result(self->aio) != 0) {
        nng_msg_free(msg);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

/* --- closing -------------------------------------------------------------------- */

static void *close_slowly(void *user)
{
    struct bus_nng_socket *self = user;
    /* Only a SUB is in danger. A busy connection ends by itself, within QUIET_MS. */
    int64_t end_ms = clock_ms() + QUIET_MS;
    while (self->bus != NULL && atomic_load(&self->pipes) > 0 && clock_ms() < end_ms) {
        usleep(2000);
    }
    nng_aio_stop(self->aio);
    nng_close(self->socket);
    socket_destroy(self);
    return NULL;
}

bool bus_nng_socket_close(struct bus_nng_socket *self, pthread_t *ret_closer)
{
    pthread_mutex_lock(&self->mutex);
    self->closing = true;
    pthread_mutex_unlock(&self->mutex);

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(ret_closer, NULL, close_slowly, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0;
}
