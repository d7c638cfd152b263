/* HTTP answers: their heads, and the requests that are let in (visitor.h). */
#ifndef EDGE_HTTP_H
#define EDGE_HTTP_H

#include "base/buf.h"

/* Appends status line and headers of an answer with a body of `size` bytes, and the empty
 * line. The connection closes after each answer, so that every request passes the door.
 * `origin` (an allowed one, or NULL) may read it; `headers` are more lines, or NULL;
 * without a Cache-Control among them nothing is to be stored. */
void http_append_head(struct buf *buf, int status, const char *content_type, size_t size,
                      struct bytes origin, const char *headers);

/* "Not Found". */
const char *http_reason(int status);

#endif
