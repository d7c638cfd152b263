/* What the simulation can be run with: all rules, or all but one. */
#ifndef SIMULATION_CASES_H
#define SIMULATION_CASES_H

#include "world.h"

struct sim_case {
    const char *name;
    const char *rule; /* what is taken away */
    unsigned planted, faults;
    bool restore; /* only seeds with a restore from backup can show it */
};

extern const struct sim_case sim_cases[]; /* the first has all rules; ends with no name */

const struct sim_case *sim_case_find(const char *name);

/* The plan of one seed. */
struct plan sim_plan(const struct sim_case *sim_case, uint64_t seed, uint32_t steps);

#endif
