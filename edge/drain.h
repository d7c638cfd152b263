/* Leaving without loss: clients are sent away at a set pace, each with a hint to resume
 * elsewhere; the loop stops when the last is gone or the time is over. */
#ifndef EDGE_DRAIN_H
#define EDGE_DRAIN_H

struct edge;

void drain_start(struct edge *edge);

#endif
