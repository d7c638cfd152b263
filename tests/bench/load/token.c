/* Tokens as the system's own command would make them, fast enough for many connections.
 */
#include "load/token.h"

#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

/* Base64url without padding; returns the number of characters. */
static size_t encode(const unsigned char *data, size_t size, char *out)
{
    int count = EVP_EncodeBlock((unsigned char *)out, data, (int)size);
    while (count > 0 && out[count - 1] == '=') {
        count--;
    }
    for (int i = 0; i < count; i++) {
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    }
    out[count] = 0;
    return (size_t)count;
}

/* HMAC() would set up the key anew for each. One secret, one thread. */
static EVP_MAC_CTX *mac_of(const char *secret)
{
    static EVP_MAC_CTX *mac;
    if (mac == NULL) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string("digest", (char *)"SHA256", 0),
            OSSL_PARAM_construct_end(),
        };
        EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        mac = EVP_MAC_CTX_new(hmac);
        EVP_MAC_init(mac, (const unsigned char *)secret, strlen(secret), params);
        EVP_MAC_free(hmac);
    }
    EVP_MAC_init(mac, NULL, 0, NULL);
    return mac;
}

static void sign(const char *secret, const char *claims, char ret_token[TOKEN_SIZE])
{
    static const char head[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    size_t used = encode((const unsigned char *)head, strlen(head), ret_token);
    ret_token[used++] = '.';
    used += encode((const unsigned char *)claims, strlen(claims), ret_token + used);

    unsigned char code[EVP_MAX_MD_SIZE];
    size_t code_size = 0;
    EVP_MAC_CTX *mac = mac_of(secret);
    EVP_MAC_update(mac, (const unsigned char *)ret_token, used);
    EVP_MAC_final(mac, code, &code_size, sizeof(code));
    ret_token[used++] = '.';
    encode(code, code_size, ret_token + used);
}

void token_make(const char *secret, uint32_t user, char ret_token[TOKEN_SIZE])
{
    char claims[200];
    long long now = (long long)time(NULL);
    snprintf(claims, sizeof(claims),
             "{\"sub\":\"00000000-0000-4000-8000-%012x\",\"username\":"
             "\"user%u\",\"iat\":%lld,\"exp\":%lld}",
             user, user, now, now + DAY_S);
    sign(secret, claims, ret_token);
}

void token_make_service(const char *secret, char ret_token[TOKEN_SIZE])
{
    char claims[200];
    long long now = (long long)time(NULL);
    snprintf(claims, sizeof(claims),
             "{\"service\":true,\"username\":\"bench\",\"iat\":%lld,\"exp\":%lld}", now,
             now + DAY_S);
    sign(secret, claims, ret_token);
}
