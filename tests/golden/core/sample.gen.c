/* Made by belfry-gen from proto/events: the contract as tables. */
#include "events.gen.h"

#include <math.h>

static const struct field_rule fields_golden__post_note[] = {
    {.json_name = "text", .required = true, .min_length = 1, .max_length = 200, .visible = true},
    {.json_name = "code", .max_length = 8,
     .pattern = "[A-Z]+\\\"\077"},
    {.json_name = "target", .required = true,
     .message = &rules_golden__target},
    {.json_name = "marks",
     .has_range = true, .min = -1.5, .max = HUGE_VAL, .min_items = 1, .max_items = 5},
    {.json_name = "seq",
     .has_range = true, .min = -HUGE_VAL, .max = 9007199254740991, .json_number = true},
    {.json_name = "extra", .max_length = 100, .as_json = true},
    {.json_name = "link", .format = FORMAT_URL},
    {.json_name = "at", .format = FORMAT_TIMESTAMP},
    {.json_name = "clientId", .format = FORMAT_UUID},
};
const struct message_rules rules_golden__post_note = {
    .descriptor = &golden__post_note__descriptor,
    .fields = fields_golden__post_note,
};

static const struct field_rule fields_golden__target[] = {
    {.json_name = "roomId", .required = true, .format = FORMAT_UUID},
};
const struct message_rules rules_golden__target = {
    .descriptor = &golden__target__descriptor,
    .fields = fields_golden__target,
};

static const struct field_rule fields_golden__post_note_reply[] = {
    {.json_name = "answer",
     .message = &rules_golden__post_note_reply__httpanswer},
};
const struct message_rules rules_golden__post_note_reply = {
    .descriptor = &golden__post_note_reply__descriptor,
    .fields = fields_golden__post_note_reply,
};

static const struct field_rule fields_golden__post_note_reply__httpanswer[] = {
    {.json_name = "ok"},
};
const struct message_rules rules_golden__post_note_reply__httpanswer = {
    .descriptor = &golden__post_note_reply__httpanswer__descriptor,
    .fields = fields_golden__post_note_reply__httpanswer,
};

static const struct field_rule fields_golden__ping_room[] = {
    {.json_name = "roomId", .required = true, .format = FORMAT_UUID},
};
const struct message_rules rules_golden__ping_room = {
    .descriptor = &golden__ping_room__descriptor,
    .fields = fields_golden__ping_room,
};

const struct message_rules rules_golden__ping_room_reply = {
    .descriptor = &golden__ping_room_reply__descriptor,
    .fields = NULL,
};

const struct message_rules rules_golden__ask_time = {
    .descriptor = &golden__ask_time__descriptor,
    .fields = NULL,
};

const struct message_rules rules_golden__ask_time_reply = {
    .descriptor = &golden__ask_time_reply__descriptor,
    .fields = NULL,
};

static const struct field_rule fields_golden__read_note[] = {
    {.json_name = "noteId", .required = true, .format = FORMAT_UUID},
};
const struct message_rules rules_golden__read_note = {
    .descriptor = &golden__read_note__descriptor,
    .fields = fields_golden__read_note,
};

static const struct field_rule fields_golden__note_posted[] = {
    {.json_name = "text"},
};
const struct message_rules rules_golden__note_posted = {
    .descriptor = &golden__note_posted__descriptor,
    .fields = fields_golden__note_posted,
};

const struct message_rules rules_golden__pinged = {
    .descriptor = &golden__pinged__descriptor,
    .fields = NULL,
};

static enum err call_ask_time(struct request *request, const ProtobufCMessage *payload)
{
    return ask_time(request, (const Golden__AskTime *)payload);
}

static enum err call_ping_room(struct request *request, const ProtobufCMessage *payload)
{
    return ping_room(request, (const Golden__PingRoom *)payload);
}

static enum err call_post_note(struct request *request, const ProtobufCMessage *payload)
{
    return post_note(request, (const Golden__PostNote *)payload);
}

static enum err call_read_note(struct request *request, const ProtobufCMessage *payload)
{
    return read_note(request, (const Golden__ReadNote *)payload);
}

const struct event_def event_table[] = {
    {.name = "ASK_TIME",
     .sql_function = "event_ask_time",
     .name_space = "/sample",
     .kind = EVENT_READ,
     .authentication = AUTH_OPTIONAL,
     .right = RIGHT_PUBLIC,
     .lock = LOCK_SHARED,
     .limit = 5,
     .per_seconds = 1,
     .payload_max = 16384,
     .payload = &rules_golden__ask_time,
     .reply = &rules_golden__ask_time_reply,
     .handle = call_ask_time},
    {.name = "PING_ROOM",
     .sql_function = "event_ping_room",
     .name_space = "/sample",
     .kind = EVENT_EPHEMERAL,
     .authentication = AUTH_REQUIRED,
     .right = RIGHT_SUBSCRIBED,
     .resource = RESOURCE_ROOM,
     .id_key = "roomId",
     .id_field = 1,
     .lock = LOCK_SHARED,
     .limit = 5,
     .per_seconds = 1,
     .limit_by_connection = true,
     .payload_max = 16384,
     .payload = &rules_golden__ping_room,
     .reply = &rules_golden__ping_room_reply,
     .handle = call_ping_room},
    {.name = "POST_NOTE",
     .sql_function = "event_post_note",
     .name_space = "/sample",
     .kind = EVENT_CHANGE,
     .authentication = AUTH_REQUIRED,
     .right = RIGHT_ACTIONS,
     .actions = UINT64_C(0x12000),
     .resource = RESOURCE_ROOM,
     .id_key = "target.roomId",
     .lock = LOCK_REVOKES,
     .many_streams = true,
     .limit = 30,
     .per_seconds = 10,
     .payload_max = 4096,
     .payload = &rules_golden__post_note,
     .reply = &rules_golden__post_note_reply,
     .handle = call_post_note},
    {.name = "READ_NOTE",
     .sql_function = "event_read_note",
     .name_space = "/sample",
     .kind = EVENT_READ,
     .authentication = AUTH_REQUIRED,
     .right = RIGHT_ACTIONS,
     .actions = UINT64_C(0x20000),
     .resource = RESOURCE_MESSAGE,
     .id_key = "noteId",
     .text_payload = true,
     .lock = LOCK_SHARED,
     .limit = 5,
     .per_seconds = 1,
     .payload_max = 16384,
     .payload = &rules_golden__read_note,
     .reply = &rules_golden__post_note_reply,
     .handle = call_read_note},
};
const size_t event_count = 4;

const struct server_event_def server_event_table[] = {
    {.name = "NOTE_POSTED",
     .scope = SCOPE_ROOM,
     .durable = true,
     .payload = &rules_golden__note_posted},
    {.name = "PINGED",
     .scope = SCOPE_ROOM,
     .except_sender = true,
     .payload = &rules_golden__pinged},
};
const size_t server_event_count = 2;

const uint8_t event_catalogue_hash[32] = {
    0x6f, 0x55, 0xb5, 0x55, 0x8d, 0xe9, 0xc8, 0x55, 0x43, 0x98, 0xa2, 0xb9,
    0xce, 0xf0, 0x8f, 0x4a, 0x6a, 0x33, 0x78, 0x6e, 0xed, 0x94, 0xa1, 0x68,
    0x1a, 0x09, 0x1c, 0x6d, 0x28, 0xa0, 0x55, 0x16,
};
