/* The bus's counters, which bus.c and bus_inbox.c share; nobody else includes this. */
#ifndef BUS_BUS_INTERNAL_H
#define BUS_BUS_INTERNAL_H

#include "base/metrics.h"

extern struct metric bus_published;
extern struct metric bus_received;
extern struct metric bus_dropped;
extern struct metric bus_publish_errors;

#endif
