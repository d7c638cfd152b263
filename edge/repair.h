/* What the edge asks cores about its streams: events that are missing (catch-up), how far
 * streams have come (heads), who may still read (recheck). Gathers what one loop turn
 * needs into one request each, and asks again when no answer comes. */
#ifndef EDGE_REPAIR_H
#define EDGE_REPAIR_H

#include "edge/streams.h"

struct edge;
struct repair;

MUST_CHECK enum err repair_create(struct edge *edge, struct repair **ret_repair);
void repair_destroy(struct repair *repair); /* accepts NULL */

/* As struct streams_io says. */
void repair_fetch(struct repair *repair, const struct stream_id *stream, uint64_t seq,
                  uint32_t tag);
void repair_recheck(struct repair *repair, struct subscription *subscription);

/* At the end of each loop turn: sends what has gathered. */
void repair_turn(struct repair *repair, int64_t now_ms);

/* Each second: asks for heads. */
void repair_ask_heads(struct repair *repair);

#endif
