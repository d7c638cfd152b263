/* Why: HMAC() would set up the key anew for each text. */
#include "base/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdint.h>

EVP_MAC_CTX *hmac_create(const char *digest, struct bytes secret)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest,
                                         0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *mac = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac); /* the context keeps its own reference */
    if (mac != NULL && EVP_MAC_init(mac, secret.data, secret.size, params) != 1) {
        EVP_MAC_CTX_free(mac);
        return NULL;
    }
    return mac;
}
