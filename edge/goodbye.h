/* Tells the cores of sessions that have ended. */
#ifndef EDGE_GOODBYE_H
#define EDGE_GOODBYE_H

#include <stdbool.h>

#include "base/list.h"
#include "base/uuid.h"

struct edge;

struct goodbyes {
    struct edge *edge;
    struct list under_way; /* struct goodbye */
    struct list kept;      /* to be said again */
};

void goodbyes_init(struct goodbyes *goodbyes, struct edge *edge);
void goodbyes_finish(struct goodbyes *goodbyes);

/* `keep`: a lease under way may name the session and arrive behind the goodbye, so that
 * it has to be said again. */
void goodbye_say(struct goodbyes *goodbyes, const struct uuid *session,
                 const struct uuid *user, const char *reason, bool keep);

/* That lease is through; what is many is said behind several. */
void goodbyes_again(struct goodbyes *goodbyes);

#endif
