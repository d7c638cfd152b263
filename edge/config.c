/* The one place where a setting of the edge gets its name, default and meaning. */
#include "edge/config.h"

#define FIELD(name) offsetof(struct edge_config, name)

#define PORT_MAX 65535
#define MINUTE   60000
#define DAY      86400000
#define KB       1024
#define MB       (1024 * 1024)

#define LINK_KEY_BYTES_MIN 32

/* clang-format off */
const struct option_def edge_options[] = {
    {"BELFRY_HOST", NULL, OPTION_TEXT, FIELD(host), "0.0.0.0", 0, 0, NULL,
     "Address to listen on; :: for IPv6 and IPv4."},
    {"BELFRY_PORT", NULL, OPTION_INT, FIELD(port), "8080", 1, PORT_MAX, NULL,
     "Port for WebSocket and HTTP."},
    {"BELFRY_TLS_CERT", NULL, OPTION_TEXT, FIELD(tls_certificate), "", 0, 0, NULL,
     "File with the certificate chain in PEM: the port speaks wss and https only. Empty: "
     "plain, for a proxy in front."},
    {"BELFRY_TLS_KEY", NULL, OPTION_TEXT, FIELD(tls_key), "", 0, 0, NULL,
     "File with the certificate's private key in PEM."},
    {"BELFRY_CORES", NULL, OPTION_TEXT, FIELD(cores), "core:7400", 0, 0, NULL,
     "Cores as host:port, comma separated; all addresses of a name are used."},
    {"BELFRY_BUS", NULL, OPTION_TEXT, FIELD(bus), "nng:", 0, 0, NULL,
     "The bus: nng:, nats://host:4222 or redis://host:6379."},
    {"BELFRY_LINK_KEY", NULL, OPTION_SECRET, FIELD(link_key), NULL, 0, 0, NULL,
     "Secret shared with the cores, 32 bytes or more."},

    {"BELFRY_JWT_SECRET", NULL, OPTION_SECRET, FIELD(jwt_secret), "", 0, 0, NULL,
     "Secret that signs tokens without a key id, 32 bytes or more."},
    {"BELFRY_JWT_ALG", NULL, OPTION_CHOICE, FIELD(jwt_alg), "HS256", 0, 0,
     "HS256|HS384|HS512", "Algorithm of the secret."},
    {"BELFRY_JWT_KEYS", NULL, OPTION_TEXT, FIELD(jwt_keys), "", 0, 0, NULL,
     "Folder of public keys named KID.RS256.pem, KID.ES256.pem and so on."},
    {"BELFRY_JWKS", NULL, OPTION_TEXT, FIELD(jwks), "", 0, 0, NULL,
     "File with a JSON Web Key Set."},
    {"BELFRY_JWT_ISSUER", NULL, OPTION_TEXT, FIELD(jwt_issuer), "", 0, 0, NULL,
     "Tokens must have this iss; empty: any."},
    {"BELFRY_JWT_AUDIENCE", NULL, OPTION_TEXT, FIELD(jwt_audience), "", 0, 0, NULL,
     "Tokens must have this in aud; empty: any."},
    {"BELFRY_JWT_LEEWAY", NULL, OPTION_DURATION, FIELD(jwt_leeway_ms), "30s", 0,
     10 * MINUTE, NULL, "How far nbf and iat may lie in the future."},
    {"BELFRY_ANONYMOUS", NULL, OPTION_BOOL, FIELD(anonymous), "off", 0, 0, NULL,
     "Accept connections without a token, for events that need none."},

    {"BELFRY_CORS_ORIGIN", "CORS_ORIGIN", OPTION_TEXT, FIELD(cors_origin), "", 0, 0, NULL,
     "Origins of web pages that may connect, comma separated; *.example.com stands for "
     "every subdomain, * for all. In development http://localhost:5173 when empty."},
    {"BELFRY_ENV", NULL, OPTION_CHOICE, FIELD(env), "production", 0, 0,
     "development|production",
     "In development errors teach and the demo and the console are served."},
    {"BELFRY_LOG_LEVEL", NULL, OPTION_CHOICE, FIELD(log_level), "info", 0, 0,
     "debug|info|warn|error", "The least that is logged."},
    {"BELFRY_LOG_FORMAT", NULL, OPTION_CHOICE, FIELD(log_format), "auto", 0, 0,
     "auto|json|text", "auto: text on a terminal, else one line of JSON each."},
    {"BELFRY_LIMITS", NULL, OPTION_CHOICE, FIELD(limits), "enforce", 0, 0,
     "enforce|dry-run|off", "dry-run counts what would have been refused."},

    {"BELFRY_MESSAGE_MAX", NULL, OPTION_SIZE, FIELD(message_max), "64KB", KB, MB, NULL,
     "Largest message of a client, and largest HTTP body."},
    {"BELFRY_SEND_QUEUE", NULL, OPTION_SIZE, FIELD(send_queue), "256KB", 16 * KB, 64 * MB,
     NULL, "What may wait for a slow client before it is disconnected."},
    {"BELFRY_PING_INTERVAL", NULL, OPTION_DURATION, FIELD(ping_interval_ms), "25s", 100,
     10 * MINUTE, NULL, "Between the heartbeats of a connection."},
    {"BELFRY_PING_TIMEOUT", NULL, OPTION_DURATION, FIELD(ping_timeout_ms), "20s", 100,
     10 * MINUTE, NULL, "How long the answer to a heartbeat may take."},
    {"BELFRY_HELLO_TIMEOUT", NULL, OPTION_DURATION, FIELD(hello_timeout_ms), "5s", 100,
     MINUTE, NULL,
     "How long a request's head or the first hello may take; twice that for the first "
     "Socket.IO CONNECT."},
    {"BELFRY_REQUEST_TIMEOUT", NULL, OPTION_DURATION, FIELD(request_timeout_ms), "10s",
     500, 10 * MINUTE, NULL, "How long an event is tried before there is no answer."},
    {"BELFRY_DRAIN", NULL, OPTION_DURATION, FIELD(drain_ms), "10s", 0, DAY, NULL,
     "How long a stopping edge takes to send its clients elsewhere."},
    {"BELFRY_RESOLVE_INTERVAL", NULL, OPTION_DURATION, FIELD(resolve_interval_ms), "1s",
     100, 10 * MINUTE, NULL, "Between look-ups of the cores' names."},
    {"BELFRY_SOCKETIO_RECOVERY", NULL, OPTION_DURATION, FIELD(socketio_recovery_ms), "0",
     0, 10 * MINUTE, NULL,
     "How long after a connection broke Socket.IO's connection state recovery works, on "
     "the same edge; 0: it is off."},

    {"BELFRY_MAX_CONNECTIONS", NULL, OPTION_INT, FIELD(max_connections), "100000", 1, 0,
     NULL, "Connections of all clients together."},
    {"BELFRY_CONNECTIONS_PER_ADDRESS", NULL, OPTION_INT, FIELD(connections_per_address),
     "20000", 1, 0, NULL, "Connections of one address."},
    {"BELFRY_UNAUTHENTICATED_PER_ADDRESS", NULL, OPTION_INT,
     FIELD(unauthenticated_per_address), "1000", 1, 0, NULL,
     "Connections of one address that have not said who they are."},
    {"BELFRY_CONNECTS_PER_MINUTE", NULL, OPTION_INT, FIELD(connects_per_minute), "3000", 1,
     0, NULL, "New WebSockets of one address in a minute."},
    {"BELFRY_TRUSTED_PROXIES", NULL, OPTION_TEXT, FIELD(trusted_proxies), "", 0, 0, NULL,
     "Addresses or networks (10.0.0.0/8) whose X-Forwarded-For is believed, comma "
     "separated."},

    {"BELFRY_DEMO_FILE", NULL, OPTION_TEXT, FIELD(demo_file), "", 0, 0, NULL,
     "JSON with the demo's token and addresses; development only."},
    {"BELFRY_WEB_DIR", NULL, OPTION_TEXT, FIELD(web_dir), "", 0, 0, NULL,
     "Folder with the pages of the demo and the console; development only."},
};
/* clang-format on */

const size_t edge_option_count = sizeof(edge_options) / sizeof(edge_options[0]);

const char *edge_config_alg(const struct edge_config *config)
{
    static const char *const algs[] = {"HS256", "HS384", "HS512"};
    return algs[config->jwt_alg];
}

enum config_result edge_config_load(int argc, char **argv, struct edge_config *config,
                                    struct buf *ret_text)
{
    *config = (struct edge_config){0};
    enum config_result result =
        config_load(edge_options, edge_option_count, "belfry-edge",
                    "Holds the clients' connections and forwards their events to cores.",
                    argc, argv, config, ret_text);
    if (result == CONFIG_HELP) {
        return result;
    }

    size_t before = ret_text->size;
    if (config->link_key != NULL && strlen(config->link_key) < LINK_KEY_BYTES_MIN) {
        buf_printf(ret_text, "BELFRY_LINK_KEY must have at least %d bytes\n",
                   LINK_KEY_BYTES_MIN);
    }
    bool has_keys = config->jwt_secret != NULL && config->jwt_secret[0] != 0;
    has_keys = has_keys || (config->jwt_keys != NULL && config->jwt_keys[0] != 0);
    has_keys = has_keys || (config->jwks != NULL && config->jwks[0] != 0);
    if (!has_keys && !config->anonymous) {
        buf_append_text(ret_text, "One of BELFRY_JWT_SECRET, BELFRY_JWT_KEYS and "
                                  "BELFRY_JWKS must be set, or BELFRY_ANONYMOUS=on\n");
    }
    if ((config->tls_certificate != NULL && config->tls_certificate[0] != 0) !=
        (config->tls_key != NULL && config->tls_key[0] != 0)) {
        buf_append_text(ret_text,
                        "BELFRY_TLS_CERT and BELFRY_TLS_KEY must be set together\n");
    }
    return ret_text->size > before ? CONFIG_BAD : result;
}
