/* One form of a stream's name for people and the bus, one for the link, both exact. */
#include "link/stream_id.h"

static const char *const kind_names[] = {
    [STREAM_COMMUNITY] = "community", [STREAM_MEMBERS] = "members",
    [STREAM_ROOM] = "room",           [STREAM_USER] = "user",
    [STREAM_ACCESS] = "access",
};

static bool kind_valid(uint8_t kind)
{
    return kind >= STREAM_COMMUNITY && kind <= STREAM_ACCESS;
}

void stream_format(const struct stream_id *stream, char ret_text[STREAM_TEXT_SIZE])
{
    const char *kind = kind_valid(stream->kind) ? kind_names[stream->kind] : "unknown";
    size_t size = strlen(kind);
    memcpy(ret_text, kind, size);
    ret_text[size] = ':';
    uuid_format(stream->id, ret_text + size + 1);
}

bool stream_parse(struct bytes text, struct stream_id *ret_stream)
{
    for (uint8_t kind = STREAM_COMMUNITY; kind <= STREAM_ACCESS; kind++) {
        size_t size = strlen(kind_names[kind]);
        if (text.size != size + UUID_TEXT_SIZE || text.data[size] != ':' ||
            memcmp(text.data, kind_names[kind], size) != 0) {
            continue;
        }
        struct stream_id stream = {.kind = kind};
        struct bytes id = bytes_make(text.data + size + 1, UUID_TEXT_SIZE - 1);
        if (!uuid_parse(id, &stream.id)) {
            return false;
        }
        /* Upper case would be a second name of the same stream. */
        char exact[UUID_TEXT_SIZE];
        uuid_format(stream.id, exact);
        if (!bytes_equal_text(id, exact)) {
            return false;
        }
        *ret_stream = stream;
        return true;
    }
    return false;
}

bool stream_from_bytes(struct bytes bytes, struct stream_id *ret_stream)
{
    if (bytes.size != sizeof(*ret_stream) || !kind_valid(bytes.data[0])) {
        return false;
    }
    memcpy(ret_stream, bytes.data, sizeof(*ret_stream));
    return true;
}
