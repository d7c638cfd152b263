#include "edge/tls_context.h"

#include <openssl/err.h>

#define WRITE_MODE                                                                       \
    (SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |                          \
     SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER)

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
                           const unsigned char *in, unsigned in_size, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    int result =
        SSL_select_next_proto(&chosen, out_size, ours, sizeof(ours) - 1, in, in_size);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK
                                            : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX *tls_context_load(const char *certificate, const char *key,
                          const char **ret_problem)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL) {
        *ret_problem = "OpenSSL does not start";
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(context, WRITE_MODE);
    SSL_CTX_set_read_ahead(context, 1); /* a record's head and body in one recv(2) */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* tickets do it */
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, NULL);
    *ret_problem = NULL;
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
        *ret_problem = "BELFRY_TLS_CERT is no file with a certificate in PEM";
    } else if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(context) != 1) {
        *ret_problem = "BELFRY_TLS_KEY is no file with the certificate's key in PEM";
    }
    ERR_clear_error();
    if (*ret_problem != NULL) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}
