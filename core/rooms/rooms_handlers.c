/* Rooms, their members, and listening to them: what each event hands to its SQL function.
 */
#include "core/request.h"
#include "events.gen.h"

enum err create_room(struct request *request, const Belfry__CreateRoom *payload)
{
    arg_text(request, payload->name);
    arg_bool(request, payload->private_);
    return run_sql(request);
}

enum err list_rooms(struct request *request, const Belfry__ListRooms *payload)
{
    (void)payload;
    return run_sql(request);
}

/* The subscription is opened by the control part of the outcome. */
enum err join_room(struct request *request, const Belfry__JoinRoom *payload)
{
    (void)payload;
    return run_sql(request);
}

/* Needs no right and no SQL: it takes something away from nobody but oneself. The edge
 * tells who is in a room, and so that the user has left it. */
enum err leave_room(struct request *request, const Belfry__LeaveRoom *payload)
{
    struct stream_id stream = {.kind = STREAM_ROOM};
    if (!uuid_parse(bytes_of_text(payload->room_id), &stream.id)) {
        return ERR_VALIDATION_ERROR;
    }
    return unsubscribe(request, &stream);
}

enum err join_all_rooms(struct request *request, const Belfry__JoinAllRooms *payload)
{
    arg_text(request, payload->community_id);
    return run_sql(request);
}

enum err add_room_member(struct request *request, const Belfry__AddRoomMember *payload)
{
    arg_text(request, payload->user_id);
    return run_sql(request);
}

enum err remove_room_member(struct request *request,
                            const Belfry__RemoveRoomMember *payload)
{
    arg_text(request, payload->user_id);
    return run_sql(request);
}

/* Actions as the mask that PostgreSQL keeps: bit (number - 1). */
static int64_t mask_of(size_t count, const Belfry__Action *actions)
{
    int64_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        mask |= INT64_C(1) << (actions[i] - 1);
    }
    return mask;
}

enum err set_room_override(struct request *request,
                           const Belfry__SetRoomOverride *payload)
{
    if ((payload->role_id == NULL) == (payload->user_id == NULL)) {
        return refuse(request, ERR_VALIDATION_ERROR, NULL,
                      "[{\"path\":\"roleId\",\"rule\":\"either\","
                      "\"message\":\"either this or userId\"}]");
    }
    arg_text(request, payload->role_id);
    arg_text(request, payload->user_id);
    arg_int(request, mask_of(payload->n_allow, payload->allow));
    arg_int(request, mask_of(payload->n_deny, payload->deny));
    return run_sql(request);
}
