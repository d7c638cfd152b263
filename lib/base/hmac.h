/* HMAC (RFC 2104) with a key that is set up once and used for many texts. */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <openssl/types.h>

#include "base/bytes.h"

/* `digest` as OpenSSL calls it: "SHA256". The caller frees with EVP_MAC_CTX_free(). For
 * each text it is duplicated, or begun again with EVP_MAC_init() without a key. NULL: no
 * memory. */
EVP_MAC_CTX *hmac_create(const char *digest, struct bytes secret);

#endif
