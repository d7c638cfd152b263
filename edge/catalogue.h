/* What the edge knows about events: only what the cores have told it.
 *
 * Cores of several versions may run at once, each with its own catalogue, known by its
 * hash. An event is looked up in the newest that has it. */
#ifndef EDGE_CATALOGUE_H
#define EDGE_CATALOGUE_H

#include "base/bytes.h"
#include "base/err.h"
#include "belfry/link.pb-c.h"

#define CATALOGUE_NAME_MAX 64 /* bytes of an event's name */

enum catalogue_authentication {
    CATALOGUE_LOGIN_REQUIRED = 0,
    CATALOGUE_LOGIN_OPTIONAL = 1,
    CATALOGUE_LOGIN_NONE = 2,
};

/* The texts belong to the catalogue. */
struct catalogue_event {
    const char *name;
    const char *name_space; /* "/" or "/messages" */
    enum catalogue_authentication authentication;
    bool changes;               /* false: safe to ask again */
    const char *subscribed_key; /* payload member that names the room; NULL: none */
    uint32_t subscribed_field;  /* its number in protobuf; 0: not known */
    uint32_t limit;             /* 0: no limit */
    uint32_t per_seconds;
    bool by_connection;   /* the limit counts by connection, not by user */
    uint32_t payload_max; /* bytes; 0: the general limit */
    const char *text_key; /* member that a bare JSON string becomes; NULL: none */
};

struct catalogue;

/* NULL: no memory. */
struct catalogue *catalogue_create(void);
void catalogue_destroy(struct catalogue *catalogue);

/* Takes a copy; a hash that is known already becomes the newest. ERR_VALIDATION_ERROR:
 * no hash, an unusable name, or too much of it. The catalogue is unchanged on failure. */
MUST_CHECK enum err catalogue_add(struct catalogue *catalogue,
                                  const Link__Catalogue *message);

/* Forgets the catalogues whose hash is no longer in use. */
void catalogue_prune(struct catalogue *catalogue,
                     bool (*in_use)(void *user, struct bytes hash), void *user);

bool catalogue_hash_known(const struct catalogue *catalogue, struct bytes hash);

/* True if the catalogue of that hash is known and has the event. */
bool catalogue_hash_has(const struct catalogue *catalogue, struct bytes hash,
                        const char *name);

/* Borrowed until the next catalogue_add() or catalogue_prune(), thus for one turn of the
 * loop at most. NULL: no core knows it. */
const struct catalogue_event *catalogue_find(const struct catalogue *catalogue,
                                             struct bytes name);

/* True if some event belongs to that namespace. */
bool catalogue_has_namespace(const struct catalogue *catalogue, struct bytes name_space);

/* For "did you mean": the known name that differs least; NULL if none is close. */
const char *catalogue_nearest(const struct catalogue *catalogue, struct bytes name);

#endif
