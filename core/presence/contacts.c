/* Announces who comes and goes, once PostgreSQL has decided that it is news. */
#include "core/presence/contacts.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/core.h"
#include "core/dispatch.h"
#include "core/publish.h"
#include "core/query.h"
#include "events.gen.h"

#define DEADLINE_MS  5000
#define CONTACTS_MAX 1000

/* Whom to tell, and how the user looks to them: the state of now counts, not the one that
 * started the grace. A user is idle when all of his sessions are. */
#define CONTACTS_SQL                                                                     \
    "SELECT u.username, u.presence = 'INVISIBLE', x.sessions > 0, "                      \
    "contact_streams(u.id), "                                                            \
    "CASE WHEN u.presence = 'INVISIBLE' OR x.sessions = 0 THEN 'OFFLINE' "               \
    "     WHEN u.presence = 'ONLINE' AND x.idle THEN 'IDLE' ELSE u.presence END, "       \
    "u.presence_text "                                                                   \
    "FROM users u, LATERAL (SELECT count(*) AS sessions, bool_and(s.idle) AS idle "      \
    "                       FROM sessions s WHERE s.user_id = u.id) x "                  \
    "WHERE u.id = $1 AND u.deleted_at IS NULL"

enum { USERNAME, INVISIBLE, HERE, STREAMS, STATUS, TEXT };

/* One announcement on its way: asks, then publishes. */
struct announcement {
    struct request request;
    struct uuid user;
    bool came;
};

static void publish_all(const struct request *request)
{
    struct publisher *publisher = request->core->publisher;
    if (publisher != NULL && request->publication_count > 0) {
        publisher_add(publisher, request->publications, request->publication_count);
    }
}

static void free_announcement(struct request *request)
{
    struct announcement *announcement =
        container_of(request, struct announcement, request);
    publish_all(request);
    arena_finish(&request->arena);
    free(announcement);
}

static enum err tell_came(struct request *request, char *id, char *username,
                          struct bytes streams)
{
    Belfry__UserConnected event = BELFRY__USER_CONNECTED__INIT;
    event.user_id = id;
    event.username = username;
    return send_to_contacts(request, streams, "USER_CONNECTED", &event.base);
}

static enum err tell(struct announcement *announcement, const struct db_result *result)
{
    struct request *request = &announcement->request;
    char id[UUID_TEXT_SIZE];
    char *username = arena_copy(&request->arena, db_text(result, 0, USERNAME));
    struct bytes streams = db_text(result, 0, STREAMS);
    uuid_format(announcement->user, id);
    if (username == NULL) {
        return ERR_LIMIT_REACHED;
    }
    if (announcement->came) {
        return tell_came(request, id, username, streams);
    }
    Belfry__UserDisconnected event = BELFRY__USER_DISCONNECTED__INIT;
    event.user_id = id;
    return send_to_contacts(request, streams, "USER_DISCONNECTED", &event.base);
}

static void warn_untold(struct uuid user, enum err err)
{
    if (err != ERR_OK) {
        log_warn("contacts are not told", LOG_UUID("user", user), LOG_ERR(err));
    }
}

void contacts_tell_came(struct request *request, struct bytes streams)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(request->actor.user_id, id);
    warn_untold(request->actor.user_id,
                tell_came(request, id, (char *)request->actor.username, streams));
}

static void on_contacts(struct db_call *call, const struct db_outcome *outcome,
                        const struct db_result *result)
{
    struct request *request = query_request(call);
    struct announcement *announcement =
        container_of(request, struct announcement, request);
    if (outcome->err == ERR_OK && db_row_count(result) == 1 &&
        !db_bool(result, 0, INVISIBLE) &&
        db_bool(result, 0, HERE) == announcement->came) {
        warn_untold(announcement->user, tell(announcement, result));
    }
    request_finish(request);
}

void contacts_announce(struct core *core, struct uuid user, bool came)
{
    struct announcement *announcement = calloc(1, sizeof(*announcement));
    if (announcement == NULL) {
        return;
    }
    struct request *request = &announcement->request;
    request_start(request, core);
    request->finished = free_announcement;
    request->deadline_ms = clock_ms() + DEADLINE_MS;
    announcement->user = user;
    announcement->came = came;
    const char *params[1] = {query_uuid(request, user)};
    if (params[0] == NULL) {
        request_finish(request);
        return;
    }
    query(request, CONTACTS_SQL, DB_READ, user.b[15], 1, params, on_contacts);
}

/* ------------------------------------------------------------------ presence */

static enum err tell_presence(struct request *request, const struct db_result *result)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(request->actor.user_id, id);
    char *status = arena_copy(&request->arena, db_text(result, 0, STATUS));
    char *text = arena_copy(&request->arena, db_text(result, 0, TEXT));
    if (status == NULL || text == NULL) {
        return ERR_LIMIT_REACHED;
    }
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value_by_name(
        &belfry__presence__status__descriptor, status);
    if (value == NULL) {
        return ERR_INTERNAL;
    }
    Belfry__PresenceChanged event = BELFRY__PRESENCE_CHANGED__INIT;
    event.user_id = id;
    event.has_status = true;
    event.status = (Belfry__Presence__Status)value->value;
    event.text = text[0] != '\0' ? text : NULL;
    return send_to_contacts(request, db_text(result, 0, STREAMS), "PRESENCE_CHANGED",
                            &event.base);
}

static void on_presence(struct db_call *call, const struct db_outcome *outcome,
                        const struct db_result *result)
{
    struct request *request = query_request(call);
    if (outcome->err == ERR_OK && db_row_count(result) == 1) {
        warn_untold(request->actor.user_id, tell_presence(request, result));
    }
    dispatch_committed(request);
}

void contacts_tell_presence(struct request *request)
{
    struct db_call *call = &request->call;
    struct executor *executor = &request->core->executor;
    memset(call, 0, sizeof(*call));
    call->sql = CONTACTS_SQL;
    call->mode = DB_READ;
    call->mode_param = -1;
    call->deadline_ms = request->deadline_ms;
    call->param_count = 1;
    call->params[0] = query_uuid(request, request->actor.user_id);
    call->done = on_presence;
    if (call->params[0] == NULL || executor->submit(executor->user, call) != ERR_OK) {
        dispatch_committed(request); /* the change stands, told or not */
    }
}

/* ------------------------------------------------------------------ rooms */

void presence_row_read(const struct db_result *result, int row,
                       struct presence_row *ret_row)
{
    struct bytes what = db_text(result, row, 0);
    struct bytes name = db_text(result, row, 3);
    memset(ret_row, 0, sizeof(*ret_row));
    ret_row->what = bytes_equal_text(what, "ROOM")    ? PRESENCE_ROOM
                    : bytes_equal_text(what, "USER")  ? PRESENCE_USER
                    : bytes_equal_text(what, "AGAIN") ? PRESENCE_AGAIN
                                                      : PRESENCE_NOTHING;
    ret_row->room_id = db_uuid(result, row, 1);
    ret_row->user_id = db_uuid(result, row, 2);
    ret_row->present = db_bool(result, row, 4);
    if (name.size > 0 && name.size < sizeof(ret_row->name)) {
        memcpy(ret_row->name, name.data, name.size);
        ret_row->username = ret_row->name;
    }
}

static enum err tell_room(struct request *request, const struct presence_row *row)
{
    char user[UUID_TEXT_SIZE];
    char room[UUID_TEXT_SIZE];
    uuid_format(row->user_id, user);
    uuid_format(row->room_id, room);
    if (row->present) {
        Belfry__UserJoinedRoom event = BELFRY__USER_JOINED_ROOM__INIT;
        event.user_id = user;
        event.username = (char *)(row->username != NULL ? row->username : "");
        event.room_id = room;
        return send_to_room(request, row->room_id, "USER_JOINED_ROOM", &event.base,
                            EXCEPT_SENDER);
    }
    Belfry__UserLeftRoom event = BELFRY__USER_LEFT_ROOM__INIT;
    event.user_id = user;
    event.room_id = room;
    return send_to_room(request, row->room_id, "USER_LEFT_ROOM", &event.base,
                        EXCEPT_SENDER);
}

void presence_row_tell(struct core *core, struct request *scratch,
                       const struct presence_row *row, struct uuid session)
{
    if (row->what == PRESENCE_USER) {
        contacts_announce(core, row->user_id, row->present);
    } else if (row->what == PRESENCE_ROOM) {
        request_start(scratch, core);
        scratch->actor.session_id = session; /* the sender that is left out */
        enum err err = tell_room(scratch, row);
        if (err != ERR_OK) {
            log_warn("a room is not told", LOG_UUID("room", row->room_id), LOG_ERR(err));
        }
        publish_all(scratch);
    }
}
