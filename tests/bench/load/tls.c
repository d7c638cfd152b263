/* The client's side of TLS. Certificates are not checked: the server under test has one
 * that it signed itself. */
#include "load/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

SSL_CTX *tls_context(void)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        fprintf(stderr, "belfry-load: OpenSSL does not start\n");
        exit(1);
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS); /* there are many clients */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

SSL *tls_begin(SSL_CTX *context, int fd)
{
    SSL *ssl = SSL_new(context);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

/* What recv() and send() would return, with errno. */
static ssize_t outcome(SSL *ssl, int result)
{
    int system_error = errno;
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_NONE:
        return result;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_SYSCALL:
        errno = system_error != 0 ? system_error : ECONNRESET;
        return -1;
    default:
        errno = EPROTO;
        return -1;
    }
}

static void forget_errors(void)
{
    ERR_clear_error();
    errno = 0;
}

enum tls_step tls_shake_hands(SSL *ssl, const char **ret_problem)
{
    forget_errors();
    if (outcome(ssl, SSL_do_handshake(ssl)) > 0) {
        return TLS_DONE;
    }
    if (errno == EAGAIN) {
        return TLS_WAITS;
    }
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    *ret_problem = reason != NULL ? reason : "TLS handshake";
    return TLS_FAILED;
}

ssize_t tls_send(SSL *ssl, int fd, const void *data, size_t size)
{
    if (ssl == NULL) {
        return send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    forget_errors();
    return outcome(ssl, SSL_write(ssl, data, (int)size));
}

ssize_t tls_recv(SSL *ssl, int fd, void *data, size_t size)
{
    if (ssl == NULL) {
        return recv(fd, data, size, MSG_DONTWAIT);
    }
    forget_errors();
    return outcome(ssl, SSL_read(ssl, data, (int)size));
}
