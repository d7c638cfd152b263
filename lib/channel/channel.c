/* How connections come and go. */
#include "channel/channel_parts.h"

#include <stdio.h>
#include <stdlib.h>

#define DIAL_TIMEOUT_MS 10000
#define ACCEPT_RETRY_MS 100 /* after an error: too many descriptors, for one */

/* ---- connections ---- */

bool channel_is_open(const struct channel *channel)
{
    return channel->stream != NULL;
}

static void disconnect(struct channel *channel)
{
    if (channel->stream == NULL) {
        return;
    }
    channel_watch_stop(channel);
    nng_stream_close(channel->stream);
    operation_cancel(&channel->receiving);
    operation_cancel(&channel->sending);
    nng_stream_free(channel->stream);
    channel->stream = NULL;
    list_remove(&channel->unread_node);
    channel->start = channel->end = 0;
    channel->sent_size = 0;
    buf_finish(&channel->sent);
    buf_finish(&channel->waiting);
    if (channel->listener != NULL) {
        channel->listener->count--;
    }
}

static void connected(struct channel *channel, nng_stream *stream)
{
    channel->stream = stream;
    channel->broken = false;
    channel->heard = false;
    int first_ms = channel->options.first_ms;
    nng_aio_set_timeout(channel->receiving.aio,
                        first_ms > 0 ? first_ms : NNG_DURATION_INFINITE);
    if (channel->hub->loop != NULL && channel_watch_start(channel) && first_ms > 0) {
        operation_sleep(&channel->receiving, first_ms);
    }
    if (channel->listener != NULL) {
        channel->listener->count++;
    }
    channel->events.on_open(channel->user, channel);
    if (channel->stream != NULL && channel->watch == NULL) {
        channel_receive(channel);
    }
}

/* Less and less often, until a message has come: connecting alone proves nothing. */
static void dial_later(struct channel *channel)
{
    operation_sleep(&channel->dialing, channel->redial_ms);
    int next_ms = channel->redial_ms * 2;
    channel->redial_ms = next_ms < channel->options.redial_max_ms
                             ? next_ms
                             : channel->options.redial_max_ms;
}

void channel_broke(struct channel *channel)
{
    disconnect(channel);
    channel->events.on_close(channel->user, channel);
    if (channel->closed) {
        return;
    }
    if (channel->listener != NULL) {
        channel_close(channel);
    } else {
        dial_later(channel);
    }
}

void channel_break(struct channel *channel)
{
    if (channel->stream != NULL) {
        channel->broken = true;
        nng_stream_close(channel->stream); /* a receive that is under way fails */
    }
}

static void on_dialed(struct operation *operation)
{
    struct channel *channel = container_of(operation, struct channel, dialing);
    if (operation->sleeping) {
        operation->sleeping = false;
        operation->pending = true;
        nng_stream_dialer_dial(channel->dialer, operation->aio);
    } else if (nng_aio_result(operation->aio) == 0) {
        connected(channel, nng_aio_get_output(operation->aio, 0));
    } else {
        dial_later(channel);
    }
}

static struct channel *channel_create(struct channel_hub *hub,
                                      struct channel_options options,
                                      struct channel_events events, void *user)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    if (channel == NULL) {
        return NULL;
    }
    channel->hub = hub;
    channel->options = options;
    channel->events = events;
    channel->user = user;
    channel->redial_ms = options.redial_min_ms;
    /* A message that was begun must be sent whole. */
    size_t limit = options.backlog_max + CHANNEL_HEADER_SIZE + options.message_max;
    buf_init(&channel->sent, limit);
    buf_init(&channel->waiting, limit);
    if (!channel_data_room(channel, CHANNEL_READ_SIZE) ||
        nng_aio_alloc(&channel->now, NULL, NULL) != 0 ||
        !operation_init(&channel->receiving, hub, channel_on_received) ||
        !operation_init(&channel->sending, hub, channel_on_sent)) {
        channel_close(channel);
        return NULL;
    }
    return channel;
}

/* A connection that was made, and that nobody has looked at. */
static void drop_output(struct operation *operation)
{
    if (operation->aio != NULL && operation->pending && !operation->sleeping) {
        operation_cancel(operation);
        if (nng_aio_result(operation->aio) == 0) {
            nng_stream_free(nng_aio_get_output(operation->aio, 0));
        }
    }
    operation_finish(operation);
}

void channel_close(struct channel *channel)
{
    if (channel == NULL || channel->closed) {
        return;
    }
    channel->closed = true;
    drop_output(&channel->dialing);
    disconnect(channel);
    operation_finish(&channel->receiving);
    operation_finish(&channel->sending);
    nng_aio_free(channel->now); /* NULL is fine */
    if (channel->dialer != NULL) {
        nng_stream_dialer_free(channel->dialer);
    }
    list_remove(&channel->node);
    list_push(&channel->hub->closed, &channel->node); /* it may be in use right now */
}

/* ---- addresses ---- */

void channel_address_format(const char *host, int port,
                            char ret_address[CHANNEL_ADDRESS_SIZE])
{
    bool v6 = strchr(host, ':') != NULL;
    snprintf(ret_address, CHANNEL_ADDRESS_SIZE, "%s%.255s%s:%d", v6 ? "[" : "", host,
             v6 ? "]" : "", port);
}

#define URL_SIZE (CHANNEL_ADDRESS_SIZE + 8)

static bool url_format(const char *host, int port, char ret_url[URL_SIZE])
{
    char address[CHANNEL_ADDRESS_SIZE];
    channel_address_format(host, port, address);
    snprintf(ret_url, URL_SIZE, "tcp://%s", address);
    return host[0] != '\0' && port >= 1 && port <= UINT16_MAX;
}

static enum err err_of(int rv)
{
    return rv == 0                                    ? ERR_OK
           : rv == NNG_EADDRINVAL || rv == NNG_EINVAL ? ERR_VALIDATION_ERROR
                                                      : ERR_UNAVAILABLE;
}

enum err channel_dial(struct channel_hub *hub, const char *host, int port,
                      struct channel_options options, struct channel_events events,
                      void *user, struct channel **ret_channel)
{
    char url[URL_SIZE];
    if (!url_format(host, port, url)) {
        return ERR_VALIDATION_ERROR;
    }
    struct channel *channel = channel_create(hub, options, events, user);
    if (channel == NULL) {
        return ERR_UNAVAILABLE;
    }
    nng_stream_dialer *dialer;
    int rv = nng_stream_dialer_alloc(&dialer, url);
    if (rv == 0) {
        channel->dialer = dialer;
        rv = nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true);
    }
    rv = rv != 0 ? rv : nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_KEEPALIVE, true);
    if (rv == 0 && !operation_init(&channel->dialing, hub, on_dialed)) {
        rv = NNG_ENOMEM;
    }
    if (rv != 0) {
        channel_close(channel);
        return err_of(rv);
    }
    nng_aio_set_timeout(channel->dialing.aio, DIAL_TIMEOUT_MS);
    channel->dialing.pending = true;
    nng_stream_dialer_dial(dialer, channel->dialing.aio);
    *ret_channel = channel;
    return ERR_OK;
}

/* ---- listening ---- */

static void accept_next(struct channel_listener *listener)
{
    listener->accepting.pending = true;
    nng_stream_listener_accept(listener->listener, listener->accepting.aio);
}

static void on_accepted(struct operation *operation)
{
    struct channel_listener *listener =
        container_of(operation, struct channel_listener, accepting);
    if (operation->sleeping) {
        operation->sleeping = false;
        accept_next(listener);
        return;
    }
    if (nng_aio_result(operation->aio) != 0) {
        operation_sleep(operation, ACCEPT_RETRY_MS);
        return;
    }
    nng_stream *stream = nng_aio_get_output(operation->aio, 0);
    accept_next(listener);
    struct channel *channel = channel_create(listener->hub, listener->options,
                                             listener->events, listener->user);
    if (channel == NULL) {
        nng_stream_free(stream);
        return;
    }
    channel->listener = listener;
    list_push(&listener->channels, &channel->node);
    connected(channel, stream);
}

enum err channel_listen(struct channel_hub *hub, const char *host, int port,
                        struct channel_options options, struct channel_events events,
                        void *user, struct channel_listener **ret_listener)
{
    char url[URL_SIZE];
    if (!url_format(host, port, url)) {
        return ERR_VALIDATION_ERROR;
    }
    struct channel_listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return ERR_UNAVAILABLE;
    }
    *listener = (struct channel_listener){
        .hub = hub, .options = options, .events = events, .user = user};
    list_init(&listener->channels);
    int rv = nng_stream_listener_alloc(&listener->listener, url);
    nng_stream_listener *l = listener->listener;
    rv = rv != 0 ? rv : nng_stream_listener_set_bool(l, NNG_OPT_TCP_NODELAY, true);
    rv = rv != 0 ? rv : nng_stream_listener_set_bool(l, NNG_OPT_TCP_KEEPALIVE, true);
    rv = rv != 0 ? rv : nng_stream_listener_listen(l);
    if (rv == 0 && !operation_init(&listener->accepting, hub, on_accepted)) {
        rv = NNG_ENOMEM;
    }
    if (rv != 0) {
        channel_listener_close(listener);
        return err_of(rv);
    }
    accept_next(listener);
    *ret_listener = listener;
    return ERR_OK;
}

void channel_listener_close(struct channel_listener *listener)
{
    if (listener == NULL) {
        return;
    }
    drop_output(&listener->accepting);
    while (!list_empty(&listener->channels)) {
        channel_close(container_of(listener->channels.next, struct channel, node));
    }
    if (listener->listener != NULL) {
        nng_stream_listener_free(listener->listener);
    }
    free(listener);
}

size_t channel_listener_count(const struct channel_listener *listener)
{
    return listener->count;
}
