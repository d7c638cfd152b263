/* Latencies: the lowest 64 ns each have a bucket, then each power of two has 64. */
#include "load/histogram.h"

static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_SUB) {
        return (unsigned)ns;
    }
    unsigned power = 63U - (unsigned)__builtin_clzll(ns) - 5U; /* 1 for 64 to 127 */
    unsigned bucket =
        power * HISTOGRAM_SUB + (unsigned)((ns >> (power - 1)) - HISTOGRAM_SUB);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t middle_of(unsigned bucket)
{
    unsigned power = bucket / HISTOGRAM_SUB;
    uint64_t place = bucket % HISTOGRAM_SUB;
    if (power == 0) {
        return place;
    }
    uint64_t width = 1ULL << (power - 1);
    return (HISTOGRAM_SUB + place) * width + width / 2;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->count[bucket_of(ns)]++;
    histogram->total++;
    histogram->max_ns = ns > histogram->max_ns ? ns : histogram->max_ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->count[i] += from->count[i];
    }
    into->total += from->total;
    into->max_ns = from->max_ns > into->max_ns ? from->max_ns : into->max_ns;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->total);
    uint64_t below = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += histogram->count[i];
        if (below > wanted) {
            uint64_t ns = middle_of(i);
            return ns < histogram->max_ns ? ns : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}
