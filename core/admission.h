/* The sixteen parameters that every event's SQL begins with (docs/sql.md), and the ids
 * in a payload that they need. */
#ifndef CORE_ADMISSION_H
#define CORE_ADMISSION_H

#include "core/request.h"

#define ADMISSION_PARAMS 16

/* Those that are the same for all calls of an event: mode, event, right, actions, type
 * and lock. */
#define ADMISSION_OF_EVENT                                                               \
    (UINT64_C(1) << 0 | UINT64_C(1) << 7 | UINT64_C(1) << 9 | UINT64_C(1) << 10 |        \
     UINT64_C(1) << 11 | UINT64_C(1) << 13)

/* Sets key and resource_id from the decoded payload. ERR_VALIDATION_ERROR: not ids. */
MUST_CHECK enum err admission_read_ids(struct request *request);

/* Fills request->call, except `done`: parameters, mode and affinity for the composed
 * statement `sql`. ERR_LIMIT_REACHED: the arena is full. */
MUST_CHECK enum err admission_bind(struct request *request, const char *sql);

/* The same number for the same stream: where calls about it go. */
uint32_t admission_affinity(uint8_t kind, struct uuid id);

#endif
