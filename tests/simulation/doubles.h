/* The simulation's own link, resolver, loop and clock, in place of lib/link, libuv and
 * the kernel; edge/upstream.c is linked against them and knows no difference. */
#ifndef SIMULATION_DOUBLES_H
#define SIMULATION_DOUBLES_H

#include "world.h"

/* The link of that edge to that core, or NULL while the edge is not there. */
struct link_client *doubles_link(int edge, int core);

/* What the link notices: silence or a broken connection, an answer. */
void doubles_link_down(struct link_client *client);
void doubles_link_up(struct link_client *client);
bool doubles_link_lost(const struct link_client *client); /* its core was killed */

void doubles_reply(const struct message *message);
void doubles_run_timers(void);
void doubles_begin(void); /* of a seed */

#endif
