/* belfry-core: reads its settings, runs the loop, and leaves without losing anything. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "core/chaos.h"
#include "core/core.h"

struct process {
    struct core core;
    struct core_config config;
    uv_signal_t term, interrupt, hangup;
    int argc;
    char **argv;
};

static void close_signals(struct process *process)
{
    uv_close((uv_handle_t *)&process->term, NULL);
    uv_close((uv_handle_t *)&process->interrupt, NULL);
    uv_close((uv_handle_t *)&process->hangup, NULL);
}

static void on_stop(uv_signal_t *handle, int number)
{
    struct process *process = handle->data;
    log_info("stopping", LOG_INT("signal", number));
    core_drain(&process->core);
    close_signals(process);
}

/* Settings that can change while running: the log level. */
static void on_hangup(uv_signal_t *handle, int number)
{
    (void)number;
    struct process *process = handle->data;
    static struct core_config config;
    struct buf text;
    buf_init(&text, 65536);
    if (core_config_load(process->argc, process->argv, &config, &text) == CONFIG_RUN) {
        log_set_level((enum log_level)config.log_level);
        log_info("settings were read again");
    } else {
        log_warn("bad settings, the old ones stay");
    }
    buf_finish(&text);
}

static void watch(uv_loop_t *loop, uv_signal_t *handle, uv_signal_cb callback, int number,
                  struct process *process)
{
    uv_signal_init(loop, handle);
    handle->data = process;
    uv_signal_start(handle, callback, number);
    uv_unref((uv_handle_t *)handle); /* a core that refuses its database just ends */
}

int main(int argc, char **argv)
{
    static struct process process;
    struct buf text;
    process.argc = argc;
    process.argv = argv;
    buf_init(&text, 65536);
    enum config_result result = core_config_load(argc, argv, &process.config, &text);
    if (result != CONFIG_RUN) {
        fprintf(result == CONFIG_HELP ? stdout : stderr, "%.*s", (int)text.size,
                text.data != NULL ? (const char *)text.data : "");
        buf_finish(&text);
        return result == CONFIG_HELP ? 0 : 2;
    }
    buf_finish(&text);
    signal(SIGPIPE, SIG_IGN);
    log_init("core", (enum log_level)process.config.log_level,
             (enum log_format)process.config.log_format);
    if (process.config.chaos_point[0] != '\0') {
        chaos_arm(process.config.chaos_point);
    }
    uv_loop_t *loop = uv_default_loop();
    enum err err = core_open(loop, &process.config, &process.core);
    if (err == ERR_OK) {
        watch(loop, &process.term, on_stop, SIGTERM, &process);
        watch(loop, &process.interrupt, on_stop, SIGINT, &process);
        watch(loop, &process.hangup, on_hangup, SIGHUP, &process);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    uv_loop_close(loop);
    return err == ERR_OK && !process.core.refused ? 0 : 1;
}
