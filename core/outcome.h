/* The one row in which PostgreSQL says what became of an event (docs/sql.md), made into
 * reply, control and publications. */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

#include "core/db/db.h"
#include "core/publication.h"
#include "core/request.h"

#define EMITTED_TEXTS 9

/* Fills request->reply and adds publications. A refusal is no failure: it becomes the
 * reply's error. ERR_INTERNAL: the row is not what docs/sql.md says; ERR_LIMIT_REACHED:
 * the arena is full. The change is committed all the same. */
MUST_CHECK enum err outcome_apply(struct request *request,
                                  const struct db_result *result);

/* The publications of an `emitted` array, added to the request's. */
MUST_CHECK enum err outcome_emitted(struct request *request, struct bytes emitted);

/* The next nine texts of an `emitted` array, as slices of it; *at as db_array_next(). */
bool event_row_read(struct bytes emitted, size_t *at, struct event_row_text *ret_row);

#endif
