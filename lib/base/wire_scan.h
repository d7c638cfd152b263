/* A strict reader of the protobuf wire format that allocates nothing: what comes from
 * outside is checked byte by byte before anything believes it. It knows no message types;
 * whoever reads decides which fields there may be. */
#ifndef BASE_WIRE_SCAN_H
#define BASE_WIRE_SCAN_H

#include "base/bytes.h"

/* Groups (3 and 4) are not among them: nothing of ours has ever used them. */
enum wire_type { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

/* What is left of a message. */
struct wire_reader {
    const uint8_t *at, *end;
    bool malformed; /* wire_next() stopped before the end */
};

struct wire_reader wire_reader_make(struct bytes message);

/* False: it is cut off, or longer than what holds it, or a varint has more than 64 bits;
 * the reader then stands somewhere in between. */
bool wire_read_varint(struct wire_reader *reader, uint64_t *ret_value);
bool wire_read_bytes(struct wire_reader *reader, struct bytes *ret_content);
bool wire_skip_value(struct wire_reader *reader, enum wire_type type);

/* A field's number (1 to 2^29-1) and type. False: one that is not in use, too. */
bool wire_read_key(struct wire_reader *reader, uint32_t *ret_number,
                   enum wire_type *ret_type);

/* One whole field. */
struct wire_field {
    uint32_t number; /* 0 in a zeroed one: not there */
    enum wire_type type;
    uint64_t value;       /* of WIRE_VARINT */
    struct bytes content; /* of WIRE_BYTES: a text, bytes, or a message */
};

/* False at the end, and where the message is malformed: reader->malformed tells. */
bool wire_next(struct wire_reader *reader, struct wire_field *ret_field);

/* The content of the first field `number`, which must be of WIRE_BYTES. False: it is not
 * there, or the message is malformed before it. */
bool wire_find_bytes(struct bytes message, uint32_t number, struct bytes *ret_content);

#endif
