/* The contract as the generator sees it: descriptors and custom options joined into one
 * checked model, from which every output is printed. */
#ifndef GEN_MODEL_H
#define GEN_MODEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "belfry/options.pb-c.h"
#include "google/protobuf/descriptor.pb-c.h"

#define FIELDS_MAX     64 /* of one message */
#define EVENT_NAME_MAX 48 /* letters of an event's name */

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;

struct place {
    const char *file;
    int line; /* from 1; 0: unknown */
};

struct contract_message;

struct contract_field {
    const field_proto *proto;
    const char *json_name;
    const Belfry__Field *rule;        /* all defaults where the contract says nothing */
    struct contract_message *message; /* of a message field */
    const enum_proto *values;         /* of an enum field; NULL: not in a contract file */
    bool repeated;
    struct place place;
};

struct contract_message {
    const message_proto *proto;
    const char *full_name; /* "belfry.Presence" */
    struct contract_field *fields;
    size_t field_count;                      /* sorted by number, as protobuf-c does */
    const Belfry__ServerEvent *server_event; /* NULL: none */
    struct contract_domain *domain;
    struct place place;
    bool in_use;     /* an event leads to it */
    bool in_payload; /* a client event's payload leads to it */
};

struct contract_event {
    const Belfry__ClientEvent *def;
    const char *method; /* "SendMessage" */
    struct contract_message *payload;
    struct contract_message *reply;
    struct contract_domain *domain;
    struct place place;
};

struct contract_domain {
    const Belfry__Domain *def;
    const file_proto *file;
};

struct contract_error {
    struct place place;
    const char *text;
    size_t order;
};

struct contract {
    struct arena arena;
    struct contract_domain *domains;
    size_t domain_count;
    struct contract_message **messages; /* as written */
    size_t message_count;
    struct contract_event *events; /* sorted by name */
    size_t event_count;
    struct contract_message **server_events; /* sorted by event name */
    size_t server_event_count;
    struct contract_error *errors;
    size_t error_count, error_capacity;
};

/* Reads a serialized FileDescriptorSet (made with --include_imports and
 * --include_source_info) and checks all of it. What is wrong is in contract->errors, by
 * file and line; ERR_INTERNAL: the bytes are no descriptor set. */
MUST_CHECK enum err contract_load(struct contract *contract, struct bytes descriptor_set);
void contract_finish(struct contract *contract);

/* For model.c and the checks. */
void contract_check(struct contract *contract);
void contract_error(struct contract *contract, struct place place, const char *format,
                    ...) __attribute__((format(printf, 3, 4)));

/* The domain's namespace, "/" where it names none. */
const char *domain_namespace(const struct contract_domain *domain);

/* "SEND_MESSAGE" to "send_message", "SendMessage" to "SEND_MESSAGE". In the arena. */
const char *lower_name(struct contract *contract, const char *name);
const char *event_name_of(struct contract *contract, const char *camel);

/* The field that a dotted path of JSON names leads to from `message`; NULL: none. */
const struct contract_field *find_path(const struct contract_message *message,
                                       const char *path);

/* The outputs. Each writes below `directory`; ERR_INTERNAL with errno set: it could not.
 */
MUST_CHECK enum err emit_core(struct contract *contract, const char *directory);
MUST_CHECK enum err emit_description(struct contract *contract, const char *directory);
MUST_CHECK enum err emit_docs(struct contract *contract, const char *directory);
MUST_CHECK enum err emit_asyncapi(struct contract *contract, const char *directory);
MUST_CHECK enum err emit_typescript(struct contract *contract, const char *directory);

/* To standard output: how many events are planned, by domain; `names`: and which. */
void print_planned(const struct contract *contract, bool names);

#endif
