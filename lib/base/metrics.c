/* Shows what the process counts in the text form that Prometheus reads. */
#include "base/metrics.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct bound {
    int64_t us;
    const char *text; /* in seconds */
};

static const struct bound bounds[METRIC_BUCKETS] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},
    {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},
    {250000, "0.25"}, {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"},
    {5000000, "5"},   {10000000, "10"},
};

static const char *const type_names[] = {
    [METRIC_COUNTER_TYPE] = "counter",
    [METRIC_GAUGE_TYPE] = "gauge",
    [METRIC_HISTOGRAM_TYPE] = "histogram",
};

/* Guards the list only: values are atomic. */
static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *first;

void metrics_register(struct metric *metric)
{
    pthread_mutex_lock(&list_lock);
    struct metric **place = &first;
    struct metric **family_end = NULL;
    for (; *place != NULL && *place != metric; place = &(*place)->next) {
        if (strcmp((*place)->name, metric->name) == 0) {
            assert((*place)->type == metric->type);
            family_end = &(*place)->next;
        }
    }
    if (*place == NULL) {
        /* The format wants the lines of one name together. */
        place = family_end != NULL ? family_end : place;
        metric->next = *place;
        *place = metric;
    }
    pthread_mutex_unlock(&list_lock);
}

void metric_observe_us(struct metric *metric, int64_t us)
{
    us = us < 0 ? 0 : us;
    size_t i = 0;
    while (i < METRIC_BUCKETS && us > bounds[i].us) {
        i++;
    }
    atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
    metric_add(metric, us);
}

static void render_head(struct buf *buf, const char *name, const char *help,
                        enum metric_type type)
{
    buf_printf(buf, "# HELP %s ", name);
    for (const char *c = help; *c != 0; c++) {
        if (*c == '\\') {
            buf_append_text(buf, "\\\\");
        } else if (*c == '\n') {
            buf_append_text(buf, "\\n");
        } else {
            buf_append_char(buf, *c);
        }
    }
    buf_printf(buf, "\n# TYPE %s %s\n", name, type_names[type]);
}

static void render_seconds(struct buf *buf, int64_t us)
{
    buf_printf(buf, "%" PRId64 ".%06" PRId64 "\n", us / 1000000, us % 1000000);
}

/* The name, a suffix, and the labels in braces if there are any. */
static void render_name(struct buf *buf, const struct metric *metric, const char *suffix)
{
    buf_printf(buf, "%s%s", metric->name, suffix);
    if (metric->labels != NULL) {
        buf_printf(buf, "{%s}", metric->labels);
    }
    buf_append_char(buf, ' ');
}

static void render_histogram(struct buf *buf, struct metric *metric)
{
    const char *labels = metric->labels != NULL ? metric->labels : "";
    const char *comma = metric->labels != NULL ? "," : "";
    int64_t count = 0; /* of the buckets as they were read: +Inf and _count must agree */
    for (size_t i = 0; i <= METRIC_BUCKETS; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        buf_printf(buf, "%s_bucket{%s%sle=\"%s\"} %" PRId64 "\n", metric->name, labels,
                   comma, i < METRIC_BUCKETS ? bounds[i].text : "+Inf", count);
    }
    render_name(buf, metric, "_sum");
    render_seconds(buf, atomic_load_explicit(&metric->value, memory_order_relaxed));
    render_name(buf, metric, "_count");
    buf_printf(buf, "%" PRId64 "\n", count);
}

static void render_metric(struct buf *buf, struct metric *metric)
{
    if (metric->type == METRIC_HISTOGRAM_TYPE) {
        render_histogram(buf, metric);
        return;
    }
    int64_t value = metric->read != NULL
                        ? metric->read()
                        : atomic_load_explicit(&metric->value, memory_order_relaxed);
    render_name(buf, metric, "");
    buf_printf(buf, "%" PRId64 "\n", value);
}

/* Reads a small file of /proc. False if it is not there. */
static bool read_proc(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    size_t got = fread(ret_text, 1, size - 1, file);
    ret_text[got] = 0;
    fclose(file);
    return got > 0;
}

static void render_memory(struct buf *buf)
{
    char text[128];
    int64_t pages;
    if (read_proc("/proc/self/statm", text, sizeof(text)) &&
        sscanf(text, "%*s %" SCNd64, &pages) == 1) {
        render_head(buf, "process_resident_memory_bytes",
                    "Resident memory size in bytes.", METRIC_GAUGE_TYPE);
        buf_printf(buf, "process_resident_memory_bytes %" PRId64 "\n",
                   pages * sysconf(_SC_PAGESIZE));
    }
}

static void render_cpu(struct buf *buf)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    render_head(buf, "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.", METRIC_COUNTER_TYPE);
    buf_append_text(buf, "process_cpu_seconds_total ");
    render_seconds(buf, (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000);
}

/* -1 if unknown. */
static int64_t count_fds(void)
{
    /* Since Linux 6.2 the size of this folder is the number of files: an edge with
     * 100,000 clients need not list them each time it is scraped. */
    struct stat status;
    if (stat("/proc/self/fd", &status) == 0 && status.st_size > 0) {
        return status.st_size;
    }
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL) {
        return -1;
    }
    int64_t count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count - 3; /* ".", ".." and the folder itself */
}

static void render_fds(struct buf *buf)
{
    int64_t count = count_fds();
    if (count >= 0) {
        render_head(buf, "process_open_fds", "Number of open file descriptors.",
                    METRIC_GAUGE_TYPE);
        buf_printf(buf, "process_open_fds %" PRId64 "\n", count);
    }
}

static void render_start_time(struct buf *buf)
{
    char text[1024];
    int64_t ticks;
    struct timespec now, up;
    /* The program's name comes second and may hold anything: go on behind its ')'. */
    char *behind_name =
        read_proc("/proc/self/stat", text, sizeof(text)) ? strrchr(text, ')') : NULL;
    if (behind_name == NULL ||
        sscanf(behind_name + 1,
               " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
               " %*s %" SCNd64,
               &ticks) != 1) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    clock_gettime(CLOCK_BOOTTIME, &up);
    int64_t boot_ms =
        (now.tv_sec - up.tv_sec) * INT64_C(1000) + (now.tv_nsec - up.tv_nsec) / 1000000;
    int64_t start_ms = boot_ms + ticks * 1000 / sysconf(_SC_CLK_TCK);
    render_head(buf, "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
                METRIC_GAUGE_TYPE);
    buf_printf(buf, "process_start_time_seconds %" PRId64 "\n", (start_ms + 500) / 1000);
}

void metrics_render(struct buf *buf)
{
    pthread_mutex_lock(&list_lock);
    const char *family = "";
    for (struct metric *metric = first; metric != NULL; metric = metric->next) {
        if (strcmp(metric->name, family) != 0) {
            family = metric->name;
            render_head(buf, metric->name, metric->help, metric->type);
        }
        render_metric(buf, metric);
    }
    pthread_mutex_unlock(&list_lock);

    render_memory(buf);
    render_cpu(buf);
    render_fds(buf);
    render_start_time(buf);
}
