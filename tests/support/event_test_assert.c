/* What tests of events say about results, and the first steps that most of them share. */
#include "support/event_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *json_at(const json_t *value, const char *path)
{
    static char texts[16][4096]; /* the last sixteen answers stay good */
    static unsigned next;
    char part[128];
    while (value != NULL && *path != '\0') {
        size_t size = strcspn(path, ".");
        assert_true(size < sizeof(part));
        memcpy(part, path, size);
        part[size] = '\0';
        path += size + (path[size] == '.' ? 1 : 0);
        value = json_is_array(value) ? json_array_get(value, strtoul(part, NULL, 10))
                                     : json_object_get(value, part);
    }
    char *text = texts[next++ % 16];
    if (json_is_string(value)) {
        snprintf(text, sizeof(texts[0]), "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(text, sizeof(texts[0]), "%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        snprintf(text, sizeof(texts[0]), "%s", json_is_true(value) ? "true" : "false");
    } else {
        return NULL;
    }
    return text;
}

void assert_text(const json_t *value, const char *path, const char *expected)
{
    const char *text = json_at(value, path);
    if (text == NULL || strcmp(text, expected) != 0) {
        print_error("%s is %s, not %s\n", path, text != NULL ? text : "absent", expected);
        fail();
    }
}

void assert_ok(const struct event_result *result)
{
    if (result->error != NULL) {
        char *details =
            result->details != NULL ? json_dumps(result->details, JSON_COMPACT) : NULL;
        print_error("refused: %s, %s %s\n", result->error, result->message,
                    details != NULL ? details : "");
        free(details);
        fail();
    }
}

void assert_refused(const struct event_result *result, const char *code)
{
    if (result->error == NULL || strcmp(result->error, code) != 0) {
        print_error("%s, not %s\n", result->error != NULL ? result->error : "accepted",
                    code);
        fail();
    }
    assert_published_nothing(result);
}

void assert_violation(const struct event_result *result, const char *path,
                      const char *rule)
{
    assert_refused(result, "VALIDATION_ERROR");
    size_t i;
    json_t *violation;
    json_array_foreach(result->details, i, violation)
    {
        const char *at = json_string_value(json_object_get(violation, "path"));
        const char *broken = json_string_value(json_object_get(violation, "rule"));
        if (at != NULL && broken != NULL && strcmp(at, path) == 0 &&
            strcmp(broken, rule) == 0) {
            return;
        }
    }
    char *details =
        result->details != NULL ? json_dumps(result->details, JSON_COMPACT) : NULL;
    print_error("no violation %s of %s in %s\n", rule, path,
                details != NULL ? details : "nothing");
    free(details);
    fail();
}

const struct published *assert_published(const struct event_result *result,
                                         const char *event, const char *format, ...)
{
    char stream[STREAM_TEXT_SIZE * 2];
    va_list args;
    va_start(args, format);
    vsnprintf(stream, sizeof(stream), format, args);
    va_end(args);
    assert_ok(result);
    for (size_t i = 0; i < result->publication_count; i++) {
        const struct published *published = &result->publications[i];
        const char *to = published->stream != NULL ? published->stream : "";
        if (strcmp(published->event, event) == 0 && strcmp(to, stream) == 0) {
            return published;
        }
    }
    for (size_t i = 0; i < result->publication_count; i++) {
        const struct published *published = &result->publications[i];
        print_error("published: %s to %s\n", published->event,
                    published->stream != NULL ? published->stream : "contacts or all");
    }
    print_error("not published: %s to %s\n", event, stream);
    fail();
    return NULL;
}

void assert_not_published(const struct event_result *result, const char *event)
{
    for (size_t i = 0; i < result->publication_count; i++) {
        assert_string_not_equal(result->publications[i].event, event);
    }
}

void assert_published_nothing(const struct event_result *result)
{
    assert_int_equal(result->publication_count, 0);
}

static bool is_stream(ProtobufCBinaryData bytes, const char *kind, const char *id)
{
    struct stream_id stream;
    char text[STREAM_TEXT_SIZE];
    char expected[STREAM_TEXT_SIZE * 2];
    assert_true(stream_from_bytes(bytes_make(bytes.data, bytes.len), &stream));
    stream_format(&stream, text);
    snprintf(expected, sizeof(expected), "%s:%s", kind, id);
    return strcmp(text, expected) == 0;
}

bool opens(const struct event_result *result, const char *kind, const char *id)
{
    size_t count = result->control != NULL ? result->control->n_open : 0;
    for (size_t i = 0; i < count; i++) {
        if (is_stream(result->control->open[i]->stream, kind, id)) {
            return true;
        }
    }
    return false;
}

bool closes(const struct event_result *result, const char *kind, const char *id)
{
    size_t count = result->control != NULL ? result->control->n_close : 0;
    for (size_t i = 0; i < count; i++) {
        if (is_stream(result->control->close[i], kind, id)) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ first steps */

static const char *id_of(const struct event_result *result, const char *path)
{
    assert_ok(result);
    const char *id = json_at(result->reply, path);
    assert_non_null(id);
    return event_sql("SELECT '%s'", id); /* kept until the test's end */
}

const char *make_community(const struct actor *owner, bool is_public)
{
    return id_of(event_test(owner, "CREATE_COMMUNITY",
                            "{\"name\":\"Bells\",\"public\":%s}",
                            is_public ? "true" : "false"),
                 "community.id");
}

void join_community_as(const struct actor *actor, const char *community)
{
    assert_ok(event_test(actor, "JOIN_COMMUNITY", "{\"communityId\":\"%s\"}", community));
}

const char *make_room(const struct actor *owner, const char *community, bool is_private)
{
    return id_of(event_test(owner, "CREATE_ROOM",
                            "{\"communityId\":\"%s\",\"name\":\"Tower\",\"private\":%s}",
                            community, is_private ? "true" : "false"),
                 "room.id");
}

const char *send_as(const struct actor *actor, const char *room, const char *content)
{
    return id_of(event_test(actor, "SEND_MESSAGE",
                            "{\"roomId\":\"%s\",\"content\":\"%s\"}", room, content),
                 "message.id");
}
