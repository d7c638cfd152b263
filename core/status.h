/* The core's own small HTTP server: GET /metrics, /healthz and /readyz. */
#ifndef CORE_STATUS_H
#define CORE_STATUS_H

#include <uv.h>

#include "base/err.h"

struct core;
struct status;

/* Port 0: none, *ret_status is NULL. ERR_UNAVAILABLE: cannot listen. */
MUST_CHECK enum err status_open(struct core *core, const char *host, int port,
                                struct status **ret_status);
void status_close(struct status *status); /* accepts NULL */

#endif
