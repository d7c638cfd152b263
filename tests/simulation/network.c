/* The bus, which loses, doubles and shuffles, and the links, which only shuffle and
 * break. */
#include <stdlib.h>

#include "doubles.h"
#include "link/link_client.h"

static struct message **pool;
static size_t pool_count, pool_capacity;

static void put(const struct message *message)
{
    if (pool_count == pool_capacity) {
        pool_capacity = pool_capacity * 2 + 16;
        pool = realloc(pool, pool_capacity * sizeof(struct message *));
    }
    struct message *copy = malloc(sizeof(*copy));
    if (copy == NULL || pool == NULL) {
        abort();
    }
    *copy = *message;
    pool[pool_count++] = copy;
}

static void drop(size_t i)
{
    free(pool[i]);
    pool[i] = pool[--pool_count];
}

/* To each edge whose interest the broker has heard of. At the end the bus stays dead. */
static void broadcast(struct message *message)
{
    for (int edge = 0; edge < EDGES && world.chaos; edge++) {
        bool wanted = (world.edges[edge].interest >> message->event.place & 1) != 0;
        if (!wanted || chance(2500)) {
            continue;
        }
        message->edge = edge;
        message->boot = world.edges[edge].boot;
        message->epoch = world.database.epoch;
        put(message);
        if (chance(1000)) {
            put(message);
        }
    }
}

void network_publish(const struct event *event)
{
    struct message message = {.kind = MESSAGE_EVENT, .event = *event};
    broadcast(&message);
}

/* What a core has just committed is said again with a later frame. */
void network_publish_head(const struct event *event)
{
    struct message message = {.kind = MESSAGE_HEAD, .event = *event};
    if (chance(2000)) {
        broadcast(&message);
    }
}

void network_send(const struct message *message)
{
    put(message);
}

void network_deliver(void)
{
    if (pool_count == 0) {
        return;
    }
    size_t i = dice((uint32_t)pool_count);
    struct message *message = pool[i];
    pool[i] = pool[--pool_count];
    struct sim_edge *edge = &world.edges[message->edge];
    if (message->kind == MESSAGE_REPLY) {
        doubles_reply(message);
    } else if (edge->boot == message->boot && message->kind == MESSAGE_EVENT) {
        edge_take_event(edge, &message->event, message->epoch);
    } else if (edge->boot == message->boot) {
        edge_take_head(edge, message->event.place, message->event.seq);
    }
    free(message);
}

/* A link notices that its core was killed, or believes for a while that it is silent. */
void network_link_step(void)
{
    struct link_client *link = doubles_link((int)dice(EDGES), (int)dice(CORES));
    if (link_client_up(link)) {
        if (doubles_link_lost(link) || (world.chaos && chance(3000))) {
            doubles_link_down(link);
        }
    } else if (chance(5000)) {
        doubles_link_up(link);
    }
}

void network_drop_publications(void)
{
    for (size_t i = pool_count; i-- > 0;) {
        if (pool[i]->kind != MESSAGE_REPLY) {
            drop(i);
        }
    }
}

void network_drop_all(void)
{
    while (pool_count > 0) {
        drop(pool_count - 1);
    }
}

void network_finish(void)
{
    network_drop_all();
    free(pool);
    pool = NULL;
    pool_capacity = 0;
}
