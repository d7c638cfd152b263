/* Says which settings a core has, and checks those that depend on each other. */
#include "core/config.h"

#include <string.h>

#include "belfry/options.pb-c.h"
#include "core/chaos.h"

#define OFFSET(field) offsetof(struct core_config, field)
#define DAY_MS        86400000LL

/* clang-format off */
const struct option_def core_options[] = {
    {"BELFRY_LISTEN_HOST", NULL, OPTION_TEXT, OFFSET(listen_host), "0.0.0.0", 0, 0, NULL,
     "Address on which the core listens for edges."},
    {"BELFRY_LISTEN_PORT", NULL, OPTION_INT, OFFSET(listen_port), "7400", 1, 65534, NULL,
     "Port on which the core listens for edges; the embedded bus uses the next one."},
    {"BELFRY_BUS", NULL, OPTION_TEXT, OFFSET(bus), "nng:", 0, 0, NULL,
     "The bus to the edges: nng: (embedded), nats://host:port or redis://host:port."},
    {"DATABASE_URL", "BELFRY_DATABASE_URL", OPTION_SECRET, OFFSET(database_url), NULL, 0, 0, NULL,
     "PostgreSQL, as a URL or a libpq connection string."},
    {"BELFRY_DB_CONNECTIONS", NULL, OPTION_INT, OFFSET(db_connections), "1", 1, 64, NULL,
     "Connections to PostgreSQL, each for many requests at once; as many again may wait for locks. More are for a PostgreSQL far away: on one, commits are fuller."},
    {"BELFRY_LINK_KEY", NULL, OPTION_SECRET, OFFSET(link_key), NULL, 0, 0, NULL,
     "Secret shared by edges and cores, at least 32 bytes."},
    {"BELFRY_ENV", NULL, OPTION_CHOICE, OFFSET(env), "production", 0, 0, "development|production",
     "In development, errors teach and test settings are allowed."},
    {"BELFRY_LOG_LEVEL", NULL, OPTION_CHOICE, OFFSET(log_level), "info", 0, 0, "debug|info|warn|error",
     "The least important lines that are written."},
    {"BELFRY_LOG_FORMAT", NULL, OPTION_CHOICE, OFFSET(log_format), "auto", 0, 0, "auto|json|text",
     "Form of the log; auto is text on a terminal and JSON elsewhere."},
    {"BELFRY_STATUS_HOST", NULL, OPTION_TEXT, OFFSET(status_host), "0.0.0.0", 0, 0, NULL,
     "Address of /metrics, /healthz and /readyz."},
    {"BELFRY_STATUS_PORT", NULL, OPTION_INT, OFFSET(status_port), "7402", 0, 65535, NULL,
     "Port of /metrics, /healthz and /readyz; 0: none."},
    {"BELFRY_SERVICE_ACTIONS", NULL, OPTION_TEXT, OFFSET(service_actions), "", 0, 0, NULL,
     "Actions that service tokens hold, a list with commas, or all."},
    {"BELFRY_CREATE_USERS", NULL, OPTION_BOOL, OFFSET(create_users), "on", 0, 0, NULL,
     "Whether a user seen for the first time is created from the token's claims."},
    {"BELFRY_ANSWERS_KEEP", NULL, OPTION_DURATION, OFFSET(answers_keep_ms), "7d", 3600000, 365 * DAY_MS, NULL,
     "How long a retry finds the first answer."},
    {"BELFRY_EVENTS_KEEP", NULL, OPTION_DURATION, OFFSET(events_keep_ms), "30d", 3600000, 36500 * DAY_MS, NULL,
     "How long the events of a stream are kept for resume."},
    {"BELFRY_CHAOS_POINT", NULL, OPTION_TEXT, OFFSET(chaos_point), "", 0, 0, NULL,
     "Kills the process at a named point, for tests; refused in production."},
};
/* clang-format on */

const size_t core_option_count = sizeof(core_options) / sizeof(core_options[0]);

/* "A,B" or "all" to a mask; an unknown name is told in ret_text. */
static bool parse_actions(const char *text, uint64_t *ret_mask, struct buf *ret_text)
{
    const ProtobufCEnumDescriptor *actions = &belfry__action__descriptor;
    uint64_t mask = 0;
    bool good = true;
    if (strcmp(text, "all") == 0) {
        for (unsigned i = 0; i < actions->n_values; i++) {
            mask |= UINT64_C(1) << (actions->values[i].value - 1);
        }
        *ret_mask = mask;
        return true;
    }
    while (*text != '\0') {
        char name[64] = "";
        size_t size = strcspn(text, ", ");
        if (size > 0 && size < sizeof(name)) {
            memcpy(name, text, size);
        }
        const ProtobufCEnumValue *value =
            protobuf_c_enum_descriptor_get_value_by_name(actions, name);
        if (value != NULL) {
            mask |= UINT64_C(1) << (value->value - 1);
        } else if (size > 0) {
            buf_printf(ret_text, "BELFRY_SERVICE_ACTIONS: no action %.*s\n", (int)size,
                       text);
            good = false;
        }
        text += size;
        text += strspn(text, ", ");
    }
    *ret_mask = mask;
    return good;
}

enum config_result core_config_load(int argc, char **argv, struct core_config *ret_config,
                                    struct buf *ret_text)
{
    enum config_result result =
        config_load(core_options, core_option_count, "belfry-core",
                    "Runs events against PostgreSQL and publishes what they cause.", argc,
                    argv, ret_config, ret_text);
    if (result != CONFIG_RUN) {
        return result;
    }
    bool good =
        parse_actions(ret_config->service_actions, &ret_config->service_rights, ret_text);
    if (strlen(ret_config->link_key) < 32) {
        buf_append_text(ret_text, "BELFRY_LINK_KEY: at least 32 bytes\n");
        good = false;
    }
    if (ret_config->events_keep_ms < ret_config->answers_keep_ms) {
        /* a stored answer may point at its event */
        buf_append_text(ret_text,
                        "BELFRY_EVENTS_KEEP: not less than BELFRY_ANSWERS_KEEP\n");
        good = false;
    }
    if (ret_config->chaos_point[0] != '\0') {
        if (ret_config->env == ENV_PRODUCTION) {
            buf_append_text(ret_text, "BELFRY_CHAOS_POINT: not in production\n");
            good = false;
        } else if (!chaos_known(ret_config->chaos_point)) {
            buf_append_text(ret_text, "BELFRY_CHAOS_POINT: no such point\n");
            good = false;
        }
    }
    return good ? CONFIG_RUN : CONFIG_BAD;
}
