/* Target functions: verifier_check and all beneath it, with a secret and without a valid
 * signature; and, since no fuzzer finds a MAC, the same claims signed by us: then only
 * the claims decide. No input crashes it, nothing without a good signature passes, and
 * what passes keeps the rules. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

#include "base/buf.h"
#include "edge/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECRET "a secret of more than thirty-two bytes"
#define NOW_S  INT64_C(1800000000)

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void append_base64url(struct buf *buf, const void *data, size_t size)
{
    char text[TOKEN_MAX_BYTES * 2];
    int length = EVP_EncodeBlock((uint8_t *)text, data, (int)size);
    for (int i = 0; i < length && text[i] != '='; i++) {
        char c = text[i];
        buf_append_char(buf, c == '+' ? '-' : c == '/' ? '_' : c);
    }
}

/* The input's first line as the header, the rest as claims, signed. */
static void check_signed(struct verifier *verifier, const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    if (end == NULL || size > TOKEN_MAX_BYTES / 2) {
        return;
    }
    struct buf token;
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;
    buf_init(&token, TOKEN_MAX_BYTES * 4);
    append_base64url(&token, data, (size_t)(end - data));
    buf_append_char(&token, '.');
    append_base64url(&token, end + 1, size - (size_t)(end + 1 - data));
    HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, token.data, token.size, mac,
         &mac_size);
    buf_append_char(&token, '.');
    append_base64url(&token, mac, mac_size);
    struct identity identity = {0};
    const char *reason = "";
    if (verifier_check(verifier, buf_bytes(&token), NOW_S * 1000, &identity, &reason) ==
        ERR_OK) {
        require(identity.expires_at > NOW_S);
        require(identity.issued_at <= NOW_S + 30);
        require(identity.service || !uuid_is_zero(identity.user_id));
    } else {
        require(reason[0] != 0);
    }
    buf_finish(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct verifier *verifier;
    if (verifier == NULL) {
        const char *problem = "";
        struct identity_options options = {
            .secret = SECRET, .secret_alg = "HS256", .leeway_s = 30};
        require(verifier_create(&options, &verifier, &problem) == ERR_OK);
    }
    struct identity identity = {0};
    const char *reason = "";
    require(verifier_check(verifier, bytes_make(data, size), NOW_S * 1000, &identity,
                           &reason) != ERR_OK);
    require(reason[0] != 0);
    if (size > 0) {
        check_signed(verifier, data, size);
    }
    return 0;
}
