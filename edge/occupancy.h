/* Who is in which room, and which sessions live, as this edge tells the cores: changes at
 * a pace (news.h), and a lease each second. When an edge dies its lease ends, and a core
 * announces that its users are gone. */
#ifndef EDGE_OCCUPANCY_H
#define EDGE_OCCUPANCY_H

#include "edge/session.h"

struct edge;
struct occupancy;

MUST_CHECK enum err occupancy_create(struct edge *edge, struct occupancy **ret_occupancy);
void occupancy_destroy(struct occupancy *occupancy); /* accepts NULL */

/* A session's subscription to a room begins or ends. Only a user's first and last on this
 * edge are news. Leaving twice, or without having entered, is a no-op. */
void occupancy_enter(struct occupancy *occupancy, struct session *session,
                     struct subscription *subscription);
void occupancy_leave(struct occupancy *occupancy, struct session *session,
                     struct subscription *subscription);

/* The user has no session here any more. */
void occupancy_forget_user(struct occupancy *occupancy, const struct uuid *user);

/* A session that a core had accepted, or may have, is over. `open`: it was open here, so
 * that a lease may name it. */
void occupancy_session_over(struct occupancy *occupancy, const struct uuid *session,
                            const struct uuid *user, const char *reason, bool open);

/* Changes that wait to be told. */
size_t occupancy_waiting(const struct occupancy *occupancy);

/* At the end of each loop turn: tells what has changed. */
void occupancy_turn(struct occupancy *occupancy);

/* Each second: renews the lease. `leaving`: the edge is about to go. */
void occupancy_renew(struct occupancy *occupancy, bool leaving);

#endif
