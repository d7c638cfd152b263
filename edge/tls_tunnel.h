/* One tunnel, for tls_tunnels.c. */
#ifndef EDGE_TLS_TUNNEL_H
#define EDGE_TLS_TUNNEL_H

#include "base/buf.h"
#include "edge/tls_tunnels.h"

/* One end of a tunnel and what it is watched for. */
struct tunnel_end {
    uv_poll_t poll;
    int fd;
    int events;
};

struct tunnel {
    struct tunnels *tunnels;
    struct list in_all;
    struct list in_leaving; /* while the edge's side has ended */
    SSL *ssl;
    struct tunnel_end client, edge;
    int plain_fd;           /* the pair's other end, which is not ours */
    struct buf to_edge;     /* read and not taken yet; memory only while in use */
    struct buf to_client;   /* the same */
    int64_t left_at_ms;     /* the edge's side has ended, or was given more time */
    uint64_t left_at_bytes; /* what the client had taken then */
    int handles;            /* that are open */
    bool head_passed;       /* the first request is on its way to the edge */
    bool client_done;       /* sends no more */
    bool client_blocked;    /* takes no more for now */
    bool edge_done;         /* all that it wrote has been read */
    bool pair_empty;        /* of what goes before direct writes */
    bool closed;
};

void tunnel_metrics_register(void);

size_t tunnel_send(struct tunnel *tunnel, const struct iovec *parts, uint32_t count);

/* Its time is over: ends it, unless the client takes what it gets, be it slowly. */
void tunnel_expire(struct tunnel *tunnel);

/* Its memory goes when the loop turns. */
void tunnel_close(struct tunnel *tunnel);

#endif
