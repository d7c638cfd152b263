/* How the edge speaks TLS: versions, ALPN (RFC 7301), certificate and key. */
#ifndef EDGE_TLS_CONTEXT_H
#define EDGE_TLS_CONTEXT_H

#include <openssl/ssl.h>

/* From files in PEM. NULL, with a static sentence in ret_problem: they cannot be used. */
SSL_CTX *tls_context_load(const char *certificate, const char *key,
                          const char **ret_problem);

#endif
