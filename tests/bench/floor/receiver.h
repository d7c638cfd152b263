/* The other end of the floor's connections: reads and counts frames, as clients would. */
#ifndef BENCH_FLOOR_RECEIVER_H
#define BENCH_FLOOR_RECEIVER_H

#include <stdatomic.h>
#include <stdint.h>

struct floor_options {
    uint32_t clients;
    uint32_t rooms;
    uint32_t size; /* of a frame's payload */
    uint32_t in_flight;
    double seconds;
    uint16_t port;
};

struct floor_shared {
    _Atomic uint64_t received; /* whole frames */
};

/* Connects one by one, then reads until it is killed. */
_Noreturn void receiver_run(const struct floor_options *options,
                            struct floor_shared *shared);

#endif
