/* Reads keys once, at start and on reload, and refuses what would weaken every token:
 * short secrets, small RSA keys, a key whose type does not fit its algorithm. */
#include "edge/jwks.h"

#include <dirent.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hmac.h"

#define NUMBER_MAX_BYTES 2048 /* of a modulus or a coordinate */
#define PROBLEM_SIZE     256

/* Problems are told a few times in the life of a process: at start, and on reload. */
static enum err bad(const char **ret_problem, const char *what, const char *which)
{
    static char texts[4][PROBLEM_SIZE];
    static unsigned next;
    char *text = texts[next++ % 4];
    snprintf(text, PROBLEM_SIZE, "%s: %s", which, what);
    *ret_problem = text;
    return ERR_VALIDATION_ERROR;
}

void token_keys_finish(struct token_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        explicit_bzero(keys->keys[i].data, keys->keys[i].size);
        free(keys->keys[i].data);
        EVP_MAC_CTX_free(keys->keys[i].mac);
    }
    free(keys->keys);
    *keys = (struct token_keys){0};
}

bool token_key_id_valid(struct bytes id)
{
    for (size_t i = 0; i < id.size; i++) {
        uint8_t c = id.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_')) {
            return false;
        }
    }
    return id.size >= 1 && id.size <= KEY_ID_MAX;
}

const struct token_key *token_keys_find(const struct token_keys *keys, const char *id,
                                        const char *alg)
{
    const struct token_key *found = NULL;
    for (size_t i = 0; i < keys->count; i++) {
        const struct token_key *key = &keys->keys[i];
        if (id[0] != 0 && strcmp(key->id, id) == 0) {
            return key;
        }
        if (id[0] == 0 && strcmp(key->alg, alg) == 0) {
            if (key->id[0] == 0) {
                return key;
            }
            if (found != NULL) {
                return NULL;
            }
            found = key;
        }
    }
    return found;
}

/* `alg` is HS256, HS384 or HS512. NULL: no memory. */
static EVP_MAC_CTX *make_mac(const char *alg, struct bytes secret)
{
    char digest[8];
    snprintf(digest, sizeof(digest), "SHA%.3s", alg + 2);
    return hmac_create(digest, secret);
}

/* Takes a copy of `data`. */
static enum err add(struct token_keys *keys, struct bytes id, const char *alg,
                    bool symmetric, struct bytes data, const char **ret_problem)
{
    char name[KEY_ID_MAX + 1] = "";
    memcpy(name, id.data != NULL ? id.data : (const uint8_t *)"", id.size);
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].id, name) == 0) {
            return bad(ret_problem, "two keys have this id", name);
        }
    }
    if (keys->count == TOKEN_KEYS_MAX) {
        return bad(ret_problem, "there are too many keys", name);
    }
    struct token_key *grown =
        realloc(keys->keys, (keys->count + 1) * sizeof(struct token_key));
    uint8_t *copy = malloc(data.size + 1);
    EVP_MAC_CTX *mac = symmetric ? make_mac(alg, data) : NULL;
    if (grown != NULL) {
        keys->keys = grown;
    }
    if (grown == NULL || copy == NULL || (symmetric && mac == NULL)) {
        free(copy);
        EVP_MAC_CTX_free(mac);
        return bad(ret_problem, "out of memory", name);
    }
    memcpy(copy, data.data, data.size);
    copy[data.size] = 0;
    struct token_key *key = &keys->keys[keys->count++];
    *key = (struct token_key){
        .symmetric = symmetric, .data = copy, .size = data.size, .mac = mac};
    memcpy(key->id, name, sizeof(name));
    snprintf(key->alg, sizeof(key->alg), "%s", alg);
    return ERR_OK;
}

static bool is_hmac(const char *alg)
{
    return strcmp(alg, "HS256") == 0 || strcmp(alg, "HS384") == 0 ||
           strcmp(alg, "HS512") == 0;
}

enum err token_keys_add_secret(struct token_keys *keys, const char *secret,
                               const char *alg, const char **ret_problem)
{
    struct bytes data = bytes_of_text(secret);
    if (!is_hmac(alg)) {
        return bad(ret_problem, "must be HS256, HS384 or HS512", "BELFRY_JWT_ALG");
    }
    if (data.size < SECRET_MIN) {
        return bad(ret_problem, "must have at least 32 bytes", "BELFRY_JWT_SECRET");
    }
    /* The public half of a key pair is no secret, whoever took it for one. */
    if (memmem(data.data, data.size, "-----BEGIN", 10) != NULL) {
        return bad(ret_problem, "must be a secret, not a key in PEM form",
                   "BELFRY_JWT_SECRET");
    }
    return add(keys, (struct bytes){0}, alg, true, data, ret_problem);
}

/* ---------------------------------------------------------------- public keys */

/* The algorithm that fits a public key when nothing else says one; NULL: none of ours. */
static const char *alg_of(EVP_PKEY *key)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN ? "RS256" : NULL;
    }
    if (!EVP_PKEY_is_a(key, "EC")) {
        return NULL;
    }
    char curve[32] = "";
    EVP_PKEY_get_group_name(key, curve, sizeof(curve), NULL);
    return strcmp(curve, "prime256v1") == 0  ? "ES256"
           : strcmp(curve, "secp384r1") == 0 ? "ES384"
           : strcmp(curve, "secp521r1") == 0 ? "ES512"
                                             : NULL;
}

/* RS384 and RS512 fit an RSA key as well; a curve fits one algorithm only. */
static bool fits(const char *alg, const char *natural)
{
    return strcmp(alg, natural) == 0 ||
           (strcmp(natural, "RS256") == 0 &&
            (strcmp(alg, "RS384") == 0 || strcmp(alg, "RS512") == 0));
}

/* Adds a public key under `alg`, or under its own when that is empty. */
static enum err add_public(struct token_keys *keys, struct bytes id, const char *alg,
                           EVP_PKEY *key, const char *which, const char **ret_problem)
{
    const char *natural = alg_of(key);
    if (natural == NULL) {
        return bad(ret_problem,
                   "must be RSA of 2048 bits or more, or EC on P-256, P-384 or P-521",
                   which);
    }
    if (alg[0] == 0) {
        alg = natural;
    } else if (!fits(alg, natural)) {
        return bad(ret_problem, "the algorithm does not fit the type of the key", which);
    }
    BIO *memory = BIO_new(BIO_s_mem());
    char *pem = NULL;
    enum err err;
    if (memory == NULL || PEM_write_bio_PUBKEY(memory, key) != 1) {
        err = bad(ret_problem, "cannot be written as PEM", which);
    } else {
        long size = BIO_get_mem_data(memory, &pem);
        err = add(keys, id, alg, false, bytes_make(pem, (size_t)size), ret_problem);
    }
    BIO_free(memory);
    return err;
}

/* ---------------------------------------------------------------- the folder */

/* "kid.RS256.pem" apart; false if it is no such name. */
static bool split_name(const char *name, struct bytes *ret_id, char ret_alg[6])
{
    size_t size = strlen(name);
    if (size < 5 || strcmp(name + size - 4, ".pem") != 0) {
        return false;
    }
    struct bytes rest = bytes_make(name, size - 4);
    const uint8_t *dot = memchr(rest.data, '.', rest.size);
    ret_alg[0] = 0;
    if (dot != NULL) {
        size_t id_size = (size_t)(dot - rest.data);
        size_t alg_size = rest.size - id_size - 1;
        if (alg_size != 5) {
            return false;
        }
        memcpy(ret_alg, dot + 1, alg_size);
        ret_alg[alg_size] = 0;
        rest.size = id_size;
    }
    *ret_id = rest;
    return token_key_id_valid(rest);
}

static enum err add_pem(struct token_keys *keys, const char *folder, const char *name,
                        const char **ret_problem)
{
    char path[4096], alg[6];
    struct bytes id;
    if (!split_name(name, &id, alg)) {
        return bad(ret_problem, "must be named KID.pem or KID.RS256.pem", name);
    }
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file != NULL ? PEM_read_PUBKEY(file, NULL, NULL, NULL) : NULL;
    if (file != NULL) {
        fclose(file);
    }
    if (key == NULL) {
        return bad(ret_problem, "is no public key in PEM form", name);
    }
    enum err err = add_public(keys, id, alg, key, name, ret_problem);
    EVP_PKEY_free(key);
    return err;
}

enum err token_keys_add_folder(struct token_keys *keys, const char *path,
                               const char **ret_problem)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return bad(ret_problem, "cannot be read", path);
    }
    enum err err = ERR_OK;
    struct dirent *entry;
    while (err == ERR_OK && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            err = add_pem(keys, path, entry->d_name, ret_problem);
        }
    }
    closedir(folder);
    return err;
}

/* ---------------------------------------------------------------- JSON Web Keys */

static int sextet(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int base64url_decode(struct bytes text, uint8_t *out, size_t out_size)
{
    size_t used = 0;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < text.size; i++) {
        int value = sextet(text.data[i]);
        if (value < 0) {
            return -1;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            if (used == out_size) {
                return -1;
            }
            out[used++] = (uint8_t)(bits >> count);
        }
    }
    /* One form for each value: no lone character, no bits that mean nothing. */
    if (text.size % 4 == 1 || (bits & ((1U << count) - 1)) != 0) {
        return -1;
    }
    return (int)used;
}

static struct bytes text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return bytes_make(json_string_value(value), json_string_length(value));
}

/* A number in base64url, big-endian; -1 if it is none. */
static int read_number(const json_t *object, const char *key,
                       uint8_t out[NUMBER_MAX_BYTES])
{
    struct bytes text = text_of(object, key);
    return text.size > 0 ? base64url_decode(text, out, NUMBER_MAX_BYTES) : -1;
}

static EVP_PKEY *make_key(const char *type, OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    return key;
}

static EVP_PKEY *read_rsa(const json_t *object)
{
    uint8_t n[NUMBER_MAX_BYTES], e[NUMBER_MAX_BYTES];
    int n_size = read_number(object, "n", n), e_size = read_number(object, "e", e);
    if (n_size <= 0 || e_size <= 0) {
        return NULL;
    }
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    BIGNUM *modulus = BN_bin2bn(n, n_size, NULL);
    BIGNUM *exponent = BN_bin2bn(e, e_size, NULL);
    if (builder != NULL && modulus != NULL && exponent != NULL &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) == 1) {
        key = make_key("RSA", builder);
    }
    OSSL_PARAM_BLD_free(builder);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* RFC 7518 section 6.2: coordinates have the full size of the curve. */
static EVP_PKEY *read_ec(const json_t *object)
{
    static const struct {
        const char *crv, *group;
        int size;
    } curves[] = {{"P-256", "prime256v1", 32},
                  {"P-384", "secp384r1", 48},
                  {"P-521", "secp521r1", 66}};
    uint8_t x[NUMBER_MAX_BYTES], y[NUMBER_MAX_BYTES], point[1 + 2 * 66] = {4};
    struct bytes crv = text_of(object, "crv");
    int size = read_number(object, "x", x);
    if (size <= 0 || read_number(object, "y", y) != size) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (!bytes_equal_text(crv, curves[i].crv) || size != curves[i].size) {
            continue;
        }
        memcpy(point + 1, x, (size_t)size);
        memcpy(point + 1 + size, y, (size_t)size);
        EVP_PKEY *key = NULL;
        OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
        if (builder != NULL &&
            OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                            curves[i].group, 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
                                             1 + 2 * (size_t)size) == 1) {
            key = make_key("EC", builder);
        }
        OSSL_PARAM_BLD_free(builder);
        return key;
    }
    return NULL;
}

/* A secret: only with an algorithm, since nothing else says that it is meant for HMAC. */
static enum err add_oct(struct token_keys *keys, const json_t *object, struct bytes id,
                        const char *alg, const char **ret_problem)
{
    uint8_t secret[NUMBER_MAX_BYTES];
    int size = read_number(object, "k", secret);
    if (!is_hmac(alg)) {
        return bad(ret_problem, "a key of type oct needs alg HS256, HS384 or HS512",
                   "BELFRY_JWKS");
    }
    if (size < SECRET_MIN) {
        return bad(ret_problem, "a key of type oct must have at least 32 bytes",
                   "BELFRY_JWKS");
    }
    enum err err =
        add(keys, id, alg, true, bytes_make(secret, (size_t)size), ret_problem);
    explicit_bzero(secret, sizeof(secret));
    return err;
}

static enum err add_jwk(struct token_keys *keys, const json_t *object,
                        const char **ret_problem)
{
    struct bytes type = text_of(object, "kty"), id = text_of(object, "kid");
    struct bytes use = text_of(object, "use"), alg_text = text_of(object, "alg");
    char alg[6] = "";
    if ((use.data != NULL && !bytes_equal_text(use, "sig")) || alg_text.size > 5) {
        return ERR_OK; /* for encryption, or an algorithm that is none of ours */
    }
    memcpy(alg, alg_text.data != NULL ? alg_text.data : (const uint8_t *)"",
           alg_text.size);
    if (id.data != NULL && !token_key_id_valid(id)) {
        return bad(ret_problem, "kid must be 1 to 64 of A-Z a-z 0-9 - _", "BELFRY_JWKS");
    }
    if (bytes_equal_text(type, "oct")) {
        return add_oct(keys, object, id, alg, ret_problem);
    }
    bool rsa = bytes_equal_text(type, "RSA"), ec = bytes_equal_text(type, "EC");
    if ((!rsa && !ec) || (alg[0] != 0 && strncmp(alg, rsa ? "RS" : "ES", 2) != 0)) {
        return ERR_OK;
    }
    EVP_PKEY *key = rsa ? read_rsa(object) : read_ec(object);
    if (key == NULL) {
        return bad(ret_problem, "a key cannot be read", "BELFRY_JWKS");
    }
    enum err err = add_public(keys, id, alg, key, "BELFRY_JWKS", ret_problem);
    EVP_PKEY_free(key);
    return err;
}

enum err token_keys_add_jwks(struct token_keys *keys, const char *path,
                             const char **ret_problem)
{
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(root, "keys");
    enum err err = ERR_OK;
    if (!json_is_array(list)) {
        err = bad(ret_problem, "is no JSON Web Key Set", path);
    }
    for (size_t i = 0; err == ERR_OK && i < json_array_size(list); i++) {
        err = add_jwk(keys, json_array_get(list, i), ret_problem);
    }
    json_decref(root);
    return err;
}
