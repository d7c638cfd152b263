/* Which database this is: whether this core can serve it, and which history it holds. */
#ifndef CORE_DATABASE_H
#define CORE_DATABASE_H

#include "base/uuid.h"

struct core;

/* db's on_state; `user` is the core. Looks at schema and epoch whenever the database
 * comes (back): it may have been migrated or restored meanwhile. */
void database_on_state(void *user, bool ready, const char *why);

/* Each second: asks again while it is not known whether to serve. */
void database_tick(struct core *core);

/* An answer of PostgreSQL carried this epoch. */
void database_note_epoch(struct core *core, struct uuid epoch);

#endif
