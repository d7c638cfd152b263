/* A private nats-server or redis-server for the contract tests: on a free port of
 * loopback, in a folder of its own, and never outliving the test. */
#ifndef CONTRACT_BUS_SUITE_BROKER_H
#define CONTRACT_BUS_SUITE_BROKER_H

#include <stdbool.h>
#include <sys/types.h>

#define BROKER_PASSWORD "open-sesame" /* nats: of the user "belfry" */
#define SKIPPED         77            /* SKIP_RETURN_CODE */

enum broker_kind { BROKER_NATS, BROKER_REDIS };

struct broker {
    enum broker_kind kind;
    char program[64];
    char folder[64];
    int port;
    pid_t pid;
};

/* Starts it and waits until it accepts connections. False, and says so loudly: the
 * program is not installed. Before any nng call: nng does not survive fork(). */
bool broker_open(struct broker *broker, enum broker_kind kind);

/* Kills it if it runs, and removes the folder. */
void broker_close(struct broker *broker);

/* kill -9, and the same again on the same port. */
void broker_kill(struct broker *broker);
void broker_start(struct broker *broker);

/* Its sockets stay open, and nobody reads them. */
void broker_pause(struct broker *broker);
void broker_resume(struct broker *broker);

/* A TCP port of loopback that is free now. */
int free_port(void);

#endif
