/* Checks the contract's tables as the core finds its way in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "core/event.h"

static const struct event_def *find(const char *name)
{
    return event_find(bytes_of_text(name));
}

static void each_event_is_found_by_its_name(void **state)
{
    for (size_t i = 0; i < event_count; i++) {
        assert_ptr_equal(find(event_table[i].name), &event_table[i]);
        if (i > 0) {
            assert_true(strcmp(event_table[i - 1].name, event_table[i].name) < 0);
        }
    }
    for (size_t i = 0; i < server_event_count; i++) {
        const char *name = server_event_table[i].name;
        assert_ptr_equal(server_event_find(bytes_of_text(name)), &server_event_table[i]);
    }
}

static void what_is_not_in_the_contract_is_not_found(void **state)
{
    const char *const names[] = {
        "",  "SEND",        "SEND_MESSAGE_", "send_message", "ZZZ",
        "A", "SEND_MESSAG", "__proto__",     "SEND MESSAGE"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_null(find(names[i]));
        assert_null(server_event_find(bytes_of_text(names[i])));
    }
    assert_null(event_find(bytes_make("SEND_MESSAGE\0", 13)));
    assert_null(event_find(bytes_make(NULL, 0)));
    assert_null(find("MESSAGE_CREATED"));
}

static void a_row_says_what_the_contract_says(void **state)
{
    const struct event_def *event = find("SEND_MESSAGE");
    assert_non_null(event);
    assert_string_equal(event->sql_function, "event_send_message");
    assert_string_equal(event->sql_shortcut, "run_send_message");
    assert_string_equal(event->sql_lone, "lone_send_message");
    assert_string_equal(event->name_space, "/");
    assert_int_equal(event->kind, EVENT_CHANGE);
    assert_int_equal(event->right, RIGHT_ACTIONS);
    assert_int_equal(event->actions, 1 << 16);
    assert_int_equal(event->resource, RESOURCE_ROOM);
    assert_string_equal(event->id_key, "roomId");
    assert_int_equal(event->limit, 30);
    assert_int_equal(event->per_seconds, 10);
    assert_non_null(event->handle);

    event = find("LEAVE_COMMUNITY");
    assert_null(event->sql_shortcut);
    assert_null(event->sql_lone);
    assert_int_equal(event->right, RIGHT_SELF);
    assert_int_equal(event->lock, LOCK_REVOKES);
    assert_int_equal(event->resource, RESOURCE_COMMUNITY);
    assert_true(event->many_streams);

    event = find("TYPING_START");
    assert_int_equal(event->kind, EVENT_EPHEMERAL);
    assert_int_equal(event->right, RIGHT_SUBSCRIBED);
    assert_string_equal(event->id_key, "roomId");

    const struct server_event_def *server =
        server_event_find(BYTES_LITERAL("MESSAGE_CREATED"));
    assert_non_null(server);
    assert_int_equal(server->scope, SCOPE_ROOM);
    assert_true(server->durable);
}

/* What holds for the rows of any contract. */
static void rows_hold_together(void **state)
{
    for (size_t i = 0; i < event_count; i++) {
        const struct event_def *event = &event_table[i];
        assert_non_null(event->payload);
        assert_non_null(event->reply);
        assert_non_null(event->handle);
        assert_true(event->limit > 0 && event->per_seconds > 0);
        assert_true(event->payload_max > 0 && event->payload_max <= 65536);
        assert_true((event->right == RIGHT_ACTIONS) == (event->actions != 0));
        assert_true(event->kind == EVENT_CHANGE || event->lock == LOCK_SHARED);
        if (event->kind == EVENT_CHANGE) {
            const ProtobufCFieldDescriptor *field =
                protobuf_c_message_descriptor_get_field_by_name(
                    event->payload->descriptor, "client_id");
            assert_non_null(field);
        }
    }
}

static void rules_stand_beside_their_fields(void **state)
{
    for (size_t i = 0; i < server_event_count; i++) {
        const struct message_rules *rules = server_event_table[i].payload;
        for (unsigned j = 0; j < rules->descriptor->n_fields; j++) {
            const ProtobufCFieldDescriptor *field = &rules->descriptor->fields[j];
            const struct message_rules *inner = rules->fields[j].message;
            assert_int_equal(field->type == PROTOBUF_C_TYPE_MESSAGE, inner != NULL);
            if (inner != NULL) {
                assert_ptr_equal(field->descriptor, inner->descriptor);
            }
        }
    }
}

static void the_nearest_name_is_offered(void **state)
{
    const struct {
        const char *name, *nearest;
    } cases[] = {
        {"SEND_MESAGE", "SEND_MESSAGE"},
        {"SEND_MESSAGES", "SEND_MESSAGE"},
        {"send_message", "SEND_MESSAGE"},
        {"send-message", "SEND_MESSAGE"},
        {"SENDMESSAGE", "SEND_MESSAGE"},
        {"JION_ROOM", "JOIN_ROOM"},
        {"TYPING_STRAT", "TYPING_START"},
        {"LEAVE_ROOM", "LEAVE_ROOM"},
        {"CREATE_CHANNEL_FOR_ME", NULL},
        {"", NULL},
        {"A", NULL},
        {"XYZ", NULL},
        {"constructor", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *nearest = event_nearest(bytes_of_text(cases[i].name));
        if (cases[i].nearest == NULL) {
            assert_null(nearest);
        } else {
            assert_non_null(nearest);
            assert_string_equal(nearest, cases[i].nearest);
        }
    }
    char endless[4096];
    memset(endless, 'S', sizeof(endless));
    assert_null(event_nearest(bytes_make(endless, sizeof(endless))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_is_found_by_its_name),
        cmocka_unit_test(what_is_not_in_the_contract_is_not_found),
        cmocka_unit_test(a_row_says_what_the_contract_says),
        cmocka_unit_test(rows_hold_together),
        cmocka_unit_test(rules_stand_beside_their_fields),
        cmocka_unit_test(the_nearest_name_is_offered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
