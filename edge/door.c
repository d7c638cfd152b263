/* Stands between the socket and libwebsockets: accepts, waits for a request's head for a
 * few seconds, looks at it without taking it from the socket, and then hands the socket
 * on untouched or answers with the refusal. libwebsockets 4.1 would take half-right
 * upgrades, close without a word on large heads, and keep no count of anybody. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "edge/http.h"
#include "edge/http_head.h"
#include "edge/tls.h"
#include "edge/visitor.h"

#define ACCEPTS_PER_TURN 64
#define LINGER_MS        2000
#define ANSWER_MAX       4096
#define RATE_KEY_SIZE    24

/* A connection whose request is not decided yet, or that is being told why not. */
struct guest {
    uv_poll_t poll;
    struct listener *listener;
    struct list in_guests;
    char address[ADDRESS_TEXT_SIZE];
    struct address *counted; /* or NULL */
    int fd;                  /* -1: given away */
    size_t seen;             /* bytes of the head that were there last time */
    int64_t since_ms;
    bool polling, lingering;
};

#define REFUSED(label)                                                                   \
    METRIC_COUNTER_LABEL("belfry_edge_refused_total", "reason=\"" label "\"",            \
                         "Connections and requests that were not let in.")
static struct metric refused_origin = REFUSED("origin_denied");
static struct metric refused_token = REFUSED("token_in_url");
static struct metric refused_request = REFUSED("request");
static struct metric refused_rate = REFUSED("rate");
static struct metric refused_address = REFUSED("address_limit");
static struct metric refused_full = REFUSED("full");
static struct metric expired = REFUSED("head_timeout");

static void register_metrics(void)
{
    struct metric *const all[] = {&refused_origin, &refused_token,   &refused_request,
                                  &refused_rate,   &refused_address, &refused_full,
                                  &expired};
    static bool done;
    if (done) {
        return;
    }
    done = true;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        metrics_register(all[i]);
    }
}

/* ---------------------------------------------------------------- visitors */

void visitor_known(struct visitor *visitor)
{
    if (visitor->counted != NULL && !visitor->known) {
        visitor->known = true;
        addresses_known(visitor->counted);
    }
}

void visitor_free(struct visitor *visitor)
{
    visitor->listener->visitor_count--;
    if (visitor->counted != NULL) {
        addresses_leave(visitor->listener->addresses, visitor->counted, visitor->known);
    }
    if (visitor->bearer != NULL) {
        explicit_bzero(visitor->bearer, strlen(visitor->bearer));
        free(visitor->bearer);
    }
    if (visitor->kind == ADMIT_HTTP && visitor->http != NULL) {
        free(visitor->http->path);
        free(visitor->http->origin);
        free(visitor->http->trace);
        free(visitor->http->if_none_match);
        free(visitor->http);
    }
    pool_give(visitor);
}

static char *copy_text(struct bytes text, bool *ok)
{
    char *copy = strndup((const char *)text.data, text.size);
    *ok = *ok && copy != NULL;
    return copy;
}

/* NULL: no memory. */
static struct visit *make_visit(const struct http_head *head,
                                const struct admission *admission, bool *ok)
{
    struct visit *visit = calloc(1, sizeof(*visit));
    if (visit == NULL) {
        *ok = false;
        return NULL;
    }
    visit->route = admission->route;
    visit->method = head->method;
    visit->content_length = head->content_length;
    visit->path = copy_text(head->path, ok);
    if (admission->origin_allowed) {
        visit->origin = copy_text(head->origin, ok);
    }
    if (head->trace.size > 0) {
        visit->trace = copy_text(head->trace, ok);
    }
    if (head->if_none_match.size > 0) {
        visit->if_none_match = copy_text(head->if_none_match, ok);
    }
    return visit;
}

/* NULL: no memory. The guest's place in the counts goes over. */
static struct visitor *make_visitor(struct guest *guest, const struct http_head *head,
                                    const struct admission *admission)
{
    size_t address_size = strlen(guest->address) + 1;
    struct visitor *visitor = pool_take(offsetof(struct visitor, address) + address_size);
    bool ok = true;
    if (visitor == NULL) {
        return NULL;
    }
    visitor->listener = guest->listener;
    visitor->listener->visitor_count++;
    visitor->kind = admission->kind;
    memcpy(visitor->address, guest->address, address_size);
    visitor->awaits_hello = admission->awaits_hello;
    if (admission->bearer.size > 0) {
        visitor->bearer = copy_text(admission->bearer, &ok);
    }
    if (admission->kind == ADMIT_HTTP) {
        visitor->http = make_visit(head, admission, &ok);
    }
    if (!ok) {
        visitor_free(visitor);
        return NULL;
    }
    visitor->counted = guest->counted;
    guest->counted = NULL;
    return visitor;
}

/* ---------------------------------------------------------------- guests */

static void on_guest_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* Frees it; closes the socket unless that was given away. */
static void guest_free(struct guest *guest)
{
    struct listener *listener = guest->listener;
    list_remove(&guest->in_guests);
    listener->guest_count--;
    if (guest->counted != NULL) {
        addresses_leave(listener->addresses, guest->counted, false);
    }
    if (guest->polling) {
        uv_close((uv_handle_t *)&guest->poll, on_guest_closed);
    }
    if (guest->fd >= 0) {
        close(guest->fd);
    }
    if (!guest->polling) {
        free(guest);
    }
}

static void on_guest_readable(uv_poll_t *poll, int status, int events);

static void wait_for_more(struct guest *guest)
{
    if (guest->polling) {
        return;
    }
    if (uv_poll_init(guest->listener->edge->loop, &guest->poll, guest->fd) != 0) {
        guest_free(guest);
        return;
    }
    guest->poll.data = guest;
    guest->polling = true;
    uv_poll_start(&guest->poll, UV_READABLE, on_guest_readable);
}

/* Reads away what the client still sends: closing with unread bytes resets the
 * connection, and the refusal would be lost with it. */
static void linger(struct guest *guest, bool all_read)
{
    static uint8_t scratch[65536];
    for (int i = 0; i < 16; i++) {
        ssize_t got = recv(guest->fd, scratch, sizeof(scratch), MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            guest_free(guest);
            return;
        }
        if (got < 0) {
            break;
        }
    }
    if (all_read) {
        guest_free(guest);
        return;
    }
    guest->lingering = true;
    wait_for_more(guest);
}

static void set_low_mark(struct guest *guest, int bytes)
{
    setsockopt(guest->fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static void count_refusal(const struct admission *admission)
{
    if (admission->status == 403) {
        metric_add(&refused_origin, 1);
    } else if (admission->rule != NULL) {
        metric_add(&refused_token, 1);
    } else if (admission->status == 429) {
        metric_add(&refused_rate, 1);
    } else if (admission->status != 204) {
        metric_add(&refused_request, 1);
    }
}

/* Answers without libwebsockets. `head` is NULL if it could not be read. */
static void refuse(struct guest *guest, const struct http_head *head,
                   const struct admission *admission)
{
    const struct edge_config *config = guest->listener->edge->config;
    struct bytes origin = head != NULL ? head->origin : (struct bytes){0};
    struct bytes allowed = admission->origin_allowed ? origin : (struct bytes){0};
    struct buf body, answer;
    buf_init(&body, ANSWER_MAX);
    buf_init(&answer, 2 * ANSWER_MAX);
    count_refusal(admission);
    log_debug("refused", LOG_INT("status", admission->status),
              LOG_TEXT("why", admission->message), LOG_TEXT("address", guest->address));
    admit_write_refusal(config, admission, origin, &body);
    http_append_head(&answer, admission->status,
                     admission->status == 204 ? NULL : "application/json", body.size,
                     allowed, admission->headers);
    if (head == NULL || head->method != HTTP_HEAD) {
        buf_append_bytes(&answer, buf_bytes(&body));
    }
    if (!answer.failed) {
        send(guest->fd, answer.data, answer.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    shutdown(guest->fd, SHUT_WR);
    if (guest->seen > 0) {
        set_low_mark(guest, 1);
    }
    buf_finish(&body);
    buf_finish(&answer);
    linger(guest, head != NULL && head->content_length == 0);
}

static bool enforced(const struct listener *listener)
{
    return listener->edge->config->limits == LIMITS_ENFORCE;
}

/* No more guests and visitors than the settings allow, nor tunnels whose clients are gone
 * and that end in their own time: each is descriptors. */
static bool is_full(const struct listener *listener)
{
    size_t most = (size_t)listener->edge->config->max_connections;
    return listener->visitor_count + listener->guest_count >= most ||
           (listener->tls != NULL && tls_count(listener->tls) >= 2 * most);
}

/* Counts the guest under its address. False: there are too many of it. */
static bool count_address(struct guest *guest)
{
    struct listener *listener = guest->listener;
    const struct edge_config *config = listener->edge->config;
    guest->counted = addresses_enter(listener->addresses, guest->address);
    if (guest->counted == NULL ||
        (guest->counted->total <= config->connections_per_address &&
         guest->counted->unknown <= config->unauthenticated_per_address)) {
        return true;
    }
    if (config->limits != LIMITS_OFF) {
        metric_add(&refused_address, 1);
    }
    return !enforced(listener);
}

/* False: its address opens WebSockets too often. */
static bool take_rate(struct guest *guest, struct admission *admission,
                      char ret_header[48])
{
    struct edge *edge = guest->listener->edge;
    uint8_t key[RATE_KEY_SIZE] = "connect";
    uint32_t retry_ms = 0;
    if (!addresses_key(guest->address, key + RATE_KEY_SIZE - 16) ||
        limits_take(edge->limits, bytes_make(key, sizeof(key)),
                    (uint32_t)edge->config->connects_per_minute, 60, clock_ms(),
                    &retry_ms)) {
        return true;
    }
    snprintf(ret_header, 48, "Retry-After: %u\r\n", retry_ms / 1000 + 1);
    admission->status = 429;
    admission->engineio_code = -1;
    admission->code = err_code(ERR_RATE_LIMITED);
    admission->message = err_message(ERR_RATE_LIMITED);
    admission->headers = ret_header;
    return false;
}

/* The head is whole: lets it in or not. */
static void decide(struct guest *guest, const struct http_head *head)
{
    struct listener *listener = guest->listener;
    struct admission admission;
    char retry_header[48];
    if (proxies_trust(listener->proxies, guest->address)) {
        char peer[ADDRESS_TEXT_SIZE];
        memcpy(peer, guest->address, sizeof(peer));
        proxies_client(listener->proxies, peer, head->forwarded_for, guest->address);
        if (!count_address(guest)) {
            guest_free(guest);
            return;
        }
    }
    if (!admit(listener->edge->config, listener->cors, head, &admission) ||
        (admission.kind != ADMIT_HTTP && !take_rate(guest, &admission, retry_header))) {
        refuse(guest, head, &admission);
        return;
    }
    struct visitor *visitor = make_visitor(guest, head, &admission);
    if (visitor == NULL) {
        guest_free(guest);
        return;
    }
    if (guest->seen > 0) {
        set_low_mark(guest, 1);
    }
    if (head->expects_continue && head->content_length > 0) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        send(guest->fd, go_on, sizeof(go_on) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    int fd = guest->fd;
    guest->fd = -1;
    guest_free(guest);
    listener_adopt(listener, fd, visitor);
}

/* Looks at what has come so far. */
static void look(struct guest *guest)
{
    static uint8_t data[HTTP_HEAD_MAX];
    ssize_t got = recv(guest->fd, data, sizeof(data), MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for_more(guest);
        return;
    }
    if (got <= 0 || (guest->seen > 0 && (size_t)got == guest->seen)) {
        guest_free(guest); /* gone, or it will send no more */
        return;
    }
    struct http_head head;
    const char *problem = "";
    int status = http_head_read(bytes_make(data, (size_t)got), &head, &problem);
    if (status == HTTP_HEAD_INCOMPLETE) {
        /* Wake again when there is more than this, not because of this. */
        guest->seen = (size_t)got;
        set_low_mark(guest, (int)got + 1);
        wait_for_more(guest);
    } else if (status != 0) {
        struct admission admission;
        admit_refused_head(status, problem, &admission);
        refuse(guest, NULL, &admission);
    } else {
        decide(guest, &head);
    }
}

static void on_guest_readable(uv_poll_t *poll, int status, int events)
{
    struct guest *guest = poll->data;
    if (status < 0) {
        guest_free(guest);
    } else if (guest->lingering) {
        linger(guest, false);
    } else {
        look(guest);
    }
}

/* ---------------------------------------------------------------- accepting */

static void welcome(struct listener *listener, int fd, const struct sockaddr *address)
{
    struct guest *guest = calloc(1, sizeof(*guest));
    if (guest == NULL || is_full(listener)) {
        metric_add(&refused_full, 1);
        free(guest);
        close(fd);
        return;
    }
    guest->listener = listener;
    guest->fd = fd;
    guest->since_ms = clock_ms();
    proxies_format(address, guest->address);
    list_push(&listener->guests, &guest->in_guests);
    listener->guest_count++;
    /* A proxy is no client; its clients count when their address is known. */
    if (!proxies_trust(listener->proxies, guest->address) && !count_address(guest)) {
        guest_free(guest);
        return;
    }
    if (listener->tls != NULL && !tls_enter(listener->tls, &guest->fd)) {
        metric_add(&refused_full, 1);
        guest_free(guest);
        return;
    }
    look(guest);
}

/* No more descriptors: without this the listening socket stays readable and the loop
 * spins. */
static void turn_away(struct listener *listener)
{
    metric_add(&refused_full, 1);
    close(listener->spare_fd);
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
    }
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void door_accept(struct listener *listener)
{
    register_metrics();
    for (int i = 0; i < ACCEPTS_PER_TURN && listener->fd >= 0; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        int fd = accept4(listener->fd, (struct sockaddr *)&address, &size,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            welcome(listener, fd, (struct sockaddr *)&address);
        } else if (errno == EMFILE || errno == ENFILE) {
            turn_away(listener);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void door_expire(struct listener *listener, int64_t now_ms)
{
    int64_t head_ms = listener->edge->config->hello_timeout_ms;
    LIST_EACH(&listener->guests, node) {
        struct guest *guest = container_of(node, struct guest, in_guests);
        int64_t limit_ms = guest->lingering ? head_ms + LINGER_MS : head_ms;
        if (now_ms - guest->since_ms >= limit_ms) {
            metric_add(&expired, guest->lingering ? 0 : 1);
            guest_free(guest);
        }
    }
}

void door_close(struct listener *listener)
{
    LIST_EACH(&listener->guests, node) {
        guest_free(container_of(node, struct guest, in_guests));
    }
}
