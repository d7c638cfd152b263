/* The tunnels behind tls.h: each passes bytes between a client's socket, by TLS, and one
 * end of a socket pair. */
#ifndef EDGE_TLS_TUNNELS_H
#define EDGE_TLS_TUNNELS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/uio.h>
#include <uv.h>

#include "base/list.h"
#include "base/map.h"

/* All of an edge. */
struct tunnels {
    uv_loop_t *loop;
    struct list all;
    struct list leaving; /* whose edge side has ended, longest ago first */
    struct map by_plain_fd;
    size_t count;                       /* also those that are being closed */
    void (*on_empty)(struct tunnels *); /* the last of them has been freed; may be NULL */
};

void tunnels_init(struct tunnels *tunnels, uv_loop_t *loop);

/* When none is left. */
void tunnels_finish(struct tunnels *tunnels);

/* As tls_enter(). Owns `ssl` on success. */
bool tunnel_open(struct tunnels *tunnels, SSL *ssl, int *fd);

/* As tls_send(). */
size_t tunnels_send(struct tunnels *tunnels, int plain_fd, const struct iovec *parts,
                    uint32_t count);

/* As tls_keep_order(). */
void tunnels_keep_order(struct tunnels *tunnels, int plain_fd);

/* Ends those whose client does not go. */
void tunnels_expire(struct tunnels *tunnels, int64_t now_ms);

/* Ends all; their memory goes when the loop turns. */
void tunnels_close(struct tunnels *tunnels);

#endif
