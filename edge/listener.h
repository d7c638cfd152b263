/* The edge's port: accepts clients, lets them in or refuses them, and hands them to
 * libwebsockets. */
#ifndef EDGE_LISTENER_H
#define EDGE_LISTENER_H

#include "base/err.h"

struct edge;
struct listener;

/* Listens on BELFRY_HOST and BELFRY_PORT, on the edge's loop. ERR_VALIDATION_ERROR: a
 * setting makes no sense; ERR_UNAVAILABLE: cannot listen. The reason is logged. */
MUST_CHECK enum err listener_open(struct edge *edge, struct listener **ret_listener);

/* Reads the certificate again, if there is one; a bad one is logged and not taken. */
void listener_reload(struct listener *listener);

/* Nobody new is accepted; those who are in stay. Twice is a no-op. */
void listener_stop_listening(struct listener *listener);

/* Ends every connection. Accepts NULL. The loop must turn for the memory to go. */
void listener_close(struct listener *listener);

#endif
