/* Keeps each event's statement and counters, in the order of the contract's table. */
#include "core/event_stats.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/admission.h"

#define ERR_COUNT (ERR_INTERNAL + 1)

static struct event_stats *entries;
static struct metric refused[ERR_COUNT];
static char refused_labels[ERR_COUNT][48];

enum err event_stats_init(void)
{
    if (entries != NULL) {
        return ERR_OK;
    }
    entries = calloc(event_count + 1, sizeof(*entries));
    if (entries == NULL) {
        return ERR_UNAVAILABLE;
    }
    for (size_t i = 0; i < event_count; i++) {
        struct event_stats *entry = &entries[i];
        snprintf(entry->labels, sizeof(entry->labels), "event=\"%s\"",
                 event_table[i].name);
        entry->requests = (struct metric)METRIC_COUNTER_LABEL(
            "belfry_core_events_total", entry->labels, "Client events that were run.");
        entry->seconds = (struct metric)METRIC_HISTOGRAM(
            "belfry_core_event_seconds", "From a client event's arrival to its answer.");
        entry->seconds.labels = entry->labels;
        metrics_register(&entry->requests);
        metrics_register(&entry->seconds);
    }
    for (int i = 1; i < ERR_COUNT; i++) {
        snprintf(refused_labels[i], sizeof(refused_labels[i]), "code=\"%s\"",
                 err_code((enum err)i));
        refused[i] = (struct metric)METRIC_COUNTER_LABEL(
            "belfry_core_refused_total", refused_labels[i], "Client events refused.");
        metrics_register(&refused[i]);
    }
    return ERR_OK;
}

void event_stats_finish(void)
{
    /* the metrics stay registered, so the entries stay too; statements go */
    for (size_t i = 0; entries != NULL && i < event_count; i++) {
        free(entries[i].sql);
        free((char *)entries[i].many.sql);
        entries[i].sql = NULL;
        entries[i].many.sql = NULL;
    }
}

struct event_stats *event_stats_of(const struct event_def *event)
{
    bool known =
        entries != NULL && event >= event_table && event < event_table + event_count;
    return known ? &entries[event - event_table] : NULL;
}

void event_stats_count(const struct event_def *event, enum err err, int64_t took_us)
{
    struct event_stats *entry = event != NULL ? event_stats_of(event) : NULL;
    if (entry != NULL) {
        metric_add(&entry->requests, 1);
        metric_observe_us(&entry->seconds, took_us);
    }
    if (err != ERR_OK) {
        metric_add(&refused[err], 1);
    }
}

static void append_params(struct buf *buf, int first, int count)
{
    for (int i = 0; i < count; i++) {
        buf_printf(buf, "%s$%d", i > 0 ? ", " : "", first + i);
    }
}

static char *take_text(struct buf *buf)
{
    if (buf->failed) {
        buf_finish(buf);
        return NULL;
    }
    size_t size;
    return (char *)buf_take(buf, &size);
}

static char *compose(const struct event_def *event, int arg_count)
{
    const char *suffix = event->kind == EVENT_READ ? "_read" : "";
    struct buf buf;
    buf_init(&buf, 4096);
    if (event->sql_lone != NULL) {
        buf_printf(&buf, "SELECT o.* FROM %s(", event->sql_lone);
        append_params(&buf, 1, ADMISSION_PARAMS + arg_count);
        buf_append_text(&buf, ") o");
        return take_text(&buf);
    }
    buf_printf(&buf, "SELECT o.* FROM admit%s(", suffix);
    append_params(&buf, 1, ADMISSION_PARAMS);
    buf_printf(&buf, ") a, complete%s(a, CASE WHEN a.status IS NULL THEN %s(a%s", suffix,
               event->sql_function, arg_count > 0 ? ", " : "");
    append_params(&buf, ADMISSION_PARAMS + 1, arg_count);
    buf_append_text(&buf, ") END) o");
    return take_text(&buf);
}

static struct db_many compose_shortcut(const struct event_def *event, int arg_count)
{
    struct buf buf;
    buf_init(&buf, 4096);
    buf_printf(&buf, "SELECT * FROM %s(", event->sql_shortcut);
    append_params(&buf, 1, ADMISSION_PARAMS + arg_count);
    buf_append_text(&buf, ")");
    return (struct db_many){.sql = take_text(&buf), .each = ~ADMISSION_OF_EVENT};
}

const char *event_statement(const struct event_def *event, int arg_count)
{
    struct event_stats *entry = event_stats_of(event);
    if (entry == NULL) {
        return NULL;
    }
    if (entry->sql == NULL) {
        entry->sql = compose(event, arg_count);
        entry->sql_args = arg_count;
        if (event->sql_shortcut != NULL) {
            entry->many = compose_shortcut(event, arg_count);
        }
    }
    /* a handler always binds the same number: its function has one signature */
    return entry->sql_args == arg_count ? entry->sql : NULL;
}

const struct db_many *event_shortcut(const struct event_def *event)
{
    const struct event_stats *entry = event_stats_of(event);
    return entry != NULL && entry->many.sql != NULL ? &entry->many : NULL;
}
