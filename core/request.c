/* What a handler may do: bind arguments, answer, publish, refuse; and nothing else. */
#include "core/request.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "core/core.h"
#include "core/publication.h"
#include "core/transcode.h"

#define PAYLOAD_MAX (256 * 1024)

void request_start(struct request *request, struct core *core)
{
    struct arena arena = request->arena;
    memset(request, 0, sizeof(*request));
    request->arena = arena;
    arena_reset(&request->arena);
    request->arena.limit_bytes = REQUEST_ARENA_MAX;
    request->core = core;
    request->encoding = LINK__ENCODING__JSON;
    request->started_us = clock_us();
    link__reply__init(&request->reply);
}

void request_finish(struct request *request)
{
    request->finished(request);
}

/* ------------------------------------------------------------------ arguments */

static void bind_text(struct request *request, const char *value)
{
    /* too many, or no memory: run_sql() refuses */
    if (request->arg_count < SQL_ARGS_MAX) {
        request->args[request->arg_count] = value;
    }
    request->arg_count++;
}

static void bind_made(struct request *request, const char *value)
{
    bind_text(request, value);
    if (value == NULL) {
        request->arg_count = SQL_ARGS_MAX + 1;
    }
}

void arg_text(struct request *request, const char *value)
{
    bind_text(request, value);
}

void arg_int(struct request *request, int64_t value)
{
    bind_made(request, arena_printf(&request->arena, "%" PRId64, value));
}

void arg_optional_int(struct request *request, bool has_value, int64_t value)
{
    if (has_value) {
        arg_int(request, value);
    } else {
        arg_null(request);
    }
}

void arg_bool(struct request *request, bool value)
{
    bind_text(request, value ? "t" : "f");
}

void arg_null(struct request *request)
{
    bind_text(request, NULL);
}

void arg_uuid(struct request *request, struct uuid value)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(value, text);
    bind_made(request, arena_text(&request->arena, text));
}

/* PostgreSQL's text form of an array: quotes around each item, backslash before quotes
 * and backslashes (chapter 8.15.6). */
void arg_texts(struct request *request, size_t count, char *const *values)
{
    size_t size = 3;
    for (size_t i = 0; i < count; i++) {
        size += 2 * strlen(values[i]) + 3;
    }
    char *text = arena_alloc(&request->arena, size);
    if (text == NULL) {
        bind_made(request, NULL);
        return;
    }
    char *out = text;
    *out++ = '{';
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            *out++ = ',';
        }
        *out++ = '"';
        for (const char *at = values[i]; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\') {
                *out++ = '\\';
            }
            *out++ = *at;
        }
        *out++ = '"';
    }
    *out++ = '}';
    bind_text(request, text);
}

void arg_member(struct request *request, const char *json_name)
{
    struct buf buf;
    buf_init(&buf, PAYLOAD_MAX);
    if (!transcode_member(request->event->payload, request->payload, json_name, &buf)) {
        bind_made(request, NULL);
    } else if (buf.size == 0) {
        arg_null(request);
    } else {
        bind_made(request, arena_copy(&request->arena, buf_bytes(&buf)));
    }
    buf_finish(&buf);
}

enum err run_sql(struct request *request)
{
    if (request->arg_count > SQL_ARGS_MAX) {
        return ERR_INTERNAL;
    }
    request->sql = true;
    return ERR_OK;
}

/* ------------------------------------------------------------------ replies */

/* Packs `message` in the request's encoding into the arena. */
static enum err encode(struct request *request, const struct message_rules *rules,
                       const ProtobufCMessage *message, ProtobufCBinaryData *ret_payload)
{
    uint8_t *copy = NULL;
    size_t size;
    if (request->encoding == LINK__ENCODING__PROTOBUF) {
        size = protobuf_c_message_get_packed_size(message);
        copy = arena_alloc(&request->arena, size + 1);
        if (copy != NULL) {
            protobuf_c_message_pack(message, copy);
        }
    } else {
        struct buf buf;
        buf_init(&buf, PAYLOAD_MAX);
        enum err err = transcode_to_json(rules, message, &buf);
        copy = err == ERR_OK ? arena_copy(&request->arena, buf_bytes(&buf)) : NULL;
        size = buf.size;
        buf_finish(&buf);
        TRY(err);
    }
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    *ret_payload = (ProtobufCBinaryData){size, copy};
    return ERR_OK;
}

enum err reply_with(struct request *request, const ProtobufCMessage *reply)
{
    if (reply->descriptor != request->event->reply->descriptor) {
        return ERR_INTERNAL;
    }
    request->reply.event->encoding = request->encoding;
    return encode(request, request->event->reply, reply, &request->reply.event->payload);
}

enum err unsubscribe(struct request *request, const struct stream_id *stream)
{
    Link__EventReply *event = request->reply.event;
    if (event->control == NULL) {
        event->control = arena_alloc(&request->arena, sizeof(*event->control));
        if (event->control == NULL) {
            return ERR_LIMIT_REACHED;
        }
        link__control__init(event->control);
    }
    Link__Control *control = event->control;
    ProtobufCBinaryData *close =
        arena_alloc(&request->arena, (control->n_close + 1) * sizeof(*close));
    if (close == NULL) {
        return ERR_LIMIT_REACHED;
    }
    for (size_t i = 0; i < control->n_close; i++) {
        close[i] = control->close[i];
    }
    TRY(publication_stream(&request->arena, stream, &close[control->n_close]));
    control->close = close;
    control->n_close++;
    return ERR_OK;
}

enum err refuse(struct request *request, enum err err, const char *message,
                const char *details)
{
    Link__Error *error = arena_alloc(&request->arena, sizeof(*error));
    if (error == NULL) {
        return err; /* the worker makes one of its own */
    }
    link__error__init(error);
    error->code = (char *)err_code(err);
    error->message = (char *)(message != NULL ? message : err_message(err));
    if (details != NULL) {
        error->has_details = true;
        error->details = (ProtobufCBinaryData){strlen(details), (uint8_t *)details};
    }
    if (err == ERR_UNAVAILABLE) {
        error->has_retry_after_ms = true;
        error->retry_after_ms = 500;
    }
    request->reply.body_case = LINK__REPLY__BODY_ERROR;
    request->reply.error = error;
    return err;
}

/* ------------------------------------------------------------------ publishing */

static enum err add_publication(struct request *request, Link__Publication *publication)
{
    size_t count = request->publication_count;
    Link__Publication **grown =
        arena_alloc(&request->arena, (count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return ERR_LIMIT_REACHED;
    }
    for (size_t i = 0; i < count; i++) {
        grown[i] = request->publications[i];
    }
    grown[count] = publication;
    request->publications = grown;
    request->publication_count = count + 1;
    return ERR_OK;
}

static enum err except_sender(struct request *request, Link__Publication *publication)
{
    if (uuid_is_zero(request->actor.session_id)) {
        return ERR_OK; /* an HTTP request: no session of its own hears anything */
    }
    uint8_t *copy =
        arena_copy(&request->arena, bytes_make(request->actor.session_id.b, 16));
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    publication->has_except_session = true;
    publication->except_session = (ProtobufCBinaryData){16, copy};
    return ERR_OK;
}

/* The event of the contract, with its payload; where it goes is the caller's to add. */
static enum err compose(struct request *request, enum server_event_scope scope,
                        const char *event, const ProtobufCMessage *payload,
                        enum send_flags flags, Link__Publication **ret_publication)
{
    const struct server_event_def *def = server_event_find(bytes_of_text(event));
    bool fits = def != NULL && def->scope == scope && !def->durable &&
                payload->descriptor == def->payload->descriptor &&
                def->except_sender == (flags == EXCEPT_SENDER);
    if (!fits) {
        return ERR_INTERNAL;
    }
    struct buf json;
    buf_init(&json, PAYLOAD_MAX);
    enum err err = transcode_to_json(def->payload, payload, &json);
    if (err == ERR_OK) {
        err = publication_ephemeral(&request->arena, def->name, buf_bytes(&json),
                                    core_wants_protobuf(request->core), ret_publication);
    }
    buf_finish(&json);
    return err;
}

static enum err send_to(struct request *request, enum server_event_scope scope,
                        const struct stream_id *stream, const char *event,
                        const ProtobufCMessage *payload, enum send_flags flags)
{
    Link__Publication *publication = NULL;
    TRY(compose(request, scope, event, payload, flags, &publication));
    if (stream != NULL) {
        publication->has_stream = true;
        TRY(publication_stream(&request->arena, stream, &publication->stream));
    }
    if (flags == EXCEPT_SENDER) {
        TRY(except_sender(request, publication));
    }
    return add_publication(request, publication);
}

enum err send_to_room(struct request *request, struct uuid room, const char *event,
                      const ProtobufCMessage *payload, enum send_flags flags)
{
    struct stream_id stream = {STREAM_ROOM, room};
    return send_to(request, SCOPE_ROOM, &stream, event, payload, flags);
}

enum err send_to_community(struct request *request, struct uuid community,
                           const char *event, const ProtobufCMessage *payload,
                           enum send_flags flags)
{
    struct stream_id stream = {STREAM_COMMUNITY, community};
    return send_to(request, SCOPE_COMMUNITY, &stream, event, payload, flags);
}

enum err send_to_user(struct request *request, struct uuid user, const char *event,
                      const ProtobufCMessage *payload, enum send_flags flags)
{
    struct stream_id stream = {STREAM_USER, user};
    return send_to(request, SCOPE_USER, &stream, event, payload, flags);
}

enum err broadcast(struct request *request, const char *event,
                   const ProtobufCMessage *payload, enum send_flags flags)
{
    return send_to(request, SCOPE_GLOBAL, NULL, event, payload, flags);
}

static enum err contacts_add(struct arena *arena, struct bytes streams,
                             Link__Publication *publication)
{
    size_t count = (size_t)db_array_count(streams);
    uint8_t *unique = arena_alloc(arena, 8);
    publication->streams =
        arena_alloc(arena, (count + 1) * sizeof(*publication->streams));
    if (unique == NULL || publication->streams == NULL) {
        return ERR_LIMIT_REACHED;
    }
    random_bytes(unique, 8);
    publication->has_unique = true;
    publication->unique = (ProtobufCBinaryData){8, unique};
    struct bytes text;
    size_t at = 0;
    while (db_array_next(streams, &at, &text)) {
        struct stream_id stream;
        if (!stream_parse(text, &stream)) {
            return ERR_INTERNAL;
        }
        TRY(publication_stream(arena, &stream,
                               &publication->streams[publication->n_streams]));
        publication->n_streams++;
    }
    return ERR_OK;
}

enum err send_to_contacts(struct request *request, struct bytes streams,
                          const char *event, const ProtobufCMessage *payload)
{
    if (db_array_count(streams) == 0) {
        return ERR_OK; /* nobody to tell; without streams it would go to everybody */
    }
    Link__Publication *publication = NULL;
    TRY(compose(request, SCOPE_CONTACTS, event, payload, SEND_TO_ALL, &publication));
    TRY(contacts_add(&request->arena, streams, publication));
    return add_publication(request, publication);
}

enum err merge_by(struct request *request, const char *key)
{
    if (request->publication_count == 0) {
        return ERR_INTERNAL;
    }
    char *copy = arena_text(&request->arena, key);
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    request->publications[request->publication_count - 1]->merge_key = copy;
    return ERR_OK;
}
