/* Which web pages may talk to us: the list of Origins (RFC 6454) and its patterns.
 * WebSockets know no same-origin rule, so the server must. Pure. */
#ifndef EDGE_CORS_H
#define EDGE_CORS_H

#include "base/bytes.h"
#include "base/err.h"

struct cors;

/* `list`: Origins such as https://app.example.com, comma separated. A host of
 * *.example.com stands for every name below example.com, with a scheme or without one
 * (then https); * alone for everything. `own_address`: pages on this host itself pass
 * too, if it is reached as localhost or by an IP address (development).
 * ERR_VALIDATION_ERROR: an entry is no Origin; ret_problem (static) says so. */
MUST_CHECK enum err cors_create(const char *list, bool own_address,
                                struct cors **ret_cors, const char **ret_problem);
void cors_destroy(struct cors *cors); /* accepts NULL */

/* The Origin header, which was there, and the Host header of the request. */
bool cors_allows(const struct cors *cors, struct bytes origin, struct bytes host);

#endif
