/* What drivers that do not route topics by themselves (bus_interest.h) promise besides,
 * and the fixture for it: a core and two edges that want one topic, WANTED. */
#ifndef CONTRACT_BUS_SUITE_ROUTING_H
#define CONTRACT_BUS_SUITE_ROUTING_H

#include "bus_suite.h"
#include "bus_suite_ear.h"

#define WANTED  "room:1"
#define OTHER   "room:2"
#define NOBODYS "room:3"

extern struct ear publisher, ears[2]; /* each ear counts what it gets of OTHER */
extern int port;                      /* the publisher's */

/* What main() returns: 0, or the number of cases that failed. */
int bus_suite_routing(const struct bus_suite *suite);

/* Around cases of a driver's own: before and after all of them, and each. */
void routing_use(const struct bus_suite *suite);
void routing_finish(void);
int routing_set_up(void **state);
int routing_tear_down(void **state);

uint64_t audience(const char *topic);

/* Until the core knows that nobody wants it, or that somebody does. */
void wait_until_wanted(const char *topic, bool wanted);

/* So often OTHER; returns when what the ears get of it has arrived. */
void send_other(uint32_t count);

/* Something was away: until all hear, and then the first alone gets OTHER. */
void settle_anew(void);

#endif
