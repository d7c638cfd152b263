/* What the outputs share. */
#ifndef GEN_EMIT_H
#define GEN_EMIT_H

#include "model.h"

#define OUTPUT_MAX (16u << 20) /* bytes of one file */

/* Writes `text` as directory/name. ERR_INTERNAL with errno set: it could not, or the text
 * was too long. */
MUST_CHECK enum err emit_file(struct contract *contract, const char *directory,
                              const char *name, const struct buf *text);

#endif
