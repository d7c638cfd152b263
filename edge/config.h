/* The edge's settings: one struct, filled from flags, environment and defaults by the
 * table in config.c. */
#ifndef EDGE_CONFIG_H
#define EDGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

enum edge_env { ENV_DEVELOPMENT, ENV_PRODUCTION };
enum edge_limits_mode { LIMITS_ENFORCE, LIMITS_DRY_RUN, LIMITS_OFF };

/* Durations are milliseconds, sizes bytes. Texts are never NULL: "" when not set. */
struct edge_config {
    const char *host;
    int64_t port;
    const char *tls_certificate, *tls_key; /* files; "": plain */
    const char *cores;                     /* "core:7400,10.0.0.3:7400" */
    const char *bus;                       /* URL, see bus/bus.h */
    const char *link_key;

    const char *jwt_secret;
    int jwt_alg; /* index in "HS256|HS384|HS512" */
    const char *jwt_keys;
    const char *jwks;
    const char *jwt_issuer;
    const char *jwt_audience;
    int64_t jwt_leeway_ms;
    bool anonymous;

    const char *cors_origin; /* "" in development: the development server's default */
    int env;                 /* enum edge_env */
    int log_level;           /* enum log_level */
    int log_format;          /* enum log_format */
    int limits;              /* enum edge_limits_mode */

    int64_t message_max;
    int64_t send_queue;
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    int64_t hello_timeout_ms;
    int64_t request_timeout_ms;
    int64_t drain_ms;
    int64_t resolve_interval_ms;
    int64_t socketio_recovery_ms; /* 0: off */

    int64_t max_connections;
    int64_t connections_per_address;
    int64_t unauthenticated_per_address;
    int64_t connects_per_minute; /* of one address */
    const char *trusted_proxies; /* "10.0.0.0/8,127.0.0.1" */

    const char *demo_file;
    const char *web_dir;
};

extern const struct option_def edge_options[];
extern const size_t edge_option_count;

/* config_load() of the table, and what no single row can say. */
enum config_result edge_config_load(int argc, char **argv, struct edge_config *config,
                                    struct buf *ret_text);

/* The name of the secret's algorithm: "HS256". */
const char *edge_config_alg(const struct edge_config *config);

static inline bool edge_in_development(const struct edge_config *config)
{
    return config->env == ENV_DEVELOPMENT;
}

#endif
