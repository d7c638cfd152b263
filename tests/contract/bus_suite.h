/* The promises of lib/bus/bus.h as one suite that every driver must pass. */
#ifndef CONTRACT_BUS_SUITE_H
#define CONTRACT_BUS_SUITE_H

#include <stdbool.h>

struct broker;

struct bus_suite {
    const char *name;
    const char *url;
    struct broker *broker;       /* serves `url`; NULL without one */
    bool peers;                  /* brokerless: bus_listen() and bus_peer_add() matter */
    bool loop;                   /* reads with its owner's loop, not in bus_poll() */
    const char *const *bad_urls; /* ended by NULL; or NULL */
};

/* What main() returns: 0, or the number of cases that failed. */
int bus_suite(const struct bus_suite *suite);

#endif
