/* What deployed clients rely on, as text: one promise a line, sorted, so that a change of
 * the contract is one changed line. proto/deployed.txt holds those that were made.
 *
 *     SEND_MESSAGE: client kind=CHANGE namespace=/ …       an event
 *     SEND_MESSAGE.payload.content: in type=string …       a field of its payload
 *     SEND_MESSAGE.reply.seq: out type=int64 …             a field of its reply
 *     MESSAGE_CREATED.message: out type=Message …          a field of a server event
 *     Message: part out    Message.id: out …               a message inside others
 *     Presence.Status: enum    Presence.Status.IDLE: …     an enum and its values
 *
 * `in`: clients send it, so a rule may be loosened; `out`: they are sent it, so it may
 * become stricter. Planned events promise nothing. */
#ifndef GEN_COMPAT_H
#define GEN_COMPAT_H

#include "model.h"

struct promise {
    const char *address; /* "SEND_MESSAGE.payload.content" */
    const char *words;   /* "in type=string number=2 required" */
    struct place place;
};

struct promises {
    struct promise *items; /* sorted by address; free() */
    size_t count, capacity;
};

/* All of the contract's, in its arena. ERR_UNAVAILABLE: no memory. */
MUST_CHECK enum err promises_make(struct contract *contract,
                                  struct promises *ret_promises);

/* By its address; NULL: there is none. */
const struct promise *promise_find(const struct promises *promises, const char *address);

/* For the two who make them. */
MUST_CHECK enum err promises_add(struct promises *promises, struct promise promise);
void promises_sort(struct promises *promises);

/* Writes directory/deployed.txt. */
MUST_CHECK enum err emit_promises(struct contract *contract, const char *directory);

/* Prints, by file and line of the contract, every promise of `path` that the contract
 * breaks, and as "note:" what makes life harder for clients but breaks none.
 * ERR_CONFLICT: some are broken, or the file makes no sense. */
MUST_CHECK enum err emit_compatible(struct contract *contract, const char *path);

#endif
