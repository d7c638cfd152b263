/* Why: NNG's sockets hand each message from thread to thread several times on its way in
 * and on its way out; of its streams, only what has come must be handed over, once. */
#include "channel/channel_parts.h"

#include <assert.h>
#include <stdlib.h>

#define KEPT_MAX (64 * 1024) /* memory of what was sent, for what is sent next */

/* ---- receiving ---- */

bool channel_data_room(struct channel *channel, size_t capacity)
{
    if (capacity == channel->capacity) {
        return true;
    }
    uint8_t *data = malloc(capacity);
    if (data == NULL) {
        return false;
    }
    if (channel->end > channel->start) {
        memcpy(data, channel->data + channel->start, channel->end - channel->start);
    }
    free(channel->data);
    channel->data = data;
    channel->capacity = capacity;
    channel->end -= channel->start;
    channel->start = 0;
    return true;
}

void channel_receive(struct channel *channel)
{
    if (channel->broken) { /* NNG lets a receive from a closed stream wait for ever */
        channel_broke(channel);
        return;
    }
    if (channel->start > 0) {
        channel->end -= channel->start;
        memmove(channel->data, channel->data + channel->start, channel->end);
        channel->start = 0;
    }
    if (channel->watch != NULL) {
        return; /* the loop says when */
    }
    nng_iov iov = {channel->data + channel->end, channel->capacity - channel->end};
    nng_aio_set_iov(channel->receiving.aio, 1, &iov);
    channel->receiving.pending = true;
    nng_stream_recv(channel->stream, channel->receiving.aio);
}

/* The size of the next message, once it is known; else SIZE_MAX. */
static size_t next_size(const struct channel *channel)
{
    if (channel->end - channel->start < CHANNEL_HEADER_SIZE) {
        return SIZE_MAX;
    }
    const uint8_t *at = channel->data + channel->start;
    return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
}

void channel_read_on(struct channel *channel)
{
    struct channel_hub *hub = channel->hub;
    size_t size;
    while ((size = next_size(channel)) <= channel->options.message_max &&
           channel->end - channel->start >= CHANNEL_HEADER_SIZE + size &&
           !channel->broken) {
        if (hub->limit == 0) {
            list_push(&hub->unread, &channel->unread_node);
            return;
        }
        hub->limit--;
        if (!channel->heard) {
            channel->heard = true;
            nng_aio_set_timeout(channel->receiving.aio, NNG_DURATION_INFINITE);
        }
        channel->redial_ms = channel->options.redial_min_ms;
        const uint8_t *at = channel->data + channel->start + CHANNEL_HEADER_SIZE;
        channel->start += CHANNEL_HEADER_SIZE + size;
        channel->events.on_message(channel->user, channel, bytes_make(at, size));
        if (channel->closed) {
            return;
        }
    }
    bool known = size != SIZE_MAX;
    if (known && size > channel->options.message_max) {
        channel_broke(channel);
        return;
    }
    size_t least = known ? CHANNEL_HEADER_SIZE + size : CHANNEL_HEADER_SIZE;
    if (channel_data_room(channel,
                          least > CHANNEL_READ_SIZE ? least : CHANNEL_READ_SIZE)) {
        channel_receive(channel);
    } else {
        channel_broke(channel);
    }
}

void channel_on_received(struct operation *operation)
{
    struct channel *channel = container_of(operation, struct channel, receiving);
    if (channel->watch != NULL) {
        operation->sleeping = false;
        if (!channel->heard) {
            channel_broke(channel);
        }
        return;
    }
    if (nng_aio_result(operation->aio) != 0) {
        channel_broke(channel);
        return;
    }
    channel->end += nng_aio_count(operation->aio);
    channel_read_on(channel);
}

/* There is something, so that NNG reads at once, or an end. */
static void read_now(struct channel *channel)
{
    nng_aio *aio = channel->now;
    nng_iov iov = {channel->data + channel->end, channel->capacity - channel->end};
    nng_aio_set_iov(aio, 1, &iov);
    nng_stream_recv(channel->stream, aio);
    nng_aio_cancel(aio);
    nng_aio_wait(aio);
    int rv = nng_aio_result(aio);
    if (rv == 0) {
        channel->end += nng_aio_count(aio);
        channel_read_on(channel);
    } else if (rv != NNG_ECANCELED) {
        channel_broke(channel);
    }
}

void channel_readable(struct channel *channel)
{
    struct channel_hub *hub = channel->hub;
    hub->polling = true;
    hub->limit = SIZE_MAX;
    if (channel->broken) {
        channel_broke(channel);
    } else {
        read_now(channel);
    }
    channel_hub_settle(hub);
}

/* ---- sending ---- */

/* What the kernel takes without waiting; -1: the connection is broken. */
static ssize_t send_now(struct channel *channel, const nng_iov *iov, unsigned count)
{
    nng_aio *aio = channel->now;
    nng_aio_set_iov(aio, count, iov);
    nng_stream_send(channel->stream, aio);
    nng_aio_cancel(aio); /* does nothing to what has ended, as it mostly has */
    nng_aio_wait(aio);
    int rv = nng_aio_result(aio);
    return rv == 0 ? (ssize_t)nng_aio_count(aio) : rv == NNG_ECANCELED ? 0 : -1;
}

static void send_rest(struct channel *channel)
{
    if (channel->sent_size == channel->sent.size) {
        struct buf empty = channel->sent;
        channel->sent = channel->waiting;
        channel->sent_size = 0;
        channel->waiting = empty;
        buf_clear(&channel->waiting);
    }
    if (channel->sent.size == 0) {
        buf_finish(&channel->sent); /* rarely needed: no memory for it meanwhile */
        buf_finish(&channel->waiting);
        return;
    }
    nng_iov iov = {channel->sent.data + channel->sent_size,
                   channel->sent.size - channel->sent_size};
    nng_aio_set_iov(channel->sending.aio, 1, &iov);
    channel->sending.pending = true;
    nng_stream_send(channel->stream, channel->sending.aio);
}

void channel_on_sent(struct operation *operation)
{
    struct channel *channel = container_of(operation, struct channel, sending);
    if (nng_aio_result(operation->aio) != 0) {
        channel_break(channel);
        return;
    }
    channel->sent_size += nng_aio_count(operation->aio);
    send_rest(channel);
}

/* All but the first `skip` bytes of the parts. */
static bool wait_behind(struct channel *channel, const nng_iov *iov, size_t count,
                        size_t skip)
{
    for (size_t i = 0; i < count; i++) {
        size_t skipped = skip < iov[i].iov_len ? skip : iov[i].iov_len;
        skip -= skipped;
        buf_append(&channel->waiting, (uint8_t *)iov[i].iov_buf + skipped,
                   iov[i].iov_len - skipped);
    }
    return !channel->waiting.failed;
}

size_t channel_backlog(const struct channel *channel)
{
    return channel->sent.size - channel->sent_size + channel->waiting.size;
}

enum err channel_send(struct channel *channel, const struct bytes *parts, size_t count)
{
    assert(count <= CHANNEL_PARTS_MAX);
    if (channel->stream == NULL || channel->broken) {
        return ERR_UNAVAILABLE;
    }
    nng_iov iov[1 + CHANNEL_PARTS_MAX];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        iov[1 + i] = (nng_iov){(void *)(uintptr_t)parts[i].data, parts[i].size};
        size += parts[i].size;
    }
    uint8_t header[CHANNEL_HEADER_SIZE] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16),
                                           (uint8_t)(size >> 8), (uint8_t)size};
    iov[0] = (nng_iov){header, sizeof(header)};
    size += sizeof(header);

    size_t backlog = channel_backlog(channel);
    ssize_t written = 0;
    if (backlog == 0 && !channel->corked) {
        written = send_now(channel, iov, (unsigned)count + 1);
    } else if (backlog > 0 && backlog + size > channel->options.backlog_max) {
        return ERR_LIMIT_REACHED;
    }
    if (written == (ssize_t)size) {
        return ERR_OK;
    }
    if (written < 0 || !wait_behind(channel, iov, count + 1, (size_t)written)) {
        channel_break(channel); /* else the other side would see half a message */
        return ERR_UNAVAILABLE;
    }
    if (!channel->sending.pending && !channel->corked) {
        send_rest(channel);
    }
    return ERR_OK;
}

void channel_cork(struct channel *channel)
{
    channel->corked = true;
}

void channel_uncork(struct channel *channel)
{
    channel->corked = false;
    if (channel->stream == NULL || channel->broken || channel->sending.pending ||
        channel->waiting.size == 0) {
        return;
    }
    nng_iov iov = {channel->waiting.data, channel->waiting.size};
    ssize_t written = send_now(channel, &iov, 1);
    if (written < 0) {
        channel_break(channel);
        return;
    }
    buf_consume(&channel->waiting, (size_t)written);
    if (channel->waiting.size > 0 || channel->waiting.capacity > KEPT_MAX) {
        send_rest(channel);
    }
}
