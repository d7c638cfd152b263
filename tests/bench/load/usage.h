/* CPU time and memory of processes, from /proc. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#define USAGE_GROUPS_MAX 8
#define USAGE_PIDS_MAX   64

struct usage_group {
    char name[16];
    int pids[USAGE_PIDS_MAX];
    int pid_count;
    bool children; /* and their children, also those that have ended meanwhile */
};

/* Reads "edge=12,13" or "postgres=14+"; false when it is no such thing. */
bool usage_parse(const char *text, struct usage_group *ret_group);

/* CPU time of the group so far, all threads, in ns. */
uint64_t usage_cpu_ns(const struct usage_group *group);

/* Proportional set size (memory shared by n processes counts 1/n) in KB. */
uint64_t usage_pss_kb(const struct usage_group *group);

/* Memory that the kernel holds for itself, sockets above all, in KB. */
uint64_t usage_kernel_kb(void);

/* CPU time of everything on this machine, kernel and interrupts included, in ns. */
uint64_t usage_machine_ns(void);

/* Jiffies are this coarse. */
#define USAGE_MACHINE_STEP_NS 10000000ULL

#endif
