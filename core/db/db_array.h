/* Array parameters, from the text of their items: shared by the files of core/db only. */
#ifndef CORE_DB_DB_ARRAY_H
#define CORE_DB_DB_ARRAY_H

#include <libpq-fe.h>

#include "base/buf.h"

/* Appends an array of `count` items, at least one; NULL is SQL NULL. In binary form where
 * `type` is that of an array which this file knows and all items have its form, else as
 * text with its NUL: reading text takes PostgreSQL several times as long. 0 is an unknown
 * type. Returns the format as libpq counts it: 0 text, 1 binary. */
int db_array_append(struct buf *buf, Oid type, const char *const *items, int count);

#endif
