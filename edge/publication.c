/* An event at the edge: copied once from the link, framed once for each kind of client,
 * shared by all its receivers. */
#include "edge/publication.h"

#include <stdlib.h>

/* Control is small and rare: pack and unpack is the simplest deep copy. */
static Link__Control *copy_control(const Link__Control *control)
{
    size_t size = link__control__get_packed_size(control);
    uint8_t *packed = malloc(size > 0 ? size : 1);
    if (packed == NULL) {
        return NULL;
    }
    link__control__pack(control, packed);
    Link__Control *copy = link__control__unpack(NULL, size, packed);
    free(packed);
    return copy;
}

static struct bytes place(uint8_t **at, const void *data, size_t size)
{
    if (size == 0) {
        return bytes_make(NULL, 0);
    }
    struct bytes placed = bytes_make(*at, size);
    memcpy(*at, data, size);
    *at += size;
    return placed;
}

struct publication *publication_create(const Link__Publication *source)
{
    struct stream_id stream = {0};
    if (source->has_stream &&
        !stream_from_bytes(bytes_make(source->stream.data, source->stream.len),
                           &stream)) {
        return NULL;
    }
    size_t event_size = strlen(source->event);
    size_t size = event_size + source->json.len + source->protobuf.len;
    struct publication *publication = malloc(sizeof(*publication) + size);
    if (publication == NULL) {
        return NULL;
    }
    *publication = (struct publication){.refs = 1, .stream = stream};
    publication->seq = source->has_seq ? source->seq : 0;
    publication->durable = publication->seq > 0;
    publication->tag = source->tag;
    publication->prev_tag = source->prev_tag;
    publication->after = source->after;
    if (source->has_except_session && source->except_session.len == 16) {
        publication->has_except = true;
        memcpy(publication->except_session.b, source->except_session.data, 16);
    }
    uint8_t *at = publication->bytes;
    publication->event = place(&at, source->event, event_size);
    publication->json = place(&at, source->json.data, source->json.len);
    publication->has_protobuf = source->has_protobuf;
    publication->protobuf = place(&at, source->protobuf.data, source->protobuf.len);
    if (source->control != NULL) {
        publication->control = copy_control(source->control);
        if (publication->control == NULL) {
            free(publication);
            return NULL;
        }
    }
    return publication;
}

struct publication *publication_ref(struct publication *publication)
{
    publication->refs++;
    return publication;
}

void publication_drop_frames(struct publication *publication)
{
    for (int i = 0; i < PUBLICATION_FRAMES; i++) {
        frame_unref(publication->frames[i].frame);
        publication->frames[i].frame = NULL;
    }
}

void publication_unref(struct publication *publication)
{
    if (publication == NULL || --publication->refs > 0) {
        return;
    }
    publication_drop_frames(publication);
    if (publication->control != NULL) {
        link__control__free_unpacked(publication->control, NULL);
    }
    free(publication);
}

static struct frame *make_frame(const struct publication *publication,
                                const struct framing *framing, const char *name_space)
{
    struct frame *frame =
        framing->publication != NULL
            ? framing->publication(name_space, publication)
            : framing->event(name_space, publication->event, publication->json);
    if (frame != NULL) {
        frame->droppable = !publication->durable;
    }
    return frame;
}

struct frame *publication_frame(struct publication *publication,
                                const struct framing *framing, const char *name_space)
{
    int slot = 0;
    while (slot < PUBLICATION_FRAMES - 1 && publication->frames[slot].frame != NULL &&
           (publication->frames[slot].framing != framing ||
            publication->frames[slot].name_space != name_space)) {
        slot++;
    }
    if (publication->frames[slot].framing != framing ||
        publication->frames[slot].name_space != name_space ||
        publication->frames[slot].frame == NULL) {
        struct frame *frame = make_frame(publication, framing, name_space);
        if (frame == NULL) {
            return NULL;
        }
        frame_unref(publication->frames[slot].frame);
        publication->frames[slot].framing = framing;
        publication->frames[slot].name_space = name_space;
        publication->frames[slot].frame = frame;
    }
    return publication->frames[slot].frame;
}

size_t publication_bytes(const struct publication *publication)
{
    size_t payload =
        publication->event.size + publication->json.size + publication->protobuf.size;
    /* and a frame of it, which may be made again */
    return sizeof(*publication) + payload * 2 + FRAME_ROOM + sizeof(struct frame);
}
