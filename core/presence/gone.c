/* Asks PostgreSQL, before rooms are told of the next part, who is back by then. (Contacts
 * do that one by one: contacts_announce().) Another core may still tell of one who comes
 * while the answer is on its way: nothing orders what two cores tell. */
#include "core/presence/gone.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/core.h"
#include "core/handle.h"
#include "core/query.h"

#define TELL_ROWS   2000 /* at once, */
#define TELL_MS     10   /* so far apart, */
#define TELL_BEHIND 2000 /* and not while so many statements wait: contacts take one */
#define DEADLINE_MS 4000

/* OFFSET 0: a look-up for each, however few occupants there were when it was planned. */
#define STILL_GONE_SQL                                                                   \
    "SELECT 'ROOM', g.room_id, g.user_id, NULL::text, false "                            \
    "FROM unnest($1::uuid[], $2::uuid[]) AS g (room_id, user_id) "                       \
    "WHERE NOT EXISTS (SELECT FROM room_occupants o "                                    \
    "                  WHERE o.room_id = g.room_id AND o.user_id = g.user_id "           \
    "                  OFFSET 0)"

struct place {
    enum presence_what what;
    struct uuid room_id, user_id;
};

struct gone {
    struct core *core;
    uv_timer_t *timer; /* while some wait */
    struct place *places;
    size_t count, told;
    bool asking;
    bool closed;
};

/* A part on its way. */
struct question {
    struct request request;
    struct gone *gone;
    size_t count;
    struct place places[TELL_ROWS]; /* asked about; then, who is still gone */
};

static void tell(struct core *core, const struct place *places, size_t count)
{
    struct request scratch = {0};
    struct uuid nobody = {{0}};
    for (size_t i = 0; i < count; i++) {
        struct presence_row row = {.what = places[i].what,
                                   .room_id = places[i].room_id,
                                   .user_id = places[i].user_id};
        presence_row_tell(core, &scratch, &row, nobody);
    }
    arena_finish(&scratch.arena);
}

static void on_finished(struct request *request)
{
    struct question *question = container_of(request, struct question, request);
    struct gone *gone = question->gone;
    tell(gone->core, question->places, question->count);
    arena_finish(&request->arena);
    free(question);
    gone->asking = false;
    if (gone->closed) {
        free(gone);
    }
}

static struct place read_place(const struct db_result *result, int row)
{
    struct presence_row change;
    presence_row_read(result, row, &change);
    return (struct place){change.what, change.room_id, change.user_id};
}

/* Without an answer all are told of: who hears nothing believes that they are there for
 * good. */
static void on_answer(struct db_call *call, const struct db_outcome *outcome,
                      const struct db_result *result)
{
    struct request *request = query_request(call);
    struct question *question = container_of(request, struct question, request);
    if (outcome->err == ERR_OK) {
        question->count = 0;
        for (int row = 0; row < db_row_count(result) && row < TELL_ROWS; row++) {
            question->places[question->count++] = read_place(result, row);
        }
    } else if (outcome->err == ERR_INTERNAL) {
        log_warn("nobody says who is back", LOG_TEXT("sqlstate", outcome->sqlstate),
                 LOG_TEXT("message", outcome->message));
    }
    request_finish(request);
}

static void ask(struct gone *gone, struct question *question)
{
    struct request *request = &question->request;
    struct buf rooms;
    struct buf users;
    request_start(request, gone->core);
    request->finished = on_finished;
    request->deadline_ms = clock_ms() + DEADLINE_MS;
    question->gone = gone;
    gone->asking = true;
    array_begin(&rooms);
    array_begin(&users);
    for (size_t i = 0; i < question->count; i++) {
        array_add_uuid(&rooms, question->places[i].room_id);
        array_add_uuid(&users, question->places[i].user_id);
    }
    const char *params[2] = {array_end(&rooms, &request->arena),
                             array_end(&users, &request->arena)};
    if (params[0] == NULL || params[1] == NULL) {
        request_finish(request);
        return;
    }
    /* in the lane of the leases, which say who comes: what this core tells is in order */
    query(request, STILL_GONE_SQL, DB_ALONE, 1, 2, params, on_answer);
}

static void forget_told(struct gone *gone)
{
    if (gone->told == gone->count) {
        free(gone->places);
        gone->places = NULL;
        gone->count = gone->told = 0;
    }
}

static void on_turn(uv_timer_t *timer)
{
    struct gone *gone = timer->data;
    if (gone->count == 0) {
        uv_timer_stop(timer);
        return;
    }
    if (gone->asking) {
        return;
    }
    struct question *question = calloc(1, sizeof(*question));
    for (int i = 0; question != NULL && i < TELL_ROWS && gone->told < gone->count &&
                    db_waiting(gone->core->db) < TELL_BEHIND;
         i++) {
        const struct place *place = &gone->places[gone->told++];
        if (place->what == PRESENCE_ROOM) {
            question->places[question->count++] = *place;
        } else {
            tell(gone->core, place, 1);
        }
    }
    if (question != NULL && question->count > 0) {
        ask(gone, question);
    } else {
        free(question);
    }
    forget_told(gone);
}

struct gone *gone_open(struct core *core)
{
    struct gone *gone = calloc(1, sizeof(*gone));
    uv_timer_t *timer = calloc(1, sizeof(*timer));
    if (gone == NULL || timer == NULL) {
        free(gone);
        free(timer);
        return NULL;
    }
    gone->core = core;
    gone->timer = timer;
    uv_timer_init(core->loop, timer);
    timer->data = gone;
    return gone;
}

void gone_add(struct gone *gone, const struct db_result *result)
{
    size_t count = (size_t)db_row_count(result);
    if (count == 0) {
        return;
    }
    struct place *grown =
        realloc(gone->places, (gone->count + count) * sizeof(struct place));
    if (grown == NULL) {
        log_warn("who is gone is not told", LOG_INT("rows", (int64_t)count));
        return;
    }
    gone->places = grown;
    for (int row = 0; row < (int)count; row++) {
        gone->places[gone->count++] = read_place(result, row);
    }
    if (!uv_is_active((uv_handle_t *)gone->timer)) {
        uv_timer_start(gone->timer, on_turn, TELL_MS, TELL_MS);
        on_turn(gone->timer);
    }
}

bool gone_waiting(const struct gone *gone)
{
    return gone->count > 0 || gone->asking;
}

void gone_close(struct gone *gone)
{
    if (gone == NULL) {
        return;
    }
    if (gone->places != NULL) {
        tell(gone->core, gone->places + gone->told, gone->count - gone->told);
        free(gone->places);
    }
    handle_close(gone->timer);
    gone->closed = true;
    if (!gone->asking) {
        free(gone);
    }
}
