/* Counters, gauges and histograms, and their Prometheus text form (exposition format
 * 0.0.4). A metric is a static struct that its file owns and registers once:
 *
 *     static struct metric sent = METRIC_COUNTER("belfry_edge_frames_sent_total",
 *                                                "Frames written to clients.");
 *
 * Several metrics may share a name and differ in `labels` (`reason="slow"`).
 * Values are atomic: any thread may count. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"

enum metric_type { METRIC_COUNTER_TYPE, METRIC_GAUGE_TYPE, METRIC_HISTOGRAM_TYPE };

#define METRIC_BUCKETS 14 /* upper bounds in seconds: 0.0005, 0.001, 0.0025 … 10 */

struct metric {
    const char *name;
    const char *labels; /* `a="b",c="d"`, escaped already, or NULL */
    const char *help;
    enum metric_type type;
    _Atomic int64_t value; /* counter, gauge; histogram: sum in us */
    _Atomic int64_t buckets[METRIC_BUCKETS + 1]; /* histogram only; last is +Inf */
    int64_t (*read)(void); /* gauge: asked at render time, or NULL */
    struct metric *next;
};

#define METRIC_COUNTER(n, h)                                                             \
    {                                                                                    \
        .name = (n), .help = (h), .type = METRIC_COUNTER_TYPE                            \
    }
#define METRIC_COUNTER_LABEL(n, l, h)                                                    \
    {                                                                                    \
        .name = (n), .labels = (l), .help = (h), .type = METRIC_COUNTER_TYPE             \
    }
#define METRIC_GAUGE(n, h)                                                               \
    {                                                                                    \
        .name = (n), .help = (h), .type = METRIC_GAUGE_TYPE                              \
    }
#define METRIC_GAUGE_READ(n, h, f)                                                       \
    {                                                                                    \
        .name = (n), .help = (h), .type = METRIC_GAUGE_TYPE, .read = (f)                 \
    }
#define METRIC_HISTOGRAM(n, h)                                                           \
    {                                                                                    \
        .name = (n), .help = (h), .type = METRIC_HISTOGRAM_TYPE                          \
    }

/* Adds to what metrics_render() shows; a second time is a no-op. Names stay grouped. */
void metrics_register(struct metric *metric);

static inline void metric_add(struct metric *metric, int64_t n)
{
    atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

static inline void metric_set(struct metric *metric, int64_t n)
{
    atomic_store_explicit(&metric->value, n, memory_order_relaxed);
}

/* Counts one observation of a histogram. */
void metric_observe_us(struct metric *metric, int64_t us);

/* Appends all registered metrics, and the process's own (process_resident_memory_bytes,
 * process_cpu_seconds_total, process_open_fds, process_start_time_seconds). */
void metrics_render(struct buf *buf);

#endif
