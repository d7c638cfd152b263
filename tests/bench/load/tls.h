/* TLS of one client; everything goes the way of plain sockets where there is none. */
#ifndef BENCH_TLS_H
#define BENCH_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum tls_step { TLS_DONE, TLS_WAITS, TLS_FAILED };

/* For all clients of a process; ends the program when there is none. */
SSL_CTX *tls_context(void);

/* A client's, on its connected socket; NULL: no memory. */
SSL *tls_begin(SSL_CTX *context, int fd);

/* The handshake, as far as it goes now; when it failed, errno and *ret_problem say why.
 */
enum tls_step tls_shake_hands(SSL *ssl, const char **ret_problem);

/* As send() and recv() that do not wait; plain when `ssl` is NULL. A read takes at most
 * one record; of what is left, the socket tells. */
ssize_t tls_send(SSL *ssl, int fd, const void *data, size_t size);
ssize_t tls_recv(SSL *ssl, int fd, void *data, size_t size);

#endif
