/* Says to PostgreSQL who asks for what: the same for every event, so that no event can
 * run without its right being checked. */
#include "core/admission.h"

#include "base/number.h"
#include "core/core.h"
#include "core/event_stats.h"
#include "core/query.h"

_Static_assert(ADMISSION_PARAMS + SQL_ARGS_MAX <= DB_PARAMS_MAX, "all must fit a call");

/* ------------------------------------------------------------------ ids in the payload
 */

/* The text of the field `path` ("message.id"), NULL when it is absent or no text. */
static const char *find_text(const struct message_rules *rules,
                             const ProtobufCMessage *message, const char *path)
{
    size_t size = strcspn(path, ".");
    for (unsigned i = 0; i < rules->descriptor->n_fields; i++) {
        const char *name = rules->fields[i].json_name;
        if (strlen(name) != size || strncmp(name, path, size) != 0) {
            continue;
        }
        const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[i];
        const void *at = (const char *)message + field->offset;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            return NULL;
        }
        if (path[size] == '.') {
            const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)at;
            bool deeper = field->type == PROTOBUF_C_TYPE_MESSAGE && inner != NULL;
            return deeper ? find_text(rules->fields[i].message, inner, path + size + 1)
                          : NULL;
        }
        return field->type == PROTOBUF_C_TYPE_STRING ? *(const char *const *)at : NULL;
    }
    return NULL;
}

static enum err find_uuid(const struct request *request, const char *path,
                          struct uuid *ret_uuid)
{
    const char *text = find_text(request->event->payload, request->payload, path);
    if (text != NULL && !uuid_parse(bytes_of_text(text), ret_uuid)) {
        return ERR_VALIDATION_ERROR;
    }
    return ERR_OK;
}

enum err admission_read_ids(struct request *request)
{
    struct uuid zero = {{0}};
    request->key = request->request_id;
    request->resource_id = zero;
    TRY(find_uuid(request, "clientId", &request->key));
    if (request->event->id_key != NULL) {
        TRY(find_uuid(request, request->event->id_key, &request->resource_id));
        if (uuid_is_zero(request->resource_id)) {
            return ERR_VALIDATION_ERROR;
        }
    }
    return ERR_OK;
}

/* ------------------------------------------------------------------ parameters */

static const char *number_text(struct request *request, uint64_t number)
{
    char text[NUMBER_TEXT_SIZE];
    size_t size = number_format(number, text);
    return arena_copy(&request->arena, bytes_make(text, size));
}

static const char *hash_text(struct request *request)
{
    char text[2 + 2 * sizeof(request->payload_hash) + 1] = "\\x";
    for (size_t i = 0; i < sizeof(request->payload_hash); i++) {
        static const char digits[] = "0123456789abcdef";
        text[2 + 2 * i] = digits[request->payload_hash[i] >> 4];
        text[3 + 2 * i] = digits[request->payload_hash[i] & 15];
    }
    return arena_text(&request->arena, text);
}

static const char *right_text(const struct event_def *event)
{
    switch (event->right) {
    case RIGHT_ACTIONS:
        return "actions";
    case RIGHT_PUBLIC:
        return "public";
    default:
        return "self";
    }
}

/* FNV-1a: spreads streams over the connections, nothing more. */
uint32_t admission_affinity(uint8_t kind, struct uuid id)
{
    uint32_t hash = 2166136261U ^ kind;
    for (size_t i = 0; i < sizeof(id.b); i++) {
        hash = (hash ^ id.b[i]) * 16777619U;
    }
    return hash;
}

/* The stream whose counter this event will want: its resource's own, else its user's. */
static struct stream_id own_stream(const struct request *request)
{
    switch (request->event->resource) {
    case RESOURCE_COMMUNITY:
        return (struct stream_id){STREAM_COMMUNITY, request->resource_id};
    case RESOURCE_ROOM:
    case RESOURCE_MESSAGE: /* its room is not known here: only for the affinity */
        return (struct stream_id){STREAM_ROOM, request->resource_id};
    default:
        return (struct stream_id){STREAM_USER, request->actor.user_id};
    }
}

#define READS_TOGETHER 1 /* connects are at 0 */

static enum err set_mode(struct request *request)
{
    const struct event_def *event = request->event;
    struct db_call *call = &request->call;
    struct stream_id stream = own_stream(request);
    call->affinity = admission_affinity(stream.kind, stream.id);
    call->mode_param = -1;
    if (event->kind == EVENT_READ) {
        call->mode = DB_READ;
        call->many = event_shortcut(event);
        /* a read is at home nowhere, and cheaper the more go together */
        call->affinity = call->many != NULL ? READS_TOGETHER : call->affinity;
    } else if (event->many_streams || event->lock != LOCK_SHARED) {
        call->mode = DB_ALONE;
    } else {
        call->mode = DB_BATCH;
        call->mode_param = 0;
        call->many = event_shortcut(event);
    }
    if (call->mode == DB_BATCH && event->resource != RESOURCE_MESSAGE) {
        char text[STREAM_TEXT_SIZE];
        stream_format(&stream, text);
        call->busy_stream = arena_text(&request->arena, text);
        if (call->busy_stream == NULL) {
            return ERR_LIMIT_REACHED;
        }
    }
    return ERR_OK;
}

/* NULL means nobody or nothing: it must never come of a full arena. */
static bool is_whole(const struct request *request)
{
    const char *const *params = request->call.params;
    const struct actor *actor = &request->actor;
    for (int i = 8; i <= 13; i++) {
        if (i != 12 && params[i] == NULL) {
            return false;
        }
    }
    return (params[1] == NULL) == uuid_is_zero(actor->user_id) &&
           (params[2] == NULL) == uuid_is_zero(actor->session_id) && params[4] != NULL &&
           params[6] != NULL &&
           (params[12] == NULL) == uuid_is_zero(request->resource_id) &&
           params[15] != NULL;
}

enum err admission_bind(struct request *request, const char *sql)
{
    const struct event_def *event = request->event;
    const struct actor *actor = &request->actor;
    struct db_call *call = &request->call;
    memset(call, 0, sizeof(*call));
    call->sql = sql;
    call->deadline_ms = request->deadline_ms;
    const char *const admission[ADMISSION_PARAMS] = {
        "0",
        query_uuid(request, actor->user_id),
        query_uuid(request, actor->session_id),
        actor->token_id,
        number_text(request, (uint64_t)actor->issued_at),
        actor->service ? "t" : "f",
        query_uuid(request, request->key),
        event->name,
        hash_text(request),
        right_text(event),
        number_text(request, event->actions),
        number_text(request, (uint64_t)event->resource),
        query_uuid(request, request->resource_id),
        number_text(request, (uint64_t)event->lock),
        request->trace,
        number_text(request, actor->service ? request->core->service_rights : 0),
    };
    memcpy(call->params, admission, sizeof(admission));
    memcpy(call->params + ADMISSION_PARAMS, request->args,
           (size_t)request->arg_count * sizeof(request->args[0]));
    call->param_count = ADMISSION_PARAMS + request->arg_count;
    return is_whole(request) ? set_mode(request) : ERR_LIMIT_REACHED;
}
