/* Checks what protobuf may come in: the wire format byte by byte, before protobuf-c
 * believes it. */
#include "test_transcode.h"

#define PACKED(text) BYTES_LITERAL(text)

static void assert_packed(const char *event, struct bytes packed, const char *breaks)
{
    assert_string_equal(packed_breaks(payload_of(event), packed), breaks);
}

static void the_wire_format_is_checked(void **state)
{
    assert_packed("JOIN_ROOM", PACKED("\x0a\x24" ROOM), "");
    assert_packed("JOIN_ROOM", PACKED(""), "roomId:required");
    /* a varint of 11 bytes, one that is too large, one that is cut off */
    assert_packed("GET_HISTORY",
                  PACKED("\x20\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
                  "limit:malformed");
    assert_packed("GET_HISTORY", PACKED("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
                  "limit:malformed");
    assert_packed("GET_HISTORY", PACKED("\x20\x80"), "limit:malformed");
    assert_packed("GET_HISTORY", PACKED("\x80"), ":malformed");
    /* lengths beyond the end */
    assert_packed("JOIN_ROOM", PACKED("\x0a\x25" ROOM), "roomId:malformed");
    assert_packed("JOIN_ROOM", PACKED("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"),
                  "roomId:malformed");
    assert_packed("JOIN_ROOM", PACKED("\x0a"), "roomId:malformed");
    /* field number 0, and one above 2^29 - 1 */
    assert_packed("JOIN_ROOM", PACKED("\x02\x00"), ":malformed");
    assert_packed("JOIN_ROOM", PACKED("\x80\x80\x80\x80\x10\x00"), ":malformed");
    /* wire types 3, 4 (groups), 6, 7 */
    assert_packed("JOIN_ROOM", PACKED("\x0b\x0c"), ":malformed");
    assert_packed("JOIN_ROOM", PACKED("\x0c"), ":malformed");
    assert_packed("JOIN_ROOM", PACKED("\x0e"), ":malformed");
    assert_packed("JOIN_ROOM", PACKED("\x0f"), ":malformed");
    /* the right field in the wrong wire type */
    assert_packed("JOIN_ROOM", PACKED("\x08\x01"), "roomId:type");
    assert_packed("JOIN_ROOM", PACKED("\x0d\x01\x02\x03\x04"), "roomId:type");
    assert_packed("JOIN_ROOM", PACKED("\x09\x01\x02"), "roomId:type roomId:malformed");
}

static void unknown_fields_of_protobuf_are_refused(void **state)
{
    assert_packed("JOIN_ROOM", PACKED("\x10\x01\x0a\x24" ROOM), "#2:unknown_field");
    assert_packed("JOIN_ROOM", PACKED("\x12\x02xx\x19........\x25....\x30\x01"),
                  "#2:unknown_field #3:unknown_field #4:unknown_field #6:unknown_field");
    assert_packed("JOIN_ROOM", PACKED("\x12\x03xx"), "#2:unknown_field :malformed");
    /* deeper than any stack, in a field that nobody reads */
    uint8_t deep[4096];
    memset(deep, 0x12, sizeof(deep));
    assert_string_equal(
        packed_breaks(payload_of("JOIN_ROOM"), bytes_make(deep, sizeof(deep))),
        "#2:unknown_field #2:unknown_field #2:unknown_field "
        "#2:unknown_field #2:unknown_field #2:unknown_field "
        "#2:unknown_field #2:unknown_field #2:unknown_field "
        "#2:unknown_field #2:unknown_field #2:unknown_field "
        "#2:unknown_field #2:unknown_field #2:unknown_field "
        "#2:unknown_field #2:unknown_field #2:unknown_field "
        "#2:unknown_field #2:unknown_field");
}

static void values_of_protobuf_are_checked(void **state)
{
    assert_packed("EDIT_MESSAGE", PACKED("\x0a\x24" ROOM "\x12\x01\xff"), "content:utf8");
    assert_packed("EDIT_MESSAGE",
                  PACKED("\x0a\x24" ROOM "\x12\x03"
                         "a\0b"),
                  "content:utf8");
    assert_packed("EDIT_MESSAGE", PACKED("\x0a\x24" ROOM "\x12\x00"),
                  "content:min_length");
    assert_packed("SET_PRESENCE", PACKED("\x08\x04"), "");
    assert_packed("SET_PRESENCE", PACKED("\x08\x05"), "status:enum");
    assert_packed("SET_PRESENCE", PACKED("\x08\x80\x80\x80\x80\x10"), "status:enum");
    assert_packed("SET_PRESENCE", PACKED("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                  "status:enum");
    assert_packed("GET_HISTORY",
                  PACKED("\x0a\x24" ROOM "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                  "limit:min");
    assert_packed("GET_HISTORY", PACKED("\x0a\x24" ROOM "\x20\x80\x80\x80\x80\x10"),
                  "limit:type");
    assert_packed("CREATE_COMMUNITY", PACKED("\x0a\x01x\x10\x02"), "public:type");
    /* a field that is given twice: which one counts is nobody's guess */
    assert_packed("JOIN_ROOM", PACKED("\x0a\x24" ROOM "\x0a\x24" USER),
                  "roomId:duplicate_key");
    struct buf many;
    buf_init(&many, 1 << 20);
    for (int i = 0; i < 10000; i++) {
        buf_append(&many, "\x10\x01", 2);
    }
    assert_packed("CREATE_COMMUNITY", buf_bytes(&many), "public:duplicate_key");
    buf_finish(&many);
}

static void lists_of_protobuf_are_bounded(void **state)
{
    /* enums one by one, packed, and mixed */
    assert_packed("SET_ROOM_OVERRIDE", PACKED("\x0a\x24" ROOM "\x20\x11\x22\x02\x0e\x12"),
                  "");
    assert_packed("SET_ROOM_OVERRIDE", PACKED("\x0a\x24" ROOM "\x20\x11\x22\x02\x0e\x63"),
                  "allow[2]:enum");
    /* 2^31 items in some bytes */
    assert_packed("SET_ROOM_OVERRIDE",
                  PACKED("\x0a\x24" ROOM "\x22\x80\x80\x80\x80\x08\x01"),
                  "allow:malformed");
    assert_packed("SET_ROOM_OVERRIDE", PACKED("\x22\x02\x01\x80"), "allow:malformed");
    uint8_t packed[2 + 100] = {0x22, 100};
    memset(packed + 2, 0x11, 100);
    assert_packed("SET_ROOM_OVERRIDE", bytes_make(packed, sizeof(packed)),
                  "allow:max_items");
    uint8_t single[5000];
    for (size_t i = 0; i < sizeof(single); i += 2) {
        single[i] = 0x0a;
        single[i + 1] = 0;
    }
    packed_breaks(payload_of("GET_PRESENCE"), bytes_make(single, sizeof(single)));
    assert_string_equal(noted(), "userIds:max_items");
    assert_true(arena.used_bytes <= 4096); /* refused before anything was unpacked */
    /* signed and packed in a message of other people */
    assert_string_equal(packed_breaks(&location_rules, PACKED("\x0a\x03\x01\x02\x03")),
                        "");
    assert_string_equal(
        packed_breaks(&location_rules, PACKED("\x0a\x05\xff\xff\xff\xff\x7f")),
        "path[0]:type");
    assert_string_equal(packed_breaks(&option_rules, PACKED("\x31\1\2\3")),
                        "doubleValue:malformed");
    assert_string_equal(packed_breaks(&option_rules, PACKED("\x42\x01{")),
                        "aggregateValue:malformed");
    assert_string_equal(packed_breaks(&option_rules, PACKED("\x12\x03\x0a\x01\xff")),
                        "name[0].namePart:utf8");
    assert_string_equal(packed_breaks(&option_rules, PACKED("\x12\x02\x18\x01")),
                        "name[0].#3:unknown_field");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_wire_format_is_checked, begin),
        cmocka_unit_test_setup(unknown_fields_of_protobuf_are_refused, begin),
        cmocka_unit_test_setup(values_of_protobuf_are_checked, begin),
        cmocka_unit_test_setup(lists_of_protobuf_are_bounded, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
