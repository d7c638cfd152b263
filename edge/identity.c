/* Verifies JWTs. libjwt checks the signature and little else: it would take a token that
 * was MACed with a public key, has expired, or says the same thing twice. So header and
 * claims are read here first, strictly, and libjwt gets the one key that may have signed
 * it. */
#include "edge/identity.h"

#include <jansson.h>
#include <jwt.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/json_scan.h"
#include "edge/jwks.h"
#include "edge/signature.h"

#define SUBJECT_MAX 255
#define YEAR_9999   INT64_C(253402300799) /* unix seconds; keeps * 1000 within int64_t */
#define CACHE_SLOTS 2048
#define SEGMENT_MAX TOKEN_MAX_BYTES

/* A token that was verified: RS and ES signatures cost a third of a millisecond each, and
 * a client that connects again brings the same token. */
struct cached {
    uint8_t digest[SHA256_DIGEST_LENGTH];
    int64_t not_before_s;
    struct identity identity; /* expires_at 0: empty slot */
};

/* The last good header as it stood in the token: an issuer writes the same each time. */
struct last_header {
    char text[256]; /* a longer one is not remembered */
    size_t size;    /* 0: none */
    const struct token_key *key;
    bool is_access_token;
};

struct verifier {
    struct identity_options options;
    struct token_keys keys;
    struct last_header last;
    struct cached *cache; /* CACHE_SLOTS, made when first needed */
};

/* The parts of a token, and what was read from them. */
struct reading {
    char text[TOKEN_MAX_BYTES + 1];
    size_t size;
    struct bytes header, payload, signature; /* in `text` */
    json_t *claims;
    const struct token_key *key;
    bool is_access_token; /* typ at+jwt */
    int64_t not_before_s;
};

/* ---------------------------------------------------------------- keys */

static bool given(const char *text)
{
    return text != NULL && text[0] != 0;
}

static enum err load_keys(const struct identity_options *options,
                          struct token_keys *ret_keys, const char **ret_problem)
{
    struct token_keys keys = {0};
    enum err err = ERR_OK;
    if (given(options->secret)) {
        err = token_keys_add_secret(
            &keys, options->secret,
            given(options->secret_alg) ? options->secret_alg : "HS256", ret_problem);
    }
    if (err == ERR_OK && given(options->keys_dir)) {
        err = token_keys_add_folder(&keys, options->keys_dir, ret_problem);
    }
    if (err == ERR_OK && given(options->jwks_file)) {
        err = token_keys_add_jwks(&keys, options->jwks_file, ret_problem);
    }
    if (err != ERR_OK) {
        token_keys_finish(&keys);
        return err;
    }
    *ret_keys = keys;
    return ERR_OK;
}

enum err verifier_create(const struct identity_options *options,
                         struct verifier **ret_verifier, const char **ret_problem)
{
    struct verifier *verifier = calloc(1, sizeof(*verifier));
    if (verifier == NULL) {
        *ret_problem = "out of memory";
        return ERR_UNAVAILABLE;
    }
    verifier->options = *options;
    enum err err = load_keys(options, &verifier->keys, ret_problem);
    if (err != ERR_OK) {
        free(verifier);
        return err;
    }
    *ret_verifier = verifier;
    return ERR_OK;
}

void verifier_destroy(struct verifier *verifier)
{
    if (verifier != NULL) {
        token_keys_finish(&verifier->keys);
        free(verifier->cache);
        free(verifier);
    }
}

enum err verifier_reload(struct verifier *verifier)
{
    struct token_keys keys;
    const char *problem = "";
    TRY(load_keys(&verifier->options, &keys, &problem));
    token_keys_finish(&verifier->keys);
    verifier->keys = keys;
    free(verifier->cache); /* a key that is gone must not live on in it */
    verifier->cache = NULL;
    verifier->last.size = 0;
    return ERR_OK;
}

/* ---------------------------------------------------------------- the form */

static bool refuse(const char **ret_reason, const char *reason)
{
    *ret_reason = reason;
    return false;
}

/* Three segments (RFC 7515 section 7.1). */
static bool split(struct bytes token, struct reading *reading)
{
    static const char scheme[] = "Bearer ";
    size_t scheme_size = sizeof(scheme) - 1;
    if (token.size > scheme_size &&
        strncasecmp((const char *)token.data, scheme, scheme_size) == 0) {
        token = bytes_make(token.data + scheme_size, token.size - scheme_size);
    }
    if (token.size == 0 || token.size > TOKEN_MAX_BYTES) {
        return false;
    }
    memcpy(reading->text, token.data, token.size);
    reading->text[token.size] = 0;
    reading->size = token.size;
    const char *first = memchr(reading->text, '.', token.size);
    const char *last = memrchr(reading->text, '.', token.size);
    if (first == NULL || first == last ||
        memchr(first + 1, '.', (size_t)(last - first - 1)) != NULL) {
        return false;
    }
    reading->header = bytes_make(reading->text, (size_t)(first - reading->text));
    reading->payload = bytes_make(first + 1, (size_t)(last - first - 1));
    reading->signature =
        bytes_make(last + 1, token.size - (size_t)(last + 1 - reading->text));
    return reading->header.size > 0 && reading->payload.size > 0 &&
           reading->signature.size > 0;
}

/* A segment's JSON object; NULL if it is not exactly one. Depth is checked before jansson
 * sees it, and a name that stands twice is refused: readers differ in which one counts.
 */
static json_t *read_object(struct bytes segment)
{
    uint8_t text[SEGMENT_MAX];
    int size = base64url_decode(segment, text, sizeof(text));
    enum json_type type;
    if (size < 0 || !json_valid(bytes_make(text, (size_t)size), &type) ||
        type != JSON_OBJECT_TYPE) {
        return NULL;
    }
    return json_loadb((const char *)text, (size_t)size, JSON_REJECT_DUPLICATES, NULL);
}

/* ---------------------------------------------------------------- the header */

/* What a token may say of itself: a plain JWT, or an access token (RFC 9068), with or
 * without "application/" (RFC 7515 section 4.1.9). */
static bool read_type(const json_t *type, bool *ret_is_access_token)
{
    if (type == NULL) {
        return true;
    }
    const char *text = json_is_string(type) ? json_string_value(type) : "";
    text += strncasecmp(text, "application/", 12) == 0 ? 12 : 0;
    *ret_is_access_token = strcasecmp(text, "at+jwt") == 0;
    return *ret_is_access_token || strcasecmp(text, "JWT") == 0;
}

/* kid is an index in our table and nothing else; where a key might be is not for the
 * token to say. */
static bool check_header(const struct verifier *verifier, const json_t *header,
                         struct reading *reading, const char **ret_reason)
{
    static const char *const refused[] = {"crit", "jwk", "jku", "x5u", "x5c"};
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(header, refused[i]) != NULL) {
            return refuse(ret_reason, refused[i]);
        }
    }
    if (!read_type(json_object_get(header, "typ"), &reading->is_access_token)) {
        return refuse(ret_reason, "typ");
    }
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const json_t *kid = json_object_get(header, "kid");
    if (alg == NULL) {
        return refuse(ret_reason, "alg");
    }
    if (kid != NULL &&
        (!json_is_string(kid) || !token_key_id_valid(bytes_make(
                                     json_string_value(kid), json_string_length(kid))))) {
        return refuse(ret_reason, "kid");
    }
    reading->key =
        token_keys_find(&verifier->keys, kid != NULL ? json_string_value(kid) : "", alg);
    if (reading->key == NULL) {
        return refuse(ret_reason, kid != NULL ? "kid" : "alg");
    }
    /* The key says which algorithm it is for, in these very letters. */
    return strcmp(alg, reading->key->alg) == 0 || refuse(ret_reason, "alg");
}

static bool read_header(struct verifier *verifier, struct reading *reading,
                        const char **ret_reason)
{
    struct last_header *last = &verifier->last;
    struct bytes text = reading->header;
    if (text.size == last->size && memcmp(text.data, last->text, text.size) == 0) {
        reading->key = last->key;
        reading->is_access_token = last->is_access_token;
        return true;
    }
    json_t *header = read_object(text);
    if (header == NULL) {
        return refuse(ret_reason, "header");
    }
    bool good = check_header(verifier, header, reading, ret_reason);
    json_decref(header);
    if (good && text.size <= sizeof(last->text)) {
        memcpy(last->text, text.data, text.size);
        last->size = text.size;
        last->key = reading->key;
        last->is_access_token = reading->is_access_token;
    }
    return good;
}

/* ---------------------------------------------------------------- the claims */

/* A claim in whole seconds. False: there, but not one. */
static bool read_seconds(const json_t *claims, const char *name, int64_t *ret_seconds)
{
    const json_t *value = json_object_get(claims, name);
    *ret_seconds = 0;
    if (value == NULL) {
        return true;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > YEAR_9999) {
        return false;
    }
    *ret_seconds = json_integer_value(value);
    return true;
}

static bool check_issuer(const struct verifier *verifier, const json_t *claims)
{
    const char *issuer = json_string_value(json_object_get(claims, "iss"));
    return !given(verifier->options.issuer) ||
           (issuer != NULL && strcmp(issuer, verifier->options.issuer) == 0);
}

/* aud is a string, or a list of strings (RFC 7519 section 4.1.3). */
static bool check_audience(const struct verifier *verifier, const json_t *claims)
{
    const char *wanted = verifier->options.audience;
    const json_t *audience = json_object_get(claims, "aud");
    if (!given(wanted)) {
        return true;
    }
    if (json_is_string(audience)) {
        return strcmp(json_string_value(audience), wanted) == 0;
    }
    for (size_t i = 0; i < json_array_size(audience); i++) {
        const char *item = json_string_value(json_array_get(audience, i));
        if (item != NULL && strcmp(item, wanted) == 0) {
            return true;
        }
    }
    return false;
}

/* Names in Belfry's own space: the same sub is the same user for ever. */
static const struct uuid subject_space = {{0x5c, 0x3a, 0x8e, 0x21, 0x9b, 0x47, 0x4d, 0x0c,
                                           0xa6, 0x51, 0x0f, 0x7e, 0xd2, 0x94, 0x6b,
                                           0x38}};

static bool read_subject(const json_t *claims, bool service, struct uuid *ret_user)
{
    const json_t *value = json_object_get(claims, "sub");
    struct bytes subject =
        bytes_make(json_string_value(value), json_string_length(value));
    if (value == NULL) {
        return service;
    }
    if (!json_is_string(value) || subject.size == 0 || subject.size > SUBJECT_MAX) {
        return false;
    }
    for (size_t i = 0; i < subject.size; i++) {
        if (subject.data[i] <= ' ' || subject.data[i] == 0x7f) {
            return false;
        }
    }
    if (!uuid_parse(subject, ret_user)) {
        *ret_user = uuid_v5(subject_space, subject);
    }
    return !uuid_is_zero(*ret_user);
}

/* Cuts at a character's border; a name with control characters is none. */
static void copy_name(const json_t *value, char *out, size_t out_size)
{
    size_t size = json_string_length(value);
    const char *text = json_string_value(value);
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)text[i] < ' ' || text[i] == 0x7f) {
            return;
        }
    }
    if (size >= out_size) {
        size = out_size - 1;
        while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    if (size > 0) {
        memcpy(out, text, size);
    }
    out[size] = 0;
}

/* What a revocation names. One that is too long is kept as its digest, so that two never
 * become one. */
static void copy_token_id(const json_t *value, char out[65])
{
    size_t size = json_string_length(value);
    if (size <= 64) {
        copy_name(value, out, 65);
        return;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256((const uint8_t *)json_string_value(value), size, digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    }
}

static bool check_claims(const struct verifier *verifier, struct reading *reading,
                         struct identity *ret_identity, const char **ret_reason)
{
    const json_t *claims = reading->claims;
    struct identity identity = {0};
    const json_t *service = json_object_get(claims, "service");
    if (service != NULL && !json_is_boolean(service)) {
        return refuse(ret_reason, "service");
    }
    identity.service = json_is_true(service);
    if (!read_seconds(claims, "exp", &identity.expires_at) || identity.expires_at == 0) {
        return refuse(ret_reason, "exp");
    }
    if (!read_seconds(claims, "nbf", &reading->not_before_s)) {
        return refuse(ret_reason, "nbf");
    }
    if (!read_seconds(claims, "iat", &identity.issued_at)) {
        return refuse(ret_reason, "iat");
    }
    if (!check_issuer(verifier, claims)) {
        return refuse(ret_reason, "iss");
    }
    if (!check_audience(verifier, claims)) {
        return refuse(ret_reason, "aud");
    }
    if (!read_subject(claims, identity.service, &identity.user_id)) {
        return refuse(ret_reason, "sub");
    }
    const json_t *name = json_object_get(claims, "username");
    name = json_is_string(name) ? name : json_object_get(claims, "preferred_username");
    copy_name(name, identity.username, sizeof(identity.username));
    const json_t *id = json_object_get(claims, "sid");
    id = json_is_string(id) ? id : json_object_get(claims, "jti");
    copy_token_id(id, identity.token_id);
    *ret_identity = identity;
    return true;
}

/* ---------------------------------------------------------------- the signature */

static bool check_signature(const struct reading *reading)
{
    const struct token_key *key = reading->key;
    uint8_t signature[SEGMENT_MAX];
    jwt_t *jwt = NULL;
    /* libjwt is lenient about base64; two spellings of one token would be two tokens for
     * whoever keeps lists of them. */
    int size = base64url_decode(reading->signature, signature, sizeof(signature));
    if (size <= 0) {
        return false;
    }
    /* libjwt refuses access tokens, and of a MAC it costs twice what the MAC does: it
     * parses header and claims once more. */
    if (reading->is_access_token || key->symmetric) {
        size_t text_size = reading->header.size + 1 + reading->payload.size;
        return signature_valid(key, bytes_make(reading->text, text_size),
                               bytes_make(signature, (size_t)size));
    }
    int problem = jwt_decode(&jwt, reading->text, key->data, (int)key->size);
    bool good = problem == 0 && jwt != NULL && jwt_get_alg(jwt) == jwt_str_alg(key->alg);
    jwt_free(jwt);
    return good;
}

/* ---------------------------------------------------------------- the whole */

static struct cached *cache_slot(struct verifier *verifier, const struct reading *reading,
                                 uint8_t digest[SHA256_DIGEST_LENGTH])
{
    if (verifier->cache == NULL) {
        verifier->cache = calloc(CACHE_SLOTS, sizeof(*verifier->cache));
    }
    uint32_t at;
    SHA256((const uint8_t *)reading->text, reading->size, digest);
    memcpy(&at, digest, sizeof(at));
    return verifier->cache != NULL ? &verifier->cache[at % CACHE_SLOTS] : NULL;
}

/* Everything but the clock. */
static bool verify(struct verifier *verifier, struct reading *reading,
                   struct identity *ret_identity, const char **ret_reason)
{
    if (!read_header(verifier, reading, ret_reason)) {
        return false;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    struct cached *cached =
        reading->key->symmetric ? NULL : cache_slot(verifier, reading, digest);
    if (cached != NULL && cached->identity.expires_at != 0 &&
        memcmp(cached->digest, digest, sizeof(digest)) == 0) {
        *ret_identity = cached->identity;
        reading->not_before_s = cached->not_before_s;
        return true;
    }
    if (!check_signature(reading)) {
        return refuse(ret_reason, "signature");
    }
    reading->claims = read_object(reading->payload);
    if (reading->claims == NULL) {
        return refuse(ret_reason, "payload");
    }
    bool good = check_claims(verifier, reading, ret_identity, ret_reason);
    json_decref(reading->claims);
    if (good && cached != NULL) {
        memcpy(cached->digest, digest, sizeof(digest));
        cached->not_before_s = reading->not_before_s;
        cached->identity = *ret_identity;
    }
    return good;
}

enum err verifier_check(struct verifier *verifier, struct bytes token, int64_t unix_ms,
                        struct identity *ret_identity, const char **ret_reason)
{
    struct reading reading = {0};
    struct identity identity;
    enum err err = ERR_UNAUTHENTICATED;
    int64_t latest_s = unix_ms / 1000 + verifier->options.leeway_s;
    if (!split(token, &reading)) {
        *ret_reason = "form";
    } else if (!verify(verifier, &reading, &identity, ret_reason)) {
        /* It has said why. */
    } else if (reading.not_before_s > latest_s) {
        *ret_reason = "nbf";
    } else if (identity.issued_at > latest_s) {
        *ret_reason = "iat";
    } else if (unix_ms >= identity.expires_at * 1000) {
        *ret_reason = "exp";
        err = ERR_TOKEN_EXPIRED;
    } else {
        *ret_identity = identity;
        err = ERR_OK;
    }
    explicit_bzero(reading.text, reading.size);
    return err;
}
