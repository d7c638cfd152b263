/* Bus frames taken apart, and each publication brought to its sessions. */
#include "edge/fanout.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "edge/copies.h"
#include "edge/edge.h"
#include "edge/follow.h"
#include "edge/recovery.h"
#include "edge/session.h"

#define HELD_MAX 64 /* a session that is being connected keeps so much control */

/* Control on a user's stream that came while a session was being connected. */
struct held {
    uint32_t count;
    struct publication *publications[];
};

struct fanout {
    struct edge *edge;
    struct arena arena;
    struct publication **controls; /* waiting for fanout_turn() */
    size_t control_count, control_capacity;
    struct copies copies;
    uint64_t mark;
};

static struct metric publications_total = METRIC_COUNTER(
    "belfry_edge_publications_total", "Publications received from the bus.");
static struct metric delivered_total =
    METRIC_COUNTER("belfry_edge_deliveries_total", "Events queued for clients.");
static struct metric dropped_total =
    METRIC_COUNTER("belfry_edge_ephemeral_dropped_total",
                   "Ephemeral events not sent because the client was behind.");

enum err fanout_create(struct edge *edge, struct fanout **ret_fanout)
{
    struct fanout *fanout = calloc(1, sizeof(*fanout));
    if (fanout == NULL) {
        return ERR_UNAVAILABLE;
    }
    fanout->edge = edge;
    arena_init(&fanout->arena, FRAME_MAX_BYTES * 4);
    copies_init(&fanout->copies);
    metrics_register(&publications_total);
    metrics_register(&delivered_total);
    metrics_register(&dropped_total);
    *ret_fanout = fanout;
    return ERR_OK;
}

void fanout_destroy(struct fanout *fanout)
{
    if (fanout == NULL) {
        return;
    }
    for (size_t i = 0; i < fanout->control_count; i++) {
        publication_unref(fanout->controls[i]);
    }
    free(fanout->controls);
    arena_finish(&fanout->arena);
    copies_finish(&fanout->copies);
    free(fanout);
}

/* ---------------------------------------------------------------- to one session */

static void send_to(struct session *session, struct publication *publication)
{
    struct frame *frame =
        publication_frame(publication, session->conn->framing, session->name_space);
    conn_send(session->conn, frame);
    metric_add(&delivered_total, 1);
}

void fanout_deliver(struct fanout *fanout, struct subscription *subscription,
                    struct publication *publication)
{
    (void)fanout;
    if (publication->event.size > 0) { /* else it is control for edges alone */
        recovery_note(session_of(subscription), publication);
        send_to(session_of(subscription), publication);
    }
}

static void send_ephemeral(struct session *session, struct publication *publication)
{
    if (publication->has_except && uuid_equal(publication->except_session, session->id)) {
        return;
    }
    if (!conn_ready(session->conn) || session->conn->edge->stale) {
        metric_add(&dropped_total, 1);
        return;
    }
    send_to(session, publication);
}

static void send_ephemeral_each(void *user, struct subscription *subscription)
{
    send_ephemeral(session_of(subscription), user);
}

/* ---------------------------------------------------------------- to many */

struct contacts {
    uint64_t mark;
    struct publication *publication;
};

/* Each session once, over all the streams by which it is a contact. */
static void send_contact_each(void *user, struct subscription *subscription)
{
    struct contacts *contacts = user;
    struct session *session = session_of(subscription);
    if (session->mark != contacts->mark) {
        session->mark = contacts->mark;
        send_ephemeral(session, contacts->publication);
    }
}

/* True the second time: the same publication came on the topic of another stream. */
static bool seen_before(struct fanout *fanout, const Link__Publication *source)
{
    uint64_t unique = 0;
    if (source->unique.len == sizeof(unique)) {
        memcpy(&unique, source->unique.data, sizeof(unique));
    }
    return copies_seen(&fanout->copies, unique);
}

static void send_to_contacts(struct fanout *fanout, const Link__Publication *source,
                             struct publication *publication)
{
    if (seen_before(fanout, source)) {
        return;
    }
    struct contacts contacts = {++fanout->mark, publication};
    for (size_t i = 0; i < source->n_streams; i++) {
        struct stream_id stream;
        if (stream_from_bytes(bytes_make(source->streams[i].data, source->streams[i].len),
                              &stream)) {
            streams_each(fanout->edge->streams, &stream, send_contact_each, &contacts);
        }
    }
}

static void send_to_everybody(struct fanout *fanout, struct publication *publication)
{
    size_t at = 0;
    void *value;
    while (map_next(&fanout->edge->sessions, &at, NULL, &value)) {
        struct session *session = value;
        if (session->state == SESSION_OPEN) {
            send_ephemeral(session, publication);
        }
    }
}

static void take_publication(struct fanout *fanout, const Link__Publication *source)
{
    metric_add(&publications_total, 1);
    struct publication *publication = publication_create(source);
    if (publication == NULL) {
        return; /* a durable one is missed, and fetched */
    }
    if (publication->durable) {
        streams_offer(fanout->edge->streams, publication, clock_ms());
    } else if (source->n_streams > 0) {
        send_to_contacts(fanout, source, publication);
    } else if (publication->stream.kind != 0) {
        streams_each(fanout->edge->streams, &publication->stream, send_ephemeral_each,
                     publication);
    } else {
        send_to_everybody(fanout, publication);
    }
    publication_unref(publication);
}

static void warm_session(const struct subscription *subscription)
{
    const struct session *session = session_of(subscription);
    __builtin_prefetch(&session->conn);
    __builtin_prefetch(&session->trail);
}

static void warm_conn(const struct subscription *subscription)
{
    conn_warm(session_of(subscription)->conn);
}

static void warm(const struct fanout *fanout, Link__Publication **publications,
                 size_t count)
{
    struct stream_id streams[STREAMS_WARM];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        const Link__Publication *source = publications[i];
        if (source->has_stream &&
            stream_from_bytes(bytes_make(source->stream.data, source->stream.len),
                              &streams[known]) &&
            (known == 0 || !stream_equal(&streams[known - 1], &streams[known]))) {
            known++;
        }
    }
    streams_warm(fanout->edge->streams, streams, known, warm_session, warm_conn);
}

void fanout_frame(struct fanout *fanout, struct bytes frame)
{
    ProtobufCMessage *message;
    struct edge *edge = fanout->edge;
    arena_reset(&fanout->arena);
    if (frame_open(edge->key, FRAME_BUS, &link__bus_frame__descriptor, frame,
                   &fanout->arena, &message) != ERR_OK) {
        return;
    }
    const Link__BusFrame *bus_frame = (const Link__BusFrame *)message;
    edge_learn_epoch(edge, bytes_make(bus_frame->epoch.data, bus_frame->epoch.len));
    for (size_t i = 0; i < bus_frame->n_publications; i++) {
        if (i % STREAMS_WARM == 0) {
            size_t left = bus_frame->n_publications - i;
            warm(fanout, bus_frame->publications + i,
                 left < STREAMS_WARM ? left : STREAMS_WARM);
        }
        take_publication(fanout, bus_frame->publications[i]);
    }
    for (size_t i = 0; i < bus_frame->n_recent; i++) {
        const Link__Head *head = bus_frame->recent[i];
        struct stream_id stream;
        if (stream_from_bytes(bytes_make(head->stream.data, head->stream.len), &stream)) {
            streams_head(edge->streams, &stream, head->seq, clock_ms());
        }
    }
}

/* ---------------------------------------------------------------- control */

void fanout_control(struct fanout *fanout, struct publication *publication)
{
    if (fanout->control_count == fanout->control_capacity) {
        size_t capacity = fanout->control_capacity * 2 + 16;
        void *grown = realloc(fanout->controls, capacity * sizeof(*fanout->controls));
        if (grown == NULL) {
            abort(); /* a revocation must not be overlooked */
        }
        fanout->controls = grown;
        fanout->control_capacity = capacity;
    }
    fanout->controls[fanout->control_count++] = publication_ref(publication);
}

static bool ends(const Link__Control *control, const struct session *session)
{
    for (size_t i = 0; i < control->n_end_sessions; i++) {
        if (control->end_sessions[i].len == 16 &&
            memcmp(control->end_sessions[i].data, session->id.b, 16) == 0) {
            return true;
        }
    }
    if (control->end_token_id != NULL && session->token_id != NULL &&
        strcmp(control->end_token_id, session->token_id) == 0) {
        return true;
    }
    return control->has_end_issued_before &&
           session->issued_at < control->end_issued_before;
}

/* A close tells of a loss at an access seq. A right that was read later than that is of a
 * time after the loss: the user is back, and the subscription stays. So it does while it
 * waits for a right read so late: that will tell. */
static bool closes(const struct publication *publication,
                   const struct subscription *subscription)
{
    return publication->after == 0 || subscription->checked < publication->after;
}

static void control_session(struct session *session,
                            const struct publication *publication)
{
    const Link__Control *control = publication->control;
    if (ends(control, session)) {
        session_end(session, NULL, bytes_make(NULL, 0), CLOSE_REVOKED, "session revoked");
        return;
    }
    for (size_t i = 0; i < control->n_close; i++) {
        struct stream_id stream;
        if (stream_from_bytes(bytes_make(control->close[i].data, control->close[i].len),
                              &stream)) {
            struct subscription *subscription = session_subscription(session, &stream);
            if (subscription != NULL && closes(publication, subscription)) {
                session_unsubscribe(session, subscription);
            }
        }
    }
    for (size_t i = 0; i < control->n_open; i++) {
        const Link__Open *open = control->open[i];
        bool room = open->stream.len > 0 && open->stream.data[0] == STREAM_ROOM;
        if (!room || session->follows) {
            session_open_told(session, open);
        } else {
            follow_ask(session, NULL); /* it may be about to follow */
        }
    }
    if (control->gained != NULL) {
        follow_ask(session, control->gained);
    }
}

/* What a core answers to CONNECT may be older than this. */
static void hold_control(struct session *session, struct publication *publication)
{
    uint32_t count = session->held != NULL ? session->held->count : 0;
    struct held *grown = NULL;
    if (count < HELD_MAX) {
        grown = realloc(session->held,
                        sizeof(*grown) + (count + 1) * sizeof(struct publication *));
    }
    if (grown == NULL) {
        conn_close(session->conn, CLOSE_TRY_LATER, "too much changed while connecting");
        return;
    }
    grown->publications[count] = publication_ref(publication);
    grown->count = count + 1;
    session->held = grown;
}

void fanout_drop_held(struct session *session)
{
    struct held *held = session->held;
    for (uint32_t i = 0; held != NULL && i < held->count; i++) {
        publication_unref(held->publications[i]);
    }
    free(held);
    session->held = NULL;
}

void fanout_control_held(struct session *session)
{
    /* none of them ends it: such a one was not held back */
    for (uint32_t i = 0; session->held != NULL && i < session->held->count; i++) {
        control_session(session, session->held->publications[i]);
    }
    fanout_drop_held(session);
}

static void control_user(struct edge *edge, struct publication *publication)
{
    struct session *first = map_get(&edge->users, &publication->stream.id);
    if (first == NULL) {
        return;
    }
    /* Any of them may end: walk a copy of the ids. */
    size_t count = 1;
    REFLIST_EACH(&first->in_user, node)
    {
        count++;
    }
    struct uuid *ids = calloc(count, sizeof(*ids));
    if (ids == NULL) {
        abort(); /* a revocation must not be overlooked */
    }
    size_t i = 0;
    ids[i++] = first->id;
    REFLIST_EACH(&first->in_user, node)
    {
        ids[i++] = container_of(node, struct session, in_user)->id;
    }
    for (i = 0; i < count; i++) {
        struct session *session = map_get(&edge->sessions, &ids[i]);
        if (session != NULL && session->state == SESSION_OPEN) {
            control_session(session, publication);
        } else if (session != NULL && ends(publication->control, session)) {
            session_refuse(session, ERR_UNAUTHENTICATED, "This session was revoked");
        } else if (session != NULL && session->state == SESSION_CONNECTING) {
            hold_control(session, publication);
        }
    }
    free(ids);
}

void fanout_turn(struct fanout *fanout)
{
    for (size_t i = 0; i < fanout->control_count; i++) {
        /* subscribing may apply further events, which append */
        struct publication *publication = fanout->controls[i];
        if (publication->stream.kind == STREAM_USER) {
            control_user(fanout->edge, publication);
        } else if (publication->control->gained != NULL) {
            follow_ask_listeners(fanout->edge, publication->control->gained);
        }
        publication_unref(publication);
    }
    fanout->control_count = 0;
}
