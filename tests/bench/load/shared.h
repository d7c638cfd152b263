/* Memory that the load generator's processes share: the phase, and what each has seen. */
#ifndef BENCH_SHARED_H
#define BENCH_SHARED_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "load/histogram.h"
#include "load/options.h"

enum phase {
    PHASE_CONNECT, /* clients come in */
    PHASE_WARM,    /* events are sent */
    PHASE_MEASURE, /* and what happens now counts for rates, CPU and latency */
    PHASE_DRAIN,   /* nothing new is sent; what is under way arrives */
    PHASE_END,
};

/* Written by one process each, read by the one that reports. */
struct worker {
    int pid;
    _Atomic uint64_t ready;  /* clients that are in and have joined */
    _Atomic uint64_t failed; /* that could not get in, or were closed */
    _Atomic uint64_t sent, acked, refused, delivered; /* in the whole run */
    _Atomic uint64_t measured_acks, measured_deliveries, measured_bytes;
    uint64_t gaps;        /* deliveries skipped: lost or still to come */
    uint64_t duplicates;  /* deliveries seen before, or too late */
    uint64_t missing;     /* at the end */
    uint64_t late_max_ns; /* open loop: how far behind its plan the sender was */
    /* Of each broadcast: clients that have heard it, and when the last one did. */
    _Atomic uint64_t heard[BROADCASTS_MAX], heard_ns[BROADCASTS_MAX];
    char first_error[256];
    struct histogram ack, delivery;
};

struct shared_room {
    _Atomic uint64_t last_seq; /* highest in an ack */
    _Atomic uint64_t acks;
    _Atomic uint32_t members; /* that have joined */
};

struct shared {
    _Atomic int phase;
    struct worker workers[PROCESSES_MAX];
    struct shared_room *rooms;
    /* When each user last started ([1]) and stopped ([0]) typing. */
    _Atomic uint64_t (*typed_ns)[2];
};

/* Ends the program when there is no memory. */
struct shared *shared_create(const struct options *options);

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ULL + (uint64_t)now.tv_nsec;
}

#endif
