/* Reads the control JSON of an outcome, strictly: it decides who hears what. */
#include "core/control.h"

#define LIST_MAX 100000

static bool text_of(const json_t *value, struct bytes *ret_text)
{
    if (!json_is_string(value)) {
        return false;
    }
    *ret_text = bytes_make(json_string_value(value), json_string_length(value));
    return true;
}

static enum err stream_of(struct arena *arena, const json_t *value,
                          struct stream_id *ret_stream, ProtobufCBinaryData *ret_bytes)
{
    struct bytes text;
    if (!text_of(value, &text) || !stream_parse(text, ret_stream)) {
        return ERR_INTERNAL;
    }
    uint8_t *copy = arena_copy(arena, bytes_make(ret_stream, sizeof(*ret_stream)));
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    *ret_bytes = (ProtobufCBinaryData){sizeof(*ret_stream), copy};
    return ERR_OK;
}

static enum err uuid_of(struct arena *arena, const json_t *value,
                        ProtobufCBinaryData *ret_bytes)
{
    struct bytes text;
    struct uuid uuid;
    if (!text_of(value, &text) || !uuid_parse(text, &uuid)) {
        return ERR_INTERNAL;
    }
    uint8_t *copy = arena_copy(arena, bytes_make(uuid.b, sizeof(uuid.b)));
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    *ret_bytes = (ProtobufCBinaryData){sizeof(uuid.b), copy};
    return ERR_OK;
}

static enum err stream_item(struct arena *arena, const json_t *value,
                            ProtobufCBinaryData *ret_bytes)
{
    struct stream_id stream;
    return stream_of(arena, value, &stream, ret_bytes);
}

typedef enum err item_fn(struct arena *arena, const json_t *value,
                         ProtobufCBinaryData *ret_bytes);

static enum err list_of(struct arena *arena, const json_t *array, item_fn *item,
                        size_t *ret_count, ProtobufCBinaryData **ret_items)
{
    size_t count = json_array_size(array); /* 0 for NULL */
    if (count == 0) {
        return ERR_OK;
    }
    ProtobufCBinaryData *items =
        count <= LIST_MAX ? arena_alloc(arena, count * sizeof(*items)) : NULL;
    if (items == NULL) {
        return ERR_LIMIT_REACHED;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(item(arena, json_array_get(array, i), &items[i]));
    }
    *ret_count = count;
    *ret_items = items;
    return ERR_OK;
}

enum err grant_make(struct arena *arena, const struct stream_id *stream,
                    uint64_t access_seq, const char *username,
                    ProtobufCBinaryData *ret_grant)
{
    struct bytes name = username != NULL ? bytes_of_text(username) : (struct bytes){0};
    uint8_t *grant = arena_alloc(arena, GRANT_HEAD_SIZE + name.size);
    if (grant == NULL) {
        return ERR_LIMIT_REACHED;
    }
    grant_write(stream, access_seq, name, grant);
    *ret_grant = (ProtobufCBinaryData){GRANT_HEAD_SIZE + name.size, grant};
    return ERR_OK;
}

enum err control_parse_open(struct arena *arena, const json_t *item, const char *username,
                            Link__Open **ret_open)
{
    Link__Open *open = arena_alloc(arena, sizeof(*open));
    if (open == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__open__init(open);
    struct stream_id stream;
    struct stream_id access;
    TRY(stream_of(arena, json_object_get(item, "stream"), &stream, &open->stream));
    open->seq = (uint64_t)json_integer_value(json_object_get(item, "seq"));
    const json_t *tag = json_object_get(item, "tag");
    if (json_is_integer(tag)) {
        open->has_tag = true;
        open->tag = (uint32_t)json_integer_value(tag);
    }
    const json_t *scope = json_object_get(item, "access");
    if (json_is_string(scope)) {
        open->has_access = true;
        TRY(stream_of(arena, scope, &access, &open->access));
        open->has_access_seq = true;
        open->access_seq =
            (uint64_t)json_integer_value(json_object_get(item, "accessSeq"));
    }
    const json_t *grant = json_object_get(item, "grant");
    if (json_is_string(grant)) {
        username = json_string_value(grant);
    }
    if (stream.kind == STREAM_ROOM) {
        open->has_grant = true;
        TRY(grant_make(arena, &stream, open->access_seq, username, &open->grant));
    }
    *ret_open = open;
    return ERR_OK;
}

static enum err parse_opens(struct arena *arena, const json_t *array,
                            const char *username, Link__Control *control)
{
    size_t count = json_array_size(array);
    if (count == 0) {
        return ERR_OK;
    }
    control->open = arena_alloc(arena, count * sizeof(Link__Open *));
    if (control->open == NULL) {
        return ERR_LIMIT_REACHED;
    }
    for (size_t i = 0; i < count; i++) {
        TRY(control_parse_open(arena, json_array_get(array, i), username,
                               &control->open[i]));
    }
    control->n_open = count;
    return ERR_OK;
}

static enum err parse_who(struct arena *arena, const json_t *object,
                          Link__Control *control)
{
    if (!json_is_object(object)) {
        return ERR_OK;
    }
    Link__Who *who = arena_alloc(arena, sizeof(*who));
    if (who == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__who__init(who);
    const json_t *everyone = json_object_get(object, "everyone");
    who->has_everyone = json_is_boolean(everyone);
    who->everyone = json_is_true(everyone);
    TRY(list_of(arena, json_object_get(object, "users"), uuid_of, &who->n_users,
                &who->users));
    TRY(list_of(arena, json_object_get(object, "rooms"), uuid_of, &who->n_rooms,
                &who->rooms));
    control->who = who;
    return ERR_OK;
}

static enum err parse_blanked(struct arena *arena, const json_t *array,
                              Link__Control *control)
{
    size_t count = json_array_size(array);
    if (count == 0) {
        return ERR_OK;
    }
    control->blanked = arena_alloc(arena, count * sizeof(uint64_t));
    if (control->blanked == NULL) {
        return ERR_LIMIT_REACHED;
    }
    for (size_t i = 0; i < count; i++) {
        control->blanked[i] = (uint64_t)json_integer_value(json_array_get(array, i));
    }
    control->n_blanked = count;
    return ERR_OK;
}

static enum err parse_ends(struct arena *arena, const json_t *object,
                           Link__Control *control)
{
    TRY(list_of(arena, json_object_get(object, "endSessions"), uuid_of,
                &control->n_end_sessions, &control->end_sessions));
    const json_t *token = json_object_get(object, "endTokenId");
    if (json_is_string(token)) {
        control->end_token_id = arena_text(arena, json_string_value(token));
        if (control->end_token_id == NULL) {
            return ERR_LIMIT_REACHED;
        }
    }
    const json_t *before = json_object_get(object, "endIssuedBefore");
    if (json_is_integer(before)) {
        control->has_end_issued_before = true;
        control->end_issued_before = json_integer_value(before);
    }
    const json_t *follow = json_object_get(object, "follow");
    if (json_is_boolean(follow)) {
        control->has_follow = true;
        control->follow = json_is_true(follow);
    }
    return ERR_OK;
}

static enum err parse_gained(struct arena *arena, const json_t *object,
                             Link__Control *control)
{
    if (!json_is_object(object)) {
        return ERR_OK;
    }
    Link__Gained *gained = arena_alloc(arena, sizeof(*gained));
    if (gained == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__gained__init(gained);
    gained->has_community_id = true;
    TRY(uuid_of(arena, json_object_get(object, "community"), &gained->community_id));
    TRY(list_of(arena, json_object_get(object, "rooms"), uuid_of, &gained->n_rooms,
                &gained->rooms));
    control->gained = gained;
    return ERR_OK;
}

static enum err parse_object(struct arena *arena, const json_t *object,
                             const char *username, Link__Control **ret_control)
{
    Link__Control *control = arena_alloc(arena, sizeof(*control));
    if (control == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__control__init(control);
    TRY(parse_opens(arena, json_object_get(object, "open"), username, control));
    TRY(list_of(arena, json_object_get(object, "close"), stream_item, &control->n_close,
                &control->close));
    TRY(parse_who(arena, json_object_get(object, "who"), control));
    TRY(parse_blanked(arena, json_object_get(object, "blanked"), control));
    TRY(parse_ends(arena, object, control));
    TRY(parse_gained(arena, json_object_get(object, "gained"), control));
    *ret_control = control;
    return ERR_OK;
}

enum err control_parse(struct arena *arena, struct bytes json, const char *username,
                       Link__Control **ret_control)
{
    *ret_control = NULL;
    if (json.size == 0) {
        return ERR_OK;
    }
    json_t *object = json_loadb((const char *)json.data, json.size, 0, NULL);
    enum err err = json_is_object(object)
                       ? parse_object(arena, object, username, ret_control)
                       : ERR_INTERNAL;
    json_decref(object);
    return err;
}
