/* Verifies HS, RS and ES signatures; which of them is said by the key alone. */
#include "edge/signature.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define DER_MAX 256

static const EVP_MD *digest_of(const char *alg)
{
    return strcmp(alg + 2, "256") == 0   ? EVP_sha256()
           : strcmp(alg + 2, "384") == 0 ? EVP_sha384()
           : strcmp(alg + 2, "512") == 0 ? EVP_sha512()
                                         : NULL;
}

static bool hmac_valid(const struct token_key *key, struct bytes text,
                       struct bytes signature)
{
    uint8_t code[EVP_MAX_MD_SIZE];
    size_t size = 0;
    return EVP_MAC_init(key->mac, NULL, 0, NULL) == 1 && /* with the key that it has */
           EVP_MAC_update(key->mac, text.data, text.size) == 1 &&
           EVP_MAC_final(key->mac, code, &size, sizeof(code)) == 1 &&
           size == signature.size && CRYPTO_memcmp(code, signature.data, size) == 0;
}

/* RFC 7518 section 3.4: r and s side by side, each of the curve's full size. OpenSSL
 * wants them in DER. */
static bool ec_to_der(struct bytes signature, EVP_PKEY *key, uint8_t der[DER_MAX],
                      size_t *ret_size)
{
    size_t half = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;
    if (signature.size != 2 * half) {
        return false;
    }
    ECDSA_SIG *parts = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.data, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(signature.data + half, (int)half, NULL);
    if (parts == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(parts, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(parts);
        return false;
    }
    int size = i2d_ECDSA_SIG(parts, NULL);
    bool good = size > 0 && size <= DER_MAX;
    if (good) {
        i2d_ECDSA_SIG(parts, &der);
        *ret_size = (size_t)size;
    }
    ECDSA_SIG_free(parts);
    return good;
}

static bool public_valid(const struct token_key *key, const EVP_MD *digest,
                         struct bytes text, struct bytes signature)
{
    BIO *pem = BIO_new_mem_buf(key->data, (int)key->size);
    EVP_PKEY *public = pem != NULL ? PEM_read_bio_PUBKEY(pem, NULL, NULL, NULL) : NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t der[DER_MAX];
    bool good = public != NULL && context != NULL;
    if (good && key->alg[0] == 'E') {
        good = ec_to_der(signature, public, der, &signature.size);
        signature.data = der;
    }
    good = good && EVP_DigestVerifyInit(context, NULL, digest, NULL, public) == 1 &&
           EVP_DigestVerify(context, signature.data, signature.size, text.data,
                            text.size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public);
    BIO_free(pem);
    return good;
}

bool signature_valid(const struct token_key *key, struct bytes text,
                     struct bytes signature)
{
    const EVP_MD *digest = digest_of(key->alg);
    if (digest == NULL || signature.size == 0) {
        return false;
    }
    return key->symmetric ? hmac_valid(key, text, signature)
                          : public_valid(key, digest, text, signature);
}
