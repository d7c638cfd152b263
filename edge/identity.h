/* Who a client is: verifies JWTs (RFC 7519, RFC 7515). identity.c is the only file that
 * includes jwt.h; what libjwt 1.10 does not check is checked here: one algorithm for
 * each key, exp and nbf, aud and iss, crit, duplicate members, key confusion. */
#ifndef EDGE_IDENTITY_H
#define EDGE_IDENTITY_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/uuid.h"

#define TOKEN_MAX_BYTES 8192

struct identity {
    struct uuid
        user_id;       /* sub; a sub that is no UUID gives a name-based one. Zero: none */
    char username[65]; /* claim username, else preferred_username, else "" */
    char token_id[65]; /* claim sid, else jti, else "" */
    int64_t issued_at; /* iat, unix seconds; 0: absent */
    int64_t expires_at; /* exp, unix seconds; 0: anonymous, never */
    bool service;       /* claim service: true */
};

struct identity_options {
    const char *secret;     /* HS256/384/512 with one secret, or NULL */
    const char *secret_alg; /* "HS256" */
    const char *keys_dir;   /* PEM files named KID.pem, or NULL; algorithm by key type and
                               the file's name: KID.RS256.pem or KID.ES256.pem */
    const char *jwks_file;  /* RFC 7517, or NULL */
    const char *issuer;     /* iss must be it, or NULL */
    const char *audience;   /* aud must hold it, or NULL */
    int64_t leeway_s;       /* of nbf and iat; exp is exact */
};

struct verifier;

/* ERR_VALIDATION_ERROR with a sentence in ret_problem (static or allocated for the life
 * of the process) when a key cannot be used. */
MUST_CHECK enum err verifier_create(const struct identity_options *options,
                                    struct verifier **ret_verifier,
                                    const char **ret_problem);
void verifier_destroy(struct verifier *verifier);

/* Reads keys again; on failure the old ones stay. */
MUST_CHECK enum err verifier_reload(struct verifier *verifier);

/* `token` with or without "Bearer ". ERR_UNAUTHENTICATED, or ERR_TOKEN_EXPIRED when
 * everything else is right. ret_reason gets a word for the log ("signature", "exp"). */
MUST_CHECK enum err verifier_check(struct verifier *verifier, struct bytes token,
                                   int64_t unix_ms, struct identity *ret_identity,
                                   const char **ret_reason);

#endif
