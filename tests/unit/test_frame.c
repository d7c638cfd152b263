/* Checks that a frame opens with the right key only, unchanged only, and comes out as it
 * went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/metrics.h"
#include "belfry/link.pb-c.h"
#include "link/frame.h"
#include "link/link_parts.h"

#define SECRET       "a secret of at least 32 bytes !!"
#define OTHER_SECRET "a secret of at least 32 bytes !?"

static struct link_key *key;
static struct arena arena;
static uint8_t id[16] = {1, 2, 3};

static int set_up(void **state)
{
    arena_init(&arena, 16 * 1024 * 1024);
    return link_key_create(SECRET, &key) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    link_key_destroy(key);
    arena_finish(&arena);
    return 0;
}

static void seal(struct buf *frame)
{
    Link__GetCatalogue ask = LINK__GET_CATALOGUE__INIT;
    Link__Request request = LINK__REQUEST__INIT;
    request.id = 7;
    request.request_id = (ProtobufCBinaryData){16, id};
    request.deadline_ms = 500;
    request.trace = (char *)"00-trace";
    request.body_case = LINK__REQUEST__BODY_GET_CATALOGUE;
    request.get_catalogue = &ask;
    Link__Request *requests[] = {&request};
    Link__ToCore message = LINK__TO_CORE__INIT;
    message.edge_id = (ProtobufCBinaryData){16, id};
    message.n_requests = 1;
    message.requests = requests;
    assert_int_equal(frame_seal(key, FRAME_TO_CORE, &message.base, frame), ERR_OK);
}

static enum err open_frame(const struct link_key *with, struct bytes frame,
                           Link__ToCore **ret_message)
{
    ProtobufCMessage *message = NULL;
    enum err err = frame_open(with, FRAME_TO_CORE, &link__to_core__descriptor, frame,
                              &arena, &message);
    *ret_message = (Link__ToCore *)message;
    return err;
}

static void comes_out_as_it_went_in(void **state)
{
    struct buf frame;
    buf_init(&frame, FRAME_MAX_BYTES);
    seal(&frame);
    assert_memory_equal(frame.data, "BLFY\1E\0\0", 8);
    Link__ToCore *message;
    assert_int_equal(open_frame(key, buf_bytes(&frame), &message), ERR_OK);
    assert_memory_equal(message->edge_id.data, id, 16);
    assert_int_equal(message->n_requests, 1);
    assert_int_equal(message->requests[0]->id, 7);
    assert_string_equal(message->requests[0]->trace, "00-trace");
    buf_finish(&frame);
}

static void any_changed_bit_is_refused(void **state)
{
    struct buf frame;
    buf_init(&frame, FRAME_MAX_BYTES);
    seal(&frame);
    Link__ToCore *message;
    for (size_t bit = 0; bit < frame.size * 8; bit++) {
        frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        enum err err = open_frame(key, buf_bytes(&frame), &message);
        assert_int_equal(err, bit < 64 ? ERR_VALIDATION_ERROR : ERR_UNAUTHENTICATED);
        assert_null(message);
        frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(open_frame(key, buf_bytes(&frame), &message), ERR_OK);
    buf_finish(&frame);
}

static void any_other_length_is_refused(void **state)
{
    struct buf frame;
    buf_init(&frame, FRAME_MAX_BYTES);
    seal(&frame);
    Link__ToCore *message;
    for (size_t size = 0; size < frame.size; size++) {
        assert_int_not_equal(open_frame(key, bytes_make(frame.data, size), &message),
                             ERR_OK);
    }
    assert_int_equal(open_frame(key, bytes_make(NULL, 0), &message),
                     ERR_VALIDATION_ERROR);
    buf_append_char(&frame, 0);
    assert_int_equal(open_frame(key, buf_bytes(&frame), &message), ERR_UNAUTHENTICATED);
    buf_finish(&frame);
}

static void another_key_or_kind_is_refused_and_counted(void **state)
{
    struct link_key *other;
    assert_int_equal(link_key_create(OTHER_SECRET, &other), ERR_OK);
    struct buf frame, metrics;
    buf_init(&frame, FRAME_MAX_BYTES);
    buf_init(&metrics, 1024 * 1024);
    seal(&frame);
    Link__ToCore *message;
    assert_int_equal(open_frame(other, buf_bytes(&frame), &message), ERR_UNAUTHENTICATED);
    ProtobufCMessage *opened = NULL;
    assert_int_equal(frame_open(key, FRAME_FROM_CORE, &link__from_core__descriptor,
                                buf_bytes(&frame), &arena, &opened),
                     ERR_VALIDATION_ERROR);
    metrics_render(&metrics);
    assert_non_null(strstr((char *)metrics.data,
                           "belfry_link_frames_refused_total{reason=\"code\"} "));
    assert_null(strstr((char *)metrics.data,
                       "belfry_link_frames_refused_total{reason=\"code\"} 0"));
    buf_finish(&frame);
    buf_finish(&metrics);
    link_key_destroy(other);
}

static void a_good_code_over_nonsense_is_refused(void **state)
{
    struct buf frame;
    buf_init(&frame, FRAME_MAX_BYTES);
    frame_begin(&frame);
    buf_append_text(&frame, "\xff\xff\xff nonsense");
    assert_int_equal(frame_finish(key, FRAME_TO_CORE, &frame), ERR_OK);
    Link__ToCore *message;
    assert_int_equal(open_frame(key, buf_bytes(&frame), &message), ERR_VALIDATION_ERROR);

    buf_clear(&frame);
    frame_begin(&frame); /* empty: the required edge_id is missing */
    assert_int_equal(frame_finish(key, FRAME_TO_CORE, &frame), ERR_OK);
    assert_int_equal(open_frame(key, buf_bytes(&frame), &message), ERR_VALIDATION_ERROR);
    buf_finish(&frame);
}

static void an_arena_that_is_too_small_is_an_error(void **state)
{
    struct arena small;
    arena_init(&small, 64);
    struct buf frame;
    buf_init(&frame, FRAME_MAX_BYTES);
    seal(&frame);
    ProtobufCMessage *message = NULL;
    assert_int_equal(frame_open(key, FRAME_TO_CORE, &link__to_core__descriptor,
                                buf_bytes(&frame), &small, &message),
                     ERR_VALIDATION_ERROR);
    arena_finish(&small);
    buf_finish(&frame);
}

static void says_when_a_message_fits_no_frame(void **state)
{
    uint8_t *payload = calloc(1, FRAME_MAX_BYTES);
    Link__FromCore message = LINK__FROM_CORE__INIT;
    message.core_id = (ProtobufCBinaryData){FRAME_MAX_BYTES - 100, payload};
    struct buf frame;
    buf_init(&frame, SIZE_MAX);
    assert_int_equal(frame_seal(key, FRAME_FROM_CORE, &message.base, &frame), ERR_OK);
    assert_true(frame.size <= FRAME_MAX_BYTES);
    buf_clear(&frame);
    message.core_id.len = FRAME_MAX_BYTES;
    assert_int_equal(frame_seal(key, FRAME_FROM_CORE, &message.base, &frame),
                     ERR_PAYLOAD_TOO_LARGE);
    buf_finish(&frame);
    buf_init(&frame, 10);
    message.core_id.len = 16;
    assert_int_equal(frame_seal(key, FRAME_FROM_CORE, &message.base, &frame),
                     ERR_PAYLOAD_TOO_LARGE);
    buf_finish(&frame);
    free(payload);
}

static void a_short_secret_is_refused(void **state)
{
    struct link_key *none = NULL;
    assert_int_equal(link_key_create("short", &none), ERR_VALIDATION_ERROR);
    assert_int_equal(link_key_create(NULL, &none), ERR_VALIDATION_ERROR);
    assert_null(none);
}

static void open_chunk(struct frame_chunk *chunk, Link__ToCore **ret_message)
{
    struct buf *body = frame_chunk_buf(chunk);
    frame_append_bytes(body, 1, bytes_make(id, sizeof(id)));
    frame_append_varint(body, 3, UINT64_C(1) << 60);
    assert_int_equal(frame_finish(key, FRAME_TO_CORE, body), ERR_OK);
    assert_int_equal(open_frame(key, buf_bytes(body), ret_message), ERR_OK);
    frame_chunk_destroy(chunk);
}

static void a_queue_packs_into_messages_of_half_a_frame(void **state)
{
    enum { SIZE = 300 * 1024, COUNT = 20 };
    uint8_t *payload = calloc(1, SIZE);
    Link__EventCall event = LINK__EVENT_CALL__INIT;
    event.name = (char *)"X";
    event.payload = (ProtobufCBinaryData){SIZE, payload};
    Link__Request request = LINK__REQUEST__INIT;
    request.request_id = (ProtobufCBinaryData){16, id};
    request.body_case = LINK__REQUEST__BODY_EVENT;
    request.event = &event;
    struct frame_queue queue;
    frame_queue_init(&queue);
    for (int i = 0; i < COUNT; i++) {
        request.id = (uint64_t)i;
        assert_int_equal(frame_queue_push(&queue, &request.base), ERR_OK);
    }
    assert_int_equal(queue.count, COUNT);
    struct frame_chunk *chunk;
    uint64_t next = 0;
    int chunks = 0;
    while ((chunk = frame_queue_take(&queue)) != NULL) {
        assert_true(frame_chunk_buf(chunk)->size <= LINK_CHUNK_BYTES + 100);
        Link__ToCore *message;
        open_chunk(chunk, &message);
        assert_int_equal(message->number, UINT64_C(1) << 60);
        for (size_t i = 0; i < message->n_requests; i++) {
            assert_int_equal(message->requests[i]->id, next++);
        }
        arena_reset(&arena);
        chunks++;
    }
    assert_int_equal(next, COUNT);
    assert_int_equal(chunks, 4); /* six of them fit into 2 MB */
    assert_int_equal(queue.bytes, 0);
    event.payload.len = FRAME_MAX_BYTES;
    free(payload);
    event.payload.data = calloc(1, FRAME_MAX_BYTES);
    assert_int_equal(frame_queue_push(&queue, &request.base), ERR_PAYLOAD_TOO_LARGE);
    free(event.payload.data);
    frame_queue_finish(&queue);
}

static void a_packed_request_gets_new_fields(void **state)
{
    Link__GetCatalogue ask = LINK__GET_CATALOGUE__INIT;
    Link__Request request = LINK__REQUEST__INIT;
    request.id = 1;
    request.deadline_ms = 1000;
    request.request_id = (ProtobufCBinaryData){16, id};
    request.body_case = LINK__REQUEST__BODY_GET_CATALOGUE;
    request.get_catalogue = &ask;
    uint8_t packed[100];
    size_t size = protobuf_c_message_pack(&request.base, packed);
    uint8_t tail[2 * FRAME_VARINT_MAX];
    size_t tail_size = frame_put_varint(tail, 1, UINT64_MAX);
    tail_size += frame_put_varint(tail + tail_size, 3, 70);
    struct frame_queue queue;
    frame_queue_init(&queue);
    assert_int_equal(frame_queue_push_packed(&queue, bytes_make(packed, size),
                                             bytes_make(tail, tail_size)),
                     ERR_OK);
    Link__ToCore *message;
    open_chunk(frame_queue_take(&queue), &message);
    assert_true(message->requests[0]->id == UINT64_MAX);
    assert_int_equal(message->requests[0]->deadline_ms, 70);
    assert_int_equal(message->requests[0]->body_case, LINK__REQUEST__BODY_GET_CATALOGUE);
    frame_queue_finish(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_as_it_went_in),
        cmocka_unit_test(any_changed_bit_is_refused),
        cmocka_unit_test(any_other_length_is_refused),
        cmocka_unit_test(another_key_or_kind_is_refused_and_counted),
        cmocka_unit_test(a_good_code_over_nonsense_is_refused),
        cmocka_unit_test(an_arena_that_is_too_small_is_an_error),
        cmocka_unit_test(says_when_a_message_fits_no_frame),
        cmocka_unit_test(a_short_secret_is_refused),
        cmocka_unit_test(a_queue_packs_into_messages_of_half_a_frame),
        cmocka_unit_test(a_packed_request_gets_new_fields),
    };
    return cmocka_run_group_tests_name("frame", tests, set_up, tear_down);
}
