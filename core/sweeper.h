/* What must be done again and again: ended leases, old rows, stuck transactions. */
#ifndef CORE_SWEEPER_H
#define CORE_SWEEPER_H

#include <stdbool.h>

#include "base/err.h"

struct core;
struct sweeper;

MUST_CHECK enum err sweeper_open(struct core *core, struct sweeper **ret_sweeper);
/* There is still somebody to be told of as gone: only this core knows. Accepts NULL. */
bool sweeper_telling(const struct sweeper *sweeper);
void sweeper_close(struct sweeper *sweeper); /* accepts NULL */

#endif
