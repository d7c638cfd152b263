/* The clients of one process and the loop that drives them. */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include <openssl/types.h>

#include "load/shared.h"
#include "load/ws.h"

#define ROOM_NAME_SIZE 48

enum client_state {
    CLIENT_NEW,
    CLIENT_CONNECTING, /* TCP */
    CLIENT_SECURING,   /* TLS */
    CLIENT_UPGRADING,  /* HTTP */
    CLIENT_GREETING,   /* hello */
    CLIENT_JOINING,
    CLIENT_READY,
    CLIENT_GONE,
};

/* Small: there are many. */
struct client {
    int fd;
    uint8_t state;
    uint8_t joined;  /* rooms */
    uint8_t calling; /* the number of that which its call under way is for */
    bool typing;     /* what it said last */
    bool has_seq;    /* its rooms' events are numbered */
    uint32_t user;
    uint32_t call; /* number of its last call */
    uint32_t rest_size;
    char *rest;      /* start of a message that is not complete */
    uint8_t *heard;  /* typing: what each member of the room was heard to do last */
    uint64_t *seqs;  /* of each of its rooms: delivered up to here */
    uint64_t due_ns; /* when its call under way was due; 0: none is */
    SSL *ssl;        /* NULL: plain */
};

struct swarm {
    const struct options *options;
    struct shared *shared;
    struct worker *worker;
    struct client *clients;
    uint32_t client_count;
    uint64_t *seqs;    /* those of all clients */
    uint64_t random;   /* the state of swarm_random() */
    uint32_t next;     /* client to connect */
    uint32_t entering; /* on their way in */
    int epoll;
    SSL_CTX *tls; /* NULL: plain */

    struct client **idle; /* those that may send, in no order */
    uint32_t idle_count;
    uint32_t in_flight, in_flight_max;
    uint64_t due_ns;      /* open loop: of the next event */
    uint64_t interval_ns; /* 0: closed loop */
    uint64_t now_ns;      /* of this turn */
    int phase;            /* of this turn */
};

/* Runs the clients numbered `first` and on until PHASE_END; does not return. */
_Noreturn void swarm_run(const struct options *options, struct shared *shared,
                         struct worker *worker, uint32_t first, uint32_t count);

/* ---- swarm.c, for client.c ---- */
uint64_t swarm_random(struct swarm *swarm);
void swarm_ready(struct swarm *swarm, struct client *client);
void swarm_answered(struct swarm *swarm, struct client *client);

/* ---- client.c: one connection ---- */
void client_connect(struct swarm *swarm, struct client *client);
/* The TCP handshake is over, well or not. */
void client_on_connected(struct swarm *swarm, struct client *client);
/* Something came of the TLS handshake. */
void client_on_securing(struct swarm *swarm, struct client *client);
/* Sends the scenario's event, which was due at `due_ns`. */
void client_send_event(struct swarm *swarm, struct client *client, uint64_t due_ns);
/* The connection failed or was closed by the server. */
void client_lost(struct swarm *swarm, struct client *client, const char *why,
                 size_t why_size);
void client_lost_errno(struct swarm *swarm, struct client *client, const char *what);
void client_send_hello(struct swarm *swarm, struct client *client);
/* The stream of the client's first room, its second … */
void client_room_name(const struct swarm *swarm, const struct client *client,
                      uint32_t number, char ret_name[ROOM_NAME_SIZE]);
void client_send_join(struct swarm *swarm, struct client *client);
/* The payload has WS_HEAD_MAX bytes of room in front. */
void client_send_frame(struct swarm *swarm, struct client *client, char *payload,
                       size_t payload_size, enum ws_opcode opcode);

/* ---- client_read.c ---- */
void client_on_readable(struct swarm *swarm, struct client *client);

/* Of those that a client joins the first, the second …: each room has as many members. */
static inline uint32_t client_room(const struct swarm *swarm, const struct client *client,
                                   uint32_t number)
{
    uint32_t apart = options_apart(swarm->options);
    return client->user % apart + number * apart;
}

/* ---- check.c: what arrives ---- */
/* The seq at which the client's room stood when it joined. */
void check_joined(struct swarm *swarm, struct client *client, const struct incoming *in);
/* The same of the next room that should have been opened with the hello; false: it was
 * not. */
bool check_welcomed(struct swarm *swarm, struct client *client,
                    const struct incoming *in);
void check_reply(struct swarm *swarm, struct client *client, const struct incoming *in);
void check_event(struct swarm *swarm, struct client *client, const struct incoming *in);
/* Nothing comes any more: what is missing? */
void check_end(struct swarm *swarm);

#endif
