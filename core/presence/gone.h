/* Those who are gone with a dead edge and are not told of yet, from a room or for their
 * contacts: told a part at a time, for an edge may leave hundreds of thousands of them,
 * more than the publisher, or the bus to one edge, holds in one turn of the loop. */
#ifndef CORE_PRESENCE_GONE_H
#define CORE_PRESENCE_GONE_H

#include "core/presence/contacts.h"

struct gone;

/* NULL: no memory. */
struct gone *gone_open(struct core *core);

/* The rows of expire_leases() or expire_presence(), which only this core has got. */
void gone_add(struct gone *gone, const struct db_result *result);

/* Some are still to be told of. */
bool gone_waiting(const struct gone *gone);

/* Tells rooms of all that wait, at once, but for the part that is asked about: that is
 * told with its answer, or when there will be none. Accepts NULL. */
void gone_close(struct gone *gone);

#endif
