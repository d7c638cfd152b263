/* Refuses messages that cannot be checked, bounded or written as JSON. */
#include "check.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: limits are doubles */

#define TYPE(name)  GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name
#define LABEL(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_##name

/* ---- what kind of value a field holds ---- */

static bool is_text(const struct contract_field *field)
{
    return field->proto->type == TYPE(STRING);
}

bool field_is_64_bits(const struct contract_field *field)
{
    switch (field->proto->type) {
    case TYPE(INT64):
    case TYPE(UINT64):
    case TYPE(SINT64):
    case TYPE(FIXED64):
    case TYPE(SFIXED64):
        return true;
    default:
        return false;
    }
}

bool field_is_number(const struct contract_field *field)
{
    switch (field->proto->type) {
    case TYPE(INT32):
    case TYPE(UINT32):
    case TYPE(SINT32):
    case TYPE(FIXED32):
    case TYPE(SFIXED32):
    case TYPE(FLOAT):
    case TYPE(DOUBLE):
        return true;
    default:
        return field_is_64_bits(field);
    }
}

/* The entry type that protoc makes of a map field. */
static bool is_map_entry(const struct contract_message *message)
{
    return message->proto->options != NULL && message->proto->options->map_entry;
}

/* ---- rules ---- */

static void refuse_rule(struct contract *contract, const struct contract_field *field,
                        const char *rule, const char *reason)
{
    contract_error(contract, field->place, "%s: %s %s", field->proto->name, rule, reason);
}

static void check_pattern(struct contract *contract, const struct contract_field *field)
{
    char anchored[1024], reason[256];
    regex_t regex;
    int size = snprintf(anchored, sizeof(anchored), "^(%s)$", field->rule->pattern);
    if (size < 0 || (size_t)size >= sizeof(anchored)) {
        refuse_rule(contract, field, "pattern", "is too long");
        return;
    }
    int error = regcomp(&regex, anchored, REG_EXTENDED | REG_NOSUB);
    if (error != 0) {
        regerror(error, &regex, reason, sizeof(reason));
        contract_error(contract, field->place, "%s: pattern is bad: %s",
                       field->proto->name, reason);
        return;
    }
    regfree(&regex);
}

static void check_text_rules(struct contract *contract,
                             const struct contract_field *field)
{
    const Belfry__Field *rule = field->rule;
    const struct {
        const char *name;
        bool used;
    } rules[] = {
        {"min_length", rule->has_min_length}, {"max_length", rule->has_max_length},
        {"pattern", rule->pattern != NULL},   {"visible", rule->visible},
        {"format", rule->format != 0},        {"as_json", rule->as_json},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].used && !is_text(field)) {
            refuse_rule(contract, field, rules[i].name, "is for strings");
        }
    }
    if (rule->format != 0 && (rule->has_min_length || rule->has_max_length ||
                              rule->pattern != NULL || rule->visible || rule->as_json)) {
        refuse_rule(contract, field, "format", "says it all, no other rule of strings");
    }
    if (rule->has_max_length && rule->min_length > rule->max_length) {
        refuse_rule(contract, field, "min_length", "is more than max_length");
    }
    if (rule->pattern != NULL && is_text(field)) {
        check_pattern(contract, field);
    }
}

static void check_other_rules(struct contract *contract,
                              const struct contract_field *field)
{
    const Belfry__Field *rule = field->rule;
    if ((rule->has_min || rule->has_max) && !field_is_number(field)) {
        refuse_rule(contract, field, rule->has_min ? "min" : "max", "is for numbers");
    }
    if (rule->has_min && rule->has_max && rule->min > rule->max) {
        refuse_rule(contract, field, "min", "is more than max");
    }
    if (field_is_64_bits(field) &&
        (fabs(rule->min) > EXACT_MAX || fabs(rule->max) > EXACT_MAX)) {
        refuse_rule(contract, field, rule->has_min ? "min" : "max",
                    "is beyond 2^53, where limits are not exact");
    }
    if ((rule->has_min_items || rule->has_max_items) && !field->repeated) {
        refuse_rule(contract, field, rule->has_min_items ? "min_items" : "max_items",
                    "is for repeated fields");
    }
    if (rule->has_max_items && rule->min_items > rule->max_items) {
        refuse_rule(contract, field, "min_items", "is more than max_items");
    }
    if (rule->json_number && !field_is_64_bits(field)) {
        refuse_rule(contract, field, "json_number", "is for 64-bit integers");
    }
}

/* ---- fields ---- */

static void check_shape(struct contract *contract, const struct contract_field *field)
{
    const field_proto *proto = field->proto;
    if (proto->label == LABEL(REQUIRED)) {
        refuse_rule(contract, field, "is",
                    "a proto2 required field: say `required: true` in its rule");
    }
    if (proto->has_oneof_index) {
        refuse_rule(contract, field, "is", "in a oneof, which contracts do not have");
    }
    if (proto->type == TYPE(GROUP)) {
        refuse_rule(contract, field, "is", "a group, which contracts do not have");
    } else if (proto->type == TYPE(MESSAGE)) {
        if (field->message == NULL) {
            contract_error(contract, field->place, "%s: %s is no message of the contract",
                           proto->name, proto->type_name + 1);
        } else if (is_map_entry(field->message)) {
            refuse_rule(contract, field, "is", "a map, which contracts do not have");
        }
    }
}

/* What clients send is bounded in each part. */
static void check_bounds(struct contract *contract, const struct contract_field *field)
{
    const Belfry__Field *rule = field->rule;
    if (is_text(field) && rule->max_length == 0 && rule->format == 0) {
        refuse_rule(contract, field, "needs", "a max_length or a format, in a payload");
    }
    if (field->repeated && rule->max_items == 0) {
        refuse_rule(contract, field, "needs", "a max_items, in a payload");
    }
}

static void check_message(struct contract *contract,
                          const struct contract_message *message)
{
    if (is_map_entry(message)) {
        return;
    }
    if (message->field_count > FIELDS_MAX) {
        contract_error(contract, message->place, "%s: has more than %d fields",
                       message->proto->name, FIELDS_MAX);
    }
    if (message->proto->n_extension_range > 0) {
        contract_error(contract, message->place,
                       "%s: has extensions, which contracts do not have",
                       message->proto->name);
    }
    for (size_t i = 0; i < message->field_count; i++) {
        const struct contract_field *field = &message->fields[i];
        for (size_t j = 0; j < i; j++) {
            if (strcmp(field->json_name, message->fields[j].json_name) == 0) {
                contract_error(contract, field->place, "%s: the JSON name %s is taken",
                               field->proto->name, field->json_name);
            }
        }
        if (field->rule->description == NULL || field->rule->description[0] == '\0') {
            refuse_rule(contract, field, "needs", "a description");
        }
        check_shape(contract, field);
        check_text_rules(contract, field);
        check_other_rules(contract, field);
        check_example(contract, field);
        check_default(contract, field);
        if (message->in_payload) {
            check_bounds(contract, field);
        }
    }
}

/* ---- what events lead to ---- */

/* Marks what an event leads to. What is marked so far leads only to what is marked, which
 * also ends recursion. */
static void mark(struct contract_message *message, bool in_use, bool in_payload)
{
    if ((message->in_use || !in_use) && (message->in_payload || !in_payload)) {
        return;
    }
    message->in_use = message->in_use || in_use;
    message->in_payload = message->in_payload || in_payload;
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].message != NULL) {
            mark(message->fields[i].message, in_use, in_payload);
        }
    }
}

enum colour { WHITE, GREY, BLACK };

/* Depth-first: a way to a grey message is a way back. */
static void find_recursion(struct contract *contract, size_t index, enum colour *colours)
{
    const struct contract_message *message = contract->messages[index];
    colours[index] = GREY;
    for (size_t i = 0; i < message->field_count; i++) {
        const struct contract_field *field = &message->fields[i];
        size_t inner = 0;
        while (inner < contract->message_count &&
               contract->messages[inner] != field->message) {
            inner++;
        }
        if (field->message == NULL || inner == contract->message_count) {
            continue;
        }
        if (colours[inner] == GREY) {
            contract_error(contract, field->place,
                           "%s: %s holds itself, messages must not be recursive",
                           field->proto->name, field->message->proto->name);
        } else if (colours[inner] == WHITE) {
            find_recursion(contract, inner, colours);
        }
    }
    colours[index] = BLACK;
}

void check_messages(struct contract *contract)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        if (event->payload != NULL) {
            mark(event->payload, !event->def->planned, true);
        }
        if (event->reply != NULL) {
            mark(event->reply, !event->def->planned, false);
        }
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        struct contract_message *message = contract->server_events[i];
        mark(message, !message->server_event->planned, false);
    }
    enum colour *colours =
        arena_alloc(&contract->arena, (contract->message_count + 1) * sizeof(*colours));
    for (size_t i = 0; i < contract->message_count; i++) {
        if (colours != NULL && colours[i] == WHITE) {
            find_recursion(contract, i, colours);
        }
        check_message(contract, contract->messages[i]);
    }
}
