/* Telling people who come and go: rooms at once, contacts (everyone who shares a
 * community or a direct room) after a grace, so that a reload of a page is not news. */
#ifndef CORE_PRESENCE_CONTACTS_H
#define CORE_PRESENCE_CONTACTS_H

#include "core/db/db.h"
#include "core/request.h"

struct contacts;

MUST_CHECK enum err contacts_open(struct core *core, struct contacts **ret_contacts);
void contacts_close(struct contacts *contacts); /* accepts NULL */

/* A user's first session is there; the last one is gone. */
void contacts_came(struct contacts *contacts, struct uuid user);
void contacts_left(struct contacts *contacts, struct uuid user);

/* PRESENCE_CHANGED to the contacts of the request's user: for request->after_commit. */
void contacts_tell_presence(struct request *request);

/* A row of edge_lease() or expire_edges(). */
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

/* Tells the room (not `session`, which did it), or the contacts in time. */
void presence_row_tell(struct request *request, const struct presence_row *row,
                       struct uuid session);

#endif
