/* Brings what was committed to the edges: gathers the publications of a loop turn into
 * few bus messages and repeats the newest heads, so that a lost one is missed soon. All
 * of it is a hint; what does not arrive is found by the edges in PostgreSQL. */
#ifndef CORE_PUBLISH_H
#define CORE_PUBLISH_H

#include <uv.h>

#include "base/err.h"
#include "base/uuid.h"
#include "belfry/link.pb-c.h"
#include "bus/bus.h"
#include "link/frame.h"

struct publisher;

/* Borrows bus and key. */
MUST_CHECK enum err publisher_open(uv_loop_t *loop, struct bus *bus,
                                   const struct link_key *key, struct uuid core_id,
                                   struct publisher **ret_publisher);
void publisher_close(struct publisher *publisher); /* accepts NULL */

/* Goes into every frame: positions of another epoch mean nothing. */
void publisher_set_epoch(struct publisher *publisher, struct uuid epoch);

/* Copies; sent by the next flush. */
void publisher_add(struct publisher *publisher, Link__Publication *const *publications,
                   size_t count);

/* Once a turn of the loop, after everything that may add. */
void publisher_flush(struct publisher *publisher);

#endif
