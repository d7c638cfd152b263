/* Positions in streams as parameters of SQL functions. */
#ifndef CORE_CURSORS_H
#define CORE_CURSORS_H

#include "core/request.h"

/* Three arrays in the arena: streams, seqs, tags. ERR_VALIDATION_ERROR: not cursors. */
MUST_CHECK enum err cursors_bind(struct request *request, size_t count,
                                 Link__Cursor *const *cursors, const char *ret_params[3]);

#endif
