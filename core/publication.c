/* Composes what clients get of an event: the same function for the bus and for catch-up,
 * so that an event reads the same however it arrives. */
#include "core/publication.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/number.h"
#include "core/control.h"
#include "core/event.h"
#include "core/transcode.h"

#define PROTOBUF_MAX (256 * 1024)
#define TAG_DIGITS   8

/* As PostgreSQL writes an integer; 0 for none. */
static uint64_t number(struct bytes text)
{
    uint64_t number = 0;
    size_t sign = text.size > 0 && text.data[0] == '-';
    for (size_t i = sign; i < text.size; i++) {
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    return sign ? -number : number;
}

enum err publication_stream(struct arena *arena, const struct stream_id *stream,
                            ProtobufCBinaryData *ret_bytes)
{
    uint8_t *copy = arena_copy(arena, bytes_make(stream, sizeof(*stream)));
    if (copy == NULL) {
        return ERR_LIMIT_REACHED;
    }
    *ret_bytes = (ProtobufCBinaryData){sizeof(*stream), copy};
    return ERR_OK;
}

static uint8_t *put(uint8_t *at, struct bytes bytes)
{
    if (bytes.size > 0) {
        memcpy(at, bytes.data, bytes.size);
    }
    return at + bytes.size;
}

/* `header` (an open object without its end) and the members of the object `payload`. */
static enum err compose(struct arena *arena, struct bytes header, struct bytes payload,
                        ProtobufCBinaryData *ret_json)
{
    if (payload.size < 2 || payload.data[0] != '{' ||
        payload.data[payload.size - 1] != '}') {
        return ERR_INTERNAL;
    }
    struct bytes members = bytes_make(payload.data + 1, payload.size - 2);
    while (members.size > 0 && members.data[0] == ' ') {
        members = bytes_make(members.data + 1, members.size - 1);
    }
    uint8_t *out = arena_alloc(arena, header.size + members.size + 3);
    if (out == NULL) {
        return ERR_LIMIT_REACHED;
    }
    uint8_t *at = put(out, header);
    if (members.size > 0) {
        *at++ = ',';
        at = put(at, members);
    }
    *at++ = '}';
    *ret_json = (ProtobufCBinaryData){(size_t)(at - out), out};
    return ERR_OK;
}

/* If it can be had: a row of the log may be of an event that only a newer core knows, or
 * older than its contract. Every client can read JSON, and nobody else may miss it. */
static void add_protobuf(struct arena *arena, const char *event, struct bytes payload,
                         Link__Publication *publication)
{
    const struct server_event_def *def = server_event_find(bytes_of_text(event));
    if (def == NULL) {
        return;
    }
    struct buf buf;
    buf_init(&buf, PROTOBUF_MAX);
    if (transcode_json_to_protobuf(def->payload, payload, arena, &buf) == ERR_OK) {
        uint8_t *copy = arena_copy(arena, buf_bytes(&buf));
        publication->has_protobuf = copy != NULL;
        publication->protobuf = (ProtobufCBinaryData){copy != NULL ? buf.size : 0, copy};
    }
    buf_finish(&buf);
}

static Link__Publication *new_publication(struct arena *arena, struct bytes event)
{
    Link__Publication *publication = arena_alloc(arena, sizeof(*publication));
    char *name = arena_copy(arena, event);
    if (publication == NULL || name == NULL) {
        return NULL;
    }
    link__publication__init(publication);
    publication->event = name;
    return publication;
}

static void format_tag(uint32_t tag, char ret_text[TAG_DIGITS])
{
    for (int i = TAG_DIGITS - 1; i >= 0; i--, tag >>= 4) {
        ret_text[i] = "0123456789abcdef"[tag & 15];
    }
}

static enum err add_payload(struct arena *arena, const struct event_row_text *row,
                            bool protobuf, Link__Publication *publication)
{
    uint8_t header[256];
    char seq_text[NUMBER_TEXT_SIZE], tag_text[TAG_DIGITS];
    struct bytes seq = bytes_make(seq_text, number_format(publication->seq, seq_text));
    format_tag(publication->tag, tag_text);
    if (row->stream.size + row->timestamp.size > sizeof(header) / 2) {
        return ERR_INTERNAL;
    }
    uint8_t *at = put(header, BYTES_LITERAL("{\"stream\":\""));
    at = put(at, row->stream);
    at = put(at, BYTES_LITERAL("\",\"seq\":"));
    at = put(at, seq);
    at = put(at, BYTES_LITERAL(",\"cursor\":\""));
    at = put(at, seq);
    *at++ = '.';
    at = put(at, bytes_make(tag_text, sizeof(tag_text)));
    at = put(at, BYTES_LITERAL("\",\"timestamp\":\""));
    at = put(at, row->timestamp);
    *at++ = '"';
    TRY(compose(arena, bytes_make(header, (size_t)(at - header)), row->payload,
                &publication->json));
    publication->has_json = true;
    /* a blanked payload no longer has its required members */
    if (protobuf && row->payload.size > 2) {
        add_protobuf(arena, publication->event, row->payload, publication);
    }
    return ERR_OK;
}

enum err publication_of_row(struct arena *arena, const struct event_row_text *row,
                            bool protobuf, Link__Publication **ret_publication)
{
    struct stream_id stream;
    if (!stream_parse(row->stream, &stream)) {
        return ERR_INTERNAL;
    }
    Link__Publication *publication = new_publication(arena, row->event);
    if (publication == NULL) {
        return ERR_LIMIT_REACHED;
    }
    publication->has_stream = true;
    TRY(publication_stream(arena, &stream, &publication->stream));
    publication->has_seq = true;
    publication->seq = number(row->seq);
    publication->has_tag = true;
    publication->tag = (uint32_t)number(row->tag);
    publication->has_prev_tag = row->prev_tag.size > 0;
    publication->prev_tag = (uint32_t)number(row->prev_tag);
    publication->has_after = row->after.size > 0;
    publication->after = number(row->after);
    if (row->event.size > 0) {
        TRY(add_payload(arena, row, protobuf, publication));
    }
    TRY(control_parse(arena, row->control, NULL, &publication->control));
    *ret_publication = publication;
    return ERR_OK;
}

enum err publication_ephemeral(struct arena *arena, const char *event,
                               struct bytes payload, bool protobuf,
                               Link__Publication **ret_publication)
{
    Link__Publication *publication = new_publication(arena, bytes_of_text(event));
    if (publication == NULL) {
        return ERR_LIMIT_REACHED;
    }
    char timestamp[25];
    char header[64];
    clock_format(clock_unix_ms(), timestamp);
    int size = snprintf(header, sizeof(header), "{\"timestamp\":\"%s\"", timestamp);
    TRY(compose(arena, bytes_make(header, (size_t)size), payload, &publication->json));
    publication->has_json = true;
    if (protobuf) {
        add_protobuf(arena, event, payload, publication);
    }
    *ret_publication = publication;
    return ERR_OK;
}
