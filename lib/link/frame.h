/* The frame around every message between edges and cores, on the link and on the bus:
 *
 *     4 bytes  "BLFY"
 *     1 byte   version (1)
 *     1 byte   kind: 'E' ToCore, 'C' FromCore, 'B' BusFrame
 *     2 bytes  zero
 *    32 bytes  HMAC-SHA256 under the link key, over the 8 bytes above and the body
 *     n bytes  body: protobuf (proto/belfry/link.proto)
 *
 * A frame that does not fit is dropped and counted, never answered. */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define FRAME_HEADER_SIZE 40
#define FRAME_MAX_BYTES   (4 * 1024 * 1024)

enum frame_kind { FRAME_TO_CORE = 'E', FRAME_FROM_CORE = 'C', FRAME_BUS = 'B' };

/* The shared secret, at least 32 bytes of it; kept with its prepared HMAC state. */
struct link_key;
MUST_CHECK enum err link_key_create(const char *secret, struct link_key **ret_key);
void link_key_destroy(struct link_key *key);

/* Appends header and packed message. ERR_PAYLOAD_TOO_LARGE above FRAME_MAX_BYTES. */
MUST_CHECK enum err frame_seal(const struct link_key *key, enum frame_kind kind,
                               const ProtobufCMessage *message, struct buf *ret_frame);

/* Checks header and code (in constant time) and unpacks into the arena. The message is
 * freed with the arena. ERR_UNAUTHENTICATED: wrong code. ERR_VALIDATION_ERROR: anything
 * else that does not fit. Counted in belfry_link_frames_refused_total. */
MUST_CHECK enum err frame_open(const struct link_key *key, enum frame_kind kind,
                               const ProtobufCMessageDescriptor *descriptor,
                               struct bytes frame, struct arena *arena,
                               ProtobufCMessage **ret_message);

/* The same in steps, for bodies that are put together from packed parts: begin makes room
 * for the header at the start of an empty buf, parts are appended, finish writes the
 * header. */
void frame_begin(struct buf *frame);
void frame_append_member(struct buf *frame, uint32_t field,
                         const ProtobufCMessage *message);
void frame_append_bytes(struct buf *frame, uint32_t field, struct bytes bytes);
/* A member that is packed already, in two parts: fields in `tail` replace those of
 * `head`. */
void frame_append_packed(struct buf *frame, uint32_t field, struct bytes head,
                         struct bytes tail);
void frame_append_varint(struct buf *frame, uint32_t field, uint64_t value);
/* One such field in plain memory, at most FRAME_VARINT_MAX bytes: gives its size. */
#define FRAME_VARINT_MAX 20
size_t frame_put_varint(uint8_t *at, uint32_t field, uint64_t value);
MUST_CHECK enum err frame_finish(const struct link_key *key, enum frame_kind kind,
                                 struct buf *frame);

/* protobuf-c allocating from an arena; frees are no-ops. */
ProtobufCAllocator arena_allocator(struct arena *arena);

#endif
