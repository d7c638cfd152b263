/* How sessions begin and end, and what leases tell: who is in which room and who is
 * online, over all edges. */
#include "base/map.h"
#include "core/control.h"
#include "core/core.h"
#include "core/cursors.h"
#include "core/database.h"
#include "core/presence/contacts.h"
#include "core/publication.h"
#include "core/query.h"
#include "core/worker.h"

#define RESUME_MAX 2000
#define TOGETHER   0 /* affinity: the more share a statement, the less each costs */

/* ------------------------------------------------------------------ connect */

enum {
    STATUS,
    MESSAGE,
    USERNAME,
    DISPLAY_NAME,
    EPOCH,
    FIRST,
    CONTACTS,
    STREAM,
    SEQ,
    TAG,
    ACCESS,
    ACCESS_SEQ,
    RESUME_SEQ,
    RESUME_TAG,
    RESYNC,
};

static enum err read_resume(struct arena *arena, const struct db_result *result, int row,
                            Link__Open *open)
{
    open->has_resync = true;
    open->resync = db_bool(result, row, RESYNC);
    if (db_is_null(result, row, RESUME_SEQ)) {
        return ERR_OK;
    }
    Link__Cursor *cursor = arena_alloc(arena, sizeof(*cursor));
    if (cursor == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__cursor__init(cursor);
    cursor->stream = open->stream;
    cursor->seq = (uint64_t)db_int(result, row, RESUME_SEQ);
    cursor->has_tag = true;
    cursor->tag = (uint32_t)db_int(result, row, RESUME_TAG);
    open->resume = cursor;
    return ERR_OK;
}

static enum err read_open(struct arena *arena, const struct db_result *result, int row,
                          const char *username, Link__Open **ret_open)
{
    struct stream_id stream;
    struct stream_id access;
    Link__Open *open = arena_alloc(arena, sizeof(*open));
    if (open == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__open__init(open);
    if (!stream_parse(db_text(result, row, STREAM), &stream)) {
        return ERR_INTERNAL;
    }
    TRY(publication_stream(arena, &stream, &open->stream));
    open->seq = (uint64_t)db_int(result, row, SEQ);
    open->has_tag = true;
    open->tag = (uint32_t)db_int(result, row, TAG);
    if (stream_parse(db_text(result, row, ACCESS), &access)) {
        open->has_access = true;
        TRY(publication_stream(arena, &access, &open->access));
        open->has_access_seq = true;
        open->access_seq = (uint64_t)db_int(result, row, ACCESS_SEQ);
    }
    if (stream.kind == STREAM_ROOM) {
        open->has_grant = true;
        TRY(grant_make(arena, &stream, open->access_seq, username, &open->grant));
    }
    *ret_open = open;
    return read_resume(arena, result, row, open);
}

static enum err read_connected(struct request *request, const struct db_result *result)
{
    struct arena *arena = &request->arena;
    size_t rows = (size_t)db_row_count(result);
    Link__Connected *connected = arena_alloc(arena, sizeof(*connected));
    Link__Open **opens = arena_alloc(arena, (rows + 1) * sizeof(*opens));
    ProtobufCBinaryData *resync = arena_alloc(arena, (rows + 1) * sizeof(*resync));
    char *username = arena_copy(arena, db_text(result, 0, USERNAME));
    char *display_name = arena_copy(arena, db_text(result, 0, DISPLAY_NAME));
    uint8_t *epoch = arena_copy(arena, db_text(result, 0, EPOCH));
    uint8_t *user_id = arena_copy(arena, bytes_make(request->actor.user_id.b, 16));
    if (connected == NULL || opens == NULL || resync == NULL || username == NULL ||
        display_name == NULL || epoch == NULL || user_id == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__connected__init(connected);
    connected->user_id = (ProtobufCBinaryData){16, user_id};
    connected->username = username;
    connected->display_name = display_name[0] != '\0' ? display_name : NULL;
    connected->epoch = (ProtobufCBinaryData){db_text(result, 0, EPOCH).size, epoch};
    connected->open = opens;
    connected->resync = resync;
    for (int row = 0; row < (int)rows; row++) {
        if (db_is_null(result, row, STREAM)) {
            continue; /* the first, of a session that goes on with something */
        }
        Link__Open **open = &opens[connected->n_open];
        TRY(read_open(arena, result, row, username, open));
        connected->n_open++;
        if ((*open)->resync) {
            resync[connected->n_resync++] = (*open)->stream;
        }
    }
    request->actor.username = username;
    request->reply.body_case = LINK__REPLY__BODY_CONNECTED;
    request->reply.connected = connected;
    return ERR_OK;
}

static void on_connected(struct db_call *call, const struct db_outcome *outcome,
                         const struct db_result *result)
{
    struct request *request = query_request(call);
    if (!query_worked(request, outcome)) {
        return;
    }
    if (db_row_count(result) == 0) {
        query_refuse(request, ERR_INTERNAL);
        return;
    }
    struct bytes status = db_text(result, 0, STATUS);
    if (!bytes_equal_text(status, "OK")) {
        const char *code = arena_copy(&request->arena, status);
        const char *message = arena_copy(&request->arena, db_text(result, 0, MESSAGE));
        refuse(request, code != NULL ? err_from_code(code) : ERR_UNAVAILABLE, message,
               NULL);
        request_finish(request);
        return;
    }
    database_note_epoch(request->core, db_uuid(result, 0, EPOCH));
    enum err err = read_connected(request, result);
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    contacts_tell_came(request, db_text(result, 0, CONTACTS));
    request_finish(request);
}

/* A session without a user, which the edge has let in: it listens to nothing. */
static void answer_nobody(struct request *request)
{
    struct arena *arena = &request->arena;
    Link__Connected *connected = arena_alloc(arena, sizeof(*connected));
    uint8_t *user_id = arena_alloc(arena, 16);
    uint8_t *epoch = arena_copy(arena, bytes_make(request->core->epoch.b, 16));
    char *username = arena_text(arena, "");
    if (connected == NULL || user_id == NULL || epoch == NULL || username == NULL) {
        query_refuse(request, ERR_UNAVAILABLE);
        return;
    }
    link__connected__init(connected);
    connected->user_id = (ProtobufCBinaryData){16, user_id};
    connected->username = username;
    connected->epoch = (ProtobufCBinaryData){16, epoch};
    request->reply.body_case = LINK__REPLY__BODY_CONNECTED;
    request->reply.connected = connected;
    request_finish(request);
}

static struct uuid id_of(bool has, ProtobufCBinaryData bytes)
{
    struct uuid uuid = {{0}};
    if (has && bytes.len == sizeof(uuid.b)) {
        memcpy(uuid.b, bytes.data, sizeof(uuid.b));
    }
    return uuid;
}

static const char *bind_room_ids(struct request *request, const Link__Connect *question)
{
    struct buf ids;
    array_begin(&ids);
    for (size_t i = 0; i < question->n_rooms; i++) {
        array_add_uuid(&ids, id_of(true, question->rooms[i]));
    }
    return array_end(&ids, &request->arena);
}

void answer_connect(struct request *request, const Link__Request *message)
{
    const Link__Connect *question = message->connect;
    const struct actor *actor = &request->actor;
    if (uuid_is_zero(actor->user_id)) {
        answer_nobody(request);
        return;
    }
    struct arena *arena = &request->arena;
    static const struct db_many many = {
        .sql = "SELECT * FROM connect_many($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
               "$12)",
        .each = ~(UINT64_C(1) << 6), /* not whether users are made */
        .least = 1,
    };
    const char *params[12] = {
        query_uuid(request, actor->user_id),
        actor->username,
        query_uuid(request, actor->session_id),
        query_uuid(request, request_edge(request)),
        actor->token_id,
        arena_printf(arena, "%lld", (long long)actor->issued_at),
        request->core->config->create_users ? "t" : "f",
        question->label != NULL ? arena_text(arena, question->label) : NULL,
        [11] = bind_room_ids(request, question),
    };
    enum err err =
        question->n_resume + question->n_rooms > RESUME_MAX
            ? ERR_LIMIT_REACHED
            : cursors_bind(request, question->n_resume, question->resume, &params[8]);
    if (err == ERR_OK && (params[0] == NULL || params[3] == NULL || params[5] == NULL ||
                          params[11] == NULL)) {
        err = ERR_UNAVAILABLE;
    }
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    query_many(request, &many,
               "SELECT * FROM session_connect($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
               "$11, $12)",
               TOGETHER, 12, params, on_connected);
}

/* ------------------------------------------------------------------ disconnect */

static enum err reply_leased(struct request *request, bool again)
{
    Link__Leased *leased = arena_alloc(&request->arena, sizeof(*leased));
    if (leased == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__leased__init(leased);
    leased->has_again = again;
    leased->again = again;
    request->reply.body_case = LINK__REPLY__BODY_LEASED;
    request->reply.leased = leased;
    return ERR_OK;
}

static void finish_leased(struct request *request, bool again)
{
    enum err err = reply_leased(request, again);
    if (err != ERR_OK) {
        refuse(request, err, NULL, NULL);
    }
    request_finish(request);
}

static void on_disconnected(struct db_call *call, const struct db_outcome *outcome,
                            const struct db_result *result)
{
    struct request *request = query_request(call);
    if (!query_worked(request, outcome)) {
        return;
    }
    finish_leased(request, false);
}

void answer_disconnect(struct request *request, const Link__Request *message)
{
    (void)message;
    static const struct db_many many = {
        .sql = "SELECT * FROM disconnect_many($1, $2)",
        .each = 3,
        .least = 1,
    };
    const char *params[2] = {query_uuid(request, request->actor.session_id),
                             query_uuid(request, request->actor.user_id)};
    if (params[0] == NULL) {
        query_refuse(request, ERR_VALIDATION_ERROR);
        return;
    }
    query_many(request, &many, "SELECT * FROM session_disconnect($1, $2)", TOGETHER, 2,
               params, on_disconnected);
}

/* ------------------------------------------------------------------ leases */

/* What the edge said about rooms, kept until PostgreSQL knows what it changes. */
struct said {
    size_t count;
    struct occupancy {
        struct room_user {
            struct uuid room_id, user_id;
        } key;
        struct uuid session_id;
        const char *username;
    } items[];
};

/* By room and user; what finds no memory is found as unknown. */
static void index_said(struct said *said, struct map *ret_map)
{
    map_init(ret_map, sizeof(struct room_user));
    for (size_t i = 0; i < said->count; i++) {
        if (map_put(ret_map, &said->items[i].key, &said->items[i]) != ERR_OK) {
            return;
        }
    }
}

static bool tell_changes(struct request *request, const struct db_result *result)
{
    bool again = false;
    struct request scratch = {0};
    struct map said;
    index_said(request->scratch, &said);
    for (int row = 0; row < db_row_count(result); row++) {
        struct presence_row change;
        presence_row_read(result, row, &change);
        again = again || change.what == PRESENCE_AGAIN;
        const struct room_user key = {change.room_id, change.user_id};
        const struct occupancy *occupancy = map_get(&said, &key);
        struct uuid session = {{0}};
        if (occupancy != NULL) {
            session = occupancy->session_id;
            change.username =
                change.username != NULL ? change.username : occupancy->username;
        }
        presence_row_tell(request->core, &scratch, &change, session);
    }
    arena_finish(&scratch.arena);
    map_finish(&said);
    return again;
}

static void on_leased(struct db_call *call, const struct db_outcome *outcome,
                      const struct db_result *result)
{
    struct request *request = query_request(call);
    if (query_worked(request, outcome)) {
        bool again = db_row_count(result) > 0 && tell_changes(request, result);
        finish_leased(request, again);
    }
}

static enum err bind_rooms(struct request *request, const Link__Lease *lease,
                           const char *ret_params[3])
{
    struct said *said = arena_alloc(
        &request->arena, sizeof(*said) + lease->n_rooms * sizeof(said->items[0]));
    struct buf rooms;
    struct buf users;
    struct buf present;
    if (said == NULL) {
        return ERR_LIMIT_REACHED;
    }
    array_begin(&rooms);
    array_begin(&users);
    array_begin(&present);
    for (size_t i = 0; i < lease->n_rooms; i++) {
        const Link__Occupancy *room = lease->rooms[i];
        struct occupancy *item = &said->items[said->count++];
        item->key.room_id = id_of(true, room->room_id);
        item->key.user_id = id_of(true, room->user_id);
        item->session_id = id_of(room->has_session_id, room->session_id);
        if (room->username != NULL) {
            item->username = arena_text(&request->arena, room->username);
        }
        array_add_uuid(&rooms, item->key.room_id);
        array_add_uuid(&users, item->key.user_id);
        array_add_bool(&present, room->present);
    }
    request->scratch = said;
    ret_params[0] = array_end(&rooms, &request->arena);
    ret_params[1] = array_end(&users, &request->arena);
    ret_params[2] = array_end(&present, &request->arena);
    return ret_params[0] != NULL && ret_params[1] != NULL && ret_params[2] != NULL
               ? ERR_OK
               : ERR_LIMIT_REACHED;
}

static enum err bind_sessions(struct request *request, const Link__Lease *lease,
                              const char *ret_params[4])
{
    struct buf sessions;
    struct buf users;
    struct buf connected;
    struct buf idle;
    array_begin(&sessions);
    array_begin(&users);
    array_begin(&connected);
    array_begin(&idle);
    for (size_t i = 0; i < lease->n_sessions; i++) {
        const Link__SessionState *state = lease->sessions[i];
        array_add_uuid(&sessions, id_of(true, state->session_id));
        array_add_uuid(&users, id_of(true, state->user_id));
        array_add_bool(&connected, state->connected);
        array_add_bool(&idle, state->has_idle && state->idle);
    }
    ret_params[0] = array_end(&sessions, &request->arena);
    ret_params[1] = array_end(&users, &request->arena);
    ret_params[2] = array_end(&connected, &request->arena);
    ret_params[3] = array_end(&idle, &request->arena);
    return ret_params[0] != NULL && ret_params[1] != NULL && ret_params[2] != NULL &&
                   ret_params[3] != NULL
               ? ERR_OK
               : ERR_LIMIT_REACHED;
}

void answer_lease(struct request *request, const Link__Request *message)
{
    const Link__Lease *lease = message->lease;
    const char *params[13] = {
        query_uuid(request, request_edge(request)),
        lease->has_whole && lease->whole ? "t" : "f",
        lease->has_leaving && lease->leaving ? "t" : "f",
        [10] = query_uuid(request, request->request_id), /* ids of one edge only grow */
        [11] = arena_printf(&request->arena, "%u", lease->has_slice ? lease->slice : 0),
        [12] = arena_printf(&request->arena, "%u", lease->has_slices ? lease->slices : 1),
    };
    enum err err = params[0] != NULL && params[10] != NULL && params[11] != NULL &&
                           params[12] != NULL
                       ? ERR_OK
                       : ERR_UNAVAILABLE;
    if (err == ERR_OK) {
        err = bind_rooms(request, lease, &params[3]);
    }
    if (err == ERR_OK) {
        err = bind_sessions(request, lease, &params[6]);
    }
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    query(request,
          "SELECT * FROM edge_lease($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
          "$13)",
          DB_ALONE, request_edge(request).b[15], 13, params, on_leased);
}
