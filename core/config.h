/* The settings of a core process: one table makes variables, flags and documents. */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/config.h"

enum { ENV_DEVELOPMENT, ENV_PRODUCTION };

struct core_config {
    const char *listen_host;
    int64_t listen_port;
    const char *bus;
    const char *database_url;
    int64_t db_connections;
    const char *link_key;
    int env;
    int log_level;
    int log_format;
    const char *status_host;
    int64_t status_port;
    const char *service_actions;
    bool create_users;
    int64_t answers_keep_ms;
    int64_t events_keep_ms;
    const char *chaos_point;
    uint64_t service_rights; /* of service_actions, as a mask */
};

extern const struct option_def core_options[];
extern const size_t core_option_count;

/* Reads and checks all settings; ret_text is what to print unless CONFIG_RUN. */
enum config_result core_config_load(int argc, char **argv, struct core_config *ret_config,
                                    struct buf *ret_text);

#endif
