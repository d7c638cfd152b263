/* Says the contract as a list of promises. */
#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "emit.h"
#include "reach.h"

#define PAYLOAD_MAX_DEFAULT 16384
#define WORDS_MAX           8192 /* bytes of one promise */

struct listing {
    struct contract *contract;
    const uint8_t *reach;
    struct promises *promises;
    const enum_proto **enums; /* those told of already */
    size_t enum_count;
    enum err err;
};

/* ---- lists ---- */

enum err promises_add(struct promises *promises, struct promise promise)
{
    if (promises->count == promises->capacity) {
        size_t capacity = promises->capacity == 0 ? 256 : promises->capacity * 2;
        struct promise *items = realloc(promises->items, capacity * sizeof(*items));
        if (items == NULL) {
            return ERR_UNAVAILABLE;
        }
        promises->items = items;
        promises->capacity = capacity;
    }
    promises->items[promises->count++] = promise;
    return ERR_OK;
}

static int by_address(const void *a, const void *b)
{
    const struct promise *left = a, *right = b;
    return strcmp(left->address, right->address);
}

void promises_sort(struct promises *promises)
{
    if (promises->count > 0) {
        qsort(promises->items, promises->count, sizeof(*promises->items), by_address);
    }
}

const struct promise *promise_find(const struct promises *promises, const char *address)
{
    const struct promise wanted = {.address = address};
    return promises->count == 0 ? NULL
                                : bsearch(&wanted, promises->items, promises->count,
                                          sizeof(wanted), by_address);
}

/* ---- words ---- */

static void add_word(struct buf *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_word(struct buf *words, const char *format, ...)
{
    va_list args;
    char text[2048];
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_append_text(words, words->size > 0 ? " " : "");
    buf_append_text(words, text);
}

/* In JSON's quotes and without spaces, which are between words. */
static void add_quoted(struct buf *words, const char *name, const char *value)
{
    struct buf quoted;
    buf_init(&quoted, WORDS_MAX);
    buf_append_json_string(&quoted, bytes_of_text(value));
    add_word(words, "%s=", name);
    for (size_t i = 0; i < quoted.size; i++) {
        if (quoted.data[i] == ' ') {
            buf_append_text(words, "\\u0020");
        } else {
            buf_append_char(words, (char)quoted.data[i]);
        }
    }
    buf_finish(&quoted);
}

static void tell(struct listing *listing, const char *address, struct buf *words,
                 struct place place)
{
    const char *text = words->size > 0 && !words->failed
                           ? arena_text(&listing->contract->arena, (char *)words->data)
                           : NULL;
    if (address == NULL || text == NULL) {
        listing->err = ERR_UNAVAILABLE;
    } else if (listing->err == ERR_OK) {
        listing->err =
            promises_add(listing->promises, (struct promise){address, text, place});
    }
    buf_finish(words);
}

static const char *name_of(const ProtobufCEnumDescriptor *type, int value)
{
    return protobuf_c_enum_descriptor_get_value(type, value)->name;
}

/* "belfry.Presence.Status" without the package. */
static const char *short_name(const struct contract_message *message, const char *name)
{
    const char *package = message->domain->file->package;
    size_t size = package != NULL ? strlen(package) : 0;
    bool inside = size > 0 && strncmp(name, package, size) == 0 && name[size] == '.';
    return inside ? name + size + 1 : name;
}

/* ---- fields ---- */

static const char *type_of(const struct contract_message *message,
                           const struct contract_field *field)
{
    static const char *const names[] = {
        "",        "double",   "float",    "int64",  "uint64", "int32", "fixed64",
        "fixed32", "bool",     "string",   "group",  "",       "bytes", "uint32",
        "",        "sfixed32", "sfixed64", "sint32", "sint64",
    };
    return field->proto->type_name != NULL
               ? short_name(message, field->proto->type_name + 1)
               : names[field->proto->type];
}

static void add_rules(struct buf *words, const Belfry__Field *rule)
{
    const struct {
        const char *name;
        uint32_t value;
    } sizes[] = {
        {"min_length", rule->min_length},
        {"max_length", rule->max_length},
        {"min_items", rule->min_items},
        {"max_items", rule->max_items},
    };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (sizes[i].value > 0) {
            add_word(words, "%s=%u", sizes[i].name, sizes[i].value);
        }
    }
    if (rule->has_min) {
        add_word(words, "min=%.17g", rule->min);
    }
    if (rule->has_max) {
        add_word(words, "max=%.17g", rule->max);
    }
    if (rule->format != BELFRY__FORMAT__ANY) {
        add_word(words, "format=%s",
                 name_of(&belfry__format__descriptor, (int)rule->format));
    }
    if (rule->visible) {
        add_word(words, "visible");
    }
    if (rule->pattern != NULL) {
        add_quoted(words, "pattern", rule->pattern);
    }
}

static void list_enum(struct listing *listing, const struct contract_message *message,
                      const struct contract_field *field);

static void list_fields(struct listing *listing, const struct contract_message *message,
                        const char *prefix, uint8_t way)
{
    for (size_t i = 0; i < message->field_count; i++) {
        const struct contract_field *field = &message->fields[i];
        struct buf words;
        buf_init(&words, WORDS_MAX);
        if ((way & REACH_IN) != 0) {
            add_word(&words, "in");
        }
        if ((way & REACH_OUT) != 0) {
            add_word(&words, "out");
        }
        add_word(&words, "type=%s%s number=%d", type_of(message, field),
                 field->repeated ? "[]" : "", field->proto->number);
        if (field->rule->json_number || field->rule->as_json) {
            add_word(&words, "json=%s", field->rule->as_json ? "any" : "number");
        }
        if (field->rule->required) {
            add_word(&words, "required");
        }
        add_rules(&words, field->rule);
        if (field->proto->default_value != NULL) {
            add_quoted(&words, "default", field->proto->default_value);
        }
        tell(listing,
             arena_printf(&listing->contract->arena, "%s.%s", prefix, field->json_name),
             &words, field->place);
        list_enum(listing, message, field);
    }
}

/* Each enum once, by the first field that leads to it. */
static void list_enum(struct listing *listing, const struct contract_message *message,
                      const struct contract_field *field)
{
    const enum_proto *values = field->values;
    for (size_t i = 0; values != NULL && i < listing->enum_count; i++) {
        values = listing->enums[i] == values ? NULL : values;
    }
    if (values == NULL) {
        return;
    }
    listing->enums[listing->enum_count++] = values;
    struct buf words;
    const char *name = type_of(message, field);
    buf_init(&words, WORDS_MAX);
    add_word(&words, "enum");
    tell(listing, name, &words, field->place);
    for (size_t i = 0; i < values->n_value; i++) {
        buf_init(&words, WORDS_MAX);
        add_word(&words, "value number=%d", values->value[i]->number);
        tell(listing,
             arena_printf(&listing->contract->arena, "%s.%s", name,
                          values->value[i]->name),
             &words, field->place);
    }
}

/* ---- events ---- */

static void add_right(struct buf *words, const Belfry__Right *right)
{
    const Belfry__Resource *resource = right->resource;
    add_word(words, "right=%s",
             right->self                 ? "self"
             : right->subscribed != NULL ? "subscribed"
             : right->n_actions == 0     ? "public"
                                         : "");
    for (size_t i = 0; i < right->n_actions; i++) {
        buf_printf(words, "%s%s", i > 0 ? "," : "",
                   name_of(&belfry__action__descriptor, (int)right->actions[i]));
    }
    if (resource != NULL) {
        buf_printf(words, "@%s",
                   name_of(&belfry__resource_type__descriptor, (int)resource->type));
    }
    const char *id_key = resource != NULL ? resource->id_key : right->subscribed;
    if (id_key != NULL) {
        buf_printf(words, ":%s", id_key);
    }
    if (resource != NULL &&
        resource->source == BELFRY__RESOURCE_ID_SOURCE__TEXT_PAYLOAD) {
        add_word(words, "text_payload");
    }
}

static void list_client_event(struct listing *listing, const struct contract_event *event)
{
    struct arena *arena = &listing->contract->arena;
    const Belfry__ClientEvent *def = event->def;
    struct buf words;
    buf_init(&words, WORDS_MAX);
    add_word(&words, "client namespace=%s kind=%s authentication=%s",
             domain_namespace(event->domain),
             name_of(&belfry__event_kind__descriptor, (int)def->kind),
             name_of(&belfry__authentication__descriptor, (int)def->authentication));
    add_right(&words, def->right);
    add_word(&words, "rate=%u/%us%s payload_max=%u", def->rate->limit,
             def->rate->per_seconds, def->rate->by_connection ? "/connection" : "",
             def->payload_max > 0 ? def->payload_max : PAYLOAD_MAX_DEFAULT);
    for (size_t i = 0; i < def->n_causes; i++) {
        add_word(&words, "causes=%s", def->causes[i]);
    }
    tell(listing, def->name, &words, event->place);
    list_fields(listing, event->payload, arena_printf(arena, "%s.payload", def->name),
                REACH_IN);
    list_fields(listing, event->reply, arena_printf(arena, "%s.reply", def->name),
                REACH_OUT);
}

static void list_server_event(struct listing *listing,
                              const struct contract_message *message)
{
    const Belfry__ServerEvent *def = message->server_event;
    struct buf words;
    buf_init(&words, WORDS_MAX);
    add_word(&words, "server scope=%s%s%s",
             name_of(&belfry__scope__descriptor, (int)def->scope),
             def->durable ? " durable" : "", def->except_sender ? " except_sender" : "");
    tell(listing, def->name, &words, message->place);
    list_fields(listing, message, def->name, REACH_OUT);
}

/* ---- parts ---- */

/* Those that a field leads to; what an event carries itself is told with the event. */
static uint8_t part_reach(const struct listing *listing,
                          const struct contract_message *part)
{
    const struct contract *contract = listing->contract;
    uint8_t way = 0;
    for (size_t i = 0; i < contract->message_count; i++) {
        const struct contract_message *message = contract->messages[i];
        for (size_t j = 0; j < message->field_count; j++) {
            if (message->fields[j].message == part) {
                way |= listing->reach[i];
            }
        }
    }
    return way;
}

static void list_part(struct listing *listing, const struct contract_message *part)
{
    uint8_t way = part_reach(listing, part);
    if (way == 0) {
        return;
    }
    const char *name = short_name(part, part->full_name);
    struct buf words;
    buf_init(&words, WORDS_MAX);
    add_word(&words, "part%s%s", (way & REACH_IN) != 0 ? " in" : "",
             (way & REACH_OUT) != 0 ? " out" : "");
    tell(listing, name, &words, part->place);
    list_fields(listing, part, name, way);
}

enum err promises_make(struct contract *contract, struct promises *ret_promises)
{
    size_t fields = 0;
    for (size_t i = 0; i < contract->message_count; i++) {
        fields += contract->messages[i]->field_count;
    }
    struct listing listing = {
        .contract = contract,
        .reach = reach_of(contract, false),
        .promises = ret_promises,
        .enums = arena_alloc(&contract->arena, (fields + 1) * sizeof(enum_proto *)),
    };
    if (listing.reach == NULL || listing.enums == NULL) {
        return ERR_UNAVAILABLE;
    }
    for (size_t i = 0; i < contract->event_count; i++) {
        if (!contract->events[i].def->planned) {
            list_client_event(&listing, &contract->events[i]);
        }
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        if (!contract->server_events[i]->server_event->planned) {
            list_server_event(&listing, contract->server_events[i]);
        }
    }
    for (size_t i = 0; i < contract->message_count; i++) {
        list_part(&listing, contract->messages[i]);
    }
    promises_sort(ret_promises);
    return listing.err;
}

enum err emit_promises(struct contract *contract, const char *directory)
{
    struct promises promises = {0};
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    enum err err = promises_make(contract, &promises);
    buf_append_text(&out, "# What deployed clients rely on, a promise a line "
                          "(proto/gen/compat.h says how to read it).\n"
                          "# ./dev gen adds to it, and refuses to take anything away "
                          "without a reason.\n");
    for (size_t i = 0; i < promises.count; i++) {
        buf_printf(&out, "%s: %s\n", promises.items[i].address, promises.items[i].words);
    }
    if (err == ERR_OK) {
        err = emit_file(contract, directory, "deployed.txt", &out);
    }
    free(promises.items);
    buf_finish(&out);
    return err;
}
