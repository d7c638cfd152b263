/* Target functions: frame_open, stream_parse, stream_from_bytes. The first byte chooses
 * the kind of frame; the rest is taken as a whole frame, and as a body under a good code.
 * No input crashes them, what opens can be packed again, and without the key nothing
 * opens. */
#include <stdlib.h>

#include "belfry/link.pb-c.h"
#include "link/frame.h"
#include "link/stream_id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct kind {
    enum frame_kind kind;
    const ProtobufCMessageDescriptor *descriptor;
};

static const struct kind kinds[] = {
    {FRAME_TO_CORE, &link__to_core__descriptor},
    {FRAME_FROM_CORE, &link__from_core__descriptor},
    {FRAME_BUS, &link__bus_frame__descriptor},
};

static struct link_key *key;

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static enum err open_frame(const struct kind *kind, struct bytes frame,
                           struct arena *arena, ProtobufCMessage **ret_message)
{
    return frame_open(key, kind->kind, kind->descriptor, frame, arena, ret_message);
}

/* What came out goes in again, and comes out the same. */
static void check_again(const struct kind *kind, const ProtobufCMessage *message)
{
    struct buf first, second;
    struct arena arena;
    buf_init(&first, FRAME_MAX_BYTES);
    buf_init(&second, FRAME_MAX_BYTES);
    arena_init(&arena, 64 * 1024 * 1024);
    ProtobufCMessage *again;
    if (frame_seal(key, kind->kind, message, &first) == ERR_OK &&
        open_frame(kind, buf_bytes(&first), &arena, &again) == ERR_OK) {
        require(frame_seal(key, kind->kind, again, &second) == ERR_OK);
        require(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    }
    buf_finish(&first);
    buf_finish(&second);
    arena_finish(&arena);
}

static void check_body(const struct kind *kind, struct bytes body)
{
    struct buf frame;
    struct arena arena;
    buf_init(&frame, FRAME_MAX_BYTES);
    arena_init(&arena, 16 * 1024 * 1024);
    frame_begin(&frame);
    buf_append_bytes(&frame, body);
    ProtobufCMessage *message;
    if (frame_finish(key, kind->kind, &frame) == ERR_OK &&
        open_frame(kind, buf_bytes(&frame), &arena, &message) == ERR_OK) {
        check_again(kind, message);
    }
    buf_finish(&frame);
    arena_finish(&arena);
}

static void check_stream(struct bytes text)
{
    struct stream_id stream;
    char again[STREAM_TEXT_SIZE];
    if (stream_parse(text, &stream)) {
        stream_format(&stream, again);
        require(bytes_equal_text(text, again));
    }
    if (stream_from_bytes(text, &stream)) {
        stream_format(&stream, again);
        require(stream_parse(bytes_of_text(again), &stream));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (key == NULL) {
        require(link_key_create("a secret of at least 32 bytes !!", &key) == ERR_OK);
    }
    if (size == 0) {
        return 0;
    }
    const struct kind *kind = &kinds[data[0] % 3];
    struct bytes rest = bytes_make(data + 1, size - 1);
    struct arena arena;
    arena_init(&arena, 16 * 1024 * 1024);
    ProtobufCMessage *message;
    require(open_frame(kind, rest, &arena, &message) != ERR_OK);
    arena_finish(&arena);
    check_body(kind, rest);
    check_stream(rest);
    return 0;
}
