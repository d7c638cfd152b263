/* Every payload that the pages of docs/events show is one that the system takes or gives:
 * each example goes through the decoder and the rules of a core.
 *
 * An example is the JSON block behind `<!-- example: NAME payload|reply|event -->`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glob.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/transcode.h"
#include "events.gen.h"

#define PAGE_MAX (8u << 20)
#define MARK     "<!-- example: "
#define FENCE    "```json\n"

struct example {
    const char *page;
    char event[64], what[16];
    struct bytes json;
};

static size_t checked, planned;

static const struct message_rules *rules_of(const struct example *example)
{
    struct bytes name = bytes_of_text(example->event);
    const struct event_def *event = event_find(name);
    const struct server_event_def *server = server_event_find(name);
    if (strcmp(example->what, "payload") == 0) {
        return event != NULL ? event->payload : NULL;
    }
    if (strcmp(example->what, "reply") == 0) {
        return event != NULL ? event->reply : NULL;
    }
    assert_string_equal(example->what, "event");
    return server != NULL ? server->payload : NULL;
}

/* What a core puts in front of a server event is not of its contract. */
static char *without_reserved(const struct example *example)
{
    const struct server_event_def *server =
        server_event_find(bytes_of_text(example->event));
    json_t *object = json_loadb((const char *)example->json.data, example->json.size,
                                JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    if (strcmp(example->what, "event") == 0) {
        json_object_del(object, "timestamp");
        if (server->durable) {
            assert_true(json_is_string(json_object_get(object, "stream")));
            assert_true(json_is_integer(json_object_get(object, "seq")));
            json_object_del(object, "stream");
            json_object_del(object, "seq");
            json_object_del(object, "cursor");
        }
    }
    char *text = json_dumps(object, JSON_COMPACT);
    json_decref(object);
    return text;
}

static void check(const struct example *example)
{
    const struct message_rules *rules = rules_of(example);
    if (rules == NULL) {
        planned++; /* a core does not know it yet */
        return;
    }
    char *json = without_reserved(example);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct violations violations;
    violations_init(&violations, &arena);
    ProtobufCMessage *message;
    enum err err =
        transcode_from_json(rules, bytes_of_text(json), &arena, &message, &violations);
    for (size_t i = 0; i < violations.count; i++) {
        print_error("%s: %s %s: %s: %s %s\n", example->page, example->event,
                    example->what, violations.items[i].path, violations.items[i].rule,
                    violations.items[i].message);
    }
    assert_int_equal(err, ERR_OK);
    arena_finish(&arena);
    free(json);
    checked++;
}

static char *read_page(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = malloc(PAGE_MAX);
    assert_non_null(text);
    size_t size = fread(text, 1, PAGE_MAX - 1, file);
    assert_true(size < PAGE_MAX - 1);
    text[size] = '\0';
    fclose(file);
    return text;
}

static void check_page(const char *path)
{
    char *text = read_page(path);
    for (const char *at = text; (at = strstr(at, MARK)) != NULL;) {
        struct example example = {.page = path};
        assert_int_equal(sscanf(at, MARK "%63s %15s -->", example.event, example.what),
                         2);
        const char *start = strstr(at, FENCE);
        assert_non_null(start);
        start += strlen(FENCE);
        const char *end = strstr(start, "\n```");
        assert_non_null(end);
        example.json = bytes_make((const uint8_t *)start, (size_t)(end - start));
        check(&example);
        at = end;
    }
    free(text);
}

static void every_example_keeps_the_contract(void **state)
{
    glob_t pages;
    assert_int_equal(glob(DOCS_DIR "/events/*.md", 0, NULL, &pages), 0);
    for (size_t i = 0; i < pages.gl_pathc; i++) {
        check_page(pages.gl_pathv[i]);
    }
    globfree(&pages);
    printf("%zu examples checked, %zu of planned events not\n", checked, planned);
    /* each event that is built has a payload and a reply, each server event one */
    assert_int_equal(checked, event_count * 2 + server_event_count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_example_keeps_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
