/* Sessions that follow what their user gains: what may they hear of it? */
#include "core/control.h"
#include "core/core.h"
#include "core/query.h"
#include "core/worker.h"

#define ROOMS_MAX 1000

enum { USERNAME, CONTROL };

static enum err reply_control(struct request *request, const struct db_result *result)
{
    struct arena *arena = &request->arena;
    Link__EventReply *event = arena_alloc(arena, sizeof(*event));
    const char *username = arena_copy(arena, db_text(result, 0, USERNAME));
    if (event == NULL || username == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__event_reply__init(event);
    event->encoding = LINK__ENCODING__JSON;
    event->payload = (ProtobufCBinaryData){2, (uint8_t *)"{}"};
    TRY(control_parse(arena, db_text(result, 0, CONTROL), username, &event->control));
    request->reply.body_case = LINK__REPLY__BODY_EVENT;
    request->reply.event = event;
    return ERR_OK;
}

static void on_followed(struct db_call *call, const struct db_outcome *outcome,
                        const struct db_result *result)
{
    struct request *request = query_request(call);
    if (!query_worked(request, outcome)) {
        return;
    }
    enum err err = db_row_count(result) == 1 ? reply_control(request, result)
                                             : ERR_UNAUTHENTICATED; /* no such user */
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    request_finish(request);
}

static enum err bind_gained(struct request *request, const Link__Gained *gained,
                            const char *ret_params[2])
{
    struct uuid id;
    if (gained->n_rooms > ROOMS_MAX ||
        (gained->has_community_id && gained->community_id.len != sizeof(id.b))) {
        return ERR_LIMIT_REACHED;
    }
    if (gained->has_community_id) {
        memcpy(id.b, gained->community_id.data, sizeof(id.b));
        ret_params[0] = query_uuid(request, id);
    }
    if (gained->n_rooms == 0) {
        return ERR_OK;
    }
    struct buf rooms;
    array_begin(&rooms);
    for (size_t i = 0; i < gained->n_rooms; i++) {
        if (gained->rooms[i].len == sizeof(id.b)) {
            memcpy(id.b, gained->rooms[i].data, sizeof(id.b));
            array_add_uuid(&rooms, id);
        }
    }
    ret_params[1] = array_end(&rooms, &request->arena);
    return ret_params[1] != NULL ? ERR_OK : ERR_LIMIT_REACHED;
}

void answer_follow(struct request *request, const Link__Request *message)
{
    const Link__Gained *gained = message->follow->gained;
    const char *params[3] = {query_uuid(request, request->actor.user_id)};
    enum err err = params[0] == NULL ? ERR_UNAUTHENTICATED
                   : gained == NULL  ? ERR_OK
                                     : bind_gained(request, gained, &params[1]);
    if (err != ERR_OK) {
        query_refuse(request, err);
        return;
    }
    query(request, "SELECT * FROM session_follow($1, $2, $3)", DB_READ,
          request->actor.user_id.b[15], 3, params, on_followed);
}
