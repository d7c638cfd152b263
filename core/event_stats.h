/* What changes while events run, beside the contract's table that never does: one entry
 * for each of its rows. */
#ifndef CORE_EVENT_STATS_H
#define CORE_EVENT_STATS_H

#include "base/metrics.h"
#include "core/db/db.h"
#include "core/event.h"

struct event_stats {
    struct metric requests;
    struct metric seconds;
    char labels[96];
    char *sql;           /* the composed statement */
    int sql_args;        /* that it takes after the admission's */
    struct db_many many; /* its shortcut, when it has one */
};

/* Makes the entries and registers their metrics; a second time is a no-op. */
MUST_CHECK enum err event_stats_init(void);
void event_stats_finish(void);

/* NULL for a row that is not of event_table. */
struct event_stats *event_stats_of(const struct event_def *event);

/* Counts an answer: its code, and how long it took. */
void event_stats_count(const struct event_def *event, enum err err, int64_t took_us);

/* The statement of docs/sql.md for this event: admit, its own function with `arg_count`
 * arguments, complete; or all three in one, its lone form. The same text each time, so
 * that it is prepared once. NULL: no memory. */
const char *event_statement(const struct event_def *event, int arg_count);

/* The event's shortcut for several calls at once; NULL: it has none, or no memory. Call
 * event_statement() first. */
const struct db_many *event_shortcut(const struct event_def *event);

#endif
