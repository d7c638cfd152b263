/* The core's end of the link: takes link messages apart into requests and gathers
 * finished replies for the edge that asked. See link_client.h for
 * the rhythm. */
#ifndef LINK_LINK_SERVER_H
#define LINK_LINK_SERVER_H

#include <uv.h>

#include "base/err.h"
#include "base/uuid.h"
#include "belfry/link.pb-c.h"
#include "link/frame.h"

struct link_server;
struct link_peer; /* one link of one edge process */

struct link_server_events {
    /* A request came; everything in it is borrowed for the call. The answer goes to
     * `peer` with the request's id, whenever it is ready. The requests of one message
     * come in their order; two messages of one edge may overtake each other. */
    void (*on_request)(void *user, struct link_peer *peer, const Link__Request *request);
    /* Bus publications of one loop turn can be flushed here: called at the end of each
     * turn, when its requests were handled and its replies were sent. May be NULL. */
    void (*on_turn)(void *user);
};

/* Listens on "host:port" (host may be 0.0.0.0 or ::). ERR_UNAVAILABLE: cannot listen.
 * The key is borrowed and outlives the server. */
MUST_CHECK enum err link_server_open(uv_loop_t *loop, const char *host, int port,
                                     const struct link_key *key, struct uuid core_id,
                                     struct bytes catalogue_hash,
                                     struct link_server_events events, void *user,
                                     struct link_server **ret_server);

/* No callback afterwards. The loop must turn once more for its memory to go; references
 * to peers stay good, their replies are dropped. */
void link_server_close(struct link_server *server);

/* Queues a packed copy; sent with the next link message of that edge. A peer that has
 * been silent for 30 s is forgotten and its replies are dropped: link_peer_ref keeps the
 * struct alive while a request of it is under way. */
void link_server_reply(struct link_peer *peer, const Link__Reply *reply);
struct link_peer *link_peer_ref(struct link_peer *peer);
void link_peer_unref(struct link_peer *peer);
struct uuid link_peer_edge(const struct link_peer *peer);

/* From now on every message says `draining`. */
void link_server_drain(struct link_server *server);

/* What messages say from now on of the core's load; from 100 on others should rather be
 * asked. */
void link_server_set_busy(struct link_server *server, uint32_t percent);

/* True when every reply to an edge that is connected has been handed to the network: a
 * core that leaves waits for it, but not for ever. Who is not connected asks elsewhere. */
bool link_server_flushed(const struct link_server *server);

#endif
