/* Lets a process trust what another one says: every message is checked for shape and
 * origin before a byte of it is decoded. */
#include "link/frame.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/hmac.h"
#include "base/metrics.h"

#define VERSION         1
#define PREFIX_SIZE     8 /* magic, version, kind, zeros */
#define CODE_SIZE       32
#define SECRET_SIZE_MIN 32
#define PACK_STACK_SIZE 4096

static const uint8_t magic[4] = {'B', 'L', 'F', 'Y'};

static struct metric refused_shape = METRIC_COUNTER_LABEL(
    "belfry_link_frames_refused_total", "reason=\"shape\"",
    "Frames that were dropped: wrong shape, or a code not made with our link key.");
static struct metric refused_code = METRIC_COUNTER_LABEL(
    "belfry_link_frames_refused_total", "reason=\"code\"",
    "Frames that were dropped: wrong shape, or a code not made with our link key.");

struct link_key {
    EVP_MAC_CTX *ready; /* keyed: duplicating it is cheaper than keying anew */
};

enum err link_key_create(const char *secret, struct link_key **ret_key)
{
    metrics_register(&refused_shape);
    metrics_register(&refused_code);
    if (secret == NULL || strlen(secret) < SECRET_SIZE_MIN) {
        return ERR_VALIDATION_ERROR;
    }
    struct link_key *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        return ERR_UNAVAILABLE;
    }
    key->ready = hmac_create("SHA256", bytes_of_text(secret));
    if (key->ready == NULL) {
        link_key_destroy(key);
        return ERR_UNAVAILABLE;
    }
    *ret_key = key;
    return ERR_OK;
}

void link_key_destroy(struct link_key *key)
{
    if (key != NULL) {
        EVP_MAC_CTX_free(key->ready);
        free(key);
    }
}

/* False only when memory is out. */
static bool make_code(const struct link_key *key, const uint8_t prefix[PREFIX_SIZE],
                      struct bytes body, uint8_t ret_code[CODE_SIZE])
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(key->ready);
    size_t size = 0;
    bool ok = ctx != NULL && EVP_MAC_update(ctx, prefix, PREFIX_SIZE) == 1 &&
              (body.size == 0 || EVP_MAC_update(ctx, body.data, body.size) == 1) &&
              EVP_MAC_final(ctx, ret_code, &size, CODE_SIZE) == 1 && size == CODE_SIZE;
    EVP_MAC_CTX_free(ctx);
    return ok;
}

static void make_prefix(enum frame_kind kind, uint8_t ret_prefix[PREFIX_SIZE])
{
    memset(ret_prefix, 0, PREFIX_SIZE);
    memcpy(ret_prefix, magic, sizeof(magic));
    ret_prefix[4] = VERSION;
    ret_prefix[5] = (uint8_t)kind;
}

void frame_begin(struct buf *frame)
{
    static const uint8_t header[FRAME_HEADER_SIZE];
    assert(frame->size == 0);
    buf_append(frame, header, sizeof(header));
}

static size_t put_varint(uint8_t *at, uint64_t value)
{
    size_t size = 0;
    while (value >= 0x80) {
        at[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[size++] = (uint8_t)value;
    return size;
}

static void append_length_head(struct buf *frame, uint32_t field, size_t size)
{
    uint8_t head[FRAME_VARINT_MAX];
    size_t head_size = put_varint(head, (uint64_t)field << 3 | 2);
    head_size += put_varint(head + head_size, size);
    buf_append(frame, head, head_size);
}

/* protobuf-c packs into memory that is there: buf grows by copies only. */
static void append_packed(struct buf *frame, const ProtobufCMessage *message, size_t size)
{
    uint8_t stack[PACK_STACK_SIZE];
    if (size <= sizeof(stack)) {
        protobuf_c_message_pack(message, stack);
        buf_append(frame, stack, size);
        return;
    }
    if (frame->failed || size > FRAME_MAX_BYTES) {
        frame->failed = true;
        return;
    }
    uint8_t *heap = malloc(size);
    if (heap == NULL) {
        frame->failed = true;
        return;
    }
    protobuf_c_message_pack(message, heap);
    buf_append(frame, heap, size);
    free(heap);
}

void frame_append_member(struct buf *frame, uint32_t field,
                         const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    append_length_head(frame, field, size);
    append_packed(frame, message, size);
}

void frame_append_bytes(struct buf *frame, uint32_t field, struct bytes bytes)
{
    append_length_head(frame, field, bytes.size);
    buf_append_bytes(frame, bytes);
}

void frame_append_packed(struct buf *frame, uint32_t field, struct bytes head,
                         struct bytes tail)
{
    append_length_head(frame, field, head.size + tail.size);
    buf_append_bytes(frame, head);
    buf_append_bytes(frame, tail);
}

size_t frame_put_varint(uint8_t *at, uint32_t field, uint64_t value)
{
    size_t size = put_varint(at, (uint64_t)field << 3);
    return size + put_varint(at + size, value);
}

void frame_append_varint(struct buf *frame, uint32_t field, uint64_t value)
{
    uint8_t both[FRAME_VARINT_MAX];
    buf_append(frame, both, frame_put_varint(both, field, value));
}

/* Of a frame that starts at `start` of the buf. */
static enum err finish_at(const struct link_key *key, enum frame_kind kind,
                          struct buf *frame, size_t start)
{
    if (frame->failed || frame->size - start > FRAME_MAX_BYTES) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    uint8_t *header = frame->data + start;
    make_prefix(kind, header);
    struct bytes body =
        bytes_make(header + FRAME_HEADER_SIZE, frame->size - start - FRAME_HEADER_SIZE);
    return make_code(key, header, body, header + PREFIX_SIZE) ? ERR_OK : ERR_UNAVAILABLE;
}

enum err frame_finish(const struct link_key *key, enum frame_kind kind, struct buf *frame)
{
    assert(frame->failed || frame->size >= FRAME_HEADER_SIZE);
    return finish_at(key, kind, frame, 0);
}

enum err frame_seal(const struct link_key *key, enum frame_kind kind,
                    const ProtobufCMessage *message, struct buf *ret_frame)
{
    static const uint8_t header[FRAME_HEADER_SIZE];
    size_t size = protobuf_c_message_get_packed_size(message);
    if (ret_frame->failed || size > FRAME_MAX_BYTES - FRAME_HEADER_SIZE) {
        return ERR_PAYLOAD_TOO_LARGE;
    }
    size_t start = ret_frame->size;
    buf_append(ret_frame, header, sizeof(header));
    append_packed(ret_frame, message, size);
    return finish_at(key, kind, ret_frame, start);
}

static enum err check(const struct link_key *key, enum frame_kind kind,
                      struct bytes frame)
{
    if (frame.size < FRAME_HEADER_SIZE || frame.size > FRAME_MAX_BYTES) {
        return ERR_VALIDATION_ERROR;
    }
    uint8_t prefix[PREFIX_SIZE];
    make_prefix(kind, prefix);
    if (memcmp(frame.data, prefix, PREFIX_SIZE) != 0) {
        return ERR_VALIDATION_ERROR;
    }
    uint8_t code[CODE_SIZE];
    struct bytes body =
        bytes_make(frame.data + FRAME_HEADER_SIZE, frame.size - FRAME_HEADER_SIZE);
    if (!make_code(key, prefix, body, code)) {
        return ERR_UNAVAILABLE;
    }
    bool same = CRYPTO_memcmp(code, frame.data + PREFIX_SIZE, CODE_SIZE) == 0;
    return same ? ERR_OK : ERR_UNAUTHENTICATED;
}

enum err frame_open(const struct link_key *key, enum frame_kind kind,
                    const ProtobufCMessageDescriptor *descriptor, struct bytes frame,
                    struct arena *arena, ProtobufCMessage **ret_message)
{
    enum err err = check(key, kind, frame);
    if (err != ERR_OK) {
        metric_add(err == ERR_UNAUTHENTICATED ? &refused_code : &refused_shape, 1);
        return err;
    }
    /* Required 16-byte ids make an empty body invalid, but protobuf-c wants a pointer. */
    ProtobufCAllocator allocator = arena_allocator(arena);
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, frame.size - FRAME_HEADER_SIZE,
                                  frame.data + FRAME_HEADER_SIZE);
    if (message == NULL) {
        metric_add(&refused_shape, 1);
        return ERR_VALIDATION_ERROR;
    }
    *ret_message = message;
    return ERR_OK;
}

static void *allocate(void *arena, size_t size)
{
    return arena_alloc(arena, size);
}

static void release_nothing(void *arena, void *pointer)
{
}

ProtobufCAllocator arena_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){
        .alloc = allocate, .free = release_nothing, .allocator_data = arena};
}
