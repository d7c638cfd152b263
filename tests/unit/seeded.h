/* Randomness that a seed repeats, for tests that live many lives. */
#ifndef UNIT_SEEDED_H
#define UNIT_SEEDED_H

#include <stdint.h>

static uint32_t seed; /* set it before each life */

static inline uint32_t random_below(uint32_t count)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)seed * count >> 32);
}

#endif
