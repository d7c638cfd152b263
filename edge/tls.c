/* What an edge's tunnels have in common: versions, ALPN (RFC 7301), the certificate, and
 * the end of them all. */
#include "edge/tls.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "edge/tls_tunnels.h"

struct tls {
    SSL_CTX *context;
    char *certificate, *key;
    struct tunnels tunnels;
};

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

static SSL_CTX *load_context(const char *certificate, const char *key,
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

static void tls_free(struct tls *tls)
{
    tunnels_finish(&tls->tunnels);
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
    tunnels_init(&tls->tunnels, loop);
    tls->certificate = strdup(certificate);
    tls->key = strdup(key);
    if (tls->certificate != NULL && tls->key != NULL) {
        tls->context = load_context(tls->certificate, tls->key, ret_problem);
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
    SSL_CTX *context = load_context(tls->certificate, tls->key, ret_problem);
    if (context == NULL) {
        return ERR_VALIDATION_ERROR;
    }
    SSL_CTX_free(tls->context); /* clients that are here keep it */
    tls->context = context;
    return ERR_OK;
}

bool tls_enter(struct tls *tls, int *fd)
{
    SSL *ssl = SSL_new(tls->context);
    if (ssl == NULL || !tunnel_open(&tls->tunnels, ssl, fd)) {
        SSL_free(ssl);
        return false;
    }
    return true;
}

size_t tls_send(struct tls *tls, int fd, const struct iovec *parts, uint32_t count)
{
    return tunnels_send(&tls->tunnels, fd, parts, count);
}

void tls_keep_order(struct tls *tls, int fd)
{
    if (tls != NULL) {
        tunnels_keep_order(&tls->tunnels, fd);
    }
}

size_t tls_count(const struct tls *tls)
{
    return tls->tunnels.count;
}

void tls_tick(struct tls *tls, int64_t now_ms)
{
    tunnels_expire(&tls->tunnels, now_ms);
}

static void on_empty(struct tunnels *tunnels)
{
    tls_free(container_of(tunnels, struct tls, tunnels));
}

void tls_destroy(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->tunnels.count == 0) {
        tls_free(tls);
        return;
    }
    tls->tunnels.on_empty = on_empty;
    tunnels_close(&tls->tunnels);
}
