/* The last seq of each stream with a recent event: what edges ask each second. */
#ifndef CORE_HEADS_H
#define CORE_HEADS_H

#include "base/err.h"

struct core;
struct heads;

MUST_CHECK enum err heads_create(struct core *core, struct heads **ret_heads);
void heads_destroy(struct heads *heads); /* accepts NULL */

#endif
