/* Checks that the reader of protobuf's wire format believes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/wire_scan.h"

/* How many fields come out, in memory of just the right size; -1: malformed. */
static int fields_of(struct bytes message)
{
    uint8_t *copy = malloc(message.size > 0 ? message.size : 1);
    assert_non_null(copy);
    if (message.size > 0) {
        memcpy(copy, message.data, message.size);
    }
    struct wire_reader reader = wire_reader_make(bytes_make(copy, message.size));
    struct wire_field field;
    int count = 0;
    while (wire_next(&reader, &field)) {
        assert_true(field.number > 0);
        count++;
    }
    assert_false(wire_next(&reader, &field));
    free(copy);
    return reader.malformed ? -1 : count;
}

#define FIELDS(text) fields_of(BYTES_LITERAL(text))

static void reads_each_kind_of_field(void **state)
{
    struct bytes message = BYTES_LITERAL("\x08\xac\x02\x11........\x1a\x03"
                                         "abc\x25....\xf8\xff\xff\xff\x0f\x00");
    struct wire_reader reader = wire_reader_make(message);
    struct wire_field field;
    assert_true(wire_next(&reader, &field));
    assert_int_equal(field.number, 1);
    assert_int_equal(field.type, WIRE_VARINT);
    assert_int_equal(field.value, 300);
    assert_true(wire_next(&reader, &field));
    assert_int_equal(field.type, WIRE_64BIT);
    assert_true(wire_next(&reader, &field));
    assert_int_equal(field.type, WIRE_BYTES);
    assert_true(bytes_equal_text(field.content, "abc"));
    assert_true(wire_next(&reader, &field));
    assert_int_equal(field.type, WIRE_32BIT);
    assert_true(wire_next(&reader, &field));
    assert_int_equal(field.number, (1 << 29) - 1);
    assert_false(wire_next(&reader, &field));
    assert_false(reader.malformed);
    assert_int_equal(fields_of((struct bytes){0}), 0);
}

static void refuses_what_is_cut_off_or_too_long(void **state)
{
    assert_int_equal(FIELDS("\x08"), -1);
    assert_int_equal(FIELDS("\x80"), -1);
    assert_int_equal(FIELDS("\x08\x80"), -1);
    assert_int_equal(FIELDS("\x0a"), -1);
    assert_int_equal(FIELDS("\x0a\x02x"), -1);
    assert_int_equal(FIELDS("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"), -1);
    assert_int_equal(FIELDS("\x09......."), -1);
    assert_int_equal(FIELDS("\x0d..."), -1);
    assert_int_equal(FIELDS("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 1);
    assert_int_equal(FIELDS("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), -1);
    assert_int_equal(FIELDS("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), -1);
}

static void refuses_fields_that_are_not_in_use(void **state)
{
    assert_int_equal(FIELDS("\x02\x00"), -1);                 /* number 0 */
    assert_int_equal(FIELDS("\x80\x80\x80\x80\x10\x00"), -1); /* above 2^29 - 1 */
    assert_int_equal(FIELDS("\x0b\x0c"), -1);                 /* groups */
    assert_int_equal(FIELDS("\x0e\x00"), -1);
    assert_int_equal(FIELDS("\x0f\x00"), -1);
}

static void finds_one_field(void **state)
{
    struct bytes found;
    struct bytes message = BYTES_LITERAL("\x08\x01\x12\x01x\x12\x01y\x18\x01\x22");
    assert_true(wire_find_bytes(message, 2, &found));
    assert_true(bytes_equal_text(found, "x"));
    assert_false(wire_find_bytes(message, 1, &found)); /* not of that kind */
    assert_false(wire_find_bytes(message, 4, &found)); /* behind what is malformed */
    assert_false(wire_find_bytes(message, 5, &found));
    assert_false(wire_find_bytes((struct bytes){0}, 1, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_kind_of_field),
        cmocka_unit_test(refuses_what_is_cut_off_or_too_long),
        cmocka_unit_test(refuses_fields_that_are_not_in_use),
        cmocka_unit_test(finds_one_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
