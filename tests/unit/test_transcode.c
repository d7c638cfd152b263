/* Checks the way of payloads in and out as JSON: what is right comes through unchanged in
 * both encodings, what is wrong is refused with the path and the rule. */
#include "test_transcode.h"

#include "events/auth.pb-c.h"
#include "events/messages.pb-c.h"

static void assert_json(const char *event, const char *json, const char *breaks)
{
    const char *actual = json_breaks(payload_of(event), bytes_of_text(json));
    if (strcmp(actual, breaks) != 0) {
        fail_msg("%s\n  breaks \"%s\"\n  not    \"%s\"", json, actual, breaks);
    }
}

/* ---- what is right ---- */

static void a_payload_becomes_a_message(void **state)
{
    ProtobufCMessage *message = NULL;
    struct bytes json = BYTES_LITERAL(" {\"roomId\":\"" ROOM "\", \"content\":\"h\\u00e9 "
                                      "\\ud83d\\udd14\",\"replyToId\":null,"
                                      "\"clientId\":\"" USER "\"} ");
    assert_int_equal(transcode_from_json(payload_of("SEND_MESSAGE"), json, &arena,
                                         &message, &violations),
                     ERR_OK);
    const Belfry__SendMessage *send = (const Belfry__SendMessage *)message;
    assert_string_equal(send->room_id, ROOM);
    assert_string_equal(send->content, "h\xc3\xa9 \xf0\x9f\x94\x94");
    assert_null(send->reply_to_id);
    assert_string_equal(send->client_id, USER);
}

/* From JSON to protobuf and back: the same JSON. */
static void assert_round_trip(const struct message_rules *rules, const char *json)
{
    begin(NULL);
    assert_int_equal(transcode_json_to_protobuf(rules, bytes_of_text(json), &arena, &out),
                     ERR_OK);
    struct buf back;
    buf_init(&back, 1 << 20);
    assert_int_equal(transcode_protobuf_to_json(rules, buf_bytes(&out), &arena, &back),
                     ERR_OK);
    assert_string_equal((const char *)back.data, json);
    buf_finish(&back);
}

static void messages_survive_the_round_trip(void **state)
{
    assert_round_trip(payload_of("LIST_SESSIONS"), "{}");
    assert_round_trip(payload_of("SEND_MESSAGE"),
                      "{\"roomId\":\"" ROOM "\",\"content\":\"\\\"a\\\\\\n\"}");
    assert_round_trip(payload_of("GET_HISTORY"),
                      "{\"roomId\":\"" ROOM
                      "\",\"before\":9007199254740991,\"limit\":7}");
    assert_round_trip(payload_of("SET_PRESENCE"),
                      "{\"status\":\"DO_NOT_DISTURB\",\"text\":\"\"}");
    assert_round_trip(payload_of("SET_ROOM_OVERRIDE"),
                      "{\"roomId\":\"" ROOM
                      "\",\"allow\":[\"SEND_MESSAGE\",\"VIEW_ROOM\"],"
                      "\"deny\":[]}");
    assert_round_trip(event_find(BYTES_LITERAL("GET_HISTORY"))->reply,
                      "{\"messages\":[{\"id\":\"" ROOM "\",\"seq\":1,\"deleted\":true,"
                      "\"attachments\":[],\"reactions\":[]},"
                      "{\"id\":\"" USER "\",\"content\":\"x\",\"seq\":2,"
                      "\"attachments\":[],\"reactions\":[]}],"
                      "\"hasMore\":false}");
    assert_round_trip(
        server_event_find(BYTES_LITERAL("ERROR"))->payload,
        "{\"code\":\"VALIDATION_ERROR\",\"message\":\"m\",\"details\":"
        "[{\"path\":\"a\",\"n\":1.5,\"x\":null}],\"retryAfterMs\":4294967295}");
}

static void every_kind_of_value_survives_the_round_trip(void **state)
{
    assert_round_trip(&option_rules,
                      "{\"name\":[{\"namePart\":\"a\",\"isExtension\":true},"
                      "{\"namePart\":\"\",\"isExtension\":false}],"
                      "\"positiveIntValue\":\"18446744073709551615\","
                      "\"negativeIntValue\":\"-9223372036854775808\","
                      "\"doubleValue\":-1.5e+300,\"stringValue\":\"AAH/\"}");
    assert_round_trip(&option_rules, "{\"name\":[],\"stringValue\":\"/w==\"}");
    assert_round_trip(&option_rules, "{\"name\":[],\"stringValue\":\"//8=\"}");
    assert_round_trip(&option_rules, "{\"name\":[],\"stringValue\":\"\"}");
    assert_round_trip(&location_rules, "{\"path\":[1,-2,2147483647],\"span\":[],"
                                       "\"leadingDetachedComments\":[\"a\",\"\"]}");
}

static void sixty_four_bits_are_strings_unless_the_contract_says_otherwise(void **state)
{
    const struct {
        const char *json, *breaks;
    } cases[] = {
        {"{\"negativeIntValue\":\"9007199254740993\"}", ""},
        {"{\"negativeIntValue\":9007199254740993}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"9223372036854775808\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"-9223372036854775809\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"1 \"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\" 1\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"1.0\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"1e3\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"01\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"-0\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"+1\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"\"}", "negativeIntValue:type"},
        {"{\"negativeIntValue\":\"-\"}", "negativeIntValue:type"},
        {"{\"positiveIntValue\":\"-1\"}", "positiveIntValue:type"},
        {"{\"positiveIntValue\":\"18446744073709551616\"}", "positiveIntValue:type"},
        {"{\"stringValue\":\"AAH\"}", "stringValue:type"},
        {"{\"stringValue\":\"AA=H\"}", "stringValue:type"},
        {"{\"stringValue\":\"====\"}", "stringValue:type"},
        {"{\"stringValue\":\"A_-=\"}", "stringValue:type"},
        {"{\"stringValue\":1}", "stringValue:type"},
        {"{\"doubleValue\":\"1\"}", "doubleValue:type"},
        {"{\"doubleValue\":1}", ""},
        {"{\"name\":[{\"namePart\":\"a\",\"isExtension\":1}]}",
         "name[0].isExtension:type"},
        {"{\"name\":[{},{\"x\":1}]}", "name[1].x:unknown_field"},
        {"{\"name\":[{},null]}", "name[1]:type"},
        {"{\"name\":[{},{},{},{}]}", "name:max_items"},
        {"{\"name\":{}}", "name:type"},
        {"{\"aggregateValue\":{\"a\":[1,null]}}", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(json_breaks(&option_rules, bytes_of_text(cases[i].json)),
                            cases[i].breaks);
    }
}

/* ---- what is wrong, in JSON ---- */

static void what_is_not_an_object_of_json_is_malformed(void **state)
{
    const char *const texts[] = {
        "",        " ",          "null", "1",
        "\"x\"",   "[]",         "[{}]", "{} {}",
        "{}x",     "{\"a\":1,}", "{,}",  "{a:1}",
        "{'a':1}", "NaN",        "{",    "\xef\xbb\xbf{}",
        "//\n{}",  "{}]",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *breaks =
            json_breaks(payload_of("JOIN_ROOM"), bytes_of_text(texts[i]));
        if (strcmp(breaks, ":malformed") != 0) {
            fail_msg("%s breaks \"%s\"", texts[i], breaks);
        }
    }
    assert_json("GET_HISTORY", "{\"limit\":01}", "limit:malformed");
    assert_json("GET_HISTORY", "{\"limit\":NaN}", "limit:malformed");
    assert_json("GET_HISTORY", "{\"limit\":Infinity}", "limit:malformed");
    assert_json("GET_PRESENCE", "{\"userIds\":[\"a\",x]}", "userIds[1]:malformed");
    assert_json("GET_PRESENCE", "{\"userIds\":[\"a\\x\"]}", "userIds[0]:malformed");
    assert_json("GET_PRESENCE", "{\"userIds\":[\"a\n\"]}", "userIds[0]:malformed");
}

static void a_key_stands_once(void **state)
{
    assert_json("JOIN_ROOM", "{\"roomId\":\"" ROOM "\",\"roomId\":\"" ROOM "\"}",
                "roomId:duplicate_key");
    assert_json("JOIN_ROOM", "{\"roomId\":\"" ROOM "\",\"\\u0072oomId\":\"" ROOM "\"}",
                "\\u0072oomId:duplicate_key");
}

static void any_json_is_kept_in_one_form(void **state)
{
    const struct message_rules *rules =
        server_event_find(BYTES_LITERAL("ERROR"))->payload;
    assert_round_trip(rules, "{\"code\":\"X\",\"details\":{\"a\":[1,null,\"\\\"\"]}}");
    static const char *const texts[] = {"{\"details\":{\"a\":1,\"a\":2}}",
                                        "{\"details\":[1e999]}",
                                        "{\"details\":null,\"details\":null}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        begin(NULL);
        assert_int_equal(
            transcode_json_to_protobuf(rules, bytes_of_text(texts[i]), &arena, &out),
            ERR_INTERNAL);
    }
}

static void nesting_has_a_limit(void **state)
{
    static const size_t depths[] = {16, 17, 2049, 100000};
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        size_t depth = depths[i];
        char *text = malloc(depth * 2 + 16);
        assert_non_null(text);
        size_t size = (size_t)sprintf(text, "{\"x\":");
        memset(text + size, '[', depth - 1);
        memset(text + size + depth - 1, ']', depth - 1);
        text[size + 2 * (depth - 1)] = '}';
        text[size + 2 * (depth - 1) + 1] = '\0';
        const char *breaks = json_breaks(payload_of("JOIN_ROOM"), bytes_of_text(text));
        if (depth == 16) {
            assert_string_equal(breaks, "x:unknown_field roomId:required");
        } else {
            assert_string_equal(breaks, "x[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]"
                                        ":too_deep");
        }
        free(text);
    }
}

static void text_is_utf8_without_nul(void **state)
{
    const char *const bad[] = {
        "\xff",     "\xc0\xaf",       "\xed\xa0\x80",   "\xf4\x90\x80\x80", "\xc3",
        "\\u0000",  "a\\u0000b",      "\\ud83d",        "\\udd14",          "\\ud83d\\n",
        "\\ud83dx", "\\ud83d\\ud83d", "\\udd14\\ud83d",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char json[128];
        snprintf(json, sizeof(json), "{\"content\":\"%s\"}", bad[i]);
        assert_json("EDIT_MESSAGE", json, "content:utf8");
    }
    assert_string_equal(
        json_breaks(payload_of("EDIT_MESSAGE"), BYTES_LITERAL("{\"content\":\"a\0b\"}")),
        "content:malformed");
    assert_json("EDIT_MESSAGE", "{\"\xff\":1}", ":utf8");
}

static void whole_numbers_are_exact(void **state)
{
    const char *const bad[] = {"\"1\"", "1.0", "1e3",        "1.5",        "true",
                               "[1]",   "{}",  "2147483648", "-2147483649"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char json[128];
        snprintf(json, sizeof(json), "{\"roomId\":\"" ROOM "\",\"limit\":%s}", bad[i]);
        assert_json("GET_HISTORY", json, "limit:type");
    }
    assert_json("GET_HISTORY", "{\"roomId\":\"" ROOM "\",\"limit\":9223372036854775808}",
                "limit:type");
    assert_json("GET_HISTORY", "{\"roomId\":\"" ROOM "\",\"before\":1.0}", "before:type");
    assert_json("GET_HISTORY", "{\"roomId\":\"" ROOM "\",\"before\":\"5\"}",
                "before:type");
    assert_json("GET_HISTORY", "{\"roomId\":\"" ROOM "\",\"limit\":-0}", "limit:min");
    assert_json("GET_HISTORY", "{\"roomId\":\"" ROOM "\",\"limit\":null}", "");
}

static void types_are_what_the_contract_says(void **state)
{
    assert_json("JOIN_ROOM", "{\"roomId\":1}", "roomId:type");
    assert_json("JOIN_ROOM", "{\"roomId\":[\"" ROOM "\"]}", "roomId:type");
    assert_json("JOIN_ROOM", "{\"roomId\":null}", "roomId:required");
    assert_json("CREATE_ROOM",
                "{\"communityId\":\"" ROOM "\",\"name\":\"a\",\"private\":\"true\"}",
                "private:type");
    assert_json("SET_PRESENCE", "{\"status\":\"ONLINE\"}", "");
    assert_json("SET_PRESENCE", "{\"status\":\"online\"}", "status:enum");
    assert_json("SET_PRESENCE", "{\"status\":\"OFFLINE\"}", "status:enum");
    assert_json("SET_PRESENCE", "{\"status\":1}", "status:type");
    assert_json("SET_ROOM_OVERRIDE",
                "{\"roomId\":\"" ROOM "\",\"allow\":[\"VIEW_ROOM\",\"X\",7]}",
                "allow[1]:enum allow[2]:type");
    assert_json("GET_PRESENCE", "{\"userIds\":\"" USER "\"}", "userIds:type");
    assert_json("GET_PRESENCE", "{\"userIds\":[]}", "userIds:required");
}

static void unknown_fields_are_refused(void **state)
{
    assert_json("SEND_MESSAGE",
                "{\"roomId\":\"" ROOM "\",\"content\":\"a\",\"authorId\":\"" USER "\","
                "\"role\":\"admin\",\"seq\":1,\"createdAt\":\"now\",\"is_admin\":true,"
                "\"__proto__\":{},\"room_id\":\"" ROOM "\",\"\":1}",
                "authorId:unknown_field role:unknown_field seq:unknown_field "
                "createdAt:unknown_field is_admin:unknown_field __proto__:unknown_field "
                "room_id:unknown_field :unknown_field");
}

static void everything_wrong_is_told_at_once(void **state)
{
    assert_json("SEND_MESSAGE",
                "{\"content\":\" \",\"replyToId\":5,\"clientId\":\"x\",\"extra\":[]}",
                "replyToId:type extra:unknown_field roomId:required content:visible "
                "clientId:format");
    assert_json("GET_PRESENCE", "{\"userIds\":[5,\"x\",null,\"" USER "\",\"y\"]}",
                "userIds[0]:type userIds[2]:type userIds[1]:format userIds[4]:format");
}

static void a_thousand_mistakes_are_twenty(void **state)
{
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_append_char(&json, '{');
    for (int i = 0; i < 1000; i++) {
        buf_printf(&json, "%s\"k%d\":0", i > 0 ? "," : "", i);
    }
    buf_append_char(&json, '}');
    json_breaks(payload_of("JOIN_ROOM"), buf_bytes(&json));
    assert_int_equal(violations.count, VIOLATIONS_MAX);
    buf_finish(&json);
}

static void a_full_arena_is_a_payload_too_large(void **state)
{
    struct bytes json =
        BYTES_LITERAL("{\"roomId\":\"" ROOM "\",\"content\":\"hello, hello, hello\"}");
    assert_int_equal(
        transcode_json_to_protobuf(payload_of("SEND_MESSAGE"), json, &arena, &out),
        ERR_OK);
    for (size_t limit = 0; limit < 64; limit++) {
        struct arena small = {.limit_bytes = limit};
        ProtobufCMessage *message = NULL;
        violations = (struct violations){0};
        assert_int_equal(transcode_from_json(payload_of("SEND_MESSAGE"), json, &small,
                                             &message, &violations),
                         ERR_PAYLOAD_TOO_LARGE);
        violations = (struct violations){0};
        assert_int_equal(transcode_from_protobuf(payload_of("SEND_MESSAGE"),
                                                 buf_bytes(&out), &small, &message,
                                                 &violations),
                         ERR_PAYLOAD_TOO_LARGE);
        assert_null(message);
        arena_finish(&small);
    }
}

/* ---- what we write ---- */

static void absent_fields_are_left_out_and_lists_are_not(void **state)
{
    Belfry__GetHistoryReply reply = BELFRY__GET_HISTORY_REPLY__INIT;
    const struct message_rules *rules = event_find(BYTES_LITERAL("GET_HISTORY"))->reply;
    assert_int_equal(transcode_to_json(rules, &reply.base, &out), ERR_OK);
    assert_string_equal((const char *)out.data, "{\"messages\":[]}");

    Belfry__Resync resync = BELFRY__RESYNC__INIT;
    resync.stream = (char *)"room:" ROOM;
    resync.has_seq = true;
    resync.seq = 12345678901;
    buf_clear(&out);
    assert_int_equal(
        transcode_to_json(server_event_find(BYTES_LITERAL("RESYNC"))->payload,
                          &resync.base, &out),
        ERR_OK);
    assert_string_equal((const char *)out.data,
                        "{\"stream\":\"room:" ROOM "\",\"seq\":12345678901}");
}

static void a_full_buf_is_told(void **state)
{
    Belfry__Resync resync = BELFRY__RESYNC__INIT;
    resync.stream = (char *)"room";
    struct buf small;
    buf_init(&small, 8);
    const struct message_rules *rules =
        server_event_find(BYTES_LITERAL("RESYNC"))->payload;
    assert_int_equal(transcode_to_json(rules, &resync.base, &small), ERR_LIMIT_REACHED);
    buf_finish(&small);
    buf_init(&small, 2);
    assert_int_equal(transcode_to_protobuf(&resync.base, &small), ERR_LIMIT_REACHED);
    buf_finish(&small);
}

static void our_own_json_may_be_newer_than_the_contract(void **state)
{
    const struct message_rules *rules =
        server_event_find(BYTES_LITERAL("PRESENCE_CHANGED"))->payload;
    struct bytes json =
        BYTES_LITERAL("{\"userId\":\"" USER "\",\"status\":\"ON_HOLIDAY\","
                      "\"mood\":{\"a\":[1]},\"timestamp\":\"t\"}");
    assert_int_equal(transcode_json_to_protobuf(rules, json, &arena, &out), ERR_OK);
    struct buf back;
    buf_init(&back, 4096);
    assert_int_equal(transcode_protobuf_to_json(rules, buf_bytes(&out), &arena, &back),
                     ERR_OK);
    assert_string_equal((const char *)back.data, "{\"userId\":\"" USER "\"}");
    buf_clear(&back);
    assert_int_equal(
        transcode_protobuf_to_json(rules, BYTES_LITERAL("\x50\x01"), &arena, &back),
        ERR_OK);
    assert_string_equal((const char *)back.data, "{}");
    buf_finish(&back);
}

static void our_own_json_must_be_json(void **state)
{
    const struct message_rules *rules =
        server_event_find(BYTES_LITERAL("PRESENCE_CHANGED"))->payload;
    const char *const bad[] = {"", "[]", "{\"userId\":1}", "{\"userId\":\"a\",}", "{"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(
            transcode_json_to_protobuf(rules, bytes_of_text(bad[i]), &arena, &out),
            ERR_INTERNAL);
    }
    assert_int_equal(
        transcode_protobuf_to_json(rules, BYTES_LITERAL("\x0a\x01\xff"), &arena, &out),
        ERR_INTERNAL);
}

/* Both encodings of one payload are the same payload, to the byte that is hashed. */
static void both_encodings_pack_alike(void **state)
{
    const struct message_rules *rules = payload_of("GET_HISTORY");
    struct bytes json = BYTES_LITERAL("{\"limit\":7,\"roomId\":\"" ROOM "\"}");
    struct bytes packed = BYTES_LITERAL("\x20\x07\x0a\x24" ROOM);
    ProtobufCMessage *a = NULL, *b = NULL;
    assert_int_equal(transcode_from_json(rules, json, &arena, &a, &violations), ERR_OK);
    assert_int_equal(transcode_from_protobuf(rules, packed, &arena, &b, &violations),
                     ERR_OK);
    assert_int_equal(transcode_to_protobuf(a, &out), ERR_OK);
    size_t size = out.size;
    assert_int_equal(transcode_to_protobuf(b, &out), ERR_OK);
    assert_int_equal(out.size, 2 * size);
    assert_memory_equal(out.data, out.data + size, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_payload_becomes_a_message, begin),
        cmocka_unit_test_setup(messages_survive_the_round_trip, begin),
        cmocka_unit_test_setup(every_kind_of_value_survives_the_round_trip, begin),
        cmocka_unit_test_setup(
            sixty_four_bits_are_strings_unless_the_contract_says_otherwise, begin),
        cmocka_unit_test_setup(what_is_not_an_object_of_json_is_malformed, begin),
        cmocka_unit_test_setup(a_key_stands_once, begin),
        cmocka_unit_test_setup(any_json_is_kept_in_one_form, begin),
        cmocka_unit_test_setup(nesting_has_a_limit, begin),
        cmocka_unit_test_setup(text_is_utf8_without_nul, begin),
        cmocka_unit_test_setup(whole_numbers_are_exact, begin),
        cmocka_unit_test_setup(types_are_what_the_contract_says, begin),
        cmocka_unit_test_setup(unknown_fields_are_refused, begin),
        cmocka_unit_test_setup(everything_wrong_is_told_at_once, begin),
        cmocka_unit_test_setup(a_thousand_mistakes_are_twenty, begin),
        cmocka_unit_test_setup(a_full_arena_is_a_payload_too_large, begin),
        cmocka_unit_test_setup(absent_fields_are_left_out_and_lists_are_not, begin),
        cmocka_unit_test_setup(a_full_buf_is_told, begin),
        cmocka_unit_test_setup(our_own_json_may_be_newer_than_the_contract, begin),
        cmocka_unit_test_setup(our_own_json_must_be_json, begin),
        cmocka_unit_test_setup(both_encodings_pack_alike, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
