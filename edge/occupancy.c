/* Occupancy of rooms and liveness of sessions, told to the cores as a lease. */
#include "edge/occupancy.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "edge/edge.h"

#define CHANGES_MAX       1024  /* in one request that is not whole */
#define SLICE_MAX         10000 /* about so many pairs or sessions in a part of a whole */
#define SLICES_MAX        128
#define LEASE_DEADLINE_MS 2500
#define WHOLE_EVERY       30 /* leases for each part: heals what a late CONNECT left */

/* Key of `present`: room and user. */
struct room_user {
    struct uuid room, user;
};

struct presence_count {
    struct room_user key;
    uint32_t sessions;
    bool told;    /* a core has been told that the user is there */
    bool changed; /* is on the list of what to tell */
    struct list node;
    struct uuid session_id; /* whose JOIN or LEAVE made the change */
    char username[65];
};

/* A session that ended, until a core knows. */
struct goodbye {
    struct upstream_call call;
    struct list node;
};

/* One (room, user) in a request. */
struct lease_room {
    Link__Occupancy row;
    struct room_user key;
    struct uuid session_id;
    char username[65];
};

struct occupancy {
    struct edge *edge;
    struct map present; /* struct room_user -> struct presence_count */
    struct list changed;
    struct list goodbyes;

    bool asking;            /* a lease request is under way */
    bool renew;             /* another one is due */
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
    map_init(&occupancy->present, sizeof(struct room_user));
    list_init(&occupancy->changed);
    list_init(&occupancy->goodbyes);
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
    LIST_EACH(&occupancy->goodbyes, node) {
        struct goodbye *goodbye = container_of(node, struct goodbye, node);
        upstream_cancel(&goodbye->call);
        free(goodbye);
    }
    size_t at = 0;
    void *value;
    while (map_next(&occupancy->present, &at, NULL, &value)) {
        free(value);
    }
    map_finish(&occupancy->present);
    free(occupancy);
}

/* ---------------------------------------------------------------- rooms */

static void note_change(struct occupancy *occupancy, struct presence_count *count,
                        const struct session *session)
{
    count->session_id = session->id;
    snprintf(count->username, sizeof(count->username), "%s", session->identity.username);
    if (!count->changed) {
        count->changed = true;
        list_push(&occupancy->changed, &count->node);
    }
}

void occupancy_enter(struct occupancy *occupancy, struct session *session,
                     struct subscription *subscription)
{
    struct room_user key = {streams_id(subscription)->id, session->identity.user_id};
    struct presence_count *count = map_get(&occupancy->present, &key);
    if (count == NULL) {
        count = calloc(1, sizeof(*count));
        if (count == NULL || map_put(&occupancy->present, &key, count) != ERR_OK) {
            free(count);
            return; /* the room does not hear of it; nothing else depends on it */
        }
        count->key = key;
    }
    subscription->occupant = true;
    if (count->sessions++ == 0) {
        note_change(occupancy, count, session);
    }
}

void occupancy_leave(struct occupancy *occupancy, struct session *session,
                     struct subscription *subscription)
{
    if (!subscription->occupant) {
        return;
    }
    subscription->occupant = false;
    struct room_user key = {streams_id(subscription)->id, session->identity.user_id};
    struct presence_count *count = map_get(&occupancy->present, &key);
    if (count != NULL && --count->sessions == 0) {
        note_change(occupancy, count, session);
    }
}

/* ---------------------------------------------------------------- sessions */

static void goodbye_done(struct upstream_call *call, enum upstream_result result,
                         const Link__Reply *reply)
{
    (void)result; /* a core that was not told hears it from the next whole lease, or from
                     the lease's end */
    (void)reply;
    struct goodbye *goodbye = container_of(call, struct goodbye, call);
    list_remove(&goodbye->node);
    free(goodbye);
}

void occupancy_session_closed(struct occupancy *occupancy, struct session *session,
                              const char *reason)
{
    struct goodbye *goodbye = calloc(1, sizeof(*goodbye));
    if (goodbye == NULL) {
        return;
    }
    Link__Request request = LINK__REQUEST__INIT;
    Link__Disconnect disconnect = LINK__DISCONNECT__INIT;
    Link__Actor actor;
    struct uuid id = uuid_v7();
    session_actor(session, &actor);
    disconnect.reason = (char *)reason;
    request.request_id.data = id.b;
    request.request_id.len = 16;
    request.actor = &actor;
    request.body_case = LINK__REQUEST__BODY_DISCONNECT;
    request.disconnect = &disconnect;
    goodbye->call.request = &request;
    goodbye->call.deadline_ms = clock_ms() + occupancy->edge->config->request_timeout_ms;
    goodbye->call.done = goodbye_done;
    list_push(&occupancy->goodbyes, &goodbye->node);
    upstream_request(occupancy->edge->upstream, &goodbye->call);
}

/* ---------------------------------------------------------------- the lease */

static void add_room(struct lease_draft *draft, const struct presence_count *count,
                     bool news)
{
    size_t i = draft->lease.n_rooms++;
    struct lease_room *room = &draft->rooms[i];
    room->key = count->key;
    room->session_id = count->session_id;
    memcpy(room->username, count->username, sizeof(room->username));
    link__occupancy__init(&room->row);
    room->row.room_id.data = room->key.room.b;
    room->row.user_id.data = room->key.user.b;
    room->row.room_id.len = room->row.user_id.len = 16;
    room->row.present = count->sessions > 0;
    if (news) { /* else a whole lease repeats it, and nobody needs to hear */
        room->row.session_id.data = room->session_id.b;
        room->row.session_id.len = 16;
        room->row.has_session_id = true;
        room->row.username = room->username;
    }
    draft->room_pointers[i] = &room->row;
}

/* As slice_of() in migrations/0004_streams.sql. */
static bool in_slice(const struct occupancy *occupancy, const struct uuid *id)
{
    return id->b[15] % occupancy->slices == occupancy->slice;
}

static void begin_whole(struct occupancy *occupancy)
{
    size_t most = occupancy->present.size > occupancy->edge->sessions.size
                      ? occupancy->present.size
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
        if (session->state != SESSION_OPEN || uuid_is_zero(session->identity.user_id) ||
            !in_slice(occupancy, &session->id)) {
            continue;
        }
        Link__SessionState *state = &draft->sessions[n];
        link__session_state__init(state);
        state->session_id.data = session->id.b;
        state->user_id.data = session->identity.user_id.b;
        state->session_id.len = state->user_id.len = 16;
        state->connected = true;
        state->username = session->identity.username;
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

/* What is told is no change any more; who is gone is forgotten. */
static void tell_room(struct occupancy *occupancy, struct lease_draft *draft,
                      struct presence_count *count)
{
    bool present = count->sessions > 0;
    if (present != count->told || occupancy->whole) {
        add_room(draft, count, present != count->told);
        count->told = present;
    }
    if (count->changed) {
        count->changed = false;
        list_remove(&count->node);
    }
    if (!present) {
        map_remove(&occupancy->present, &count->key);
        free(count);
    }
}

/* Takes what has changed into the request. */
static void fill_changes(struct occupancy *occupancy, struct lease_draft *draft)
{
    if (!make_rooms(draft, CHANGES_MAX)) {
        return; /* they stay on the list for the next lease */
    }
    while (draft->lease.n_rooms < CHANGES_MAX && !list_empty(&occupancy->changed)) {
        tell_room(occupancy, draft,
                  container_of(occupancy->changed.next, struct presence_count, node));
    }
}

/* Everything of a slice: what is present, and what is known to be gone. */
static bool fill_slice(struct occupancy *occupancy, struct lease_draft *draft)
{
    size_t max = 0, count = 0, at = 0;
    void *value;
    while (map_next(&occupancy->present, &at, NULL, &value)) {
        max += in_slice(occupancy, &((struct presence_count *)value)->key.room);
    }
    struct presence_count **slice = calloc(max + 1, sizeof(struct presence_count *));
    if (slice == NULL || !make_rooms(draft, max)) {
        free(slice);
        return false;
    }
    at = 0;
    while (map_next(&occupancy->present, &at, NULL, &value)) {
        if (in_slice(occupancy, &((struct presence_count *)value)->key.room)) {
            slice[count++] = value;
        }
    }
    for (size_t i = 0; i < count; i++) {
        tell_room(occupancy, draft, slice[i]);
    }
    free(slice);
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
    bool again = !answered || reply->leased->again;
    if (occupancy->whole && !again && ++occupancy->slice < occupancy->slices) {
        occupancy->renew = true; /* the next part, at once */
        return;
    }
    /* Without an answer nobody knows what the cores know: tell everything next time. */
    occupancy->whole = again;
    occupancy->slice = 0;
}

void occupancy_turn(struct occupancy *occupancy)
{
    if (!occupancy->asking &&
        (occupancy->renew || (!list_empty(&occupancy->changed) && !occupancy->whole))) {
        send_lease(occupancy);
    }
}

void occupancy_renew(struct occupancy *occupancy, bool leaving)
{
    if (++occupancy->renewals >= WHOLE_EVERY * (occupancy->slices + 1)) {
        occupancy->renewals = 0;
        occupancy->whole = true;
    }
    occupancy->renew = true;
    occupancy->leaving = leaving;
    occupancy_turn(occupancy);
}
