/* What the tests of both encodings share: payloads in, "path:rule path:rule" out. */
#ifndef TEST_TRANSCODE_H
#define TEST_TRANSCODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <google/protobuf/descriptor.pb-c.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/transcode.h"

#define ROOM "018f4e9a-1c2b-7d3e-8f40-112233445566"
#define USER "018f4e9a-1c2b-7d3e-8f40-aabbccddeeff"

static struct arena arena = {.limit_bytes = 1 << 20};
static struct violations violations;
static struct buf out = {.limit = 1 << 20};

static int begin(void **state)
{
    arena_finish(&arena);
    arena_init(&arena, 1 << 20);
    violations = (struct violations){0};
    buf_clear(&out);
    return 0;
}

static int end(void **state)
{
    arena_finish(&arena);
    buf_finish(&out);
    return 0;
}

static inline const struct message_rules *payload_of(const char *event)
{
    return event_find(bytes_of_text(event))->payload;
}

/* A copy of just this size: reading beyond it is an error that ASan sees. */
static inline uint8_t *exact_copy(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size > 0 ? bytes.size : 1);
    assert_non_null(copy);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return copy;
}

/* "path:rule path:rule" */
static inline const char *noted(void)
{
    static char text[2048];
    text[0] = '\0';
    for (size_t i = 0; i < violations.count; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof(text) - size, "%s%s:%s", i > 0 ? " " : "",
                 violations.items[i].path, violations.items[i].rule);
    }
    return text;
}

static inline const char *json_breaks(const struct message_rules *rules,
                                      struct bytes json)
{
    begin(NULL);
    uint8_t *copy = exact_copy(json);
    ProtobufCMessage *message = NULL;
    enum err err = transcode_from_json(rules, bytes_make(copy, json.size), &arena,
                                       &message, &violations);
    free(copy);
    assert_int_equal(err, violations.count > 0 ? ERR_VALIDATION_ERROR : ERR_OK);
    assert_true((message != NULL) == (err == ERR_OK));
    return noted();
}

static inline const char *packed_breaks(const struct message_rules *rules,
                                        struct bytes packed)
{
    begin(NULL);
    uint8_t *copy = exact_copy(packed);
    ProtobufCMessage *message = NULL;
    enum err err = transcode_from_protobuf(rules, bytes_make(copy, packed.size), &arena,
                                           &message, &violations);
    free(copy);
    assert_int_equal(err, violations.count > 0 ? ERR_VALIDATION_ERROR : ERR_OK);
    assert_true((message != NULL) == (err == ERR_OK));
    return noted();
}

/* google.protobuf.UninterpretedOption: kinds of fields that no event has. */
static const struct field_rule part_fields[] = {
    {.json_name = "namePart"},
    {.json_name = "isExtension"},
};
static const struct message_rules part_rules = {
    &google__protobuf__uninterpreted_option__name_part__descriptor, part_fields};
static const struct field_rule option_fields[] = {
    {.json_name = "name", .message = &part_rules, .max_items = 3},
    {.json_name = "identifierValue"},
    {.json_name = "positiveIntValue"},
    {.json_name = "negativeIntValue"},
    {.json_name = "doubleValue"},
    {.json_name = "stringValue"},
    {.json_name = "aggregateValue", .as_json = true},
};
__attribute__((unused)) static const struct message_rules option_rules = {
    &google__protobuf__uninterpreted_option__descriptor, option_fields};

/* google.protobuf.SourceCodeInfo.Location: packed fields. */
static const struct field_rule location_fields[] = {
    {.json_name = "path", .max_items = 8},    {.json_name = "span"},
    {.json_name = "leadingComments"},         {.json_name = "trailingComments"},
    {.json_name = "leadingDetachedComments"},
};
__attribute__((unused)) static const struct message_rules location_rules = {
    &google__protobuf__source_code_info__location__descriptor, location_fields};

#endif
