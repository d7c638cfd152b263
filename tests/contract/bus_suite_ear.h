/* The listening end of a contract test: a bus, and what it has called back. */
#ifndef CONTRACT_BUS_SUITE_EAR_H
#define CONTRACT_BUS_SUITE_EAR_H

#include <stdatomic.h>
#include <stdint.h>

#include "bus/bus.h"

#define DEADLINE_MS 30000

struct ear {
    struct bus *bus;
    const char *topic;      /* only messages of this one are kept */
    size_t count;           /* that many of them, fences left out */
    uint32_t numbers[4096]; /* what send_number() sent, the first of them */
    uint8_t *payload;       /* of the last one */
    size_t payload_size;
    uint32_t fence; /* the last one heard */
    int event_fd;
    bool more; /* said the last poll */
    _Atomic int wakes;
    _Atomic bool closed; /* a callback is a failure from here on */
    _Atomic int called_late;
};

/* Each bus that is opened from here on reads with this loop; NULL: none, as at first. */
void ear_use_loop(uv_loop_t *loop);

/* Opens the bus at `url`. */
void ear_open(struct ear *ear, const char *url, const char *topic);

/* Closes the bus. The ear goes on watching for late callbacks. */
void ear_close(struct ear *ear);

/* Frees; closes first where needed. */
void ear_finish(struct ear *ear);

/* What its owner does when it is woken, or its loop has something to read. */
bool ear_poll(struct bus *bus);

/* What the owner of the bus does, for up to 10 ms; for loops that wait for a condition.
 */
void ear_step(struct ear *ear);

/* Polls until `count` messages were heard, or the deadline; false: the deadline. */
bool ear_wait_count(struct ear *ear, size_t count);

/* Sends fences on `topic` until the ear hears them: from here on, everything that
 * `publisher` sends arrives, and all that it sent before has arrived or never will. */
void ear_settle(struct ear *ear, struct bus *publisher, const char *topic);

/* One message whose payload is a number. */
MUST_CHECK enum err send_number(struct bus *bus, const char *topic, uint32_t number);

#endif
