/* One NNG socket of the bus, PUB or SUB, and how to get rid of it.
 *
 * NNG 1.5.2 can hang for good when a connection is closed on our side while data flows
 * in: between two reads of one message its transport forgets the receive, and the thread
 * that cleans up after all sockets of the process waits for it for ever. Three rules
 * avoid it: each peer has a SUB socket of its own, so that NNG calls back inside the
 * peer's receive, where closing the connection is safe; an ending socket closes a busy
 * connection there, and only a quiet one from outside; and the rest runs on a thread that
 * nobody must wait for. */
#ifndef BUS_BUS_NNG_SOCKET_H
#define BUS_BUS_NNG_SOCKET_H

#include <nng/nng.h>
#include <stdatomic.h>

#include "bus/bus_driver.h"

struct bus_nng_socket {
    nng_socket socket;
    nng_aio *aio; /* PUB: for sending, reused; SUB: the receive that is always pending */
    pthread_mutex_t mutex;
    struct bus *bus;   /* SUB: who gets the messages; guarded by mutex */
    bool closing;      /* guarded by mutex */
    _Atomic int pipes; /* connections, also those that still shake hands */
};

/* ERR_UNAVAILABLE: no memory. */
MUST_CHECK enum err bus_nng_pub_open(struct bus_nng_socket **ret_socket);
MUST_CHECK enum err bus_nng_sub_open(struct bus *bus, struct bus_nng_socket **ret_socket);

/* Both only start; dialing goes on for ever in the background.
 * ERR_VALIDATION_ERROR: no such address. ERR_UNAVAILABLE: port taken, no memory. */
MUST_CHECK enum err bus_nng_socket_listen(struct bus_nng_socket *self, const char *host,
                                          int port);
MUST_CHECK enum err bus_nng_socket_dial(struct bus_nng_socket *self, const char *host,
                                        int port);

/* PUB. Takes the message in any case. */
MUST_CHECK enum err bus_nng_socket_send(struct bus_nng_socket *self, nng_msg *msg);

static inline bool bus_nng_socket_connected(struct bus_nng_socket *self)
{
    return atomic_load(&self->pipes) > 0;
}

/* From here on nothing is received. The memory belongs to the thread that ends when all
 * is gone: join it with a deadline, or detach it. False: no such thread, all is leaked.
 */
MUST_CHECK bool bus_nng_socket_close(struct bus_nng_socket *self, pthread_t *ret_closer);

#endif
