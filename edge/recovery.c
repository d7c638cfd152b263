/* Keeps the trails of sessions whose connections broke, a bounded number for a bounded
 * time, and gives each to the one client it belongs to. */
#include "edge/recovery.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "edge/session.h"

#define STEPS_MIN 16

/* A durable event that the session was given. */
struct step {
    struct stream_id stream;
    uint32_t tag, prev_tag;
    uint64_t seq;
};

/* Where a subscription stood. */
struct stood {
    struct stream_id stream;
    uint32_t tag;
    uint64_t seq;
};

struct trail {
    struct recovery *recovery;
    char id[RECOVERY_ID_SIZE];
    struct uuid sid;
    struct uuid user;
    const char *name_space;
    struct session *session; /* whose it is; NULL: it is kept */
    bool follows;

    struct step *steps; /* ring, capacity a power of two; memory only while in use */
    uint32_t start, count, capacity;

    struct stood *stood; /* while it is kept, and until its next session is accepted */
    size_t stood_count;

    struct list in_kept; /* oldest first */
    int64_t until_ms;
};

struct recovery {
    int64_t keep_ms;
    struct map trails; /* id -> struct trail, of living sessions too */
    struct list kept;
    size_t kept_count, kept_bytes;
};

struct recovery *recovery_create(int64_t keep_ms)
{
    struct recovery *recovery = calloc(1, sizeof(*recovery));
    if (recovery != NULL) {
        recovery->keep_ms = keep_ms;
        map_init(&recovery->trails, MAP_TEXT_KEYS);
        list_init(&recovery->kept);
    }
    return recovery;
}

static size_t bytes_of(const struct trail *trail)
{
    return sizeof(*trail) + trail->capacity * sizeof(*trail->steps) +
           trail->stood_count * sizeof(*trail->stood);
}

static void take_out(struct trail *trail)
{
    if (list_linked(&trail->in_kept)) {
        list_remove(&trail->in_kept);
        trail->recovery->kept_count--;
        trail->recovery->kept_bytes -= bytes_of(trail);
    }
}

static void destroy(struct trail *trail)
{
    take_out(trail);
    if (trail->session != NULL) {
        trail->session->trail = NULL;
    }
    map_remove(&trail->recovery->trails, trail->id);
    free(trail->steps);
    free(trail->stood);
    free(trail);
}

void recovery_destroy(struct recovery *recovery)
{
    if (recovery == NULL) {
        return;
    }
    LIST_EACH(&recovery->kept, node) {
        destroy(container_of(node, struct trail, in_kept));
    }
    map_finish(&recovery->trails);
    free(recovery);
}

/* ---------------------------------------------------------------- while it lives */

static void random_id(char ret_id[RECOVERY_ID_SIZE])
{
    uint8_t bits[(RECOVERY_ID_SIZE - 1) / 2];
    random_bytes(bits, sizeof(bits));
    for (size_t i = 0; i < sizeof(bits); i++) {
        snprintf(ret_id + 2 * i, 3, "%02x", bits[i]);
    }
}

void recovery_begin(struct recovery *recovery, struct session *session)
{
    struct trail *trail = session->trail;
    if (trail != NULL) {
        free(trail->stood); /* its subscriptions have opened */
        trail->stood = NULL;
        trail->stood_count = 0;
        return;
    }
    if (uuid_is_zero(session->user_id)) {
        return;
    }
    trail = calloc(1, sizeof(*trail));
    if (trail == NULL) {
        return;
    }
    random_id(trail->id);
    if (map_put(&recovery->trails, trail->id, trail) != ERR_OK) {
        free(trail);
        return;
    }
    trail->recovery = recovery;
    trail->sid = session->id;
    trail->user = session->user_id;
    trail->name_space = session->name_space;
    trail->session = session;
    session->trail = trail;
}

static struct step *step_at(const struct trail *trail, uint32_t index)
{
    return &trail->steps[(trail->start + index) & (trail->capacity - 1)];
}

/* Room for one more step; the oldest gives way when there are enough. */
static bool reserve(struct trail *trail)
{
    if (trail->count < trail->capacity) {
        return true;
    }
    if (trail->capacity == RECOVERY_STEPS_MAX) {
        trail->start++;
        trail->count--;
        return true;
    }
    uint32_t capacity = trail->capacity > 0 ? trail->capacity * 2 : STEPS_MIN;
    struct step *steps = calloc(capacity, sizeof(*steps));
    if (steps == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < trail->count; i++) {
        steps[i] = *step_at(trail, i);
    }
    free(trail->steps);
    trail->steps = steps;
    trail->start = 0;
    trail->capacity = capacity;
    return true;
}

void recovery_note(struct session *session, const struct publication *publication)
{
    struct trail *trail = session->trail;
    if (trail == NULL) {
        return;
    }
    if (!reserve(trail)) {
        recovery_cut(session); /* a hole in it would be one in what is recovered */
        return;
    }
    trail->count++;
    *step_at(trail, trail->count - 1) = (struct step){
        .stream = publication->stream,
        .tag = publication->tag,
        .prev_tag = publication->prev_tag,
        .seq = publication->seq,
    };
}

void recovery_cut(struct session *session)
{
    if (session->trail != NULL) {
        session->trail->count = 0;
    }
}

void recovery_forget(struct session *session)
{
    if (session->trail != NULL) {
        destroy(session->trail);
    }
}

/* ---------------------------------------------------------------- when it broke */

/* Where the session stands now; the trail is no longer its own. False: no memory. */
static bool leave_session(struct trail *trail)
{
    struct session *session = trail->session;
    session->trail = NULL;
    trail->session = NULL;
    if (session->state != SESSION_OPEN) {
        return true; /* it was not accepted yet: what it took over still holds */
    }
    size_t count = 0;
    struct stood *stood = calloc(session->subscription_count + 1, sizeof(*stood));
    if (stood == NULL) {
        return false;
    }
    for (const struct subscription *s = session_subscriptions(session); s != NULL;
         s = subscription_next(s)) {
        stood[count++] =
            (struct stood){.stream = *streams_id(s), .tag = s->tag, .seq = s->cursor};
    }
    free(trail->stood);
    trail->stood = stood;
    trail->stood_count = count;
    trail->follows = session->follows;
    return true;
}

void recovery_keep(struct session *session, int64_t now_ms)
{
    struct trail *trail = session->trail;
    if (trail == NULL) {
        return;
    }
    struct recovery *recovery = trail->recovery;
    if (!leave_session(trail)) {
        destroy(trail);
        return;
    }
    trail->until_ms = now_ms + recovery->keep_ms;
    list_push(&recovery->kept, &trail->in_kept);
    recovery->kept_count++;
    recovery->kept_bytes += bytes_of(trail);
    while (recovery->kept_count > RECOVERY_KEPT_MAX ||
           recovery->kept_bytes > RECOVERY_BYTES_MAX) {
        destroy(container_of(recovery->kept.next, struct trail, in_kept));
    }
}

void recovery_tick(struct recovery *recovery, int64_t now_ms)
{
    LIST_EACH(&recovery->kept, node) {
        struct trail *trail = container_of(node, struct trail, in_kept);
        if (trail->until_ms > now_ms) {
            return;
        }
        destroy(trail);
    }
}

size_t recovery_kept(const struct recovery *recovery)
{
    return recovery->kept_count;
}

/* ---------------------------------------------------------------- coming back */

void recovery_offset(const struct publication *publication,
                     char ret_text[RECOVERY_OFFSET_SIZE])
{
    char cursor[CURSOR_TEXT_SIZE], stream[STREAM_TEXT_SIZE];
    cursor_format(publication->seq, publication->tag, cursor);
    stream_format(&publication->stream, stream);
    snprintf(ret_text, RECOVERY_OFFSET_SIZE, "%s@%s", cursor, stream);
}

/* The steps up to and with the one that the offset names; 0: it is not among them. */
static uint32_t steps_until(const struct trail *trail, struct bytes offset)
{
    struct step named = {0};
    const uint8_t *at = offset.size > 0 ? memchr(offset.data, '@', offset.size) : NULL;
    if (at == NULL) {
        return 0;
    }
    size_t size = (size_t)(at - offset.data);
    if (!cursor_parse(bytes_make(offset.data, size), &named.seq, &named.tag) ||
        !stream_parse(bytes_make(at + 1, offset.size - size - 1), &named.stream)) {
        return 0;
    }
    for (uint32_t i = trail->count; i > 0; i--) {
        const struct step *step = step_at(trail, i - 1);
        if (step->seq == named.seq && step->tag == named.tag &&
            stream_equal(&step->stream, &named.stream)) {
            return i;
        }
    }
    return 0;
}

/* Takes back, newest first, what the client did not get. */
static void take_back(struct trail *trail, uint32_t from)
{
    while (trail->count > from) {
        const struct step *step = step_at(trail, --trail->count);
        for (size_t i = 0; i < trail->stood_count; i++) {
            if (stream_equal(&trail->stood[i].stream, &step->stream)) {
                trail->stood[i].seq = step->seq - 1;
                trail->stood[i].tag = step->prev_tag;
            }
        }
    }
}

static void write_resume(const struct trail *trail, struct buf *ret_resume)
{
    buf_append_char(ret_resume, '{');
    for (size_t i = 0; i < trail->stood_count; i++) {
        char stream[STREAM_TEXT_SIZE], cursor[CURSOR_TEXT_SIZE];
        stream_format(&trail->stood[i].stream, stream);
        cursor_format(trail->stood[i].seq, trail->stood[i].tag, cursor);
        buf_printf(ret_resume, "%s\"%s\":\"%s\"", i > 0 ? "," : "", stream, cursor);
    }
    buf_append_char(ret_resume, '}');
}

/* The trail of that id, if it may be the session's. */
static struct trail *find(const struct recovery *recovery, const struct session *session,
                          struct bytes id)
{
    char text[RECOVERY_ID_SIZE];
    if (id.size != sizeof(text) - 1 || memchr(id.data, 0, id.size) != NULL) {
        return NULL;
    }
    memcpy(text, id.data, id.size);
    text[id.size] = '\0';
    struct trail *trail = map_get(&recovery->trails, text);
    bool fits = trail != NULL && trail->session != session &&
                trail->name_space == session->name_space &&
                uuid_equal(trail->user, session->user_id);
    return fits ? trail : NULL;
}

bool recovery_take(struct recovery *recovery, struct session *session, struct bytes id,
                   struct bytes offset, struct buf *ret_resume)
{
    struct trail *trail = find(recovery, session, id);
    if (trail == NULL) {
        return false;
    }
    take_out(trail);
    if (trail->session != NULL) {
        struct conn *older = trail->session->conn;
        bool left = leave_session(trail);
        conn_close(older, CLOSE_NORMAL, "recovered on another connection");
        if (!left) {
            destroy(trail);
            return false;
        }
    }
    uint32_t until = steps_until(trail, offset);
    if (until > 0) {
        take_back(trail, until);
        write_resume(trail, ret_resume);
    }
    if (until == 0 || ret_resume->failed) {
        destroy(trail);
        return false;
    }
    trail->session = session;
    session->trail = trail;
    session->follows = trail->follows;
    return true;
}

const char *recovery_id(const struct session *session)
{
    return session->trail != NULL ? session->trail->id : NULL;
}

struct uuid recovery_sid(const struct session *session)
{
    return session->trail != NULL ? session->trail->sid : session->id;
}
