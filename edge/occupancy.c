/* Occupancy of rooms and liveness of sessions, told to the cores as a lease. */
#include "edge/occupancy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"
#include "edge/goodbye.h"
#include "edge/news.h"

#define CHANGES_MAX       1024  /* in one request that is not whole */
#define SLICE_MAX         10000 /* about so many pairs or sessions in a part of a whole */
#define SLICES_MAX        128
#define LEASE_DEADLINE_MS 2500
#define LEASE_PACE_MS     20 /* between two that tell changes */
#define WHOLE_EVERY       30 /* leases for each part: heals what a late CONNECT left */

/* One (room, user) in a request. */
struct lease_room {
    Link__Occupancy row;
    struct room_user key;
    struct uuid session_id;
    char username[65];
};

struct occupancy {
    struct edge *edge;
    struct map counts; /* user with several sessions -> struct map: room -> in how many */
    struct news news;
    size_t occupants; /* subscriptions that count */
    struct goodbyes goodbyes;

    bool asking;            /* a lease request is under way */
    bool renew;             /* another one is due */
    int64_t asked_ms;       /* when the last one was sent */
    bool whole;             /* it must be complete: the database has forgotten us */
    uint32_t slice, slices; /* a whole one comes in parts: the next, of how many */
    bool leaving;
    uint32_t renewals;
    struct upstream_call call;
};

/* A lease being written; gone once it was handed over. */
struct lease_draft {
    Link__Lease lease;
    struct lease_room *rooms;
    Link__Occupancy **room_pointers;
    Link__SessionState *sessions; /* of a whole lease */
    Link__SessionState **session_pointers;
};

enum err occupancy_create(struct edge *edge, struct occupancy **ret_occupancy)
{
    struct occupancy *occupancy = calloc(1, sizeof(*occupancy));
    if (occupancy == NULL) {
        return ERR_UNAVAILABLE;
    }
    occupancy->edge = edge;
    map_init(&occupancy->counts, sizeof(struct uuid));
    news_init(&occupancy->news);
    goodbyes_init(&occupancy->goodbyes, edge);
    *ret_occupancy = occupancy;
    return ERR_OK;
}

void occupancy_destroy(struct occupancy *occupancy)
{
    if (occupancy == NULL) {
        return;
    }
    if (occupancy->asking) {
        upstream_cancel(&occupancy->call);
    }
    goodbyes_finish(&occupancy->goodbyes);
    news_finish(&occupancy->news);
    size_t at = 0;
    void *value;
    while (map_next(&occupancy->counts, &at, NULL, &value)) {
        map_finish(value);
        free(value);
    }
    map_finish(&occupancy->counts);
    free(occupancy);
}

/* ---------------------------------------------------------------- rooms */

static void note_change(struct occupancy *occupancy, const struct session *session,
                        const struct room_user *key, bool present)
{
    struct change *change = news_change(&occupancy->news, key, !present);
    if (change != NULL) {
        change->present = present;
        change->session_id = session->id;
        snprintf(change->username, sizeof(change->username), "%s",
                 session->username != NULL ? session->username : "");
    }
}

void occupancy_forget_user(struct occupancy *occupancy, const struct uuid *user)
{
    struct map *rooms = map_remove(&occupancy->counts, user);
    if (rooms != NULL) {
        map_finish(rooms);
        free(rooms);
    }
}

/* The count lives in the map's value pointer itself. Returns the one before. */
static uintptr_t count_by(struct map *rooms, const struct uuid *room, int by)
{
    uintptr_t before = (uintptr_t)map_get(rooms, room);
    uintptr_t after = by > 0 ? before + 1 : before - (before > 0);
    if (after == 0) {
        map_remove(rooms, room);
    } else if (map_put(rooms, room, (void *)after) != ERR_OK) {
        return 0; /* no memory: told once too often */
    }
    return before;
}

static void count_session(struct map *rooms, const struct session *session)
{
    for (const struct subscription *s = session_subscriptions(session); s != NULL;
         s = subscription_next(s)) {
        if (s->occupant) {
            count_by(rooms, &streams_id(s)->id, 1);
        }
    }
}

/* In how many sessions a user has which room open: counted only for users with several
 * sessions here, since the rooms of a single one say it themselves. NULL: it is one. */
static struct map *counts_of(struct occupancy *occupancy, const struct session *session)
{
    if (!reflist_linked(&session->in_user)) {
        return NULL;
    }
    if (reflist_empty(&session->in_user)) {
        occupancy_forget_user(occupancy, &session->user_id);
        return NULL;
    }
    struct map *rooms = map_get(&occupancy->counts, &session->user_id);
    if (rooms != NULL) {
        return rooms;
    }
    rooms = calloc(1, sizeof(*rooms));
    if (rooms == NULL ||
        map_put(&occupancy->counts, &session->user_id, rooms) != ERR_OK) {
        free(rooms);
        return NULL;
    }
    map_init(rooms, sizeof(struct uuid));
    count_session(rooms, session);
    REFLIST_EACH(&session->in_user, node)
    {
        count_session(rooms, container_of(node, struct session, in_user));
    }
    return rooms;
}

static void occupy(struct occupancy *occupancy, struct session *session,
                   struct subscription *subscription, bool present)
{
    struct map *counts = counts_of(occupancy, session);
    struct room_user key = {streams_id(subscription)->id, session->user_id};
    subscription->occupant = present;
    occupancy->occupants += present ? 1 : -1;
    if (counts == NULL ||
        count_by(counts, &key.room, present ? 1 : -1) == (present ? 0 : 1)) {
        note_change(occupancy, session, &key, present);
    }
}

void occupancy_enter(struct occupancy *occupancy, struct session *session,
                     struct subscription *subscription)
{
    occupy(occupancy, session, subscription, true);
}

void occupancy_leave(struct occupancy *occupancy, struct session *session,
                     struct subscription *subscription)
{
    if (subscription->occupant) {
        occupy(occupancy, session, subscription, false);
    }
}

/* ---------------------------------------------------------------- sessions */

void occupancy_session_over(struct occupancy *occupancy, const struct uuid *session,
                            const struct uuid *user, const char *reason, bool open)
{
    goodbye_say(&occupancy->goodbyes, session, user, reason, open && occupancy->whole);
}

/* ---------------------------------------------------------------- the lease */

static void add_room(struct lease_draft *draft, const struct change *change)
{
    size_t i = draft->lease.n_rooms++;
    struct lease_room *room = &draft->rooms[i];
    room->key = change->key;
    room->session_id = change->session_id;
    memcpy(room->username, change->username, sizeof(room->username));
    link__occupancy__init(&room->row);
    room->row.room_id.data = room->key.room.b;
    room->row.user_id.data = room->key.user.b;
    room->row.room_id.len = room->row.user_id.len = 16;
    room->row.present = change->present;
    if (change->present !=
        change->told) { /* else a whole lease repeats it, and nobody needs to hear */
        room->row.session_id.data = room->session_id.b;
        room->row.session_id.len = 16;
        room->row.has_session_id = true;
        room->row.username = room->username;
    }
    draft->room_pointers[i] = &room->row;
}

/* As slice_of() in migrations/0004_streams.sql; a (room, user) is in its user's slice. */
static bool in_slice(const struct occupancy *occupancy, const struct uuid *id)
{
    return id->b[15] % occupancy->slices == occupancy->slice;
}

static void begin_whole(struct occupancy *occupancy)
{
    size_t most = occupancy->occupants > occupancy->edge->sessions.size
                      ? occupancy->occupants
                      : occupancy->edge->sessions.size;
    occupancy->slices = (uint32_t)(most / SLICE_MAX) + 1;
    if (occupancy->slices > SLICES_MAX) {
        occupancy->slices = SLICES_MAX;
    }
}

static void fill_sessions(struct occupancy *occupancy, struct lease_draft *draft)
{
    struct edge *edge = occupancy->edge;
    size_t max = edge->sessions.size;
    draft->sessions = calloc(max + 1, sizeof(*draft->sessions));
    draft->session_pointers = calloc(max + 1, sizeof(Link__SessionState *));
    if (draft->sessions == NULL || draft->session_pointers == NULL) {
        return;
    }
    size_t n = 0;
    size_t at = 0;
    void *value;
    while (n < max && map_next(&edge->sessions, &at, NULL, &value)) {
        struct session *session = value;
        if (session->state != SESSION_OPEN || uuid_is_zero(session->user_id) ||
            !in_slice(occupancy, &session->id)) {
            continue;
        }
        Link__SessionState *state = &draft->sessions[n];
        link__session_state__init(state);
        state->session_id.data = session->id.b;
        state->user_id.data = session->user_id.b;
        state->session_id.len = state->user_id.len = 16;
        state->connected = true;
        state->username = session->username != NULL ? session->username : (char *)"";
        draft->session_pointers[n++] = state;
    }
    draft->lease.n_sessions = n;
    draft->lease.sessions = draft->session_pointers;
}

static void lease_done(struct upstream_call *call, enum upstream_result result,
                       const Link__Reply *reply);

static bool make_rooms(struct lease_draft *draft, size_t max)
{
    draft->rooms = calloc(max + 1, sizeof(*draft->rooms));
    draft->room_pointers = calloc(max + 1, sizeof(Link__Occupancy *));
    draft->lease.rooms = draft->room_pointers;
    return draft->rooms != NULL && draft->room_pointers != NULL;
}

static void tell_room(struct occupancy *occupancy, struct lease_draft *draft,
                      struct change *change)
{
    if (change->present != change->told || occupancy->whole) {
        add_room(draft, change);
    }
    news_told(&occupancy->news, change, clock_ms());
}

/* Takes what has changed into the request. */
static void fill_changes(struct occupancy *occupancy, struct lease_draft *draft)
{
    if (!make_rooms(draft, CHANGES_MAX)) {
        return; /* they stay on the list for the next lease */
    }
    while (draft->lease.n_rooms < CHANGES_MAX && !list_empty(&occupancy->news.due)) {
        tell_room(occupancy, draft,
                  container_of(occupancy->news.due.next, struct change, node));
    }
}

/* False: no memory. */
static bool add_present(struct occupancy *occupancy, const struct session *session)
{
    if (!in_slice(occupancy, &session->user_id)) {
        return true;
    }
    for (const struct subscription *s = session_subscriptions(session); s != NULL;
         s = subscription_next(s)) {
        struct room_user key = {streams_id(s)->id, session->user_id};
        if (s->occupant) {
            struct change *change = news_change(&occupancy->news, &key, true);
            if (change == NULL) {
                return false;
            }
            change->present = true;
        }
    }
    return true;
}

/* Everything of a slice: what is present, and what is known to be gone. */
static bool fill_slice(struct occupancy *occupancy, struct lease_draft *draft)
{
    size_t max = 0, at = 0;
    void *value;
    news_hurry(&occupancy->news);
    while (map_next(&occupancy->edge->sessions, &at, NULL, &value)) {
        if (!add_present(occupancy, value)) {
            return false;
        }
    }
    LIST_EACH(&occupancy->news.due, node) {
        max += in_slice(occupancy, &container_of(node, struct change, node)->key.user);
    }
    if (!make_rooms(draft, max)) {
        return false;
    }
    LIST_EACH(&occupancy->news.due, node) {
        struct change *change = container_of(node, struct change, node);
        if (in_slice(occupancy, &change->key.user)) {
            tell_room(occupancy, draft, change);
        }
    }
    fill_sessions(occupancy, draft);
    draft->lease.has_whole = draft->lease.whole = true;
    draft->lease.has_slice = draft->lease.has_slices = true;
    draft->lease.slice = occupancy->slice;
    draft->lease.slices = occupancy->slices;
    return draft->lease.sessions != NULL;
}

static void free_draft(struct lease_draft *draft)
{
    free(draft->rooms);
    free(draft->room_pointers);
    free(draft->sessions);
    free(draft->session_pointers);
}

static void send_lease(struct occupancy *occupancy)
{
    struct lease_draft draft = {.lease = LINK__LEASE__INIT};
    if (occupancy->whole && occupancy->slice == 0) {
        begin_whole(occupancy);
    }
    if (!occupancy->whole) {
        fill_changes(occupancy, &draft);
    } else if (!fill_slice(occupancy, &draft)) {
        free_draft(&draft);
        return; /* no memory: later */
    }
    draft.lease.has_leaving = draft.lease.leaving = occupancy->leaving;
    Link__Request request = LINK__REQUEST__INIT;
    struct uuid id = uuid_v7();
    request.request_id.data = id.b;
    request.request_id.len = 16;
    request.has_protobuf = request.protobuf = occupancy->edge->protobuf_count > 0;
    request.body_case = LINK__REQUEST__BODY_LEASE;
    request.lease = &draft.lease;
    occupancy->call.request = &request;
    occupancy->call.deadline_ms = clock_ms() + LEASE_DEADLINE_MS;
    occupancy->call.changes = false;
    occupancy->call.done = lease_done;
    occupancy->call.user = occupancy;
    occupancy->asking = true;
    occupancy->asked_ms = clock_ms();
    occupancy->renew = false;
    upstream_request(occupancy->edge->upstream, &occupancy->call);
    free_draft(&draft);
}

static void lease_done(struct upstream_call *call, enum upstream_result result,
                       const Link__Reply *reply)
{
    struct occupancy *occupancy = call->user;
    occupancy->asking = false;
    bool answered =
        result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_LEASED;
    if (answered) { /* an older one that lost its answer comes no more, either */
        goodbyes_again(&occupancy->goodbyes);
    }
    bool again = !answered || reply->leased->again;
    if (occupancy->whole && !again && ++occupancy->slice < occupancy->slices) {
        occupancy->renew = true; /* the next part, at once */
        return;
    }
    /* Without an answer nobody knows what the cores know: tell everything next time. */
    occupancy->whole = again;
    occupancy->slice = 0;
}

/* A lease costs PostgreSQL the same, whatever is in it. */
static bool changes_due(const struct occupancy *occupancy, int64_t now_ms)
{
    return !occupancy->whole && !list_empty(&occupancy->news.due) &&
           now_ms - occupancy->asked_ms >= LEASE_PACE_MS;
}

void occupancy_turn(struct occupancy *occupancy)
{
    int64_t now_ms = clock_ms();
    news_turn(&occupancy->news, now_ms);
    if (!occupancy->asking && (occupancy->renew || changes_due(occupancy, now_ms))) {
        send_lease(occupancy);
    }
}

size_t occupancy_waiting(const struct occupancy *occupancy)
{
    return occupancy->news.changes.size;
}

void occupancy_renew(struct occupancy *occupancy, bool leaving)
{
    /* not while another lease is under way, whose answer would count for the whole one */
    if (++occupancy->renewals >= WHOLE_EVERY * (occupancy->slices + 1) &&
        !occupancy->asking) {
        occupancy->renewals = 0;
        occupancy->whole = true;
    }
    occupancy->renew = true;
    occupancy->leaving = leaving;
    if (leaving) {
        news_hurry(&occupancy->news); /* nobody is there to tell it later */
    }
    occupancy_turn(occupancy);
}
