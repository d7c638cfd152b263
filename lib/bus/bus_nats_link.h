/* A connection to NATS by cnats. What the library does, it does on threads: all calls
 * into it are made on a worker's (bus_worker.h), as they wait for locks that are held
 * over socket writes and connects; what arrives waits in the bus's inbox. */
#ifndef BUS_BUS_NATS_LINK_H
#define BUS_BUS_NATS_LINK_H

#include "bus/bus_driver.h"

struct nats_link;

/* `address` is "//SERVER[,SERVER...]", see bus_address.h. Connects in the background, for
 * ever. What arrives goes to bus_receive_message(): `topic` is the subject, `reply` the
 * one to answer to; each time it is connected (perhaps to another server, and perhaps it
 * was not seen to be cut off), and each `beat_ms`, the owner is woken.
 * ERR_VALIDATION_ERROR: a bad address. ERR_UNAVAILABLE: no memory, no thread. */
MUST_CHECK enum err nats_link_open(const char *address, int beat_ms, struct bus *bus,
                                   struct nats_link **ret_link);

/* Sends what waits. Nothing is called back afterwards. Accepts NULL. */
void nats_link_close(struct nats_link *link);

bool nats_link_is_up(const struct nats_link *link);

/* How often it was connected, and `beat_ms` went by. */
uint32_t nats_link_ups(const struct nats_link *link);
uint32_t nats_link_beats(const struct nats_link *link);

/* Subjects are topics (bus_topic_valid()), and so is `reply`, or it is empty.
 * ERR_UNAVAILABLE: not connected, or too much waits. */
MUST_CHECK enum err nats_link_publish(struct nats_link *link, const char *subject,
                                      struct bytes reply, struct bytes payload);

/* Over all connections. ERR_UNAVAILABLE: no memory. */
MUST_CHECK enum err nats_link_subscribe(struct nats_link *link, const char *subject);

/* Between the two, what is sent waits, and then goes out at once. */
void nats_link_cork(struct nats_link *link, bool corked);

#endif
