/* The edge's end of the link to one core: gathers requests into link messages, keeps one
 * message open at the core, notices when the core no longer answers.
 *
 * How it travels: over one channel, which never sends anything twice (the edge alone
 * decides about retries). At most two messages are under way; what gathers meanwhile
 * forms the next one. The core answers the older message as soon as answers are there,
 * or 2 ms after a newer one came, or after 500 ms with nothing. Silence for
 * LINK_SILENCE_MS while a message is open means the core is down. */
#ifndef LINK_LINK_CLIENT_H
#define LINK_LINK_CLIENT_H

#include <uv.h>

#include "base/err.h"
#include "base/uuid.h"
#include "belfry/link.pb-c.h"
#include "link/frame.h"

#define LINK_SILENCE_MS 1500

struct link_client;

/* All on the loop thread. `reply` is borrowed for the call. */
struct link_client_events {
    /* The first answer came, or an answer after on_down. */
    void (*on_up)(void *user, struct link_client *client, const Link__FromCore *first);
    /* No answer in time, the connection broke, or another process answers now at that
     * address. Whatever was sent and not answered may or may not have happened; late
     * replies are still handed on. */
    void (*on_down)(void *user, struct link_client *client);
    void (*on_reply)(void *user, struct link_client *client, const Link__Reply *reply);
    /* Each message, before its replies: drain flag and catalogue hash. */
    void (*on_message)(void *user, struct link_client *client,
                       const Link__FromCore *message);
};

/* Dials "host:port" in the background and keeps at it. `edge_id` goes with every
 * message. The key is borrowed and outlives the client. */
MUST_CHECK enum err link_client_open(uv_loop_t *loop, const char *host, int port,
                                     const struct link_key *key, struct uuid edge_id,
                                     struct link_client_events events, void *user,
                                     struct link_client **ret_client);

/* Frees it; no callback afterwards. May be called from its own callbacks. What was not
 * answered is the caller's to retry. The loop must turn once more for its memory to go.
 */
void link_client_close(struct link_client *client);

/* Queues a packed copy of the request for the next link message; sent at the end of this
 * loop turn at the earliest. ERR_UNAVAILABLE when more than 4 MB wait or it is down,
 * ERR_PAYLOAD_TOO_LARGE when it fits no frame. */
MUST_CHECK enum err link_client_send(struct link_client *client,
                                     const Link__Request *request);

/* The same for a request that was packed before, with another id, deadline and attempt.
 */
MUST_CHECK enum err link_client_send_packed(struct link_client *client,
                                            struct bytes packed, uint64_t id,
                                            uint32_t deadline_ms, uint32_t attempt);

bool link_client_up(const struct link_client *client);
bool link_client_draining(const struct link_client *client);
/* Sent or queued and not yet answered: the measure of load. */
size_t link_client_outstanding(const struct link_client *client);
const char *link_client_address(const struct link_client *client); /* "10.0.0.3:7400" */

#endif
