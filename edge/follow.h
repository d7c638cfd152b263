/* Sessions that follow (JOIN_ALL_ROOMS) hear what their user gains: when something may
 * have been gained, a core is asked what of it is theirs, and that is opened. */
#ifndef EDGE_FOLLOW_H
#define EDGE_FOLLOW_H

#include "edge/publication.h"
#include "edge/session.h"

/* Asks for one session; what it may hear is opened when the answer comes. While an answer
 * is awaited nothing more is asked: the session then asks once more, for everything; so
 * it does if it begins to follow by an answer that is under way now. An answer that does
 * not come is asked for again by follow_tick(). */
void follow_ask(struct session *session, const Link__Gained *gained);

/* What the answer to a call of its own opened (joined) or closed (not joined). A room
 * that a session has left is not given back to it by what is gained later. */
void follow_note(struct session *session, const struct stream_id *stream, bool joined);

/* It follows from now on: an answer has said so, and has been applied. */
void follow_begin(struct session *session);

/* The same for all sessions that listen to the community that `gained` names. */
void follow_ask_listeners(struct edge *edge, const Link__Gained *gained);

/* About each second, for a session that is open. */
void follow_tick(struct session *session);

/* The session ends. */
void follow_finish(struct session *session);

#endif
