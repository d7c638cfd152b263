/* Token buckets: how often somebody may do something.
 *
 * A bucket holds `limit` tokens and fills up in `per_seconds`. Buckets are made when
 * first asked for, go when they are full again, and are bounded in number: when there are
 * too many, the one that was not asked for longest goes. */
#ifndef EDGE_LIMITS_H
#define EDGE_LIMITS_H

#include "base/bytes.h"
#include "base/err.h"
#include "edge/config.h"

#define LIMITS_KEY_MAX 160 /* an id and an event's name */
#define LIMITS_BUCKETS 100000

struct limits;

/* ENFORCE refuses; DRY_RUN only counts what it would refuse; OFF does neither. NULL: no
 * memory. At most `buckets_max` buckets, 0: LIMITS_BUCKETS. */
struct limits *limits_create(enum edge_limits_mode mode, size_t buckets_max);
void limits_destroy(struct limits *limits);
void limits_set_mode(struct limits *limits, enum edge_limits_mode mode);

/* Takes a token from the bucket of `key` (who and what, at most LIMITS_KEY_MAX bytes).
 * False: there is none; ret_retry_after_ms (may be NULL) says when there will be one.
 * limit or per_seconds 0: no limit. */
bool limits_take(struct limits *limits, struct bytes key, uint32_t limit,
                 uint32_t per_seconds, int64_t now_ms, uint32_t *ret_retry_after_ms);

size_t limits_buckets(const struct limits *limits);

#endif
