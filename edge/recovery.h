/* Socket.IO's own connection state recovery, for clients that keep no cursors: what an
 * edge remembers of a session whose connection broke, so that the client goes on there.
 *
 * While it lives, a session leaves a trail: the last durable events it was given, in
 * their order over all of its streams. When its connection breaks, the edge keeps the
 * trail and where each of its subscriptions stood. A client that comes back in time, to
 * the same edge and as the same user, names the trail's id and the last event it got (its
 * offset): all that was given after that is taken back from the cursors, and the session
 * that begins resumes with them, on the way and with the rights of every other resume.
 *
 * Nothing is promised: whenever something does not fit, the client gets a new session and
 * no error, as Socket.IO has it. Off unless BELFRY_SOCKETIO_RECOVERY is set. */
#ifndef EDGE_RECOVERY_H
#define EDGE_RECOVERY_H

#include "base/buf.h"
#include "edge/publication.h"

#define RECOVERY_ID_SIZE     33         /* 128 random bits as hexadecimal digits, NUL */
#define RECOVERY_OFFSET_SIZE 80         /* cursor, "@", stream, NUL */
#define RECOVERY_STEPS_MAX   256        /* events that a client may not have got */
#define RECOVERY_KEPT_MAX    10000      /* sessions */
#define RECOVERY_BYTES_MAX   (32 << 20) /* of what is kept of them */

struct session;
struct recovery;
struct trail;

/* NULL: no memory. A session is kept for so long. */
struct recovery *recovery_create(int64_t keep_ms);
/* Sessions with a trail are gone by then. Accepts NULL. */
void recovery_destroy(struct recovery *recovery);

/* The session was accepted: from now on it leaves a trail, or goes on with the one it
 * took over. Anonymous sessions leave none. No memory: neither does it. */
void recovery_begin(struct recovery *recovery, struct session *session);

/* The session is given a durable event. */
void recovery_note(struct session *session, const struct publication *publication);

/* Events were lost to it: no client can go back to before that. */
void recovery_cut(struct session *session);

/* It ends for good: there is nothing to recover. */
void recovery_forget(struct session *session);

/* Its connection broke: the trail is kept, without it. */
void recovery_keep(struct session *session, int64_t now_ms);

/* A new session, whose user is known, claims a trail by id and offset. Each id counts
 * once: whatever comes of it, nobody else can claim it. If its session still lives (its
 * connection may have broken unseen), that connection is closed. True: the trail is the
 * session's, and ret_resume (JSON, as of session_hello) tells where to go on. */
bool recovery_take(struct recovery *recovery, struct session *session, struct bytes id,
                   struct bytes offset, struct buf *ret_resume);

/* About each second: forgets those whose time is over. */
void recovery_tick(struct recovery *recovery, int64_t now_ms);

/* What Socket.IO calls pid; NULL: the session leaves no trail. */
const char *recovery_id(const struct session *session);
/* What the client knows as its sid: the id of the first session of the trail. */
struct uuid recovery_sid(const struct session *session);

/* What stands for this event in offsets. */
void recovery_offset(const struct publication *publication,
                     char ret_text[RECOVERY_OFFSET_SIZE]);

/* How many are kept. */
size_t recovery_kept(const struct recovery *recovery);

#endif
