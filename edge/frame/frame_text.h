/* What the framings that speak JSON text share: reading names, ids and credentials,
 * writing payloads. */
#ifndef EDGE_FRAME_FRAME_TEXT_H
#define EDGE_FRAME_FRAME_TEXT_H

#include "base/buf.h"
#include "edge/frame/frame.h"
#include "edge/identity.h"

#define FRAME_AROUND     64  /* more than a framing writes around name and payload */
#define FRAME_NAME_SIZE  129 /* of names, with the NUL */
#define FRAME_TOKEN_SIZE (TOKEN_MAX_BYTES + 16)

/* Ids of calls stay exact in JavaScript: at most 2^53-1. */
#define FRAME_ID_MAX ((UINT64_C(1) << 53) - 1)

/* Digits only, at most FRAME_ID_MAX. */
bool frame_read_id(struct bytes digits, uint64_t *ret_id);

/* The text of a JSON string (slice with quotes), unescaped into `space`. False if it is
 * no string, or too long. */
bool frame_read_text(struct bytes string, char space[FRAME_NAME_SIZE],
                     struct bytes *ret_text);

/* token (a string) and resume (an object) of a hello or of a CONNECT, from a valid
 * object. A token of another type or size is given as something that no verifier takes,
 * so that it is not mistaken for none; null and "" are none. */
void frame_read_auth(struct bytes object, char space[FRAME_TOKEN_SIZE],
                     struct bytes *ret_token, struct bytes *ret_resume);

/* A payload as session_call() wants it: a missing one and null (what JavaScript makes of
 * undefined) are the empty one. */
struct bytes frame_payload(struct bytes value);

/* The payload, {} if there is none. */
void frame_append_payload(struct buf *buf, struct bytes payload);

#endif
