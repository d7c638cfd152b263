/* What one run of the load generator is to do. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "load/dialect.h"
#include "load/usage.h"

#define URLS_MAX       64
#define PROCESSES_MAX  16
#define BROADCASTS_MAX 16

enum scenario {
    SCENARIO_CONNECT,
    SCENARIO_MESSAGES,
    SCENARIO_TYPING,
    SCENARIO_IDLE,
    SCENARIO_BROADCAST,
};

struct options {
    const char *urls[URLS_MAX]; /* host:port */
    unsigned url_count;
    bool together; /* members of a room use the same of them, instead of all in turns */
    bool tls;      /* to all of them */
    const struct dialect *dialect;
    enum scenario scenario;
    uint32_t clients; /* client i is seeded user i */
    uint32_t rooms;
    uint32_t joins;     /* rooms of a client */
    uint32_t at_once;   /* so many of them with the hello */
    uint32_t in_flight; /* closed loop; 0: open loop */
    double rate;        /* open loop: per second */
    double warm, seconds;
    uint32_t size; /* bytes of a message's text */
    uint32_t processes;
    uint32_t broadcasts; /* to everybody, one after the other */
    uint32_t connecting; /* clients on their way in at a time, all processes together */
    const char *secret;
    struct usage_group groups[USAGE_GROUPS_MAX];
    unsigned group_count;
};

/* How far apart the numbers of a client's rooms are: clients that share one share all. */
static inline uint32_t options_apart(const struct options *options)
{
    return options->joins > 1 ? options->rooms / options->joins : options->rooms;
}

/* Reads the command line; says what is wrong and ends the program when it is. */
void options_read(int argc, char **argv, struct options *ret_options);

#endif
