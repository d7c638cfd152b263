/* TLS at the edge's own port. A client's TLS ends in a tunnel, whose other end is a plain
 * socket of this process: all that is said about requests, frames and slow readers in
 * door.c, ws.c and http.c holds for it; only ws.c knows of TLS, to write past the pair.
 */
#ifndef EDGE_TLS_H
#define EDGE_TLS_H

#include <stdbool.h>
#include <sys/uio.h>
#include <uv.h>

#include "base/err.h"

struct tls;

/* Files in PEM: the certificate with what leads to its root, and its key.
 * ERR_VALIDATION_ERROR with a static sentence in ret_problem if they cannot be used. */
MUST_CHECK enum err tls_create(uv_loop_t *loop, const char *certificate, const char *key,
                               struct tls **ret_tls, const char **ret_problem);

/* Reads the files again, for clients to come; on failure what was read before stays. */
MUST_CHECK enum err tls_reload(struct tls *tls, const char **ret_problem);

/* Puts a tunnel before an accepted socket. The tunnel owns the socket from then on; *fd
 * becomes its plain end, which is the caller's. False: there is no tunnel, *fd stays. */
bool tls_enter(struct tls *tls, int *fd);

/* sendmsg(2) past the pair of sockets, for whoever writes frames at the plain end `fd`:
 * saves writing them twice. Gives how many bytes it has taken, from the first part on;
 * 0: write to the plain end as to any socket, for others go before or the tunnel ends. */
size_t tls_send(struct tls *tls, int fd, const struct iovec *parts, uint32_t count);

/* What others have written at the plain end until now goes before what tls_send() sends
 * from now on. Nothing to do without TLS (NULL). */
void tls_keep_order(struct tls *tls, int fd);

/* Ends tunnels whose client does not go. About each second or more often. */
void tls_tick(struct tls *tls, int64_t now_ms);

/* Ends all tunnels. Accepts NULL. The loop must run once more before `tls` is freed. */
void tls_destroy(struct tls *tls);

size_t tls_count(const struct tls *tls);

#endif
