/* The part of a broker's URL that names one server: [USER][:PASSWORD@]HOST[:PORT], where
 * HOST is a name, an IPv4 address or an IPv6 address in brackets. */
#ifndef BUS_BUS_ADDRESS_H
#define BUS_BUS_ADDRESS_H

#include "base/bytes.h"
#include "base/err.h"

struct bus_address {
    char user[256];
    char password[256];
    char host[256];
    int port;
};

/* `port` when the text gives none. User and password are taken as they are, without
 * percent decoding; what follows the last '@' is the host.
 * ERR_VALIDATION_ERROR: not such a text; *ret_address is then unchanged. */
MUST_CHECK enum err bus_address_parse(struct bytes text, int port,
                                      struct bus_address *ret_address);

#endif
