/* From the bus to the sessions: durable events go to streams.h, ephemeral ones straight
 * to whoever listens, control of user streams to the user's sessions. */
#ifndef EDGE_FANOUT_H
#define EDGE_FANOUT_H

#include "edge/streams.h"

struct edge;
struct fanout;
struct session;

MUST_CHECK enum err fanout_create(struct edge *edge, struct fanout **ret_fanout);
void fanout_destroy(struct fanout *fanout); /* accepts NULL */

/* A frame of the bus; dropped when it is none of ours. */
void fanout_frame(struct fanout *fanout, struct bytes frame);

/* struct streams_io: the next durable event for a subscription. */
void fanout_deliver(struct fanout *fanout, struct subscription *subscription,
                    struct publication *publication);

/* struct streams_io: control on a user's stream. Acted on in fanout_turn(). */
void fanout_control(struct fanout *fanout, struct publication *publication);

void fanout_turn(struct fanout *fanout);

/* The session is connected: control of its user's stream that came meanwhile. */
void fanout_control_held(struct session *session);
void fanout_drop_held(struct session *session);

#endif
