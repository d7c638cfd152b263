/* What must be done again and again: ended leases, old rows, stuck transactions. */
#ifndef CORE_SWEEPER_H
#define CORE_SWEEPER_H

#include "base/err.h"

struct core;
struct sweeper;

MUST_CHECK enum err sweeper_open(struct core *core, struct sweeper **ret_sweeper);
void sweeper_close(struct sweeper *sweeper); /* accepts NULL */

#endif
