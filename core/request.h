/* One request on its way through a core, and what a handler may do with it.
 *
 * A handler is called once with a checked payload. It either binds the arguments of its
 * SQL function and returns run_sql(), or answers from memory. It frees nothing: all it
 * allocates comes from request->arena. It runs on the loop thread and never blocks. */
#ifndef CORE_REQUEST_H
#define CORE_REQUEST_H

#include <jansson.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/uuid.h"
#include "belfry/link.pb-c.h"
#include "core/db/db.h"
#include "core/event.h"
#include "link/stream_id.h"

#define SQL_ARGS_MAX 24

/* Who acts. Zeroed ids where there is none. */
struct actor {
    struct uuid user_id;
    struct uuid session_id;
    const char *username; /* NULL: unknown */
    const char *token_id; /* NULL: none */
    int64_t issued_at;    /* unix seconds */
    bool service;
};

struct request {
    struct arena arena; /* everything below that is not a number lives here */

    /* what came */
    struct uuid request_id;
    struct actor actor;
    const struct event_def *event;
    Link__Encoding encoding; /* of payload and reply */
    const char *trace;       /* traceparent, or NULL */
    int64_t deadline_ms;     /* clock_ms() */
    struct bytes grant;
    const ProtobufCMessage *payload;
    struct uuid key; /* of the stored answer: clientId, else request_id */
    uint8_t payload_hash[16];
    struct uuid resource_id; /* zero: none */

    /* what the handler bound */
    const char *args[SQL_ARGS_MAX]; /* text form, NULL is SQL NULL */
    int arg_count;
    bool made_user; /* he was not known, and the event runs a second time */
    bool sql;       /* run_sql() was called */
    /* Called when the change is committed and its reply is made; adds publications, and
     * ends with dispatch_committed(). NULL: nothing more to do. */
    void (*after_commit)(struct request *request);

    /* what comes out; publications live in the arena */
    Link__Reply reply;
    Link__Publication **publications;
    size_t publication_count;

    struct core *core;
    struct db_call call; /* under way between dispatch and `finished` */
    int64_t started_us;
    void *scratch; /* in the arena; of the part that answers */

    /* Called once, when `reply` and `publications` are what they will be. */
    void (*finished)(struct request *request);
};

/* Sets up an empty request; the arena of an earlier one is kept. */
void request_start(struct request *request, struct core *core);

/* Hands it back to the one who waits. */
void request_finish(struct request *request);

/* ---- binding arguments of event->sql_function, in order, after the admission ---- */
void arg_text(struct request *request, const char *value); /* NULL: SQL NULL */
void arg_int(struct request *request, int64_t value);
void arg_optional_int(struct request *request, bool has_value, int64_t value);
void arg_bool(struct request *request, bool value);
void arg_null(struct request *request);
void arg_uuid(struct request *request, struct uuid value);
/* text[] from repeated strings */
void arg_texts(struct request *request, size_t count, char *const *values);
/* What has no arg_… of its own, by its JSON name in the payload: an enum as its name, a
 * number or truth value as it is, lists and messages as JSON. Absent: SQL NULL. */
void arg_member(struct request *request, const char *json_name);

/* The rest happens in PostgreSQL: admission (answer key, locks, right), the event's own
 * function with the bound arguments, completion (stored answer), in one round trip. */
MUST_CHECK enum err run_sql(struct request *request);

/* ---- answering from memory (ephemeral events) ---- */
/* The reply of the contract's reply type; without a call it is {}. */
MUST_CHECK enum err reply_with(struct request *request, const ProtobufCMessage *reply);
/* The session's subscription to `stream` ends with this reply. */
MUST_CHECK enum err unsubscribe(struct request *request, const struct stream_id *stream);

/* ---- publishing ephemeral events; durable ones are appended by SQL ----
 * `event` is a server event of the contract with that scope, `payload` of its type.
 * EXCEPT_SENDER leaves the acting session out. Errors: ERR_INTERNAL when the contract
 * says otherwise, ERR_LIMIT_REACHED when the arena is full. */
enum send_flags { SEND_TO_ALL = 0, EXCEPT_SENDER = 1 };
MUST_CHECK enum err send_to_room(struct request *request, struct uuid room,
                                 const char *event, const ProtobufCMessage *payload,
                                 enum send_flags flags);
MUST_CHECK enum err send_to_community(struct request *request, struct uuid community,
                                      const char *event, const ProtobufCMessage *payload,
                                      enum send_flags flags);
MUST_CHECK enum err send_to_user(struct request *request, struct uuid user,
                                 const char *event, const ProtobufCMessage *payload,
                                 enum send_flags flags);
MUST_CHECK enum err broadcast(struct request *request, const char *event,
                              const ProtobufCMessage *payload, enum send_flags flags);

/* To everyone who shares a community or a direct room with a user: `streams` is the
 * binary text[] of those streams, as PostgreSQL gave it. For what the core tells itself.
 */
MUST_CHECK enum err send_to_contacts(struct request *request, struct bytes streams,
                                     const char *event, const ProtobufCMessage *payload);

/* What was sent last replaces an older one with the same key that still waits. */
MUST_CHECK enum err merge_by(struct request *request, const char *key);

/* ---- refusing ---- */
/* Sets the reply's error and returns `err`. message NULL: the default words; details:
 * JSON text or NULL. */
enum err refuse(struct request *request, enum err err, const char *message,
                const char *details);

#endif
