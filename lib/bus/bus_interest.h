/* Which topics an edge wants, so that a core need not send it all: topics fall into
 * buckets, and what an edge tells is which buckets it wants. That is of a fixed size at
 * both ends, however many topics there are. A topic that nobody wants may share a bucket
 * with one that is wanted, and then comes, too.
 *
 * A message is a row of words of 4 bytes, most significant first: a bucket, with the
 * highest bit if it is wanted from now on, or without if no longer. Once the edge has
 * told all of them it says so with a word of its own; until then it gets everything. */
#ifndef BUS_BUS_INTEREST_H
#define BUS_BUS_INTEREST_H

#include "base/buf.h"
#include "base/err.h"

#define INTEREST_MESSAGE_MAX 4096 /* bytes */

uint32_t interest_bucket(struct bytes topic);

/* --- the edge's end: how many topics of each bucket are wanted ------------------- */

struct interest_counts {
    uint8_t *halves;    /* four bits a bucket; NULL until something is wanted */
    struct buf changed; /* buckets that the cores are still to be told of; failed: others
                         * are, too */
};

void interest_counts_init(struct interest_counts *counts);
void interest_counts_finish(struct interest_counts *counts);

/* ERR_UNAVAILABLE: no memory, nothing was counted. */
MUST_CHECK enum err interest_add(struct interest_counts *counts, struct bytes topic);
void interest_remove(struct interest_counts *counts, struct bytes topic);

bool interest_has_changed(const struct interest_counts *counts);

/* Hands on messages that tell what has changed, or everything. False: too much has, or
 * there was no memory to note it. Nothing was handed on, and who knew what was wanted
 * must be told everything, as one that knows nothing. */
typedef void interest_send_fn(void *user, struct bytes message);
MUST_CHECK bool interest_tell_changes(struct interest_counts *counts,
                                      interest_send_fn *send, void *user);
void interest_tell_all(const struct interest_counts *counts, interest_send_fn *send,
                       void *user);

/* --- the core's end: what one edge wants ----------------------------------------- */

struct interest_set {
    uint8_t *bits;
    bool told; /* all of it; until then it wants everything */
};

void interest_set_finish(struct interest_set *set);

/* ERR_VALIDATION_ERROR: not such a message. ERR_UNAVAILABLE: no memory. In both cases
 * what the set says is no longer what the edge wants. */
MUST_CHECK enum err interest_set_learn(struct interest_set *set, struct bytes message);

bool interest_set_has(const struct interest_set *set, uint32_t bucket);

#endif
