/* The keys that tokens may be signed with: read from a secret, a folder of PEM files and
 * a JSON Web Key Set (RFC 7517), each bound to exactly one algorithm. */
#ifndef EDGE_JWKS_H
#define EDGE_JWKS_H

#include <openssl/types.h>

#include "base/bytes.h"
#include "base/err.h"

#define KEY_ID_MAX     64
#define SECRET_MIN     32 /* bytes of an HMAC key (RFC 7518 section 3.2, for HS256) */
#define RSA_BITS_MIN   2048
#define TOKEN_KEYS_MAX 256

struct token_key {
    char id[KEY_ID_MAX + 1]; /* kid; "" of a key without one */
    char alg[6];             /* "RS256": the only algorithm it is used with */
    bool symmetric;
    uint8_t *data; /* owned: the secret, or a public key as PEM; a NUL behind it */
    size_t size;
    EVP_MAC_CTX *mac; /* owned, of a secret: HMAC() would set it up anew each time */
};

struct token_keys {
    struct token_key *keys;
    size_t count;
};

void token_keys_finish(struct token_keys *keys); /* accepts zeroed */

/* Each adds to `keys`. ERR_VALIDATION_ERROR: ret_problem says what is wrong, in words
 * that live as long as the process; what was added before stays. */
MUST_CHECK enum err token_keys_add_secret(struct token_keys *keys, const char *secret,
                                          const char *alg, const char **ret_problem);
/* KID.pem, KID.RS256.pem, …; without the algorithm in the name the type of the key says
 * it: RS256 for RSA, ES256, ES384 or ES512 by the curve. */
MUST_CHECK enum err token_keys_add_folder(struct token_keys *keys, const char *path,
                                          const char **ret_problem);
/* Keys of other types and other uses are passed over (RFC 7517 section 5). */
MUST_CHECK enum err token_keys_add_jwks(struct token_keys *keys, const char *path,
                                        const char **ret_problem);

/* The key of a kid; with an empty kid the only key of that algorithm. NULL: none, or
 * not the only one. */
const struct token_key *token_keys_find(const struct token_keys *keys, const char *id,
                                        const char *alg);

/* 1 to 64 of A-Z a-z 0-9 - _ : what a kid may look like. */
bool token_key_id_valid(struct bytes id);

/* base64url (RFC 4648 section 5) without padding, strict about alphabet, length and
 * trailing bits. The size, or -1. */
int base64url_decode(struct bytes text, uint8_t *out, size_t out_size);

#endif
