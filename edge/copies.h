/* What goes to the contacts of a user goes by the topics of several streams, and comes as
 * often as this edge wants one of them. Each has a number of its own; the numbers of the
 * last ones are kept, to tell the copies. */
#ifndef EDGE_COPIES_H
#define EDGE_COPIES_H

#include "base/map.h"

/* Between an event and its last copy come those of the same turn of its core, as many as
 * core/publish.c lets be, and what other cores send meanwhile. */
#define COPIES_KEPT 4096

struct copies {
    struct map seen;
    uint64_t *order; /* ring; NULL until the first has come */
    size_t next;
};

void copies_init(struct copies *copies);
void copies_finish(struct copies *copies);

/* True the second time. Number 0 is nobody's, and never a copy. */
bool copies_seen(struct copies *copies, uint64_t number);

#endif
