/* The way of a service: one server event to everybody of the seeded community. */
#ifndef BENCH_PUBLISH_H
#define BENCH_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

/* Publishes broadcast `number` by HTTP at `url` (host:port) and waits for the answer,
 * which follows the commit. False: it was refused, and stderr says how. */
bool publish(const char *url, const char *secret, uint32_t number);

/* What marks its text; the number follows. */
#define PUBLISH_MARK "broadcast "

#endif
