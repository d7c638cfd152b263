/* How many connections each address has, so that no single one takes all. An IPv6 address
 * counts by its /64, which is what one household gets. */
#ifndef EDGE_ADDRESSES_H
#define EDGE_ADDRESSES_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct addresses;

struct address {
    uint8_t key[16];
    uint32_t total;   /* connections */
    uint32_t unknown; /* of them, those that have not said who they are */
};

/* NULL: no memory. */
struct addresses *addresses_create(void);
void addresses_destroy(struct addresses *addresses); /* accepts NULL */

/* One more connection, not known yet. Lives until addresses_leave() was called as often.
 * NULL: no memory, or no address. */
struct address *addresses_enter(struct addresses *addresses, const char *text);
void addresses_known(struct address *address);
void addresses_leave(struct addresses *addresses, struct address *address, bool known);

/* The 16 bytes that stand for an address in limits. False: it is none. */
bool addresses_key(const char *text, uint8_t ret_key[16]);

#endif
