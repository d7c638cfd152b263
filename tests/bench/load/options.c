/* The load generator's command line. */
#include "load/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "belfry-load: clients of seeded users against a running system; prints one line of "
    "JSON\n\n"
    "  --scenario NAME    connect, messages, typing, idle or broadcast\n"
    "  --url HOST:PORT    where to connect; several: clients are spread over them\n"
    "  --tls              by TLS, as to https://HOST:PORT; certificates are not checked\n"
    "  --dialect NAME     json (default) or socketio\n"
    "  --clients N        connections; client i is user i\n"
    "  --rooms R          of all; clients are spread over them evenly\n"
    "  --joins K          rooms that a client joins (1): client i the rooms i mod R/K,\n"
    "                     R/K further, 2R/K further …; messages go to any of them\n"
    "  --at-once K        so many of them as it connects, without asking again (0)\n"
    "  --members HOW      a room's are spread over the addresses (default), or together\n"
    "                     at one\n"
    "  --in-flight N      closed loop: so many events under way (100)\n"
    "  --rate R           open loop instead: so many events a second; latency counts\n"
    "                     from when an event was due\n"
    "  --warm S           seconds before measuring (1)\n"
    "  --seconds S        seconds of measuring (5)\n"
    "  --size BYTES       of a message's text (120)\n"
    "  --processes P      that the clients are spread over (1)\n"
    "  --broadcasts N     events to everybody, one after the other (5)\n"
    "  --connecting C     clients on their way in at a time (64)\n"
    "  --group NAME=PIDS  processes whose CPU and memory is told, comma separated;\n"
    "                     with + at the end, their children too\n\n"
    "BELFRY_JWT_SECRET signs the tokens.\n";

enum {
    OPT_SCENARIO = 1,
    OPT_URL,
    OPT_TLS,
    OPT_DIALECT,
    OPT_CLIENTS,
    OPT_ROOMS,
    OPT_JOINS,
    OPT_AT_ONCE,
    OPT_MEMBERS,
    OPT_IN_FLIGHT,
    OPT_RATE,
    OPT_WARM,
    OPT_SECONDS,
    OPT_SIZE,
    OPT_PROCESSES,
    OPT_BROADCASTS,
    OPT_CONNECTING,
    OPT_GROUP,
    OPT_HELP,
};

static const struct option names[] = {
    {"scenario", required_argument, NULL, OPT_SCENARIO},
    {"url", required_argument, NULL, OPT_URL},
    {"tls", no_argument, NULL, OPT_TLS},
    {"dialect", required_argument, NULL, OPT_DIALECT},
    {"clients", required_argument, NULL, OPT_CLIENTS},
    {"rooms", required_argument, NULL, OPT_ROOMS},
    {"joins", required_argument, NULL, OPT_JOINS},
    {"at-once", required_argument, NULL, OPT_AT_ONCE},
    {"members", required_argument, NULL, OPT_MEMBERS},
    {"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
    {"rate", required_argument, NULL, OPT_RATE},
    {"warm", required_argument, NULL, OPT_WARM},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"size", required_argument, NULL, OPT_SIZE},
    {"processes", required_argument, NULL, OPT_PROCESSES},
    {"broadcasts", required_argument, NULL, OPT_BROADCASTS},
    {"connecting", required_argument, NULL, OPT_CONNECTING},
    {"group", required_argument, NULL, OPT_GROUP},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static _Noreturn void fail(const char *what, const char *value)
{
    fprintf(stderr, "belfry-load: %s%s%s; see --help\n", what, value ? ": " : "",
            value ? value : "");
    exit(2);
}

static uint32_t whole(const char *value, uint32_t min, uint32_t max)
{
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    if (*end != 0 || end == value || number < min || number > max) {
        fail("a number out of range", value);
    }
    return (uint32_t)number;
}

static double positive(const char *value)
{
    char *end;
    double number = strtod(value, &end);
    if (*end != 0 || end == value || number < 0) {
        fail("not a number", value);
    }
    return number;
}

static bool together_of(const char *how)
{
    bool together = strcmp(how, "together") == 0;
    if (!together && strcmp(how, "spread") != 0) {
        fail("members are spread or together", how);
    }
    return together;
}

static enum scenario scenario_of(const char *name)
{
    static const char *const all[] = {"connect", "messages", "typing", "idle",
                                      "broadcast"};
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strcmp(all[i], name) == 0) {
            return (enum scenario)i;
        }
    }
    fail("there is no scenario of this name", name);
}

static void add_url(struct options *options, const char *url)
{
    static const char plain[] = "http://", secure[] = "https://";
    if (strncmp(url, plain, strlen(plain)) == 0) {
        url += strlen(plain);
    } else if (strncmp(url, secure, strlen(secure)) == 0) {
        url += strlen(secure);
        options->tls = true;
    }
    if (options->url_count == URLS_MAX) {
        fail("too many addresses", NULL);
    }
    options->urls[options->url_count++] = url;
}

static void add_group(struct options *options, char *text)
{
    if (options->group_count == USAGE_GROUPS_MAX ||
        !usage_parse(text, &options->groups[options->group_count])) {
        fail("not a group of processes", text);
    }
    options->group_count++;
}

static void take(struct options *options, int option, char *value)
{
    switch (option) {
    case OPT_SCENARIO:
        options->scenario = scenario_of(value);
        break;
    case OPT_URL:
        add_url(options, value);
        break;
    case OPT_TLS:
        options->tls = true;
        break;
    case OPT_DIALECT:
        options->dialect = dialect_find(value);
        break;
    case OPT_CLIENTS:
        options->clients = whole(value, 1, 10000000);
        break;
    case OPT_ROOMS:
        options->rooms = whole(value, 1, 10000000);
        break;
    case OPT_JOINS:
        options->joins = whole(value, 0, 100);
        break;
    case OPT_AT_ONCE:
        options->at_once = whole(value, 0, 40);
        break;
    case OPT_MEMBERS:
        options->together = together_of(value);
        break;
    case OPT_IN_FLIGHT:
        options->in_flight = whole(value, 1, 1000000);
        break;
    case OPT_RATE:
        options->rate = positive(value);
        options->in_flight = 0;
        break;
    case OPT_WARM:
        options->warm = positive(value);
        break;
    case OPT_SECONDS:
        options->seconds = positive(value);
        break;
    case OPT_SIZE:
        options->size = whole(value, 32, 4000);
        break;
    case OPT_PROCESSES:
        options->processes = whole(value, 1, PROCESSES_MAX);
        break;
    case OPT_BROADCASTS:
        options->broadcasts = whole(value, 1, BROADCASTS_MAX);
        break;
    case OPT_CONNECTING:
        options->connecting = whole(value, 1, 100000);
        break;
    case OPT_GROUP:
        add_group(options, value);
        break;
    case OPT_HELP:
        fputs(help, stdout);
        exit(0);
    default:
        fail("not an option", NULL);
    }
}

void options_read(int argc, char **argv, struct options *ret_options)
{
    *ret_options = (struct options){
        .dialect = &dialect_json,
        .scenario = SCENARIO_MESSAGES,
        .clients = 1000,
        .rooms = 100,
        .joins = 1,
        .in_flight = 100,
        .warm = 1,
        .seconds = 5,
        .size = 120,
        .processes = 1,
        .broadcasts = 5,
        .connecting = 64,
        .secret = getenv("BELFRY_JWT_SECRET"),
    };
    for (;;) {
        int option = getopt_long(argc, argv, "", names, NULL);
        if (option < 0) {
            break;
        }
        take(ret_options, option, optarg);
    }
    if (optind < argc) {
        fail("not an option", argv[optind]);
    }
    if (ret_options->dialect == NULL) {
        fail("there is no dialect of this name", NULL);
    }
    if (ret_options->url_count == 0 || ret_options->secret == NULL) {
        fail("--url and BELFRY_JWT_SECRET are needed", NULL);
    }
    if (ret_options->in_flight == 0 && ret_options->rate <= 0) {
        fail("--rate must be more than 0", NULL);
    }
    if (ret_options->joins > 1 && ret_options->rooms % ret_options->joins != 0) {
        fail("--rooms must be a multiple of --joins", NULL);
    }
    if (ret_options->at_once > ret_options->joins) {
        fail("--at-once must not be more than --joins", NULL);
    }
    if (ret_options->tls && ret_options->scenario == SCENARIO_BROADCAST) {
        fail("broadcast publishes by plain HTTP: not with TLS", NULL);
    }
}
