/* Reads the outcome of an event's SQL, so that nobody else knows the row's columns. */
#include "core/outcome.h"

#include <stdlib.h>

#include "core/control.h"
#include "core/core.h"
#include "core/publication.h"
#include "core/transcode.h"

#define REPLY_MAX (2 * 1024 * 1024)

enum { STATUS, MESSAGE, DETAILS, REPLY, CONTROL, EMITTED };

/* Details of a refused right help to write a client, and help an attacker, too: they are
 * for development, and there name the command that explains the decision. */
static struct bytes explain(struct request *request, struct bytes details)
{
    if (!request->core->development || details.size == 0) {
        return bytes_make(NULL, 0);
    }
    json_t *object = json_loadb((const char *)details.data, details.size, 0, NULL);
    const char *action =
        json_string_value(json_array_get(json_object_get(object, "missing"), 0));
    const char *resource = json_string_value(json_object_get(object, "resource"));
    if (action != NULL && !uuid_is_zero(request->actor.user_id)) {
        char user[UUID_TEXT_SIZE];
        uuid_format(request->actor.user_id, user);
        char *line = arena_printf(&request->arena, "belfry why %s %s %s", user, action,
                                  resource != NULL ? resource : "");
        json_object_set_new(object, "try", json_string(line != NULL ? line : ""));
    }
    char *text = json_dumps(object, JSON_COMPACT);
    char *copy = text != NULL ? arena_text(&request->arena, text) : NULL;
    free(text);
    json_decref(object);
    return bytes_of_text(copy);
}

static enum err apply_refusal(struct request *request, enum err err,
                              const struct db_result *result)
{
    struct bytes message = db_text(result, 0, MESSAGE);
    struct bytes details = db_text(result, 0, DETAILS);
    if (err == ERR_PERMISSION_DENIED) {
        details = explain(request, details);
    }
    char *message_text = message.size > 0 ? arena_copy(&request->arena, message) : NULL;
    char *details_text = details.size > 0 ? arena_copy(&request->arena, details) : NULL;
    refuse(request, err, message_text, details_text);
    return ERR_OK;
}

static enum err apply_reply(struct request *request, struct bytes json)
{
    if (json.size == 0) {
        json = BYTES_LITERAL("{}");
    }
    Link__EventReply *event = request->reply.event;
    event->encoding = request->encoding;
    uint8_t *copy;
    size_t size = json.size;
    if (request->encoding == LINK__ENCODING__PROTOBUF) {
        struct buf buf;
        buf_init(&buf, REPLY_MAX);
        enum err err = transcode_json_to_protobuf(request->event->reply, json,
                                                  &request->arena, &buf);
        copy = err == ERR_OK ? arena_copy(&request->arena, buf_bytes(&buf)) : NULL;
        size = buf.size;
        buf_finish(&buf);
        TRY(err);
    } else {
        copy = arena_copy(&request->arena, json);
    }
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    event->payload = (ProtobufCBinaryData){size, copy};
    return ERR_OK;
}

bool event_row_read(struct bytes emitted, size_t *at, struct event_row_text *ret_row)
{
    return db_array_next(emitted, at, &ret_row->stream) &&
           db_array_next(emitted, at, &ret_row->seq) &&
           db_array_next(emitted, at, &ret_row->tag) &&
           db_array_next(emitted, at, &ret_row->prev_tag) &&
           db_array_next(emitted, at, &ret_row->after) &&
           db_array_next(emitted, at, &ret_row->event) &&
           db_array_next(emitted, at, &ret_row->timestamp) &&
           db_array_next(emitted, at, &ret_row->payload) &&
           db_array_next(emitted, at, &ret_row->control);
}

enum err outcome_emitted(struct request *request, struct bytes emitted)
{
    int texts = db_array_count(emitted);
    if (texts == 0) {
        return ERR_OK;
    }
    size_t count = (size_t)texts / EMITTED_TEXTS;
    size_t total = request->publication_count + count;
    Link__Publication **publications =
        arena_alloc(&request->arena, total * sizeof(*publications));
    if (texts % EMITTED_TEXTS != 0 || publications == NULL) {
        return texts % EMITTED_TEXTS != 0 ? ERR_INTERNAL : ERR_LIMIT_REACHED;
    }
    for (size_t i = 0; i < request->publication_count; i++) {
        publications[i] = request->publications[i];
    }
    size_t at = 0;
    for (size_t i = request->publication_count; i < total; i++) {
        struct event_row_text row;
        if (!event_row_read(emitted, &at, &row)) {
            return ERR_INTERNAL;
        }
        TRY(publication_of_row(&request->arena, &row, core_wants_protobuf(request->core),
                               &publications[i]));
        publications[i]->trace = (char *)request->trace;
    }
    request->publications = publications;
    request->publication_count = total;
    return ERR_OK;
}

/* An event's payload and its seq, as a reply: what reply_of_event() in SQL makes of a
 * stored answer that points at its event. */
static enum err reply_of_event(struct request *request, struct bytes emitted,
                               struct bytes *ret_json)
{
    size_t at = 0;
    struct event_row_text row;
    if (!event_row_read(emitted, &at, &row) || row.payload.size < 2) {
        return ERR_INTERNAL;
    }
    struct bytes member = BYTES_LITERAL(",\"seq\":");
    if (row.payload.size == 2) { /* {} */
        member = BYTES_LITERAL("\"seq\":");
    }
    size_t size = row.payload.size - 1;
    uint8_t *json = arena_alloc(&request->arena, size + member.size + row.seq.size + 1);
    if (json == NULL) {
        return ERR_LIMIT_REACHED;
    }
    memcpy(json, row.payload.data, size);
    memcpy(json + size, member.data, member.size);
    memcpy(json + size + member.size, row.seq.data, row.seq.size);
    size += member.size + row.seq.size;
    json[size++] = '}';
    *ret_json = bytes_make(json, size);
    return ERR_OK;
}

enum err outcome_apply(struct request *request, const struct db_result *result)
{
    if (db_row_count(result) != 1) {
        return ERR_INTERNAL;
    }
    struct bytes status = db_text(result, 0, STATUS);
    /* what was appended was appended, whatever the reply */
    TRY(outcome_emitted(request, db_text(result, 0, EMITTED)));
    if (!bytes_equal_text(status, "OK")) {
        const char *code = arena_copy(&request->arena, status);
        if (code == NULL) {
            return ERR_LIMIT_REACHED;
        }
        enum err err = err_from_code(code);
        if (err == ERR_INTERNAL && !bytes_equal_text(status, "INTERNAL")) {
            return ERR_INTERNAL;
        }
        return apply_refusal(request, err, result);
    }
    struct bytes reply = db_text(result, 0, REPLY);
    if (reply.data == NULL && db_array_count(db_text(result, 0, EMITTED)) > 0) {
        TRY(reply_of_event(request, db_text(result, 0, EMITTED), &reply));
    }
    TRY(apply_reply(request, reply));
    return control_parse(&request->arena, db_text(result, 0, CONTROL),
                         request->actor.username, &request->reply.event->control);
}
