/* Why: what comes for one of NNG's streams wakes two of its threads before it wakes the
 * owner's, and each costs as much as reading it does. So the owner's loop watches the
 * connection itself and reads, through NNG, when there is something to read. NNG does not
 * tell the descriptor of a stream; it is the one that has the stream's two addresses. */
#include "channel/channel_parts.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

/* Outlives its channel until libuv lets go of it. */
struct channel_watch {
    uv_poll_t poll;
    int fd; /* a duplicate: NNG closes its own when it likes */
    struct channel *channel;
};

/* ---- which descriptor ---- */

static bool same_address(const nng_sockaddr *wanted, const struct sockaddr_storage *is)
{
    if (wanted->s_family == NNG_AF_INET && is->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)is;
        return in->sin_port == wanted->s_in.sa_port &&
               in->sin_addr.s_addr == wanted->s_in.sa_addr;
    }
    if (wanted->s_family == NNG_AF_INET6 && is->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)is;
        return in->sin6_port == wanted->s_in6.sa_port &&
               memcmp(&in->sin6_addr, wanted->s_in6.sa_addr, sizeof(in->sin6_addr)) == 0;
    }
    return false;
}

static bool has_addresses(int fd, const nng_sockaddr *local, const nng_sockaddr *remote)
{
    struct sockaddr_storage is;
    socklen_t size = sizeof(is);
    if (getpeername(fd, (struct sockaddr *)&is, &size) != 0 ||
        !same_address(remote, &is)) {
        return false;
    }
    size = sizeof(is);
    return getsockname(fd, (struct sockaddr *)&is, &size) == 0 &&
           same_address(local, &is);
}

/* A duplicate; -1: not found. Looks at all that there are, once a connection. */
static int find_descriptor(nng_stream *stream)
{
    nng_sockaddr local, remote;
    DIR *all = opendir("/proc/self/fd");
    int found = -1;
    if (all == NULL || nng_stream_get_addr(stream, NNG_OPT_LOCADDR, &local) != 0 ||
        nng_stream_get_addr(stream, NNG_OPT_REMADDR, &remote) != 0) {
        goto done;
    }
    const struct dirent *entry;
    while (found < 0 && (entry = readdir(all)) != NULL) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && has_addresses(fd, &local, &remote)) {
            found = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        }
    }
done:
    if (all != NULL) {
        closedir(all);
    }
    return found;
}

/* ---- watching ---- */

/* Where a connection is reset libuv stops watching. What came before may still be to be
 * read, in part, and the error lies behind it. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct channel_watch *watch = container_of(poll, struct channel_watch, poll);
    if (watch->channel != NULL) {
        channel_readable(watch->channel);
    }
    if (status < 0 && watch->channel != NULL &&
        uv_poll_start(poll, UV_READABLE, on_readable) != 0) {
        channel_break(watch->channel);
    }
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(container_of((uv_poll_t *)handle, struct channel_watch, poll));
}

bool channel_watch_start(struct channel *channel)
{
    struct channel_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return false;
    }
    watch->fd = find_descriptor(channel->stream);
    if (watch->fd < 0 || uv_poll_init(channel->hub->loop, &watch->poll, watch->fd) != 0) {
        if (watch->fd >= 0) {
            close(watch->fd);
        }
        free(watch);
        return false;
    }
    watch->channel = channel;
    channel->watch = watch;
    if (uv_poll_start(&watch->poll, UV_READABLE, on_readable) != 0) {
        channel_watch_stop(channel);
        return false;
    }
    return true;
}

void channel_watch_stop(struct channel *channel)
{
    struct channel_watch *watch = channel->watch;
    if (watch != NULL) {
        channel->watch = NULL;
        watch->channel = NULL;
        uv_poll_stop(&watch->poll);
        uv_close((uv_handle_t *)&watch->poll, on_poll_closed);
        close(watch->fd);
    }
}
