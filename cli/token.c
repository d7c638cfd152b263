/* `belfry token`: signs a JWT (HS256), for development and for services. */
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "cli/command.h"

/* base64url without padding (RFC 7515 section 2) */
static void append_base64url(struct buf *out, const uint8_t *data, size_t size)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t group = (uint32_t)data[i] << 16;
        group |= i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0;
        group |= i + 2 < size ? (uint32_t)data[i + 2] : 0;
        size_t digits = size - i >= 3 ? 4 : size - i + 1;
        for (size_t d = 0; d < digits; d++) {
            buf_append_char(out, alphabet[group >> (18 - 6 * d) & 63]);
        }
    }
}

/* The id of a name: what the database knows; else the caller must give an id. */
static bool find_user(const struct settings *settings, const char *name,
                      struct uuid *ret_user)
{
    if (uuid_parse(bytes_of_text(name), ret_user)) {
        return true;
    }
    PGconn *connection = connect_database(settings);
    if (connection == NULL) {
        fail("a name needs the database; a UUID works without");
        return false;
    }
    PGresult *result =
        PQexecParams(connection, "SELECT id FROM users WHERE lower(username) = lower($1)",
                     1, NULL, &name, NULL, NULL, 0);
    bool found = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
                 uuid_parse(bytes_of_text(PQgetvalue(result, 0, 0)), ret_user);
    if (!found) {
        fail("no user is called %s", name);
    }
    PQclear(result);
    PQfinish(connection);
    return found;
}

static void append_claims(struct buf *claims, const struct settings *settings,
                          const char *name, struct uuid user)
{
    char sub[UUID_TEXT_SIZE], jti[UUID_TEXT_SIZE];
    int64_t now_s = clock_unix_ms() / 1000;
    uuid_format(user, sub);
    uuid_format(uuid_v7(), jti);
    bool is_id = strlen(name) == UUID_TEXT_SIZE - 1;
    const char *username = settings->username[0] != '\0' ? settings->username
                           : is_id                       ? ""
                                                         : name;
    buf_printf(claims, "{\"sub\":\"%s\",\"jti\":\"%s\",\"iat\":%lld,\"exp\":%lld", sub,
               jti, (long long)now_s, (long long)(now_s + settings->expires_ms / 1000));
    if (username[0] != '\0') {
        buf_append_text(claims, ",\"username\":");
        buf_append_json_string(claims, bytes_of_text(username));
    }
    if (settings->service) {
        buf_append_text(claims, ",\"service\":true");
    }
    buf_append_char(claims, '}');
}

static int run(const struct settings *settings, int argc, char **argv)
{
    struct uuid user;
    if (argc != 1) {
        return 2;
    }
    if (settings->jwt_secret[0] == '\0') {
        return fail("BELFRY_JWT_SECRET must be set");
    }
    if (!find_user(settings, argv[0], &user)) {
        return 1;
    }
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    struct buf claims, token;
    buf_init(&claims, 4096);
    buf_init(&token, 8192);
    append_claims(&claims, settings, argv[0], user);
    append_base64url(&token, (const uint8_t *)header, sizeof(header) - 1);
    buf_append_char(&token, '.');
    append_base64url(&token, claims.data, claims.size);
    uint8_t mac[32];
    unsigned mac_size = sizeof(mac);
    HMAC(EVP_sha256(), settings->jwt_secret, (int)strlen(settings->jwt_secret),
         token.data, token.size, mac, &mac_size);
    buf_append_char(&token, '.');
    append_base64url(&token, mac, mac_size);
    puts((const char *)token.data);
    buf_finish(&claims);
    buf_finish(&token);
    return 0;
}

const struct command command_token = {
    .name = "token",
    .usage = "USER [--expires 24h] [--username NAME] [--service]",
    .help = "Prints a JWT for a user, by name or id.",
    .run = run,
};
