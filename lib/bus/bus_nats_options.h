/* How the bus wants cnats to behave; only bus_nats_link.c uses this. */
#ifndef BUS_BUS_NATS_OPTIONS_H
#define BUS_BUS_NATS_OPTIONS_H

#include <nats/nats.h>

#include "base/err.h"

/* `address` is "//SERVER[,SERVER...]", see bus_address.h. On the library's
 * threads `on_change` is called whenever the connection came or went, but `on_reconnect`
 * instead when it came back. natsOptions_Destroy() frees.
 * ERR_VALIDATION_ERROR: a bad address. ERR_UNAVAILABLE: no memory. */
MUST_CHECK enum err bus_nats_options_create(const char *address,
                                            natsConnectionHandler on_change,
                                            natsConnectionHandler on_reconnect,
                                            void *closure, natsOptions **ret_options);

#endif
