/* The one place where NNG's threads and the owner's meet. */
#include "channel/channel_parts.h"

#include <stdlib.h>

void channel_hub_init(struct channel_hub *hub, uv_loop_t *loop, void (*wake)(void *user),
                      void *user)
{
    *hub = (struct channel_hub){.loop = loop, .wake = wake, .user = user};
    pthread_mutex_init(&hub->lock, NULL);
    list_init(&hub->ended);
    list_init(&hub->taken);
    list_init(&hub->unread);
    list_init(&hub->closed);
}

static void free_closed(struct channel_hub *hub)
{
    struct list *node;
    while ((node = list_take(&hub->closed)) != NULL) {
        struct channel *channel = container_of(node, struct channel, node);
        free(channel->data);
        buf_finish(&channel->sent);
        buf_finish(&channel->waiting);
        free(channel);
    }
}

void channel_hub_settle(struct channel_hub *hub)
{
    free_closed(hub);
    hub->polling = false;
}

void channel_hub_finish(struct channel_hub *hub)
{
    free_closed(hub);
    pthread_mutex_destroy(&hub->lock);
}

/* On one of NNG's threads. */
static void on_ended(void *user)
{
    struct operation *operation = user;
    struct channel_hub *hub = operation->hub;
    pthread_mutex_lock(&hub->lock);
    list_push(&hub->ended, &operation->node);
    bool wake = !hub->woken;
    hub->woken = true;
    pthread_mutex_unlock(&hub->lock);
    if (wake) {
        hub->wake(hub->user);
    }
}

bool operation_init(struct operation *operation, struct channel_hub *hub,
                    void (*done)(struct operation *operation))
{
    operation->hub = hub;
    operation->done = done;
    return nng_aio_alloc(&operation->aio, on_ended, operation) == 0;
}

void operation_cancel(struct operation *operation)
{
    if (!operation->pending) {
        return;
    }
    nng_aio_cancel(operation->aio);
    nng_aio_wait(operation->aio); /* for on_ended(), too */
    pthread_mutex_lock(&operation->hub->lock);
    list_remove(&operation->node);
    pthread_mutex_unlock(&operation->hub->lock);
    operation->pending = false;
}

void operation_finish(struct operation *operation)
{
    if (operation->aio != NULL) {
        operation_cancel(operation);
        nng_aio_free(operation->aio);
        operation->aio = NULL;
    }
}

void operation_sleep(struct operation *operation, int ms)
{
    operation->pending = true;
    operation->sleeping = true;
    nng_sleep_aio(ms, operation->aio);
}

/* ---- the owner's turn ---- */

bool channel_hub_poll(struct channel_hub *hub, size_t limit)
{
    if (hub->polling) {
        return false;
    }
    struct list *node;
    hub->polling = true;
    hub->limit = limit;
    pthread_mutex_lock(&hub->lock);
    hub->woken = false; /* first, so that whatever ends from now on wakes again */
    while ((node = list_take(&hub->ended)) != NULL) {
        list_push(&hub->taken, node);
    }
    pthread_mutex_unlock(&hub->lock);

    /* Both grow only at the end while they are worked on, and anything in them may be
     * closed meanwhile. */
    while (hub->limit > 0 && (node = list_take(&hub->unread)) != NULL) {
        channel_read_on(container_of(node, struct channel, unread_node));
    }
    while ((node = list_take(&hub->taken)) != NULL) {
        struct operation *operation = container_of(node, struct operation, node);
        operation->pending = false;
        operation->done(operation);
    }
    channel_hub_settle(hub);
    return !list_empty(&hub->unread);
}
