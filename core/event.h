/* The contract at run time: one row for each event, made by proto/gen and never changed.
 * What differs between events is a column here; no code knows an event by name. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct request;

/* Numbers as in proto/belfry/options.proto. */
enum event_kind { EVENT_READ = 1, EVENT_CHANGE = 2, EVENT_EPHEMERAL = 3 };
enum event_authentication { AUTH_REQUIRED, AUTH_OPTIONAL, AUTH_NONE };
enum event_lock { LOCK_SHARED, LOCK_REVOKES, LOCK_REVOKES_USER };
enum right_kind { RIGHT_ACTIONS, RIGHT_SELF, RIGHT_SUBSCRIBED, RIGHT_PUBLIC };
enum resource_type {
    RESOURCE_NONE,
    RESOURCE_INSTANCE,
    RESOURCE_COMMUNITY,
    RESOURCE_ROOM,
    RESOURCE_MESSAGE,
};
enum field_format { FORMAT_ANY, FORMAT_UUID, FORMAT_TIMESTAMP, FORMAT_URL };
enum server_event_scope {
    SCOPE_ROOM = 1,
    SCOPE_COMMUNITY,
    SCOPE_MEMBERS,
    SCOPE_USER,
    SCOPE_SESSION,
    SCOPE_CONTACTS,
    SCOPE_GLOBAL,
};

/* The rules of one field, beside its protobuf-c descriptor (same index). */
struct field_rule {
    const char *json_name; /* "roomId" */
    bool required;
    uint32_t min_length, max_length; /* code points; max 0: no limit */
    double min, max;                 /* numbers, when has_range */
    bool has_range;
    const char *pattern; /* POSIX extended, or NULL */
    enum field_format format;
    uint32_t min_items, max_items; /* repeated; max 0: no limit */
    bool visible;
    bool as_json;                        /* a string that holds a JSON value */
    bool json_number;                    /* 64 bits, but a number in JSON (seq) */
    const struct message_rules *message; /* of a message field, else NULL */
};

/* The rules of one message. */
struct message_rules {
    const ProtobufCMessageDescriptor *descriptor;
    const struct field_rule *fields; /* descriptor->n_fields of them */
};

/* Handlers have the generated prototypes of events.gen.h, such as
 *     enum err send_message(struct request *request, const Belfry__SendMessage *payload);
 * and the table holds a generated thunk with this type around each. */
typedef enum err event_handler_fn(struct request *request,
                                  const ProtobufCMessage *payload);

struct event_def {
    const char *name;         /* "SEND_MESSAGE" */
    const char *sql_function; /* "event_send_message": what run_sql() calls */
    const char *sql_shortcut; /* "run_send_message": admission, function and completion in
                                 one, for several calls at once; NULL: has none */
    const char *sql_lone;   /* "lone_send_message": the same for one call, of a change */
    const char *name_space; /* "/" */
    enum event_kind kind;
    enum event_authentication authentication;
    enum right_kind right;
    uint64_t actions; /* mask: bit (action number - 1) */
    enum resource_type resource;
    const char *id_key; /* JSON path of the resource's id, or NULL */
    uint32_t id_field;  /* RIGHT_SUBSCRIBED: the number of that field of the payload */
    bool text_payload;  /* a bare JSON string is the id_key member */
    enum event_lock lock;
    bool many_streams; /* runs alone, not in a batch */
    uint32_t limit, per_seconds;
    bool limit_by_connection;
    uint32_t payload_max;
    const struct message_rules *payload;
    const struct message_rules *reply;
    event_handler_fn *handle;
};

struct server_event_def {
    const char *name;
    enum server_event_scope scope;
    bool durable;
    bool except_sender;
    const struct message_rules *payload;
};

/* Sorted by name: event_find() searches by halves. Planned events are not in it. */
extern const struct event_def event_table[];
extern const size_t event_count;
extern const struct server_event_def server_event_table[];
extern const size_t server_event_count;

/* SHA-256 over all the edges learn: equal hashes, equal catalogues. */
extern const uint8_t event_catalogue_hash[32];

/* The contract as an AsyncAPI document, planned events included, and its SHA-256. */
extern const char event_description[];
extern const size_t event_description_size;
extern const uint8_t event_description_hash[32];

/* NULL when there is no such event. */
const struct event_def *event_find(struct bytes name);
const struct server_event_def *server_event_find(struct bytes name);

/* The event whose name is nearest to a misspelt one, or NULL when none is near. */
const char *event_nearest(struct bytes name);

#endif
