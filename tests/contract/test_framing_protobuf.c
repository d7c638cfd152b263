/* Protobuf frames against the suite of all framings, and what is their own. What goes in
 * and what comes out is made by protobuf-c from client.proto: the edge's own reader and
 * writer know its numbers by heart only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "framing_suite.h"
#include "../support/session_double.h"
#include "belfry/client.pb-c.h"
#include "edge/publication.h"

#define PAYLOAD "{\"a\": 9007199254740993}" /* any bytes will do */

typedef Belfry__Client__ClientFrame client_frame;
typedef Belfry__Client__ServerFrame server_frame;

/* ---------------------------------------------------------------- hexadecimal words */

static struct bytes spell(const char *word)
{
    static uint8_t bytes[512];
    size_t size = 0;
    for (const char *at = word; at[0] != '\0'; at += at[0] == ' ' ? 1 : 2) {
        if (at[0] != ' ') {
            bytes[size++] = (uint8_t)strtoul((char[]){at[0], at[1], 0}, NULL, 16);
        }
    }
    return bytes_make(bytes, size);
}

/* Words live as long as the tests. */
static const char *word_of(const ProtobufCMessage *message)
{
    static char pool[16 * 1024];
    static size_t used;
    uint8_t packed[512];
    size_t size = protobuf_c_message_pack(message, packed);
    char *word = pool + used;
    used += 2 * size + 1;
    assert_true(used <= sizeof(pool));
    for (size_t i = 0; i < size; i++) {
        snprintf(word + 2 * i, 3, "%02x", packed[i]);
    }
    return word;
}

static const char *hello_word(const char *token, const char *stream, const char *cursor)
{
    client_frame frame = BELFRY__CLIENT__CLIENT_FRAME__INIT;
    Belfry__Client__Hello hello = BELFRY__CLIENT__HELLO__INIT;
    Belfry__Client__Cursor resume = BELFRY__CLIENT__CURSOR__INIT;
    Belfry__Client__Cursor *list[] = {&resume};
    frame.body_case = BELFRY__CLIENT__CLIENT_FRAME__BODY_HELLO;
    frame.hello = &hello;
    hello.token = (char *)token;
    resume.stream = (char *)stream;
    resume.cursor = (char *)cursor;
    hello.n_resume = stream != NULL;
    hello.resume = list;
    return word_of(&frame.base);
}

static const char *call_word(const char *event, const char *payload, const uint64_t *id)
{
    client_frame frame = BELFRY__CLIENT__CLIENT_FRAME__INIT;
    Belfry__Client__Call call = BELFRY__CLIENT__CALL__INIT;
    frame.body_case = BELFRY__CLIENT__CLIENT_FRAME__BODY_CALL;
    frame.call = &call;
    call.event = (char *)event;
    call.has_payload = payload != NULL;
    call.payload.len = payload != NULL ? strlen(payload) : 0;
    call.payload.data = (uint8_t *)payload;
    call.has_id = id != NULL;
    call.id = id != NULL ? *id : 0;
    return word_of(&frame.base);
}

static const char *event_word(const char *json)
{
    server_frame frame = BELFRY__CLIENT__SERVER_FRAME__INIT;
    Belfry__Client__Event event = BELFRY__CLIENT__EVENT__INIT;
    frame.body_case = BELFRY__CLIENT__SERVER_FRAME__BODY_EVENT;
    frame.event = &event;
    event.name = (char *)"MESSAGE_CREATED";
    event.json = (char *)json;
    return word_of(&frame.base);
}

static const char *reply_word(void)
{
    server_frame frame = BELFRY__CLIENT__SERVER_FRAME__INIT;
    Belfry__Client__Reply reply = BELFRY__CLIENT__REPLY__INIT;
    frame.body_case = BELFRY__CLIENT__SERVER_FRAME__BODY_REPLY;
    frame.reply = &reply;
    reply.id = 7;
    reply.payload = (ProtobufCBinaryData){9, (uint8_t *)"{\"seq\":3}"};
    return word_of(&frame.base);
}

static const char *error_word(void)
{
    server_frame frame = BELFRY__CLIENT__SERVER_FRAME__INIT;
    Belfry__Client__Error error = BELFRY__CLIENT__ERROR__INIT;
    frame.body_case = BELFRY__CLIENT__SERVER_FRAME__BODY_ERROR;
    frame.error = &error;
    error.id = 7;
    error.event = (char *)"JOIN_ROOM";
    error.code = (char *)"NOT_FOUND";
    error.message = (char *)"Room not found";
    error.details = (char *)"[1]";
    error.has_retry_after_ms = true;
    error.retry_after_ms = 5;
    return word_of(&frame.base);
}

static const char *const closing[] = {
    "0a00",            /* hello {} */
    "0a05 0a03414243", /* hello { token: "ABC" } */
    NULL,
};

static const char *const odd[] = {
    "",            /* no body */
    "0a00 1a00",   /* two */
    "1a00 1a00",   /* one twice */
    "12",          /* cut off */
    "1280",        /* in a length */
    "1205 0a0158", /* longer than what holds it */
    "12ffffffffffffffffff01 00",
    "0a8080808080808080808001", /* a length of more than 64 bits */
    "1001",                     /* wire types */
    "15 00000000",
    "11 0000000000000000",
    "13 14",
    "16",
    "17",
    "0200", /* field 0 */
    "2200", /* a field that is not known */
    "f8ffffff0f 01",
    "7b22 6576656e74",    /* JSON */
    "1200",               /* call {} */
    "1202 0a00",          /* event "" */
    "1204 0a02 c328",     /* no UTF-8 */
    "1205 0a03 580059",   /* NUL */
    "1206 0a0158 0a0159", /* event twice */
    "1205 0a0158 1200",   /* id that is no number */
    "120e 0a0158 10ffffffffffffffffff02",
    "1205 0a0158 1801", /* payload that is one */
    "1207 0a0158 1a00 1a00",
    "1205 0a0158 2a00",   /* unknown field of a call */
    "1206 0a0158 2201ff", /* trace */
    "1a02 0a05",          /* ping */
    "1a02 1200",
    NULL,
};

static struct framing_words protobuf = {
    .name = "framing protobuf",
    .framing = &framing_protobuf,
    .spell = spell,
    .binary = true,
    .closing = closing,
    .odd = odd,
    .ping = "ping",
};

static void fill_words(void)
{
    static const uint64_t seven = 7, biggest = (UINT64_C(1) << 53) - 1;
    protobuf.begin = hello_word("T", "room:r", "1.00000000");
    protobuf.begin_without = hello_word(NULL, NULL, NULL);
    protobuf.event = call_word("SEND_MESSAGE", PAYLOAD, NULL);
    protobuf.event_with_id = call_word("SEND_MESSAGE", PAYLOAD, &seven);
    protobuf.no_payload = call_word("SEND_MESSAGE", NULL, NULL);
    protobuf.null_payload = call_word("SEND_MESSAGE", "", NULL);
    protobuf.text_payload = call_word("SEND_MESSAGE", "\"hi\"", NULL);
    protobuf.biggest_id = call_word("SEND_MESSAGE", NULL, &biggest);
    protobuf.wrote_event = event_word("{\"b\":2}");
    protobuf.wrote_empty = event_word("{}");
    protobuf.wrote_reply = reply_word();
    protobuf.wrote_error[0] = error_word();
}

/* ---------------------------------------------------------------- its own */

static struct double_edge edge;

static void receive(const char *word)
{
    double_receive(&edge, spell(word), true);
}

/* The next frame that waits; belfry__client__server_frame__free_unpacked(). */
static server_frame *next_sent(void)
{
    struct conn *conn = edge.conn;
    assert_true(conn->queue_count > 0);
    const struct frame *frame = conn_queued(conn, 0);
    server_frame *sent = belfry__client__server_frame__unpack(NULL, frame->size,
                                                              frame->bytes + FRAME_ROOM);
    assert_non_null(sent);
    conn_sent(conn, 1);
    return sent;
}

static void assert_refused(const char *word, const char *path, const char *rule)
{
    char details[64];
    receive(word);
    server_frame *sent = next_sent();
    assert_int_equal(sent->body_case, BELFRY__CLIENT__SERVER_FRAME__BODY_EVENT);
    assert_string_equal(sent->event->name, "ERROR");
    assert_non_null(strstr(sent->event->json, "\"code\":\"VALIDATION_ERROR\""));
    snprintf(details, sizeof(details), "\"details\":[{\"path\":\"%s\",\"rule\":\"%s\"",
             path, rule);
    assert_non_null(strstr(sent->event->json, details));
    belfry__client__server_frame__free_unpacked(sent, NULL);
}

static void says_what_is_wrong(void **state)
{
    double_open(&edge, &framing_protobuf, NULL);
    assert_refused("", "", "body");
    assert_refused("0a00 1a00", "", "body");
    assert_refused("12", "", "protobuf");
    assert_refused("2200", "", "unknown");
    assert_refused("1001", "call", "type");
    assert_refused("0a02 0801", "token", "type");
    assert_refused("0a03 0a01ff", "token", "utf8");
    assert_refused("0a04 0a00 0a00", "token", "duplicate");
    assert_refused("0a02 1200", "resume.stream", "required");
    assert_refused("0a07 1205 0a0158 1001", "resume.cursor", "type");
    assert_refused("0a06 1204 0a0158 18", "", "protobuf");
    assert_int_equal(doubled.opens, 0);
    double_finish(&edge);
}

static void texts_have_an_end(void **state)
{
    char longest[130], trace[130];
    memset(longest, 'x', 129);
    longest[129] = '\0';
    double_open(&edge, &framing_protobuf, "B");
    assert_refused(call_word(longest, NULL, NULL), "event", "max_length");
    assert_refused(hello_word(NULL, longest, "1.00000000"), "resume.stream",
                   "max_length");
    longest[128] = '\0';
    receive(call_word(longest, NULL, NULL));
    assert_string_equal(doubled.event, longest);

    client_frame frame = BELFRY__CLIENT__CLIENT_FRAME__INIT;
    Belfry__Client__Call call = BELFRY__CLIENT__CALL__INIT;
    frame.body_case = BELFRY__CLIENT__CLIENT_FRAME__BODY_CALL;
    frame.call = &call;
    call.event = (char *)"X";
    call.trace = (char *)"00-ab-cd-01";
    receive(word_of(&frame.base));
    assert_string_equal(doubled.trace, "00-ab-cd-01");
    memset(trace, 'x', 129);
    trace[129] = '\0';
    call.trace = trace;
    assert_refused(word_of(&frame.base), "trace", "max_length");
    double_finish(&edge);
}

static void resumes_many_streams(void **state)
{
    client_frame frame = BELFRY__CLIENT__CLIENT_FRAME__INIT;
    Belfry__Client__Hello hello = BELFRY__CLIENT__HELLO__INIT;
    Belfry__Client__Cursor a = BELFRY__CLIENT__CURSOR__INIT, b = a, c = a;
    Belfry__Client__Cursor *list[] = {&a, &b, &c};
    frame.body_case = BELFRY__CLIENT__CLIENT_FRAME__BODY_HELLO;
    frame.hello = &hello;
    a.stream = (char *)"room:\"1";
    a.cursor = (char *)"1.00000001";
    b.stream = (char *)"user:2";
    b.cursor = (char *)"2.00000002";
    c.stream = (char *)"room:3"; /* to be joined */
    hello.n_resume = 3;
    hello.resume = list;
    double_open(&edge, &framing_protobuf, NULL);
    receive(word_of(&frame.base));
    assert_int_equal(doubled.opens, 1);
    assert_string_equal(doubled.resume,
                        "{\"room:\\\"1\":\"1.00000001\",\"user:2\":\"2.00000002\","
                        "\"room:3\":null}");
    double_finish(&edge);
}

static void a_header_begins_the_session(void **state)
{
    double_open(&edge, &framing_protobuf, "B");
    assert_int_equal(doubled.opens, 1);
    assert_string_equal(doubled.token, "B");
    receive(protobuf.begin);
    assert_int_equal(edge.close_code, CLOSE_ALREADY_AUTHENTICATED);
    double_finish(&edge);
}

static void answers_pings(void **state)
{
    static const char *const pings[] = {"1a00", "1a02 0a00", "1a04 0a02 0102"};
    static const size_t sizes[] = {0, 0, 2};
    double_open(&edge, &framing_protobuf, NULL);
    for (size_t i = 0; i < 3; i++) {
        receive(pings[i]);
        server_frame *sent = next_sent();
        assert_int_equal(sent->body_case, BELFRY__CLIENT__SERVER_FRAME__BODY_PONG);
        assert_int_equal(sent->pong->has_data, i > 0);
        assert_int_equal(sent->pong->data.len, sizes[i]);
        belfry__client__server_frame__free_unpacked(sent, NULL);
    }
    double_finish(&edge);
}

static void goes_on_so_long_only(void **state)
{
    double_open(&edge, &framing_protobuf, "B");
    for (int i = 0; i < 100; i++) {
        receive("12");
    }
    assert_int_equal(edge.close_code, CLOSE_POLICY);
    assert_true(edge.conn->queue_count < 40);
    double_finish(&edge);
}

/* ---------------------------------------------------------------- publications */

static Link__Publication durable_of(uint8_t stream[17])
{
    static char json[] = "{\"stream\":\"room:…\",\"seq\":12,\"cursor\":\"12.0a1b2c3d\","
                         "\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"x\":1}";
    Link__Publication source = LINK__PUBLICATION__INIT;
    source.has_stream = true;
    source.stream = (ProtobufCBinaryData){17, stream};
    source.event = (char *)"MESSAGE_CREATED";
    source.has_seq = source.has_tag = source.has_json = true;
    source.seq = 12;
    source.tag = 0x0a1b2c3d;
    source.json = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    return source;
}

/* As a client reads it. */
static server_frame *publish(const Link__Publication *source)
{
    struct publication *publication = publication_create(source);
    assert_non_null(publication);
    struct frame *frame = publication_frame(publication, &framing_protobuf, "/");
    assert_non_null(frame);
    assert_true(frame->binary);
    assert_int_equal(frame->droppable, !source->has_seq);
    assert_ptr_equal(publication_frame(publication, &framing_protobuf, "/"), frame);
    publication_drop_frames(publication);
    frame = publication_frame(publication, &framing_protobuf, "/"); /* made again */
    assert_non_null(frame);
    server_frame *sent = belfry__client__server_frame__unpack(NULL, frame->size,
                                                              frame->bytes + FRAME_ROOM);
    assert_non_null(sent);
    assert_int_equal(sent->body_case, BELFRY__CLIENT__SERVER_FRAME__BODY_EVENT);
    publication_unref(publication);
    return sent;
}

static void a_durable_event_says_where_it_stands(void **state)
{
    uint8_t stream[17] = {STREAM_ROOM, [16] = 7};
    Link__Publication source = durable_of(stream);
    static uint8_t packed[] = {0x08, 0x00};
    source.has_protobuf = true;
    for (size_t size = 0; size <= sizeof(packed); size += 2) {
        source.protobuf = (ProtobufCBinaryData){size, packed};
        server_frame *sent = publish(&source);
        const Belfry__Client__Event *event = sent->event;
        assert_string_equal(event->name, "MESSAGE_CREATED");
        assert_string_equal(event->stream, "room:00000000-0000-0000-0000-000000000007");
        assert_true(event->has_seq);
        assert_int_equal(event->seq, 12);
        assert_string_equal(event->cursor, "12.0a1b2c3d");
        assert_string_equal(event->timestamp, "2026-01-02T03:04:05.678Z");
        assert_null(event->json);
        assert_true(event->has_payload);
        assert_int_equal(event->payload.len, size);
        belfry__client__server_frame__free_unpacked(sent, NULL);
    }
}

static void what_came_as_json_alone_goes_as_json(void **state)
{
    uint8_t stream[17] = {STREAM_ROOM, [16] = 7};
    Link__Publication source = durable_of(stream);
    server_frame *sent = publish(&source);
    assert_int_equal(sent->event->seq, 12);
    assert_false(sent->event->has_payload);
    assert_memory_equal(sent->event->json, source.json.data, source.json.len);
    belfry__client__server_frame__free_unpacked(sent, NULL);
}

static void an_ephemeral_event_has_no_place(void **state)
{
    static char json[] = "{\"timestamp\":\"2026-01-02T03:04:05.678Z\",\"x\":1}";
    Link__Publication source = LINK__PUBLICATION__INIT;
    source.event = (char *)"ANNOUNCEMENT";
    source.has_json = source.has_protobuf = true;
    source.json = (ProtobufCBinaryData){strlen(json), (uint8_t *)json};
    server_frame *sent = publish(&source);
    assert_null(sent->event->stream);
    assert_false(sent->event->has_seq);
    assert_null(sent->event->cursor);
    assert_string_equal(sent->event->timestamp, "2026-01-02T03:04:05.678Z");
    assert_true(sent->event->has_payload);
    belfry__client__server_frame__free_unpacked(sent, NULL);
}

int main(void)
{
    const struct CMUnitTest own[] = {
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(texts_have_an_end),
        cmocka_unit_test(resumes_many_streams),
        cmocka_unit_test(a_header_begins_the_session),
        cmocka_unit_test(answers_pings),
        cmocka_unit_test(goes_on_so_long_only),
        cmocka_unit_test(a_durable_event_says_where_it_stands),
        cmocka_unit_test(what_came_as_json_alone_goes_as_json),
        cmocka_unit_test(an_ephemeral_event_has_no_place),
    };
    fill_words();
    int failed = framing_suite(&protobuf);
    return failed + cmocka_run_group_tests_name("framing protobuf, own", own, NULL, NULL);
}
