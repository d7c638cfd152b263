/* Lets services publish: a server event of the contract, checked as handlers' are,
 * numbered and stored when it is durable. */
#include <openssl/sha.h>

#include "core/admission.h"
#include "core/core.h"
#include "core/outcome.h"
#include "core/publication.h"
#include "core/query.h"
#include "core/transcode.h"
#include "core/worker.h"

#define DETAILS_MAX 8192

/* Admission, one event on one stream, completion; like every event's statement. */
#define PUBLISH_SQL                                                                      \
    "SELECT o.* FROM admit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, "     \
    "$14, $15, $16) a, complete(a, CASE WHEN a.status IS NULL THEN ("                    \
    "SELECT CASE WHEN s.seq IS NULL THEN refuse('NOT_FOUND') "                           \
    "ELSE done('{}', append(a, s, $19, $20)) END "                                       \
    "FROM next_slot($17, $18) s) END) o"

/* What may be named as scope, and what admission has to look at for it. */
static const struct target {
    const char *name;
    enum server_event_scope scope;
    enum stream_kind stream; /* 0: none */
    struct event_def event;
} targets[] = {
    {"ROOM",
     SCOPE_ROOM,
     STREAM_ROOM,
     {.name = "PUBLISH",
      .kind = EVENT_CHANGE,
      .right = RIGHT_PUBLIC,
      .resource = RESOURCE_ROOM,
      .many_streams = true}},
    {"COMMUNITY",
     SCOPE_COMMUNITY,
     STREAM_COMMUNITY,
     {.name = "PUBLISH",
      .kind = EVENT_CHANGE,
      .right = RIGHT_PUBLIC,
      .resource = RESOURCE_COMMUNITY,
      .many_streams = true}},
    {"USER",
     SCOPE_USER,
     STREAM_USER,
     {.name = "PUBLISH",
      .kind = EVENT_CHANGE,
      .right = RIGHT_PUBLIC,
      .resource = RESOURCE_NONE,
      .many_streams = true}},
    {"GLOBAL", SCOPE_GLOBAL, 0, {.name = "PUBLISH"}},
};

static const struct target *find_target(const char *name)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        if (strcmp(targets[i].name, name) == 0) {
            return &targets[i];
        }
    }
    return NULL;
}

static enum err check_payload(struct request *request, const struct server_event_def *def,
                              struct bytes payload)
{
    struct violations violations;
    ProtobufCMessage *message;
    violations_init(&violations, &request->arena);
    enum err err = transcode_from_json(def->payload, payload, &request->arena, &message,
                                       &violations);
    if (err != ERR_VALIDATION_ERROR) {
        return err;
    }
    struct buf buf;
    buf_init(&buf, DETAILS_MAX);
    violations_json(&violations, &buf);
    char *details = buf.failed ? NULL : arena_copy(&request->arena, buf_bytes(&buf));
    buf_finish(&buf);
    return refuse(request, err, NULL, details);
}

static enum err empty_reply(struct request *request)
{
    Link__EventReply *event = arena_alloc(&request->arena, sizeof(*event));
    if (event == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__event_reply__init(event);
    event->encoding = LINK__ENCODING__JSON;
    event->payload = (ProtobufCBinaryData){2, (uint8_t *)"{}"};
    request->reply.body_case = LINK__REPLY__BODY_EVENT;
    request->reply.event = event;
    return ERR_OK;
}

static enum err publish_ephemeral(struct request *request,
                                  const struct server_event_def *def,
                                  const struct stream_id *stream, struct bytes payload)
{
    Link__Publication **list = arena_alloc(&request->arena, sizeof(*list));
    if (list == NULL) {
        return ERR_LIMIT_REACHED;
    }
    TRY(publication_ephemeral(&request->arena, def->name, payload,
                              core_wants_protobuf(request->core), list));
    if (stream->kind != 0) {
        list[0]->has_stream = true;
        TRY(publication_stream(&request->arena, stream, &list[0]->stream));
    }
    request->publications = list;
    request->publication_count = 1;
    return ERR_OK;
}

static void on_published(struct db_call *call, const struct db_outcome *outcome,
                         const struct db_result *result)
{
    struct request *request = query_request(call);
    if (!query_worked(request, outcome)) {
        return;
    }
    if (outcome_apply(request, result) != ERR_OK) {
        refuse(request, ERR_UNAVAILABLE, NULL, NULL); /* it is committed: not denied */
    }
    request_finish(request);
}

/* ERR_OK: PostgreSQL will answer. */
static enum err publish_durable(struct request *request, const struct target *target,
                                const struct server_event_def *def,
                                const struct stream_id *stream, struct bytes payload,
                                const char *client_id)
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    char name[STREAM_TEXT_SIZE];
    stream_format(stream, name);
    char *text = arena_printf(&request->arena, "%s %s %.*s", def->name, name,
                              (int)payload.size, (const char *)payload.data);
    char *payload_text = arena_copy(&request->arena, payload);
    if (text == NULL || payload_text == NULL) {
        return ERR_LIMIT_REACHED;
    }
    SHA256((const uint8_t *)text, strlen(text), digest);
    memcpy(request->payload_hash, digest, sizeof(request->payload_hash));
    request->event = &target->event;
    request->key = request->request_id;
    if (client_id != NULL && !uuid_parse(bytes_of_text(client_id), &request->key)) {
        return ERR_VALIDATION_ERROR;
    }
    struct uuid none = {{0}};
    request->resource_id = target->stream == STREAM_USER ? none : stream->id;
    arg_int(request, target->stream);
    arg_uuid(request, stream->id);
    arg_text(request, def->name);
    arg_text(request, payload_text);
    TRY(run_sql(request));
    TRY(admission_bind(request, PUBLISH_SQL));
    request->call.done = on_published;
    struct executor *executor = &request->core->executor;
    return executor->submit(executor->user, &request->call);
}

/* ERR_OK with *ret_later: PostgreSQL will answer. */
static enum err publish(struct request *request, const Link__Publish *question,
                        bool *ret_later)
{
    const struct target *target = find_target(question->scope);
    const struct server_event_def *def =
        server_event_find(bytes_of_text(question->event));
    struct bytes payload = bytes_make(question->payload.data, question->payload.len);
    struct stream_id stream = {0};
    if (!request->actor.service) {
        return ERR_PERMISSION_DENIED;
    }
    if (def == NULL) {
        return ERR_UNKNOWN_EVENT;
    }
    if (target == NULL || target->scope != def->scope) {
        return refuse(request, ERR_VALIDATION_ERROR, "The event has another scope", NULL);
    }
    stream.kind = (uint8_t)target->stream;
    if (target->stream != 0 &&
        (question->id == NULL || !uuid_parse(bytes_of_text(question->id), &stream.id))) {
        return refuse(request, ERR_VALIDATION_ERROR, "This scope needs an id", NULL);
    }
    TRY(check_payload(request, def, payload));
    TRY(empty_reply(request));
    if (!def->durable) {
        return publish_ephemeral(request, def, &stream, payload);
    }
    *ret_later = true;
    return publish_durable(request, target, def, &stream, payload, question->client_id);
}

void answer_publish(struct request *request, const Link__Request *message)
{
    bool later = false;
    enum err err = publish(request, message->publish, &later);
    if (err != ERR_OK) {
        if (request->reply.body_case != LINK__REPLY__BODY_ERROR) {
            refuse(request, err, NULL, NULL);
        }
        later = false;
    }
    if (!later) {
        request_finish(request);
    }
}
