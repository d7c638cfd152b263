/* How edges tell cores what they want (bus_interest.h) where no connection of their own
 * is between them, but a broker, which may lose, and either may start at any time.
 *
 * A message is one letter, the edge's id, a number, and the words of bus_interest.h:
 *
 *     S  sign of life, each second. The number says how often changes were told so far.
 *     C  changes. The number says how often they were told before.
 *     A  all that is wanted, from its beginning; numbered like S.
 *     P  a further part of that; the number says of which A, and how many came before it.
 *        What has the same number is the same.
 *     L  the edge leaves.
 *
 * A core that misses one, or does not know the edge, takes it to want everything, and
 * asks it to tell all. */
#ifndef BUS_BUS_WISHES_H
#define BUS_BUS_WISHES_H

#include "base/map.h"
#include "base/uuid.h"
#include "bus/bus_edges.h"

#define WISHES_BEAT_MS    1000
#define WISHES_SILENT_MAX 5 /* beats; then an edge is forgotten */
#define WISHES_EVERY_BEATS                                                               \
    3 /* so long, the first of them in part, a core that starts sends everything to all  \
       */
#define WISHES_EVERYBODY UINT64_MAX

/* --- the edge's end -------------------------------------------------------------- */

struct wishes_teller {
    struct uuid id;
    uint64_t told; /* how often changes were */
    struct interest_counts interest;
};

void wishes_teller_init(struct wishes_teller *teller, struct uuid id);
void wishes_teller_finish(struct wishes_teller *teller);

/* What is handed on goes to all cores, or as an answer to the one that has asked. What
 * has changed was told to all before, by wishes_tell_changes(). */
void wishes_tell_all(const struct wishes_teller *teller, interest_send_fn *send,
                     void *user);

/* These go to all cores. */
void wishes_tell_changes(struct wishes_teller *teller, interest_send_fn *send,
                         void *user);
void wishes_tell_sign(const struct wishes_teller *teller, interest_send_fn *send,
                      void *user);
void wishes_tell_leave(const struct wishes_teller *teller, interest_send_fn *send,
                       void *user);

/* --- the core's end -------------------------------------------------------------- */

struct wishes_edge {
    struct bus_edge base;
    struct uuid id;
    uint64_t told; /* the number that comes next */
    uint64_t part; /* of all that it wants, the one that comes next; 0: one was missed */
    int silent;    /* beats */
};

struct wishes {
    struct bus_edges edges;
    struct map by_id;
    int everybody; /* beats for which all edges are to get everything: some may be unknown
                    */
};

void wishes_init(struct wishes *wishes);
void wishes_finish(struct wishes *wishes);

/* Cut off and back again: forgets all. */
void wishes_reset(struct wishes *wishes);

/* What came from an edge. True: *ret_edge must be asked to tell all. */
bool wishes_hear(struct wishes *wishes, struct bytes message, struct uuid *ret_edge);

/* Each WISHES_BEAT_MS: forgets who is silent. */
void wishes_beat(struct wishes *wishes);

/* See bus_audience(); stays the same until one of the four above is called. */
uint64_t wishes_audience(const struct wishes *wishes, struct bytes topic);

#endif
