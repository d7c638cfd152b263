/* All tunnels of an edge. */
#include "edge/tls_tunnels.h"

#include "edge/tls_tunnel.h"

#define LEAVING_MS 5000 /* for the client to take more, and to hang up after we did */

void tunnels_init(struct tunnels *tunnels, uv_loop_t *loop)
{
    tunnel_metrics_register();
    *tunnels = (struct tunnels){.loop = loop};
    list_init(&tunnels->all);
    list_init(&tunnels->leaving);
    map_init(&tunnels->by_plain_fd, sizeof(int));
}

void tunnels_finish(struct tunnels *tunnels)
{
    map_finish(&tunnels->by_plain_fd);
}

size_t tunnels_send(struct tunnels *tunnels, int plain_fd, const struct iovec *parts,
                    uint32_t count)
{
    struct tunnel *tunnel = map_get(&tunnels->by_plain_fd, &plain_fd);
    return tunnel != NULL ? tunnel_send(tunnel, parts, count) : 0;
}

void tunnels_keep_order(struct tunnels *tunnels, int plain_fd)
{
    struct tunnel *tunnel = map_get(&tunnels->by_plain_fd, &plain_fd);
    if (tunnel != NULL) {
        tunnel->pair_empty = false;
    }
}

void tunnels_expire(struct tunnels *tunnels, int64_t now_ms)
{
    while (!list_empty(&tunnels->leaving)) {
        struct tunnel *tunnel =
            container_of(tunnels->leaving.next, struct tunnel, in_leaving);
        if (now_ms - tunnel->left_at_ms < LEAVING_MS) {
            return;
        }
        tunnel_expire(tunnel);
    }
}

void tunnels_close(struct tunnels *tunnels)
{
    LIST_EACH(&tunnels->all, node) {
        tunnel_close(container_of(node, struct tunnel, in_all));
    }
}
