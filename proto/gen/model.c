/* Turns a descriptor set into the model: finds the contract's files, unpacks the custom
 * options from where protobuf-c leaves them, and joins names to what they name. */
#include "model.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define OPTION_CLIENT_EVENT 50001
#define OPTION_SERVER_EVENT 50002
#define OPTION_FIELD        50003
#define OPTION_DOMAIN       50004

#define PATH_DEPTH_MAX 32

/* Where we are in a file, as SourceCodeInfo counts: pairs of field number and index. */
struct position {
    const file_proto *file;
    int32_t path[PATH_DEPTH_MAX];
    size_t depth;
};

/* The generator is a short-lived tool: out of memory ends it. */
static void *must(void *memory)
{
    if (memory == NULL) {
        fprintf(stderr, "belfry-gen: out of memory\n");
        exit(2);
    }
    return memory;
}

static void *arena_allocate(void *arena, size_t size)
{
    return must(arena_alloc(arena, size));
}

static void arena_free(void *arena, void *pointer)
{
    /* goes with the arena */
}

static ProtobufCAllocator allocator_of(struct contract *contract)
{
    return (ProtobufCAllocator){arena_allocate, arena_free, &contract->arena};
}

void contract_error(struct contract *contract, struct place place, const char *format,
                    ...)
{
    va_list args;
    va_start(args, format);
    char line[2048];
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (contract->error_count == contract->error_capacity) {
        size_t capacity =
            contract->error_capacity == 0 ? 64 : contract->error_capacity * 2;
        contract->errors =
            must(realloc(contract->errors, capacity * sizeof(*contract->errors)));
        contract->error_capacity = capacity;
    }
    contract->errors[contract->error_count] = (struct contract_error){
        .place = place,
        .text = must(arena_text(&contract->arena, line)),
        .order = contract->error_count,
    };
    contract->error_count++;
}

const char *domain_namespace(const struct contract_domain *domain)
{
    return domain->def->namespace_ != NULL ? domain->def->namespace_ : "/";
}

const char *lower_name(struct contract *contract, const char *name)
{
    char *text = must(arena_text(&contract->arena, name));
    for (char *at = text; *at != '\0'; at++) {
        *at = (char)tolower((unsigned char)*at);
    }
    return text;
}

const char *event_name_of(struct contract *contract, const char *camel)
{
    char *text = must(arena_alloc(&contract->arena, strlen(camel) * 2 + 1));
    char *out = text;
    for (const char *at = camel; *at != '\0'; at++) {
        if (isupper((unsigned char)*at) && at != camel) {
            *out++ = '_';
        }
        *out++ = (char)toupper((unsigned char)*at);
    }
    return text;
}

const struct contract_field *find_path(const struct contract_message *message,
                                       const char *path)
{
    const struct contract_field *found = NULL;
    for (;;) {
        const char *dot = strchr(path, '.');
        size_t size = dot != NULL ? (size_t)(dot - path) : strlen(path);
        found = NULL;
        for (size_t i = 0; message != NULL && i < message->field_count; i++) {
            const struct contract_field *field = &message->fields[i];
            if (strlen(field->json_name) == size &&
                memcmp(field->json_name, path, size) == 0) {
                found = field;
            }
        }
        if (found == NULL || found->repeated || dot == NULL) {
            return found != NULL && !found->repeated ? found : NULL;
        }
        message = found->message;
        path = dot + 1;
    }
}

/* ---- places ---- */

static struct place place_of(const struct position *at)
{
    struct place place = {at->file->name, 0};
    const Google__Protobuf__SourceCodeInfo *info = at->file->source_code_info;
    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *location = info->location[i];
        if (location->n_path == at->depth && location->n_span > 0 &&
            memcmp(location->path, at->path, at->depth * sizeof(at->path[0])) == 0) {
            place.line = location->span[0] + 1;
            break;
        }
    }
    return place;
}

static struct position inside(const struct position *at, int32_t field, size_t index)
{
    struct position inner = *at;
    if (inner.depth + 2 <= PATH_DEPTH_MAX) {
        inner.path[inner.depth++] = field;
        inner.path[inner.depth++] = (int32_t)index;
    }
    return inner;
}

/* ---- custom options ---- */

/* The length varint still stands in front of an unknown field's bytes; 0: malformed. */
static size_t skip_varint(const ProtobufCMessageUnknownField *field)
{
    for (size_t i = 0; i < field->len && i < 10; i++) {
        if ((field->data[i] & 0x80) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* The option `tag` of an options message, or NULL. Written in several pieces it arrives
 * in several pieces, and protobuf joins messages by joining their bytes. */
static void *option_of(struct contract *contract, const ProtobufCMessage *options,
                       uint32_t tag, const ProtobufCMessageDescriptor *type,
                       struct place place)
{
    if (options == NULL) {
        return NULL;
    }
    struct buf joined = {.limit = SIZE_MAX};
    bool found = false;
    for (unsigned i = 0; i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
        if (field->tag == tag &&
            field->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
            size_t skip = skip_varint(field);
            buf_append(&joined, field->data + skip, field->len - skip);
            found = true;
        }
    }
    ProtobufCMessage *message = NULL;
    if (found) {
        ProtobufCAllocator allocator = allocator_of(contract);
        message = protobuf_c_message_unpack(type, &allocator, joined.size, joined.data);
        if (message == NULL) {
            contract_error(contract, place, "option %s cannot be read", type->short_name);
        }
    }
    buf_finish(&joined);
    return message;
}

/* ---- messages ---- */

static int by_number(const void *a, const void *b)
{
    const struct contract_field *left = a, *right = b;
    return left->proto->number < right->proto->number   ? -1
           : left->proto->number > right->proto->number ? 1
                                                        : 0;
}

static void add_field(struct contract *contract, const struct position *at,
                      const field_proto *proto, struct contract_field *ret_field)
{
    static const Belfry__Field nothing = BELFRY__FIELD__INIT;
    struct place place = place_of(at);
    const ProtobufCMessage *options =
        proto->options != NULL ? &proto->options->base : NULL;
    const Belfry__Field *rule =
        option_of(contract, options, OPTION_FIELD, &belfry__field__descriptor, place);
    *ret_field = (struct contract_field){
        .proto = proto,
        .json_name = proto->json_name != NULL ? proto->json_name : proto->name,
        .rule = rule != NULL ? rule : &nothing,
        .repeated = proto->label ==
                    GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED,
        .place = place,
    };
}

/* The message and those inside it; recursion is as deep as the .proto nests them. */
static void add_message(struct contract *contract, struct contract_domain *domain,
                        const struct position *at, const char *prefix,
                        const message_proto *proto)
{
    struct contract_message *message =
        must(arena_alloc(&contract->arena, sizeof(*message)));
    struct place place = place_of(at);
    const ProtobufCMessage *options =
        proto->options != NULL ? &proto->options->base : NULL;
    *message = (struct contract_message){
        .proto = proto,
        .full_name = must(arena_printf(&contract->arena, "%s.%s", prefix, proto->name)),
        .field_count = proto->n_field,
        .server_event = option_of(contract, options, OPTION_SERVER_EVENT,
                                  &belfry__server_event__descriptor, place),
        .domain = domain,
        .place = place,
    };
    message->fields = must(arena_alloc(
        &contract->arena, (proto->n_field + 1) * sizeof(struct contract_field)));
    for (size_t i = 0; i < proto->n_field; i++) {
        struct position field_at = inside(at, 2, i);
        add_field(contract, &field_at, proto->field[i], &message->fields[i]);
    }
    qsort(message->fields, message->field_count, sizeof(*message->fields), by_number);

    contract->messages = must(realloc(
        contract->messages, (contract->message_count + 1) * sizeof(*contract->messages)));
    contract->messages[contract->message_count++] = message;
    for (size_t i = 0; i < proto->n_nested_type; i++) {
        struct position inner = inside(at, 3, i);
        add_message(contract, domain, &inner, message->full_name, proto->nested_type[i]);
    }
}

/* By a type name as descriptors write it, ".belfry.Room". */
static struct contract_message *find_message(const struct contract *contract,
                                             const char *type_name)
{
    for (size_t i = 0; i < contract->message_count; i++) {
        if (strcmp(contract->messages[i]->full_name, type_name + 1) == 0) {
            return contract->messages[i];
        }
    }
    return NULL;
}

static const enum_proto *find_enum_in(const message_proto *message, const char *prefix,
                                      const char *type_name)
{
    size_t size = strlen(prefix);
    if (strncmp(type_name, prefix, size) != 0 || type_name[size] != '.') {
        return NULL;
    }
    const char *rest = type_name + size + 1;
    for (size_t i = 0; i < message->n_enum_type; i++) {
        if (strcmp(message->enum_type[i]->name, rest) == 0) {
            return message->enum_type[i];
        }
    }
    return NULL;
}

static const enum_proto *find_enum(const struct contract *contract,
                                   const Google__Protobuf__FileDescriptorSet *set,
                                   const char *type_name)
{
    for (size_t i = 0; i < set->n_file; i++) {
        const file_proto *file = set->file[i];
        for (size_t j = 0; file->package != NULL && j < file->n_enum_type; j++) {
            size_t size = strlen(file->package);
            if (strncmp(type_name + 1, file->package, size) == 0 &&
                type_name[1 + size] == '.' &&
                strcmp(type_name + size + 2, file->enum_type[j]->name) == 0) {
                return file->enum_type[j];
            }
        }
    }
    for (size_t i = 0; i < contract->message_count; i++) {
        const struct contract_message *message = contract->messages[i];
        const enum_proto *found =
            find_enum_in(message->proto, message->full_name, type_name + 1);
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

static void join_types(struct contract *contract,
                       const Google__Protobuf__FileDescriptorSet *set)
{
    for (size_t i = 0; i < contract->message_count; i++) {
        struct contract_message *message = contract->messages[i];
        for (size_t j = 0; j < message->field_count; j++) {
            struct contract_field *field = &message->fields[j];
            if (field->proto->type_name != NULL) {
                field->message = find_message(contract, field->proto->type_name);
                field->values = find_enum(contract, set, field->proto->type_name);
            }
        }
    }
}

/* ---- events ---- */

static void add_events(struct contract *contract, struct contract_domain *domain)
{
    for (size_t i = 0; i < domain->file->n_service; i++) {
        const Google__Protobuf__ServiceDescriptorProto *service =
            domain->file->service[i];
        for (size_t j = 0; j < service->n_method; j++) {
            const Google__Protobuf__MethodDescriptorProto *method = service->method[j];
            struct position at = {domain->file, {6, (int32_t)i, 2, (int32_t)j}, 4};
            struct place place = place_of(&at);
            const ProtobufCMessage *options =
                method->options != NULL ? &method->options->base : NULL;
            const Belfry__ClientEvent *def =
                option_of(contract, options, OPTION_CLIENT_EVENT,
                          &belfry__client_event__descriptor, place);
            if (def == NULL || def->name == NULL) {
                contract_error(contract, place,
                               "rpc %s: needs `option (client_event)` with a name",
                               method->name);
                continue;
            }
            contract->events =
                must(realloc(contract->events,
                             (contract->event_count + 1) * sizeof(*contract->events)));
            contract->events[contract->event_count++] = (struct contract_event){
                .def = def,
                .method = method->name,
                .payload = find_message(contract, method->input_type),
                .reply = find_message(contract, method->output_type),
                .domain = domain,
                .place = place,
            };
        }
    }
}

static void add_server_events(struct contract *contract)
{
    for (size_t i = 0; i < contract->message_count; i++) {
        struct contract_message *message = contract->messages[i];
        if (message->server_event == NULL) {
            continue;
        }
        if (message->server_event->name == NULL) {
            contract_error(contract, message->place, "%s: server_event without a name",
                           message->proto->name);
            message->server_event = NULL;
            continue;
        }
        contract->server_events =
            must(realloc(contract->server_events, (contract->server_event_count + 1) *
                                                      sizeof(*contract->server_events)));
        contract->server_events[contract->server_event_count++] = message;
    }
}

static int by_event_name(const void *a, const void *b)
{
    const struct contract_event *left = a, *right = b;
    int name = strcmp(left->def->name, right->def->name);
    return name != 0 ? name : left->place.line - right->place.line;
}

static int by_server_event_name(const void *a, const void *b)
{
    const struct contract_message *const *left = a, *const *right = b;
    int name = strcmp((*left)->server_event->name, (*right)->server_event->name);
    return name != 0 ? name : (*left)->place.line - (*right)->place.line;
}

static int by_place(const void *a, const void *b)
{
    const struct contract_error *left = a, *right = b;
    int file = strcmp(left->place.file, right->place.file);
    int line =
        (left->place.line > right->place.line) - (left->place.line < right->place.line);
    int order = (left->order > right->order) - (left->order < right->order);
    return file != 0 ? file : line != 0 ? line : order;
}

/* Everything but the options' own files is contract, and says which domain it is. */
static void add_files(struct contract *contract,
                      const Google__Protobuf__FileDescriptorSet *set)
{
    contract->domains = must(
        arena_alloc(&contract->arena, (set->n_file + 1) * sizeof(*contract->domains)));
    for (size_t i = 0; i < set->n_file; i++) {
        const file_proto *file = set->file[i];
        if (strncmp(file->name, "google/", 7) == 0 ||
            strcmp(file->name, "belfry/options.proto") == 0) {
            continue;
        }
        struct place place = {file->name, 1};
        const ProtobufCMessage *options =
            file->options != NULL ? &file->options->base : NULL;
        const Belfry__Domain *def = option_of(contract, options, OPTION_DOMAIN,
                                              &belfry__domain__descriptor, place);
        if (def == NULL || def->name == NULL) {
            contract_error(contract, place, "needs `option (domain)` with a name");
            continue;
        }
        struct contract_domain *domain = &contract->domains[contract->domain_count++];
        *domain = (struct contract_domain){def, file};
        for (size_t j = 0; j < file->n_message_type; j++) {
            struct position at = {file, {4, (int32_t)j}, 2};
            add_message(contract, domain, &at, file->package != NULL ? file->package : "",
                        file->message_type[j]);
        }
    }
}

enum err contract_load(struct contract *contract, struct bytes descriptor_set)
{
    *contract = (struct contract){0};
    arena_init(&contract->arena, SIZE_MAX / 2);
    ProtobufCAllocator allocator = allocator_of(contract);
    const Google__Protobuf__FileDescriptorSet *set =
        google__protobuf__file_descriptor_set__unpack(&allocator, descriptor_set.size,
                                                      descriptor_set.data);
    if (set == NULL) {
        return ERR_INTERNAL;
    }
    add_files(contract, set);
    join_types(contract, set);
    for (size_t i = 0; i < contract->domain_count; i++) {
        add_events(contract, &contract->domains[i]);
    }
    add_server_events(contract);
    if (contract->event_count > 0) {
        qsort(contract->events, contract->event_count, sizeof(*contract->events),
              by_event_name);
    }
    if (contract->server_event_count > 0) {
        qsort(contract->server_events, contract->server_event_count,
              sizeof(*contract->server_events), by_server_event_name);
    }
    contract_check(contract);
    if (contract->error_count > 0) {
        qsort(contract->errors, contract->error_count, sizeof(*contract->errors),
              by_place);
    }
    return ERR_OK;
}

void contract_finish(struct contract *contract)
{
    free(contract->messages);
    free(contract->events);
    free(contract->server_events);
    free(contract->errors);
    arena_finish(&contract->arena);
    *contract = (struct contract){0};
}
