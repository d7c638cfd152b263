/* Prints what a run found, as one line of JSON. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "load/shared.h"

/* What is read at the beginning and at the end of the measured time. */
struct sample {
    uint64_t at_ns;
    uint64_t machine_ns;
    uint64_t load_ns; /* our own processes */
    uint64_t group_ns[USAGE_GROUPS_MAX];
};

/* One broadcast, counted from its request. */
struct heard {
    uint64_t clients; /* that have it */
    uint64_t answered_ns, last_ns;
};

struct findings {
    const struct options *options;
    struct shared *shared;
    struct sample connect_begin, connect_end; /* clients coming in */
    struct sample begin, end;                 /* the measured time */
    uint64_t pss_kb[USAGE_GROUPS_MAX];        /* with all clients in */
    uint64_t pss_before_kb[USAGE_GROUPS_MAX];
    uint64_t kernel_kb, kernel_before_kb;
    struct heard heard[BROADCASTS_MAX];
    bool drained;
};

void report_print(const struct findings *findings);

#endif
