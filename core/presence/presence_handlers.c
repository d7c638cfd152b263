/* Presence and typing. Typing never reaches PostgreSQL: the subscription's grant is its
 * right, and a lost event is followed by the next one. */
#include "core/presence/contacts.h"
#include "core/request.h"
#include "events.gen.h"

static const char *status_name(Belfry__SetPresence__Status status)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(
        &belfry__set_presence__status__descriptor, (int)status);
    return value != NULL ? value->name : NULL;
}

enum err set_presence(struct request *request, const Belfry__SetPresence *payload)
{
    arg_text(request, status_name(payload->status));
    arg_text(request, payload->text);
    request->after_commit = contacts_tell_presence;
    return run_sql(request);
}

enum err get_presence(struct request *request, const Belfry__GetPresence *payload)
{
    arg_texts(request, payload->n_user_ids, payload->user_ids);
    return run_sql(request);
}

/* Of one user only the newest state counts. That a client which dies while typing stops
 * doing so is for those who show it to decide, 8 s after the last event. */
static enum err typing(struct request *request, const char *room_id, bool is_typing)
{
    struct uuid room;
    char user_id[UUID_TEXT_SIZE];
    char key[UUID_TEXT_SIZE + 8] = "typing:";
    if (!uuid_parse(bytes_of_text(room_id), &room)) {
        return ERR_VALIDATION_ERROR;
    }
    uuid_format(request->actor.user_id, user_id);
    memcpy(key + strlen("typing:"), user_id, sizeof(user_id));
    Belfry__UserTyping event = BELFRY__USER_TYPING__INIT;
    event.room_id = (char *)room_id;
    event.user_id = user_id;
    event.username =
        (char *)(request->actor.username != NULL ? request->actor.username : "");
    event.has_is_typing = true;
    event.is_typing = is_typing;
    TRY(send_to_room(request, room, "USER_TYPING", &event.base, EXCEPT_SENDER));
    return merge_by(request, key);
}

enum err typing_start(struct request *request, const Belfry__TypingStart *payload)
{
    return typing(request, payload->room_id, true);
}

enum err typing_stop(struct request *request, const Belfry__TypingStop *payload)
{
    return typing(request, payload->room_id, false);
}
