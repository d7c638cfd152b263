/* What reaches the bus: whole frames with every publication once, the newest heads again
 * and again, and signs of life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "core/publish.h"
#include "core/recent.h"
#include "link/stream_id.h"

#define FRAMES_MAX 256

static uv_loop_t loop;
static struct bus *core_bus;
static struct bus *edge_bus;
static struct link_key *key;
static struct publisher *publisher;
static struct uuid core_id;
static struct uuid epoch;

static struct frame {
    char topic[BUS_TOPIC_MAX + 1];
    struct arena arena;
    const Link__BusFrame *frame;
    size_t size;
} frames[FRAMES_MAX];
static size_t frame_count;

static void on_message(void *user, struct bytes topic, struct bytes payload)
{
    (void)user;
    assert_true(frame_count < FRAMES_MAX);
    struct frame *frame = &frames[frame_count++];
    memset(frame, 0, sizeof(*frame));
    memcpy(frame->topic, topic.data, topic.size);
    frame->size = payload.size;
    arena_init(&frame->arena, 16 * BUS_PAYLOAD_MAX);
    ProtobufCMessage *message;
    assert_int_equal(frame_open(key, FRAME_BUS, &link__bus_frame__descriptor, payload,
                                &frame->arena, &message),
                     ERR_OK);
    frame->frame = (const Link__BusFrame *)message;
}

static void wake(void *user)
{
    (void)user;
}

static void set_up_with(const char *url)
{
    struct bus_events events = {on_message, wake, NULL, NULL};
    frame_count = 0;
    core_id = uuid_v7();
    epoch = uuid_v7();
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(link_key_create("0123456789abcdef0123456789abcdef", &key), ERR_OK);
    assert_int_equal(bus_open(url, events, &core_bus), ERR_OK);
    assert_int_equal(bus_open(url, events, &edge_bus), ERR_OK);
    assert_int_equal(publisher_open(&loop, core_bus, key, core_id, &publisher), ERR_OK);
    publisher_set_epoch(publisher, epoch);
}

static int set_up(void **state)
{
    (void)state;
    static int number;
    char url[32];
    snprintf(url, sizeof(url), "mem:publish%d", number++);
    set_up_with(url);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    publisher_close(publisher);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    bus_close(core_bus);
    bus_close(edge_bus);
    link_key_destroy(key);
    for (size_t i = 0; i < frame_count; i++) {
        arena_finish(&frames[i].arena);
    }
    return 0;
}

static struct stream_id room(int number)
{
    struct stream_id stream = {.kind = STREAM_ROOM};
    stream.id.b[15] = (uint8_t)number;
    stream.id.b[14] = (uint8_t)(number >> 8);
    return stream;
}

static void listen_to(int number)
{
    struct stream_id stream = room(number);
    char topic[STREAM_TEXT_SIZE];
    stream_format(&stream, topic);
    assert_int_equal(bus_subscribe(edge_bus, bytes_of_text(topic)), ERR_OK);
}

static void add(int number, uint64_t seq, size_t payload_size)
{
    static uint8_t payload[BUS_PAYLOAD_MAX];
    struct stream_id stream = room(number);
    Link__Publication publication = LINK__PUBLICATION__INIT;
    Link__Publication *list[1] = {&publication};
    publication.event = "MESSAGE_CREATED";
    publication.has_stream = true;
    publication.stream = (ProtobufCBinaryData){sizeof(stream), (uint8_t *)&stream};
    publication.has_seq = seq > 0;
    publication.seq = seq;
    publication.has_json = true;
    publication.json = (ProtobufCBinaryData){payload_size, payload};
    publisher_add(publisher, list, 1);
}

static void receive(void)
{
    while (bus_poll(edge_bus, 1000)) {
    }
}

/* What came of a stream's events, over all frames, in order. */
static size_t count_of(int number, uint64_t *ret_last)
{
    struct stream_id stream = room(number);
    size_t count = 0;
    for (size_t i = 0; i < frame_count; i++) {
        for (size_t p = 0; p < frames[i].frame->n_publications; p++) {
            const Link__Publication *publication = frames[i].frame->publications[p];
            if (memcmp(publication->stream.data, &stream, sizeof(stream)) == 0) {
                assert_true(publication->seq > *ret_last);
                *ret_last = publication->seq;
                count++;
            }
        }
    }
    return count;
}

static void a_turn_becomes_few_frames_and_loses_nothing(void **state)
{
    for (int number = 0; number < 10; number++) {
        listen_to(number);
    }
    for (uint64_t seq = 1; seq <= 5; seq++) {
        for (int number = 0; number < 10; number++) {
            add(number, seq, 300);
        }
    }
    publisher_flush(publisher);
    receive();
    assert_true(frame_count <= 10);
    for (int number = 0; number < 10; number++) {
        uint64_t last = 0;
        assert_int_equal(count_of(number, &last), 5);
    }
    const Link__BusFrame *frame = frames[0].frame;
    assert_memory_equal(frame->core_id.data, core_id.b, 16);
    assert_memory_equal(frame->epoch.data, epoch.b, 16);
}

static void no_frame_is_larger_than_the_bus_takes(void **state)
{
    listen_to(1);
    for (uint64_t seq = 1; seq <= 40; seq++) {
        add(1, seq, 100000);
    }
    publisher_flush(publisher);
    receive();
    uint64_t last = 0;
    assert_int_equal(count_of(1, &last), 40);
    assert_true(frame_count >= 4);
    for (size_t i = 0; i < frame_count; i++) {
        assert_true(frames[i].size <= BUS_PAYLOAD_MAX);
    }
}

static void a_publication_outlives_its_request(void **state)
{
    listen_to(1);
    char *event = strdup("USER_TYPING");
    struct stream_id stream = room(1);
    Link__Publication publication = LINK__PUBLICATION__INIT;
    Link__Publication *list[1] = {&publication};
    publication.event = event;
    publication.has_stream = true;
    publication.stream = (ProtobufCBinaryData){sizeof(stream), (uint8_t *)&stream};
    publisher_add(publisher, list, 1);
    memset(event, 'x', strlen(event));
    free(event);
    publisher_flush(publisher);
    receive();
    assert_string_equal(frames[0].frame->publications[0]->event, "USER_TYPING");
}

/* Frames that hold an event of the one room, and of the other. */
static size_t frames_with(int number, int other)
{
    const struct stream_id streams[] = {room(number), room(other)};
    size_t count = 0;
    for (size_t i = 0; i < frame_count; i++) {
        bool has[2] = {false, false};
        for (size_t p = 0; p < frames[i].frame->n_publications; p++) {
            const uint8_t *stream = frames[i].frame->publications[p]->stream.data;
            has[0] |= memcmp(stream, &streams[0], sizeof(streams[0])) == 0;
            has[1] |= memcmp(stream, &streams[1], sizeof(streams[1])) == 0;
        }
        count += has[0] && has[1];
    }
    return count;
}

static uint64_t audience(int number)
{
    struct stream_id stream = room(number);
    char topic[STREAM_TEXT_SIZE];
    stream_format(&stream, topic);
    return bus_audience(core_bus, bytes_of_text(topic));
}

/* Over the embedded bus: the edge wants rooms 1 and 2, and nobody wants room 3. */
static int set_up_embedded(void **state)
{
    (void)state;
    set_up_with("nng:");
    int port;
    do {
        port = 10000 + rand() % 20000;
    } while (bus_listen(core_bus, "127.0.0.1", port) != ERR_OK);
    listen_to(1);
    listen_to(2);
    assert_int_equal(bus_peer_add(edge_bus, "127.0.0.1", port), ERR_OK);
    int64_t until = clock_ms() + 30000;
    while ((audience(1) == 0 || audience(3) != 0) && clock_ms() < until) {
        bus_poll(edge_bus, 1);
        bus_poll(core_bus, 1);
    }
    assert_true(audience(1) != 0 && audience(3) == 0);
    return 0;
}

static void topics_of_one_audience_share_a_frame(void **state)
{
    add(1, 1, 100);
    add(3, 1, 100);
    add(2, 1, 100);
    add(1, 2, 100);
    publisher_flush(publisher);
    int64_t until = clock_ms() + 30000;
    while (frame_count == 0 && clock_ms() < until) {
        receive();
    }
    assert_int_equal(frame_count, 1);
    assert_int_equal(frames_with(1, 2), 1);
    uint64_t last[4] = {0};
    assert_int_equal(count_of(1, &last[1]), 2);
    assert_int_equal(count_of(2, &last[2]), 1);
    assert_int_equal(count_of(3, &last[3]), 0);
}

/* A contact by several streams: once in a frame, however many of them it goes by. */
static void goes_once_by_several_topics_of_one_audience(void **state)
{
    struct stream_id streams[3] = {room(1), room(2), room(3)};
    ProtobufCBinaryData list[3];
    for (size_t i = 0; i < 3; i++) {
        list[i] = (ProtobufCBinaryData){sizeof(streams[i]), (uint8_t *)&streams[i]};
    }
    Link__Publication publication = LINK__PUBLICATION__INIT;
    Link__Publication *publications[1] = {&publication};
    publication.event = "USER_ONLINE";
    publication.n_streams = 3;
    publication.streams = list;
    publisher_add(publisher, publications, 1);
    publisher_flush(publisher);
    int64_t until = clock_ms() + 30000;
    while (frame_count == 0 && clock_ms() < until) {
        receive();
    }
    assert_int_equal(frame_count, 1);
    assert_int_equal(frames[0].frame->n_publications, 1);
}

static void add_for_contacts(uint64_t unique)
{
    struct stream_id streams[2] = {room(1), room(2)};
    ProtobufCBinaryData list[2];
    for (size_t i = 0; i < 2; i++) {
        list[i] = (ProtobufCBinaryData){sizeof(streams[i]), (uint8_t *)&streams[i]};
    }
    Link__Publication publication = LINK__PUBLICATION__INIT;
    Link__Publication *publications[1] = {&publication};
    publication.event = "USER_ONLINE";
    publication.n_streams = 2;
    publication.streams = list;
    publication.has_unique = true;
    publication.unique = (ProtobufCBinaryData){sizeof(unique), (uint8_t *)&unique};
    publisher_add(publisher, publications, 1);
}

/* An edge that wants both topics gets each twice, and knows the last ones only. */
static void copies_come_close_to_each_other(void **state)
{
    enum { COUNT = 3000, DISTANCE_MAX = 1024 };
    static size_t at[COUNT];
    memset(at, 0, sizeof(at));
    listen_to(1);
    listen_to(2);
    for (uint64_t unique = 0; unique < COUNT; unique++) {
        add_for_contacts(unique);
    }
    publisher_flush(publisher);
    receive();
    size_t position = 0;
    for (size_t i = 0; i < frame_count; i++) {
        for (size_t p = 0; p < frames[i].frame->n_publications; p++) {
            uint64_t unique;
            memcpy(&unique, frames[i].frame->publications[p]->unique.data,
                   sizeof(unique));
            assert_true(unique < COUNT);
            position++;
            assert_true(at[unique] == 0 || position - at[unique] <= DISTANCE_MAX);
            at[unique] = position;
        }
    }
    assert_int_equal(position, 2 * COUNT);
}

static void run_for(int64_t ms)
{
    int64_t until = clock_ms() + ms;
    while (clock_ms() < until) {
        uv_run(&loop, UV_RUN_ONCE);
        receive();
    }
}

static size_t heads_frames(int number, uint64_t seq)
{
    struct stream_id stream = room(number);
    size_t count = 0;
    for (size_t i = 0; i < frame_count; i++) {
        for (size_t h = 0; h < frames[i].frame->n_recent; h++) {
            const Link__Head *head = frames[i].frame->recent[h];
            if (frames[i].frame->n_publications == 0 && head->seq == seq &&
                memcmp(head->stream.data, &stream, sizeof(stream)) == 0) {
                assert_string_equal(frames[i].topic, "heads");
                count++;
            }
        }
    }
    return count;
}

static void a_lost_tail_is_named_again_soon_and_then_no_more(void **state)
{
    assert_int_equal(bus_subscribe(edge_bus, BYTES_LITERAL("heads")), ERR_OK);
    add(1, 7, 10);
    add(1, 8, 10);
    publisher_flush(publisher);
    run_for(450);
    size_t told = heads_frames(1, 8);
    assert_true(told >= 2 && told <= 4);
    assert_int_equal(heads_frames(1, 7), 0);
    run_for(300);
    assert_int_equal(heads_frames(1, 8), told);
}

static void silence_is_broken_each_second(void **state)
{
    assert_int_equal(bus_subscribe(edge_bus, BYTES_LITERAL("heads")), ERR_OK);
    run_for(2300);
    assert_true(frame_count >= 2 && frame_count <= 3);
    assert_int_equal(frames[0].frame->n_recent, 0);
}

static void recent_heads_are_bounded_and_forgotten(void **state)
{
    struct recent recent;
    recent_init(&recent);
    for (int number = 0; number < 30000; number++) {
        struct stream_id stream = room(number);
        stream.id.b[0] = (uint8_t)(number >> 16);
        recent_note(&recent, &stream, 1, 1000);
    }
    assert_true(recent.count <= 20000);
    struct stream_id first = room(0);
    recent_note(&recent, &first, 5, 1200);
    recent_note(&recent, &first, 4, 1250); /* an older one, late */
    recent_prune(&recent, 1400);
    assert_int_equal(recent.count, 1);
    assert_int_equal(container_of(recent.order.next, struct recent_head, node)->head.seq,
                     5);
    recent_prune(&recent, 1600);
    assert_int_equal(recent.count, 0);
    recent_finish(&recent);
}

#define publish_case(function)                                                           \
    cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#define embedded_case(function)                                                          \
    cmocka_unit_test_setup_teardown(function, set_up_embedded, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        publish_case(a_turn_becomes_few_frames_and_loses_nothing),
        publish_case(no_frame_is_larger_than_the_bus_takes),
        publish_case(copies_come_close_to_each_other),
        publish_case(a_publication_outlives_its_request),
        publish_case(a_lost_tail_is_named_again_soon_and_then_no_more),
        publish_case(silence_is_broken_each_second),
        publish_case(recent_heads_are_bounded_and_forgotten),
        embedded_case(topics_of_one_audience_share_a_frame),
        embedded_case(goes_once_by_several_topics_of_one_audience),
    };
    return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
