/* Runs an event in the order of the questions' price: who, how large, what shape, and
 * only then PostgreSQL, which answers for the right and makes the change at once. */
#include "core/dispatch.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/clock.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "core/admission.h"
#include "core/control.h"
#include "core/core.h"
#include "core/event_stats.h"
#include "core/outcome.h"
#include "core/query.h"
#include "core/transcode.h"

#define DETAILS_MAX 8192

/* ------------------------------------------------------------------ the end */

/* Writers of a hot stream are better off together. */
static void note_heat(struct request *request)
{
    const struct db_call *call = &request->call;
    if (call->mode == DB_BATCH && call->busy_stream != NULL &&
        hot_note(&request->core->hot, call->affinity, call->db.busy > 0, clock_ms())) {
        request->reply.has_prefer = true;
        request->reply.prefer = call->affinity != 0 ? call->affinity : 1;
    }
}

static void finish(struct request *request, enum err err)
{
    if (err != ERR_OK && request->reply.body_case != LINK__REPLY__BODY_ERROR) {
        refuse(request, err, NULL, NULL);
    }
    event_stats_count(request->event, err, clock_us() - request->started_us);
    request_finish(request);
}

static void log_sql_failure(const struct request *request, const char *what,
                            const struct db_outcome *outcome)
{
    log_error(
        what, LOG_UUID("request", request->request_id),
        LOG_UUID("session", request->actor.session_id),
        LOG_UUID("user", request->actor.user_id), LOG_TEXT("event", request->event->name),
        LOG_TEXT("sqlstate", outcome->sqlstate), LOG_TEXT("message", outcome->message));
}

/* An answer that says "nothing was written" must be true: what was committed and cannot
 * be told is not answered with an error that denies it. */
static enum err after_commit(struct request *request, const struct db_result *result,
                             const struct db_outcome *outcome)
{
    enum err err = outcome_apply(request, result);
    if (err == ERR_OK) {
        return request->reply.body_case == LINK__REPLY__BODY_ERROR
                   ? err_from_code(request->reply.error->code)
                   : ERR_OK;
    }
    log_sql_failure(request, "an outcome is not what it should be", outcome);
    request->reply.body_case = LINK__REPLY__BODY__NOT_SET;
    return request->event->kind == EVENT_CHANGE ? ERR_UNAVAILABLE : ERR_INTERNAL;
}

void dispatch_committed(struct request *request)
{
    finish(request, ERR_OK);
}

/* A token can be good before its user was ever seen: an HTTP request is not preceded by
 * a CONNECT that makes him. */
static bool user_is_unknown(const struct request *request)
{
    const Link__Error *error = request->reply.error;
    return request->reply.body_case == LINK__REPLY__BODY_ERROR && error->has_details &&
           !request->made_user && request->core->config->create_users &&
           strcmp(error->code, err_code(ERR_UNAUTHENTICATED)) == 0 &&
           memmem(error->details.data, error->details.len, "UNKNOWN_USER", 12) != NULL;
}

static enum err submit(struct request *request);
static enum err new_reply(struct request *request);

static void on_user_made(struct db_call *call, const struct db_outcome *outcome,
                         const struct db_result *result)
{
    struct request *request = query_request(call);
    (void)result;
    if (outcome->err != ERR_OK) {
        request->reply.has_refused_before_sql = !outcome->unknown;
        request->reply.refused_before_sql = !outcome->unknown;
        finish(request, outcome->err);
        return;
    }
    enum err err = new_reply(request);
    if (err == ERR_OK) {
        err = submit(request);
    }
    if (err != ERR_OK) {
        finish(request, err);
    }
}

static void make_user(struct request *request)
{
    const char *params[3] = {query_uuid(request, request->actor.user_id),
                             request->actor.username, request->actor.token_id};
    request->made_user = true;
    request->reply.body_case = LINK__REPLY__BODY__NOT_SET;
    query(
        request,
        "SELECT status FROM session_connect($1, $2, NULL, NULL, $3, 9223372036854775807, "
        "true, NULL, '{}', '{}', '{}')",
        DB_ALONE, request->actor.user_id.b[15], 3, params, on_user_made);
}

static void on_sql_done(struct db_call *call, const struct db_outcome *outcome,
                        const struct db_result *result)
{
    struct request *request = container_of(call, struct request, call);
    enum err err = outcome->err;
    note_heat(request);
    if (err == ERR_OK) {
        err = after_commit(request, result, outcome);
        if (user_is_unknown(request)) {
            make_user(request);
            return;
        }
        if (err == ERR_OK && request->after_commit != NULL) {
            request->after_commit(request);
            return;
        }
    } else if (err == ERR_INTERNAL) {
        log_sql_failure(request, "an event failed in PostgreSQL", outcome);
    } else if (err == ERR_UNAVAILABLE && !outcome->unknown) {
        request->reply.has_refused_before_sql = true;
        request->reply.refused_before_sql = true;
    }
    finish(request, err);
}

/* ------------------------------------------------------------------ the payload */

static enum err unknown_event(struct request *request, struct bytes name)
{
    const char *nearest = request->core->development ? event_nearest(name) : NULL;
    if (nearest == NULL) {
        return ERR_UNKNOWN_EVENT;
    }
    return refuse(
        request, ERR_UNKNOWN_EVENT,
        arena_printf(&request->arena, "Unknown event: did you mean %s?", nearest),
        arena_printf(&request->arena, "{\"didYouMean\":\"%s\"}", nearest));
}

static enum err check_actor(const struct request *request)
{
    const struct event_def *event = request->event;
    bool somebody = !uuid_is_zero(request->actor.user_id);
    if (event->authentication == AUTH_REQUIRED && !somebody && !request->actor.service) {
        return ERR_UNAUTHENTICATED;
    }
    /* one's own data and one's own subscription: only a user has them */
    if ((event->right == RIGHT_SELF || event->right == RIGHT_SUBSCRIBED) && !somebody) {
        return ERR_UNAUTHENTICATED;
    }
    return ERR_OK;
}

/* No payload is an empty object, and a bare string may stand for its one member. */
static enum err as_object(struct request *request, struct bytes *payload)
{
    const struct event_def *event = request->event;
    size_t at = 0;
    while (at < payload->size && strchr(" \t\r\n", payload->data[at]) != NULL) {
        at++;
    }
    if (at == payload->size) {
        *payload = BYTES_LITERAL("{}");
    } else if (event->text_payload && payload->data[at] == '"') {
        size_t key_size = strlen(event->id_key);
        uint8_t *object = arena_alloc(&request->arena, payload->size + key_size + 8);
        if (object == NULL) {
            return ERR_LIMIT_REACHED;
        }
        size_t size = 0;
        memcpy(object, "{\"", 2);
        memcpy(object + 2, event->id_key, key_size);
        size = 2 + key_size;
        memcpy(object + size, "\":", 2);
        size += 2;
        memcpy(object + size, payload->data, payload->size);
        size += payload->size;
        object[size++] = '}';
        *payload = bytes_make(object, size);
    }
    return ERR_OK;
}

static enum err refuse_violations(struct request *request,
                                  const struct violations *violations)
{
    struct buf buf;
    buf_init(&buf, DETAILS_MAX);
    violations_json(violations, &buf);
    char *details =
        buf.failed || buf.size == 0 ? NULL : arena_copy(&request->arena, buf_bytes(&buf));
    buf_finish(&buf);
    return refuse(request, ERR_VALIDATION_ERROR, NULL, details);
}

static enum err decode(struct request *request, struct bytes payload)
{
    const struct message_rules *rules = request->event->payload;
    struct violations violations;
    violations_init(&violations, &request->arena);
    ProtobufCMessage *message = NULL;
    enum err err;
    if (request->encoding == LINK__ENCODING__PROTOBUF) {
        err = transcode_from_protobuf(rules, payload, &request->arena, &message,
                                      &violations);
    } else {
        TRY(as_object(request, &payload));
        err = transcode_from_json(rules, payload, &request->arena, &message, &violations);
    }
    if (err == ERR_VALIDATION_ERROR) {
        return refuse_violations(request, &violations);
    }
    request->payload = message;
    return err;
}

/* Looked up once: that costs as much as the digest of a message. */
static const EVP_MD *sha256(void)
{
    static EVP_MD *digest;
    if (digest == NULL) {
        digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    }
    return digest;
}

/* What the same clientId must not be used for twice: another event or other content. */
static enum err hash_payload(struct request *request)
{
    size_t name_size = strlen(request->event->name) + 1;
    size_t size = protobuf_c_message_get_packed_size(request->payload);
    uint8_t *text = arena_alloc(&request->arena, name_size + size);
    if (text == NULL) {
        return ERR_LIMIT_REACHED;
    }
    uint8_t digest[SHA256_DIGEST_LENGTH];
    memcpy(text, request->event->name, name_size);
    protobuf_c_message_pack(request->payload, text + name_size);
    if (EVP_Digest(text, name_size + size, digest, NULL, sha256(), NULL) != 1) {
        return ERR_UNAVAILABLE;
    }
    memcpy(request->payload_hash, digest, sizeof(request->payload_hash));
    return ERR_OK;
}

/* ------------------------------------------------------------------ the right */

/* `subscribed`: the grant that the edge holds while the subscription lives names the
 * room; PostgreSQL is not asked. */
static enum err check_grant(struct request *request)
{
    struct stream_id stream;
    struct bytes username;
    if (!grant_read(request->grant, &stream, &username) || stream.kind != STREAM_ROOM ||
        !uuid_equal(stream.id, request->resource_id)) {
        return ERR_PERMISSION_DENIED;
    }
    if (username.size > 0) {
        request->actor.username = arena_copy(&request->arena, username);
    }
    return ERR_OK;
}

static enum err submit(struct request *request)
{
    const char *sql = event_statement(request->event, request->arg_count);
    if (sql == NULL) {
        return ERR_INTERNAL;
    }
    TRY(admission_bind(request, sql));
    request->call.done = on_sql_done;
    struct executor *executor = &request->core->executor;
    enum err err = executor->submit(executor->user, &request->call);
    if (err == ERR_UNAVAILABLE) {
        request->reply.has_refused_before_sql = true;
        request->reply.refused_before_sql = true;
    }
    return err;
}

static enum err new_reply(struct request *request)
{
    Link__EventReply *event = arena_alloc(&request->arena, sizeof(*event));
    if (event == NULL) {
        return ERR_LIMIT_REACHED;
    }
    link__event_reply__init(event);
    event->encoding = request->encoding;
    bool json = request->encoding == LINK__ENCODING__JSON;
    event->payload = (ProtobufCBinaryData){json ? 2 : 0, (uint8_t *)"{}"};
    request->reply.body_case = LINK__REPLY__BODY_EVENT;
    request->reply.event = event;
    return ERR_OK;
}

/* ERR_OK with *ret_later: the answer comes from PostgreSQL. */
static enum err run(struct request *request, const Link__EventCall *call, bool *ret_later)
{
    struct bytes name = bytes_of_text(call->name);
    struct bytes payload = bytes_make(call->payload.data, call->payload.len);
    request->event = event_find(name);
    request->encoding = call->encoding;
    request->grant = bytes_make(call->grant.data, call->has_grant ? call->grant.len : 0);
    if (request->event == NULL) {
        return unknown_event(request, name);
    }
    TRY(check_actor(request));
    if (payload.size > request->event->payload_max) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    TRY(decode(request, payload));
    TRY(admission_read_ids(request));
    if (request->event->right == RIGHT_SUBSCRIBED) {
        TRY(check_grant(request));
    }
    TRY(new_reply(request));
    TRY(request->event->handle(request, request->payload));
    if (!request->sql) {
        /* only what PostgreSQL has admitted may read or change anything */
        return request->event->kind == EVENT_EPHEMERAL ? ERR_OK : ERR_INTERNAL;
    }
    TRY(hash_payload(request));
    TRY(submit(request));
    *ret_later = true;
    return ERR_OK;
}

void dispatch(struct request *request, const Link__EventCall *call)
{
    bool later = false;
    enum err err = run(request, call, &later);
    if (!later) {
        finish(request, err);
    }
}
