/* A model of what PostgreSQL keeps: the logs of streams, memberships, stored answers. */
#include "world.h"

#include <stdlib.h>

static void *grow(void *memory, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity) {
        return memory;
    }
    *capacity = *capacity * 2 + 16;
    memory = realloc(memory, *capacity * size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

void database_init(struct database *database)
{
    *database = (struct database){.members = (1 << USERS) - 1, .next_xid = 1, .epoch = 1};
}

void database_finish(struct database *database)
{
    for (int i = 0; i < PLACES; i++) {
        free(database->logs[i].events);
    }
    free(database->answers);
    *database = (struct database){0};
}

void database_copy(struct database *to, const struct database *from)
{
    database_finish(to);
    to->members = from->members;
    to->next_xid = from->next_xid;
    to->epoch = from->epoch;
    for (int i = 0; i < PLACES; i++) {
        for (size_t k = 0; k < from->logs[i].count; k++) {
            struct place_log *log = &to->logs[i];
            log->events =
                grow(log->events, &log->capacity, log->count, sizeof(*log->events));
            log->events[log->count++] = from->logs[i].events[k];
        }
    }
    for (size_t i = 0; i < from->answer_count; i++) {
        database_store(to, from->answers[i]);
    }
}

struct event *database_append(struct database *database, struct event event)
{
    struct place_log *log = &database->logs[event.place];
    log->events = grow(log->events, &log->capacity, log->count, sizeof(*log->events));
    event.seq = log->count + 1;
    event.prev_tag = log->count > 0 ? log->events[log->count - 1].tag : 0;
    event.tag = 1 + dice(UINT32_MAX - 1);
    log->events[log->count] = event;
    return &log->events[log->count++];
}

uint64_t database_head(const struct database *database, enum place place)
{
    return database->logs[place].count;
}

uint32_t database_tag(const struct database *database, enum place place, uint64_t seq)
{
    const struct place_log *log = &database->logs[place];
    return seq == 0 || seq > log->count ? 0 : log->events[seq - 1].tag;
}

static bool same_key(const struct answer_key *a, const struct answer_key *b)
{
    return a->kind == b->kind && a->a == b->a && a->b == b->b;
}

const struct answer *database_answer(const struct database *database,
                                     struct answer_key key)
{
    for (size_t i = database->answer_count; i-- > 0;) {
        if (same_key(&database->answers[i].key, &key)) {
            return &database->answers[i];
        }
    }
    return NULL;
}

void database_store(struct database *database, struct answer answer)
{
    database->answers = grow(database->answers, &database->answer_capacity,
                             database->answer_count, sizeof(*database->answers));
    database->answers[database->answer_count++] = answer;
}
