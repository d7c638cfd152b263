/* Telling people who come and go: those in the room, and contacts (everyone who shares a
 * community or a direct room). */
#ifndef CORE_PRESENCE_CONTACTS_H
#define CORE_PRESENCE_CONTACTS_H

#include "core/db/db.h"
#include "core/request.h"

/* USER_CONNECTED (a user's first session is there) or USER_DISCONNECTED (the last one has
 * been gone for the grace), to the user's contacts. Lost with the process, as any
 * ephemeral event may be. */
void contacts_announce(struct core *core, struct uuid user, bool came);

/* USER_CONNECTED to these streams, with the request that made the user known: it was his
 * first session. */
void contacts_tell_came(struct request *request, struct bytes streams);

/* PRESENCE_CHANGED to the contacts of the request's user: for request->after_commit. */
void contacts_tell_presence(struct request *request);

/* A row of edge_lease() or expire_leases(). */
enum presence_what { PRESENCE_NOTHING, PRESENCE_ROOM, PRESENCE_USER, PRESENCE_AGAIN };
struct presence_row {
    enum presence_what what;
    struct uuid room_id, user_id;
    const char *username; /* NULL: unknown */
    bool present;
    char name[256];
};
void presence_row_read(const struct db_result *result, int row,
                       struct presence_row *ret_row);

/* Tells the room (not `session`, which did it), or the contacts, at once. There may be
 * tens of thousands of rows: `scratch`, zeroed before the first, is used for each again,
 * and its arena is finished by the caller. */
void presence_row_tell(struct core *core, struct request *scratch,
                       const struct presence_row *row, struct uuid session);

#endif
