/* What rooms shall hear of who comes and goes, until a lease takes it along: at once in a
 * room of which nothing was told just now; what changes there then is gathered and told
 * together, a pace after the last telling. So each member of a room that fills is written
 * to twice a second, not for each that comes; where hundreds of rooms have news, as when
 * all come back at once, less often: the pace is a millisecond for each such room. */
#ifndef EDGE_NEWS_H
#define EDGE_NEWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/uuid.h"

#define NEWS_PACE_MS     500  /* at least, */
#define NEWS_PACE_MAX_MS 2000 /* and at most */

struct room_user {
    struct uuid room, user;
};

/* A user who came into a room or left it. Who is where needs no memory of its own:
 * subscriptions say it, and only what has changed is here. Who comes and goes, or goes
 * and comes, before it is told has changed nothing. */
struct change {
    struct room_user key;
    bool present; /* now */
    bool told;    /* what a core has been told last */
    struct list node;
    struct uuid session_id; /* whose JOIN or LEAVE made the change */
    char username[65];
};

struct news {
    struct map changes; /* struct room_user -> struct change */
    struct list due;    /* those that may be told, in order; others wait in their pace */
    struct map paces;   /* room of which something was told just now -> struct pace */
    struct list told;   /* the same, in the order of when */
    int64_t pace_ms;    /* how long one lasts, for now */
};

void news_init(struct news *news);
void news_finish(struct news *news);

/* The one that is there already, or a new one: nothing is different yet from what was
 * `told`. NULL: no memory; the room then does not hear of it, and nothing else depends on
 * it. */
struct change *news_change(struct news *news, const struct room_user *key, bool told);

/* The change goes into a lease: it is freed, and what follows in its room waits. */
void news_told(struct news *news, struct change *change, int64_t now_ms);

/* What has waited long enough is due. */
void news_turn(struct news *news, int64_t now_ms);

/* All of it is due: before everything is told anew. */
void news_hurry(struct news *news);

#endif
