/* "12.0a1b2c3d", seq and tag: what clients keep of a stream, to go on from there. Opaque
 * to them. */
#ifndef EDGE_CURSOR_H
#define EDGE_CURSOR_H

#include "base/bytes.h"

#define CURSOR_TEXT_SIZE 32

void cursor_format(uint64_t seq, uint32_t tag, char ret_text[CURSOR_TEXT_SIZE]);
bool cursor_parse(struct bytes text, uint64_t *ret_seq, uint32_t *ret_tag);

#endif
