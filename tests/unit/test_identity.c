/* Tokens that must not pass, one by one (E45 to E56 of the threat list), and those that
 * must. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include <jwt.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/buf.h"
#include "edge/identity.h"
#include "edge/jwks.h"

#define SECRET      "a secret of more than thirty-two bytes"
#define NOW_S       INT64_C(1800000000)
#define USER        "0190f5fe-7c00-7a00-8000-00000000000a"
#define LONG_SECRET "a secret of sixty-four bytes, which is what HMAC-SHA512 asks for!!!"
#define HEADER      "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS      "{\"sub\":\"" USER "\",\"exp\":1800000600,\"username\":\"ann\"}"

static char folder[] = "/tmp/test_identity_XXXXXX";
static EVP_PKEY *rsa, *other_rsa, *ec;
static char *rsa_public, *rsa_private, *other_private, *ec_private;
static struct verifier *by_secret, *by_keys;

/* ---------------------------------------------------------------- making tokens */

static void append_base64url(struct buf *buf, const void *data, size_t size)
{
    char *text = malloc(size * 2 + 8);
    int length = EVP_EncodeBlock((uint8_t *)text, data, (int)size);
    for (int i = 0; i < length && text[i] != '='; i++) {
        char c = text[i];
        buf_append_char(buf, c == '+' ? '-' : c == '/' ? '_' : c);
    }
    free(text);
}

static void append_parts(struct buf *buf, const char *header, const char *claims)
{
    append_base64url(buf, header, strlen(header));
    buf_append_char(buf, '.');
    append_base64url(buf, claims, strlen(claims));
}

/* Signed by HMAC with any bytes as the key; the caller frees. */
static char *hmac_token_by(const EVP_MD *digest, const char *header, const char *claims,
                           const char *key)
{
    struct buf buf;
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    buf_init(&buf, 1 << 20);
    append_parts(&buf, header, claims);
    HMAC(digest, key, (int)strlen(key), buf.data, buf.size, mac, &size);
    buf_append_char(&buf, '.');
    append_base64url(&buf, mac, size);
    return (char *)buf_take(&buf, &(size_t){0});
}

static char *hmac_token(const char *header, const char *claims, const char *key)
{
    return hmac_token_by(EVP_sha256(), header, claims, key);
}

static char *key_token(const char *header, const char *claims, EVP_PKEY *key)
{
    struct buf buf;
    uint8_t signature[512];
    size_t size = sizeof(signature);
    buf_init(&buf, 1 << 20);
    append_parts(&buf, header, claims);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key);
    EVP_DigestSign(context, signature, &size, buf.data, buf.size);
    EVP_MD_CTX_free(context);
    if (EVP_PKEY_is_a(key, "EC")) { /* DER to r and s */
        const uint8_t *der = signature;
        ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &der, (long)size);
        BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, 32);
        BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + 32, 32);
        ECDSA_SIG_free(parts);
        size = 64;
    }
    buf_append_char(&buf, '.');
    append_base64url(&buf, signature, size);
    return (char *)buf_take(&buf, &(size_t){0});
}

static char *libjwt_token(jwt_alg_t alg, const char *kid, const char *pem)
{
    jwt_t *jwt;
    jwt_new(&jwt);
    jwt_add_header(jwt, "kid", kid);
    jwt_add_grants_json(jwt, CLAIMS);
    jwt_set_alg(jwt, alg, (const uint8_t *)pem, (int)strlen(pem));
    char *text = jwt_encode_str(jwt);
    jwt_free(jwt);
    return text;
}

static char *pem_of(EVP_PKEY *key, bool private)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    if (private) {
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    } else {
        PEM_write_bio_PUBKEY(bio, key);
    }
    long size = BIO_get_mem_data(bio, &data);
    char *copy = strndup(data, (size_t)size);
    BIO_free(bio);
    return copy;
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

/* ---------------------------------------------------------------- asking */

static const char *reason;
static struct identity identity;

static enum err check_at(struct verifier *verifier, const char *token, int64_t unix_ms)
{
    reason = "";
    identity = (struct identity){0};
    return verifier_check(verifier, bytes_of_text(token), unix_ms, &identity, &reason);
}

static enum err check(struct verifier *verifier, const char *token)
{
    return check_at(verifier, token, NOW_S * 1000);
}

/* Refused, for this reason; frees the token. */
static void refused(struct verifier *verifier, char *token, const char *why)
{
    assert_int_equal(check(verifier, token), ERR_UNAUTHENTICATED);
    assert_string_equal(reason, why);
    free(token);
}

static void refused_claims(const char *claims, const char *why)
{
    refused(by_secret, hmac_token(HEADER, claims, SECRET), why);
}

/* JSON that is no good: libjwt may find out first, as part of the signature. */
static void refused_payload(const char *claims)
{
    char *token = hmac_token(HEADER, claims, SECRET);
    assert_int_equal(check(by_secret, token), ERR_UNAUTHENTICATED);
    free(token);
}

static void refused_header(const char *header, const char *why)
{
    refused(by_secret, hmac_token(header, CLAIMS, SECRET), why);
}

/* ---------------------------------------------------------------- what passes */

static void reads_a_good_token(void **state)
{
    char *token =
        hmac_token(HEADER,
                   "{\"sub\":\"" USER "\",\"exp\":1800000600,\"iat\":1799999999,"
                   "\"username\":\"ann\",\"sid\":\"s1\",\"jti\":\"j1\"}",
                   SECRET);
    struct uuid user;
    assert_true(uuid_parse(BYTES_LITERAL(USER), &user));
    assert_int_equal(check(by_secret, token), ERR_OK);
    assert_true(uuid_equal(identity.user_id, user));
    assert_string_equal(identity.username, "ann");
    assert_string_equal(identity.token_id, "s1");
    assert_int_equal(identity.issued_at, 1799999999);
    assert_int_equal(identity.expires_at, 1800000600);
    assert_false(identity.service);

    char with_word[2048];
    snprintf(with_word, sizeof(with_word), "Bearer %s", token);
    assert_int_equal(check(by_secret, with_word), ERR_OK);
    free(token);
}

static void a_sub_that_is_no_uuid_gives_always_the_same_one(void **state)
{
    struct uuid users[3];
    const char *subs[] = {"google|12345", "google|12345", "google|12346"};
    for (int i = 0; i < 3; i++) {
        char claims[128];
        snprintf(claims, sizeof(claims), "{\"sub\":\"%s\",\"exp\":1800000600}", subs[i]);
        char *token = hmac_token(HEADER, claims, SECRET);
        assert_int_equal(check(by_secret, token), ERR_OK);
        users[i] = identity.user_id;
        free(token);
    }
    assert_true(uuid_equal(users[0], users[1]));
    assert_false(uuid_equal(users[0], users[2]));
    assert_int_equal(users[0].b[6] >> 4, 5);
}

static void a_service_may_lack_a_sub(void **state)
{
    char *token = hmac_token(HEADER, "{\"service\":true,\"exp\":1800000600}", SECRET);
    assert_int_equal(check(by_secret, token), ERR_OK);
    assert_true(identity.service);
    assert_true(uuid_is_zero(identity.user_id));
    free(token);
    refused_claims("{\"exp\":1800000600}", "sub");
    refused_claims("{\"service\":\"true\",\"exp\":1800000600}", "service");
}

static void long_names_and_ids_are_cut_or_digested(void **state)
{
    char *token = hmac_token(
        HEADER,
        "{\"sub\":\"u\",\"exp\":1800000600,\"preferred_username\":"
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa4\","
        "\"jti\":\"0123456789012345678901234567890123456789012345678901234567890123X\"}",
        SECRET);
    assert_int_equal(check(by_secret, token), ERR_OK);
    assert_int_equal(strlen(identity.username), 63);
    assert_int_equal(strlen(identity.token_id), 64);
    assert_memory_not_equal(identity.token_id, "0123456789", 10);
    free(token);
}

static void takes_rsa_and_ec_keys_by_kid(void **state)
{
    char *tokens[] = {
        libjwt_token(JWT_ALG_RS256, "main", rsa_private),
        libjwt_token(JWT_ALG_ES256, "curve", ec_private),
    };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(check(by_keys, tokens[i]), ERR_OK);
        assert_int_equal(check(by_keys, tokens[i]), ERR_OK); /* from the cache */
        assert_string_equal(identity.username, "ann");
        /* The cache keeps nobody alive. */
        assert_int_equal(check_at(by_keys, tokens[i], 1800000600000), ERR_TOKEN_EXPIRED);
        free(tokens[i]);
    }
    refused(by_keys, libjwt_token(JWT_ALG_RS256, "main", other_private), "signature");
    refused(by_keys, libjwt_token(JWT_ALG_RS256, "curve", rsa_private), "alg");
    refused(by_keys, libjwt_token(JWT_ALG_RS384, "main", rsa_private), "alg");
}

/* Changes a character in the middle of the signature. */
static void spoil(char *token)
{
    char *middle = strrchr(token, '.') + 12;
    *middle = *middle == 'A' ? 'E' : 'A';
}

static void takes_access_tokens_of_every_kind(void **state)
{
    static const char *const types[] = {"at+jwt", "AT+JWT", "application/at+jwt"};
    for (size_t i = 0; i < 3; i++) {
        char headers[3][128];
        snprintf(headers[0], 128, "{\"alg\":\"HS256\",\"typ\":\"%s\"}", types[i]);
        snprintf(headers[1], 128, "{\"alg\":\"RS256\",\"kid\":\"main\",\"typ\":\"%s\"}",
                 types[i]);
        snprintf(headers[2], 128, "{\"alg\":\"ES256\",\"kid\":\"curve\",\"typ\":\"%s\"}",
                 types[i]);
        char *tokens[] = {hmac_token(headers[0], CLAIMS, SECRET),
                          key_token(headers[1], CLAIMS, rsa),
                          key_token(headers[2], CLAIMS, ec)};
        for (int k = 0; k < 3; k++) {
            struct verifier *verifier = k == 0 ? by_secret : by_keys;
            assert_int_equal(check(verifier, tokens[k]), ERR_OK);
            assert_string_equal(identity.username, "ann");
            spoil(tokens[k]);
            refused(verifier, tokens[k], "signature");
        }
        refused(by_keys, key_token(headers[1], CLAIMS, other_rsa), "signature");
        refused(by_keys, hmac_token(headers[1], CLAIMS, rsa_public), "signature");
        refused(by_keys, hmac_token(headers[2], CLAIMS, rsa_public), "signature");
        refused(by_secret, hmac_token(headers[0], CLAIMS, rsa_public), "signature");
    }
}

/* ---------------------------------------------------------------- what must not */

static void e45_alg_none(void **state)
{
    static const char *const headers[] = {"{\"alg\":\"none\"}", "{\"alg\":\"None\"}",
                                          "{\"alg\":\"nOnE\"}", "{\"alg\":\"\"}",
                                          "{\"alg\":null}",     "{}"};
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct buf buf;
        buf_init(&buf, 4096);
        append_parts(&buf, headers[i], CLAIMS);
        buf_append_char(&buf, '.');
        refused(by_secret, strdup((char *)buf.data), "form"); /* empty signature */
        buf_append_text(&buf, "AAAA");
        refused(by_secret, (char *)buf_take(&buf, &(size_t){0}), "alg");
    }
    refused_header("{\"alg\":\"hs256\"}", "alg"); /* libjwt alone takes it */
    refused_header("{\"alg\":\"HS384\"}", "alg");
}

static void e46_public_key_as_secret(void **state)
{
    refused(by_keys,
            hmac_token("{\"alg\":\"HS256\",\"kid\":\"main\"}", CLAIMS, rsa_public),
            "alg");
    refused(by_keys, hmac_token("{\"alg\":\"HS256\"}", CLAIMS, rsa_public), "alg");
    struct verifier *verifier = NULL;
    const char *problem = NULL;
    struct identity_options options = {.secret = rsa_public, .secret_alg = "HS256"};
    assert_int_equal(verifier_create(&options, &verifier, &problem),
                     ERR_VALIDATION_ERROR);
}

static void e47_keys_in_the_token(void **state)
{
    refused(by_keys,
            key_token("{\"alg\":\"RS256\",\"kid\":\"main\",\"jwk\":{\"kty\":\"RSA\"}}",
                      CLAIMS, other_rsa),
            "jwk");
    refused(by_keys,
            key_token("{\"alg\":\"RS256\",\"jku\":\"http://127.0.0.1:1/\"}", CLAIMS,
                      other_rsa),
            "jku");
    refused(by_keys,
            key_token("{\"alg\":\"RS256\",\"x5u\":\"http://127.0.0.1:1/\"}", CLAIMS,
                      other_rsa),
            "x5u");
    refused(by_keys, key_token("{\"alg\":\"RS256\",\"x5c\":[\"AA\"]}", CLAIMS, other_rsa),
            "x5c");
}

static void e48_strange_kids(void **state)
{
    static const char *const kids[] = {
        "\"../../dev/null\"", "\"' OR 1=1--\"", "\"\"", "7", "null", "\"a b\"",
        "\"unknown\"",        "\"main\\u0000\""};
    for (size_t i = 0; i < sizeof(kids) / sizeof(kids[0]); i++) {
        char header[128];
        snprintf(header, sizeof(header), "{\"alg\":\"RS256\",\"kid\":%s}", kids[i]);
        char *token = key_token(header, CLAIMS, rsa);
        assert_int_equal(check(by_keys, token), ERR_UNAUTHENTICATED);
        free(token);
    }
    char big[8000];
    memset(big, 'k', sizeof(big));
    memcpy(big, "{\"alg\":\"RS256\",\"kid\":\"", 22);
    memcpy(big + sizeof(big) - 3, "\"}", 3);
    char *token = key_token(big, CLAIMS, rsa);
    assert_int_equal(check(by_keys, token), ERR_UNAUTHENTICATED);
    free(token);
}

static void e49_exp(void **state)
{
    char *past = hmac_token(HEADER, "{\"sub\":\"u\",\"exp\":1799999999}", SECRET);
    assert_int_equal(check(by_secret, past), ERR_TOKEN_EXPIRED);
    free(past);
    char *now = hmac_token(HEADER, "{\"sub\":\"u\",\"exp\":1800000000}", SECRET);
    assert_int_equal(check(by_secret, now), ERR_TOKEN_EXPIRED); /* exact, no leeway */
    assert_int_equal(check_at(by_secret, now, 1799999999999), ERR_OK);
    free(now);
    static const char *const bad[] = {"",
                                      ",\"exp\":\"1800000600\"",
                                      ",\"exp\":1e30",
                                      ",\"exp\":-1",
                                      ",\"exp\":1800000600.5",
                                      ",\"exp\":0",
                                      ",\"exp\":9007199254740993",
                                      ",\"exp\":null"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char claims[128];
        snprintf(claims, sizeof(claims), "{\"sub\":\"u\"%s}", bad[i]);
        refused_claims(claims, "exp");
    }
    refused_payload("{\"sub\":\"u\",\"exp\":9223372036854775808}");
}

static void e50_from_the_future(void **state)
{
    refused_claims("{\"sub\":\"u\",\"exp\":1800000600,\"nbf\":1800000031}", "nbf");
    refused_claims("{\"sub\":\"u\",\"exp\":1800000600,\"iat\":1800000031}", "iat");
    refused_claims("{\"sub\":\"u\",\"exp\":1800000600,\"nbf\":\"1\"}", "nbf");
    char *token = hmac_token(
        HEADER,
        "{\"sub\":\"u\",\"exp\":1800000600,\"nbf\":1800000030,\"iat\":1800000030}",
        SECRET);
    assert_int_equal(check(by_secret, token), ERR_OK); /* within the leeway */
    free(token);
}

static void checks_longer_hmacs_again_and_again(void **state)
{
    const struct {
        const char *alg, *header;
        const EVP_MD *digest;
    } cases[] = {{"HS384", "{\"alg\":\"HS384\"}", EVP_sha384()},
                 {"HS512", "{\"alg\":\"HS512\"}", EVP_sha512()}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verifier *verifier = NULL;
        const char *problem = NULL;
        struct identity_options options = {.secret = LONG_SECRET,
                                           .secret_alg = cases[i].alg};
        assert_int_equal(verifier_create(&options, &verifier, &problem), ERR_OK);
        for (int again = 0; again < 3; again++) {
            char *token =
                hmac_token_by(cases[i].digest, cases[i].header, CLAIMS, LONG_SECRET);
            assert_int_equal(check(verifier, token), ERR_OK);
            free(token);
            refused(verifier, hmac_token(cases[i].header, CLAIMS, LONG_SECRET),
                    "signature");
        }
        verifier_destroy(verifier);
    }
}

static void e51_for_somebody_else(void **state)
{
    struct verifier *verifier = NULL;
    const char *problem = NULL;
    struct identity_options options = {.secret = SECRET,
                                       .secret_alg = "HS256",
                                       .issuer = "https://id.example",
                                       .audience = "chat",
                                       .leeway_s = 30};
    assert_int_equal(verifier_create(&options, &verifier, &problem), ERR_OK);
    static const struct {
        const char *claims, *why; /* NULL: passes */
    } cases[] = {
        {"\"aud\":\"chat\"", "iss"},
        {"\"iss\":\"https://id.example/\",\"aud\":\"chat\"", "iss"},
        {"\"iss\":\"https://id.example\"", "aud"},
        {"\"iss\":\"https://id.example\",\"aud\":\"chat2\"", "aud"},
        {"\"iss\":\"https://id.example\",\"aud\":[\"a\",5,[\"chat\"]]", "aud"},
        {"\"iss\":\"https://id.example\",\"aud\":{\"chat\":1}", "aud"},
        {"\"iss\":\"https://id.example\",\"aud\":\"chat\"", NULL},
        {"\"iss\":\"https://id.example\",\"aud\":[\"a\",\"chat\"]", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char claims[256];
        snprintf(claims, sizeof(claims), "{\"sub\":\"u\",\"exp\":1800000600,%s}",
                 cases[i].claims);
        char *token = hmac_token(HEADER, claims, SECRET);
        assert_int_equal(check(verifier, token),
                         cases[i].why == NULL ? ERR_OK : ERR_UNAUTHENTICATED);
        assert_string_equal(reason, cases[i].why == NULL ? "" : cases[i].why);
        free(token);
    }
    verifier_destroy(verifier);
    refused_header("{\"alg\":\"HS256\",\"typ\":\"refresh\"}", "typ");
    refused_header("{\"alg\":\"HS256\",\"typ\":7}", "typ");
}

static void e52_crit(void **state)
{
    refused_header("{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", "crit");
    refused_header("{\"alg\":\"HS256\",\"crit\":[]}", "crit");
}

static void e53_said_twice(void **state)
{
    refused_payload("{\"sub\":\"a\",\"sub\":\"b\",\"exp\":1800000600}");
    refused_header("{\"alg\":\"none\",\"alg\":\"HS256\"}", "header");
    refused_header("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "header");
}

static void e54_strange_subs(void **state)
{
    static const char *const subs[] = {"0",
                                       "-1",
                                       "9223372036854775807",
                                       "1.5",
                                       "\"1 \"",
                                       "\"\"",
                                       "null",
                                       "[\"a\"]",
                                       "\"a\\u0007\"",
                                       "\"00000000-0000-0000-0000-000000000000\""};
    for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]); i++) {
        char claims[128];
        snprintf(claims, sizeof(claims), "{\"sub\":%s,\"exp\":1800000600}", subs[i]);
        refused_claims(claims, "sub");
    }
    refused_payload("{\"sub\":9223372036854775808,\"exp\":1800000600}");
    char claims[400];
    snprintf(claims, sizeof(claims), "{\"sub\":\"%0256d\",\"exp\":1800000600}", 1);
    refused_claims(claims, "sub");
}

static void e55_not_quite_a_token(void **state)
{
    char *good = hmac_token(HEADER, CLAIMS, SECRET);
    static const char *const forms[] = {
        "%s.AAAA", "%s=", " %s", "%s ", "%s\n", "%s.", ".%s", "%s+", "Bearer Bearer %s"};
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char text[2048];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof(text), forms[i], good);
#pragma GCC diagnostic pop
        assert_int_equal(check(by_secret, text), ERR_UNAUTHENTICATED);
    }
    char *middle = strchr(good, '.') + 5;
    char kept = *middle;
    for (const char *c = "+/= \n."; *c != 0; c++) {
        *middle = *c;
        assert_int_equal(check(by_secret, good), ERR_UNAUTHENTICATED);
    }
    *middle = kept;
    assert_int_equal(check(by_secret, good), ERR_OK);

    size_t size = 64 * 1024;
    char *big = malloc(size + 1);
    memset(big, 'A', size);
    big[10] = big[20] = '.';
    big[size] = 0;
    assert_int_equal(check(by_secret, big), ERR_UNAUTHENTICATED);
    assert_string_equal(reason, "form");
    assert_int_equal(check(by_secret, ""), ERR_UNAUTHENTICATED);
    free(big);
    free(good);
}

static void e56_signature_of_something_else(void **state)
{
    char *good = hmac_token(HEADER, CLAIMS, SECRET);
    size_t size = strlen(good);
    for (size_t i = size - 43; i < size; i++) {
        char kept = good[i];
        good[i] = kept == 'A' ? 'E' : 'A';
        assert_int_equal(check(by_secret, good), ERR_UNAUTHENTICATED);
        good[i] = kept;
    }
    /* One byte more or less, and the signature of another payload. */
    char text[2048];
    snprintf(text, sizeof(text), "%.*s", (int)size - 1, good);
    assert_int_equal(check(by_secret, text), ERR_UNAUTHENTICATED);
    char *other = hmac_token(HEADER, "{\"sub\":\"root\",\"exp\":1800000600}", SECRET);
    snprintf(text, sizeof(text), "%.*s%s", (int)(strrchr(other, '.') - other), other,
             strrchr(good, '.'));
    assert_int_equal(check(by_secret, text), ERR_UNAUTHENTICATED);
    assert_string_equal(reason, "signature");
    free(other);
    free(good);
    refused(by_secret, hmac_token(HEADER, CLAIMS, "another secret of more than 32 bytes"),
            "signature");
}

static void deep_and_odd_json_is_no_token(void **state)
{
    char claims[256] = "{\"sub\":\"u\",\"exp\":1800000600,\"x\":";
    for (int i = 0; i < 40; i++) {
        strcat(claims, "[");
    }
    for (int i = 0; i < 40; i++) {
        strcat(claims, "]");
    }
    strcat(claims, "}");
    refused_payload(claims);
    refused_payload("[]");
    refused_payload("{\"sub\":\"u\xff\",\"exp\":1800000600}");
    refused_payload("{\"sub\":\"u\",\"exp\":1800000600} x");
}

/* ---------------------------------------------------------------- keys */

static enum err try_keys(const struct identity_options *options)
{
    struct verifier *verifier = NULL;
    const char *problem = NULL;
    enum err err = verifier_create(options, &verifier, &problem);
    if (err == ERR_OK) {
        verifier_destroy(verifier);
    } else {
        assert_non_null(problem);
    }
    return err;
}

static void refuses_weak_and_wrong_keys(void **state)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/set.json", folder);
    struct identity_options by_file = {.jwks_file = path};
    static const char *const sets[] = {
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":\"c2hvcnQ\",\"alg\":\"HS256\"}]"
        "}",
        "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"k\":"
        "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAAAAAAAA\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"../a\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":"
        "\"AA\"}]}",
        "{\"keys\":{}}",
        "no JSON",
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        write_file("set.json", sets[i]);
        assert_int_equal(try_keys(&by_file), ERR_VALIDATION_ERROR);
    }
    /* For encryption, and of a type of tomorrow: passed over. */
    write_file("set.json",
               "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"},"
               "{\"kty\":\"RSA\",\"use\":\"enc\",\"n\":\"AQAB\"}]}");
    assert_int_equal(try_keys(&by_file), ERR_OK);
    unlink(path);

    struct identity_options secret = {.secret = "too short", .secret_alg = "HS256"};
    assert_int_equal(try_keys(&secret), ERR_VALIDATION_ERROR);
    struct identity_options away = {.keys_dir = "/nowhere"};
    assert_int_equal(try_keys(&away), ERR_VALIDATION_ERROR);
}

static void append_number(struct buf *buf, EVP_PKEY *key, const char *name, size_t size)
{
    BIGNUM *number = NULL;
    uint8_t bytes[512];
    EVP_PKEY_get_bn_param(key, name, &number);
    size = size > 0 ? size : (size_t)BN_num_bytes(number);
    BN_bn2binpad(number, bytes, (int)size);
    append_base64url(buf, bytes, size);
    BN_free(number);
}

static void takes_a_key_set_and_reads_it_again(void **state)
{
    struct buf set;
    char path[128];
    buf_init(&set, 65536);
    buf_append_text(
        &set, "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"main\",\"use\":\"sig\",\"n\":\"");
    append_number(&set, rsa, "n", 0);
    buf_append_text(
        &set, "\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"kid\":\"curve\",\"alg\":\"ES256\","
              "\"crv\":\"P-256\",\"x\":\"");
    append_number(&set, ec, "qx", 32);
    buf_append_text(&set, "\",\"y\":\"");
    append_number(&set, ec, "qy", 32);
    buf_append_text(&set, "\"}]}");
    write_file("good.json", (char *)set.data);
    buf_finish(&set);

    struct verifier *verifier = NULL;
    const char *problem = NULL;
    snprintf(path, sizeof(path), "%s/good.json", folder);
    struct identity_options options = {.jwks_file = path};
    assert_int_equal(verifier_create(&options, &verifier, &problem), ERR_OK);
    char *by_rsa = libjwt_token(JWT_ALG_RS256, "main", rsa_private);
    char *by_ec = libjwt_token(JWT_ALG_ES256, "curve", ec_private);
    assert_int_equal(check(verifier, by_rsa), ERR_OK);
    assert_int_equal(check(verifier, by_ec), ERR_OK);

    write_file("good.json", "broken");
    assert_int_equal(verifier_reload(verifier), ERR_VALIDATION_ERROR);
    assert_int_equal(check(verifier, by_rsa), ERR_OK); /* the old keys stay */
    write_file("good.json", "{\"keys\":[]}");
    assert_int_equal(verifier_reload(verifier), ERR_OK);
    assert_int_equal(check(verifier, by_rsa), ERR_UNAUTHENTICATED); /* nor from a cache */
    free(by_rsa);
    free(by_ec);
    verifier_destroy(verifier);
    unlink(path);
}

static void base64url_has_one_form(void **state)
{
    uint8_t out[16];
    assert_int_equal(base64url_decode(BYTES_LITERAL("AQID"), out, sizeof(out)), 3);
    assert_int_equal(base64url_decode(BYTES_LITERAL("AQI"), out, sizeof(out)), 2);
    assert_int_equal(base64url_decode(BYTES_LITERAL("AQJ"), out, sizeof(out)), -1);
    assert_int_equal(base64url_decode(BYTES_LITERAL("A"), out, sizeof(out)), -1);
    assert_int_equal(base64url_decode(BYTES_LITERAL("AQ=="), out, sizeof(out)), -1);
    assert_int_equal(base64url_decode(BYTES_LITERAL("a+/b"), out, sizeof(out)), -1);
    assert_int_equal(base64url_decode(BYTES_LITERAL("-_-_"), out, sizeof(out)), 3);
    assert_int_equal(base64url_decode(BYTES_LITERAL("AQID"), out, 2), -1);
}

/* ---------------------------------------------------------------- frame */

static int set_up(void **state)
{
    const char *problem = "";
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    rsa = EVP_RSA_gen(2048);
    other_rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    rsa_public = pem_of(rsa, false);
    rsa_private = pem_of(rsa, true);
    other_private = pem_of(other_rsa, true);
    ec_private = pem_of(ec, true);
    char *ec_public = pem_of(ec, false);
    write_file("main.RS256.pem", rsa_public);
    write_file("curve.pem", ec_public);
    free(ec_public);
    struct identity_options secret = {
        .secret = SECRET, .secret_alg = "HS256", .leeway_s = 30};
    struct identity_options keys = {.keys_dir = folder, .leeway_s = 30};
    return verifier_create(&secret, &by_secret, &problem) == ERR_OK &&
                   verifier_create(&keys, &by_keys, &problem) == ERR_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
    rmdir(folder);
    verifier_destroy(by_secret);
    verifier_destroy(by_keys);
    verifier_destroy(NULL);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other_rsa);
    EVP_PKEY_free(ec);
    free(rsa_public);
    free(rsa_private);
    free(other_private);
    free(ec_private);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_good_token),
        cmocka_unit_test(a_sub_that_is_no_uuid_gives_always_the_same_one),
        cmocka_unit_test(a_service_may_lack_a_sub),
        cmocka_unit_test(long_names_and_ids_are_cut_or_digested),
        cmocka_unit_test(takes_rsa_and_ec_keys_by_kid),
        cmocka_unit_test(takes_access_tokens_of_every_kind),
        cmocka_unit_test(e45_alg_none),
        cmocka_unit_test(e46_public_key_as_secret),
        cmocka_unit_test(e47_keys_in_the_token),
        cmocka_unit_test(e48_strange_kids),
        cmocka_unit_test(e49_exp),
        cmocka_unit_test(e50_from_the_future),
        cmocka_unit_test(checks_longer_hmacs_again_and_again),
        cmocka_unit_test(e51_for_somebody_else),
        cmocka_unit_test(e52_crit),
        cmocka_unit_test(e53_said_twice),
        cmocka_unit_test(e54_strange_subs),
        cmocka_unit_test(e55_not_quite_a_token),
        cmocka_unit_test(e56_signature_of_something_else),
        cmocka_unit_test(deep_and_odd_json_is_no_token),
        cmocka_unit_test(refuses_weak_and_wrong_keys),
        cmocka_unit_test(takes_a_key_set_and_reads_it_again),
        cmocka_unit_test(base64url_has_one_form),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
