/* Which codes a client event can be refused with, and when: what follows from its right,
 * its rules and its limits, and what the contract adds. */
#ifndef GEN_REFUSALS_H
#define GEN_REFUSALS_H

#include "model.h"

struct event_refusal {
    const char *code; /* "NOT_FOUND" */
    const char *when; /* a sentence */
};

/* Gives how many there are, in the arena, in the order of lib/base/err.h; a code can come
 * with more than one sentence. */
size_t event_refusals(struct contract *contract, const struct contract_event *event,
                      const struct event_refusal **ret_refusals);

#endif
