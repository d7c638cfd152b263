/* The edges that a core knows, and what each of them wants. Shared by the drivers that do
 * not route topics; each of them puts a struct bus_edge into one of its own. */
#ifndef BUS_BUS_EDGES_H
#define BUS_BUS_EDGES_H

#include "base/list.h"
#include "bus/bus_interest.h"

#define BUS_EDGES_MAX 1024

struct bus_edge {
    struct list node;
    uint64_t mark; /* random: those of any edges, added up by XOR, say which they are */
    struct interest_set interest;
};

struct bus_edges {
    struct list list;
    size_t count;
};

void bus_edges_init(struct bus_edges *edges);

/* A zeroed edge, which is known to want everything. False: there are too many. */
MUST_CHECK bool bus_edges_add(struct bus_edges *edges, struct bus_edge *edge);

/* And frees what was known of it. */
void bus_edges_remove(struct bus_edges *edges, struct bus_edge *edge);

/* See bus_audience(). */
uint64_t bus_edges_audience(const struct bus_edges *edges, struct bytes topic);

#endif
