/* The address of a client behind proxies that we trust: X-Forwarded-For counts only when
 * one of those wrote it. Pure. */
#ifndef EDGE_PROXIES_H
#define EDGE_PROXIES_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/err.h"

#define ADDRESS_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

struct proxies;

/* "10.0.0.0/8,127.0.0.1,fd00::/8". ERR_VALIDATION_ERROR: not such a list. */
MUST_CHECK enum err proxies_create(const char *list, struct proxies **ret_proxies);
void proxies_destroy(struct proxies *proxies); /* accepts NULL */

/* True if the peer is one of them. */
bool proxies_trust(const struct proxies *proxies, const char *address);

/* The client of a request that came from `peer` with this X-Forwarded-For (may be none):
 * the last address in it that is no trusted proxy; `peer` if it is not trusted itself. */
void proxies_client(const struct proxies *proxies, const char *peer,
                    struct bytes forwarded_for, char ret_address[ADDRESS_TEXT_SIZE]);

/* The text of a socket's address; an IPv4 address in IPv6 form as IPv4. */
void proxies_format(const struct sockaddr *address, char ret_address[ADDRESS_TEXT_SIZE]);

#endif
