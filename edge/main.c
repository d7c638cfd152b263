/* belfry-edge: reads its settings, runs the loop, and leaves politely when told to. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "edge/edge.h"

#define TEXT_MAX           (256 * 1024)
#define DESCRIPTORS_BESIDE 1024 /* cores, files, timers */
#define CLIENTS_MAX        (1024 * 1024)

static struct edge edge;
static struct edge_config config;
static uv_signal_t signals[3];
static struct {
    int count;
    char **texts;
} arguments;

/* The second asks for an end at once. */
static void on_end(uv_signal_t *handle, int number)
{
    if (edge.draining) {
        log_warn("stops at once");
        uv_stop(edge.loop);
        return;
    }
    log_info("asked to stop", LOG_INT("signal", number));
    edge_drain(&edge);
}

/* Read again: the keys, and of the settings what can change while clients stay: how much
 * is logged, and whether limits hold. They come from files, if given so (…_FILE). */
static void on_hangup(uv_signal_t *handle, int number)
{
    static struct edge_config fresh;
    struct buf text;
    buf_init(&text, TEXT_MAX);
    if (edge_config_load(arguments.count, arguments.texts, &fresh, &text) == CONFIG_RUN) {
        log_set_level((enum log_level)fresh.log_level);
        limits_set_mode(edge.limits, (enum edge_limits_mode)fresh.limits);
        edge_reload(&edge);
        log_info("reloaded");
    } else {
        log_error("not reloaded, the settings are wrong now",
                  LOG_BYTES("problem", buf_bytes(&text)));
    }
    buf_finish(&text);
}

static void watch_signals(uv_loop_t *loop)
{
    static const struct {
        int number;
        uv_signal_cb on_signal;
    } wanted[] = {{SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_hangup}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        uv_signal_init(loop, &signals[i]);
        uv_signal_start(&signals[i], wanted[i].on_signal, wanted[i].number);
        uv_unref((uv_handle_t *)&signals[i]);
    }
    signal(SIGPIPE, SIG_IGN);
}

/* Each client is a descriptor, or three with TLS at the edge, where one that is gone
 * keeps two more for some seconds; the soft limit of a shell is 1,024 of them. No more
 * than are needed: at each close libwebsockets looks through a table with a place for
 * every one (5 µs for 20,000), and a container may have a million.
 */
static void set_descriptors(void)
{
    bool tls = config.tls_certificate != NULL && config.tls_certificate[0] != '\0';
    int64_t clients =
        config.max_connections < CLIENTS_MAX ? config.max_connections : CLIENTS_MAX;
    rlim_t wanted = (rlim_t)clients * (tls ? 5 : 1) + DESCRIPTORS_BESIDE;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    if (limit.rlim_max < wanted) {
        log_warn("fewer descriptors than BELFRY_MAX_CONNECTIONS may need",
                 LOG_INT("wanted", (int64_t)wanted),
                 LOG_INT("limit", (int64_t)limit.rlim_max));
        wanted = limit.rlim_max;
    }
    limit.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* CONFIG_RUN: go on. Else the process ends with *ret_status. */
static enum config_result read_settings(int argc, char **argv, int *ret_status)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    enum config_result result = edge_config_load(argc, argv, &config, &text);
    FILE *to = result == CONFIG_BAD ? stderr : stdout;
    if (text.size > 0) {
        fwrite(text.data, 1, text.size, to);
    }
    buf_finish(&text);
    *ret_status = result == CONFIG_BAD ? EXIT_FAILURE : EXIT_SUCCESS;
    return result;
}

int main(int argc, char **argv)
{
    int status;
    arguments.count = argc;
    arguments.texts = argv;
    if (read_settings(argc, argv, &status) != CONFIG_RUN) {
        return status;
    }
    log_init("edge", (enum log_level)config.log_level,
             (enum log_format)config.log_format);
    set_descriptors();
    uv_loop_t *loop = uv_default_loop();
    watch_signals(loop);
    if (edge_start(&edge, &config, loop) != ERR_OK) {
        log_error("does not start");
        _exit(EXIT_FAILURE);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    edge_stop(&edge);
    log_info("stopped");
    /* NNG's threads may hang while it closes: nothing is left to lose, so leave. */
    _exit(EXIT_SUCCESS);
}
