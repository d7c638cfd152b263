/* Faults that the simulation plants, one at a time, to prove that it would find them:
 * each takes one rule of docs/guarantees.md away. They exist in no other build. */
#ifndef EDGE_PLANTED_H
#define EDGE_PLANTED_H

enum planted {
    PLANTED_CURSOR = 1 << 0,   /* events go to whoever is subscribed */
    PLANTED_BASELINE = 1 << 1, /* a stream begins with the first event that is seen */
    PLANTED_CONFIRM = 1 << 2,  /* a new stream is not confirmed by a fetch */
    PLANTED_FENCE = 1 << 3,    /* events do not wait for the access stream */
    PLANTED_RECHECK = 1 << 4,  /* a right read too early is good enough */
    PLANTED_NEWERSUB = 1 << 5, /* an access event also touches those checked after it */
    PLANTED_NOAHEAD = 1 << 6,  /* a catch-up feeds cursors beyond stream and fence */
    PLANTED_VERDICT = 1 << 7,  /* a verdict read too early is good enough */
    PLANTED_TAGS = 1 << 8,     /* another history is not noticed */
    PLANTED_RECONFIRM = 1 << 9 /* a stream that has jumped is not confirmed */
};

#ifdef BELFRY_PLANTED_FAULTS
extern unsigned planted_faults;
#define PLANTED(fault) ((planted_faults & PLANTED_##fault) != 0)
#else
#define PLANTED(fault) 0
#endif

#endif
