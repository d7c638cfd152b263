/* Latencies in buckets that are at most 1.6 % wide: fixed memory, any number of values.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_SUB     64
#define HISTOGRAM_POWERS  36
#define HISTOGRAM_BUCKETS (HISTOGRAM_SUB * HISTOGRAM_POWERS)

struct histogram {
    uint64_t count[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint64_t max_ns;
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value below which `share` (0 to 1) of all values lie; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
