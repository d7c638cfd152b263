/* The heads of what this core has committed in the last moments, one for each stream. */
#ifndef CORE_RECENT_H
#define CORE_RECENT_H

#include "base/list.h"
#include "base/map.h"
#include "belfry/link.pb-c.h"
#include "link/stream_id.h"

#define RECENT_MS 300

struct recent {
    struct map heads;  /* stream -> recent_head */
    struct list order; /* oldest first */
    size_t count;
};

struct recent_head {
    struct list node;
    struct stream_id stream;
    int64_t at_ms;
    Link__Head head;
};

void recent_init(struct recent *recent);
void recent_finish(struct recent *recent);

/* Remembers the higher seq. Without memory it forgets: heads are hints. */
void recent_note(struct recent *recent, const struct stream_id *stream, uint64_t seq,
                 int64_t now_ms);

/* Drops what is older than RECENT_MS. */
void recent_prune(struct recent *recent, int64_t now_ms);

#endif
