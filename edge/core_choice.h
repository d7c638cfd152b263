/* Which core is asked. With little to do all edges ask the same one, so that commits,
 * link and bus messages hold much; what it cannot do at once goes to the next, and so on,
 * in an order that all edges agree on (docs/decisions/0009). Pure: no clock, no socket.
 */
#ifndef EDGE_CORE_CHOICE_H
#define EDGE_CORE_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORE_UNDER_WAY_MAX 128  /* of one edge: before a core's own word can have come */
#define CORE_BUSY_KEEP_MS  50   /* so long a core's word counts that it is full */
#define CORE_SILENT_MS     100  /* it owes an answer, and has said nothing for so long */
#define CORE_SPREAD_MS     1000 /* a core that was needed stays in use for so long */
#define CORE_SPREAD_LOAD   75   /* percent of those in use but one: so much needs it */

/* A core that could be asked, as one edge sees it. */
struct core_load {
    size_t under_way;     /* requests of this edge */
    int64_t silent_ms;    /* for so long it has owed an answer and said nothing */
    unsigned busy;        /* percent of what it can do at once, for all: its own word */
    int64_t heard_ago_ms; /* since it said so */
};

/* False: what it is sent now would wait. */
bool core_has_room(const struct core_load *load);

/* How many of the cores, from the first in the order, are in use. Zeros to begin with. */
struct core_spread {
    size_t count;
    int64_t needed_ms; /* when the last of them was needed last */
};

/* One choice, over the cores in their order. */
struct core_choice {
    uint32_t hint; /* equal ones go to one core; 0: none */
    size_t spread; /* cores in use */
    size_t offered;
    bool room;   /* in one of those in use */
    size_t load; /* of those in use, in percent of one */
    void *next;  /* the first that has room */
    void *least; /* has the least to do */
    size_t least_under_way;
    void *hinted; /* the one in use that the hint leads to */
    uint64_t hinted_rank;
    void *refused;
};

void core_choice_begin(struct core_choice *choice, struct core_spread *spread,
                       uint32_t hint, int64_t now_ms);

/* The next core in the order. `refused`: this very request, so only if nobody else can.
 */
void core_choice_offer(struct core_choice *choice, void *core, const char *address,
                       const struct core_load *load, bool refused);

/* NULL: none was offered. */
void *core_choice_end(const struct core_choice *choice, struct core_spread *spread,
                      int64_t now_ms);

/* Rendezvous hashing (Thaler, Ravishankar): every edge finds the same core for a hint,
 * that of the highest rank, and when one goes, only its own hints move. Hint 0 gives the
 * order of the cores, the highest first. */
uint64_t core_rank(const char *address, uint32_t hint);

#endif
