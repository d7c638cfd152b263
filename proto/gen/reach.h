/* Which way a message travels: what clients send may be held to more than what they are
 * sent. */
#ifndef GEN_REACH_H
#define GEN_REACH_H

#include "model.h"

enum reach {
    REACH_IN = 1,  /* a client event's payload leads to it */
    REACH_OUT = 2, /* a reply or a server event leads to it */
};

/* For each of contract->messages. With `planned`, planned events lead somewhere, too.
 * In the arena. */
const uint8_t *reach_of(struct contract *contract, bool planned);

/* Bits of enum reach; 0: nothing leads there. */
uint8_t reach_find(const struct contract *contract, const uint8_t *reach,
                   const struct contract_message *message);

#endif
