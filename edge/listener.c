/* Opens the port and joins three things on one loop: our own accepting (door.c),
 * libwebsockets, and the end of each turn, when waiting frames are written. */
#include "edge/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/pool.h"
#include "edge/tls.h"
#include "edge/visitor.h"

#define BACKLOG      4096
#define INSURANCE_MS 50
#define RX_BUFFER    124   /* each client has one, and 20 bytes; longer comes in pieces */
#define TX_PACKET    65536 /* 0 would mean RX_BUFFER, and a copy of what is longer */
#define TICK_PART    20    /* rounds of ticks in the shortest time that framings keep */
#define TICK_MAX_MS  1000

/* ---------------------------------------------------------------- libwebsockets */

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                    void *in, size_t size)
{
    struct visitor *visitor = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
    if (visitor == NULL) {
        return 0;
    }
    int result = visitor->kind == ADMIT_HTTP
                     ? http_callback(wsi, reason, visitor, in, size)
                     : ws_callback(wsi, reason, visitor, in, size);
    if (reason == LWS_CALLBACK_WSI_DESTROY) {
        lws_set_opaque_user_data(wsi, NULL);
        visitor_free(visitor);
    }
    return result;
}

/* The first is also for clients that name no subprotocol, and for HTTP. */
static const struct lws_protocols protocols[] = {
    {"belfry", on_event, 0, RX_BUFFER, 0, NULL, TX_PACKET},
    {"belfry.v1.json", on_event, 0, RX_BUFFER, 0, NULL, TX_PACKET},
    {"belfry.v1.proto", on_event, 0, RX_BUFFER, 0, NULL, TX_PACKET},
    {NULL, NULL, 0, 0, 0, NULL, 0},
};

static void on_lws_log(int level, const char *line)
{
    log_debug("libwebsockets", LOG_BYTES("line", bytes_make(line, strcspn(line, "\n"))));
}

static void *on_lws_memory(void *block, size_t size, const char *reason)
{
    return pool_realloc(block, size);
}

static enum err open_lws(struct listener *listener)
{
    /* Validity timers are kept in a sorted list: with them connecting is O(clients). */
    static const lws_retry_bo_t no_timers = {0};
    const struct edge_config *config = listener->edge->config;
    void *loops[1] = {listener->edge->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .max_http_header_data2 = HTTP_HEAD_MAX + 1024,
        .timeout_secs = (unsigned)(config->hello_timeout_ms / 1000) + 1,
        .keepalive_timeout = 5,
        .retry_and_idle_policy = &no_timers,
        .alpn = "http/1.1",
        .vhost_name = "belfry",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
    lws_set_allocator(on_lws_memory);
    listener->context = lws_create_context(&info);
    if (listener->context == NULL) {
        log_error("libwebsockets does not start: is libwebsockets-evlib-uv installed?");
        return ERR_UNAVAILABLE;
    }
    listener->vhost = lws_get_vhost_by_name(listener->context, "belfry");
    return listener->vhost != NULL ? ERR_OK : ERR_INTERNAL;
}

void listener_adopt(struct listener *listener, int fd, struct visitor *visitor)
{
    struct lws *wsi = lws_adopt_socket_vhost(listener->vhost, fd);
    if (wsi == NULL) {
        visitor_free(visitor); /* libwebsockets has closed the socket */
        return;
    }
    lws_set_opaque_user_data(wsi, visitor);
}

/* ---------------------------------------------------------------- the socket */

static int listen_at(const struct addrinfo *at)
{
    int on = 1, off = 0;
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* what it accepts, too */
    if (at->ai_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        int problem = errno;
        close(fd);
        errno = problem;
        return -1;
    }
    return fd;
}

static enum err open_socket(struct listener *listener)
{
    const struct edge_config *config = listener->edge->config;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[16];
    snprintf(port, sizeof(port), "%d", (int)config->port);
    int problem = getaddrinfo(config->host, port, &hints, &found);
    if (problem != 0) {
        log_error("BELFRY_HOST is no address", LOG_TEXT("host", config->host),
                  LOG_TEXT("problem", gai_strerror(problem)));
        return ERR_VALIDATION_ERROR;
    }
    listener->fd = listen_at(found);
    if (listener->fd < 0) {
        log_error("cannot listen", LOG_TEXT("host", config->host),
                  LOG_INT("port", config->port), LOG_TEXT("problem", strerror(errno)));
    }
    freeaddrinfo(found);
    return listener->fd >= 0 ? ERR_OK : ERR_UNAVAILABLE;
}

/* ---------------------------------------------------------------- the loop */

static void free_parts(struct listener *listener)
{
    cors_destroy(listener->cors);
    proxies_destroy(listener->proxies);
    addresses_destroy(listener->addresses);
    tls_destroy(listener->tls);
    if (listener->spare_fd >= 0) {
        close(listener->spare_fd);
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    pool_give(listener->rota);
    free(listener);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
    door_accept(poll->data);
}

static void on_after_poll(uv_check_t *check)
{
    ws_flush_dirty(check->data);
}

/* What timers have queued must not wait until something else wakes the loop. */
static void on_before_poll(uv_prepare_t *prepare)
{
    ws_flush_dirty(prepare->data);
}

/* libwebsockets' libuv plugin may forget about data it has read but not yet handed on. */
static void on_insurance(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    lws_cancel_service(listener->context);
    door_expire(listener, clock_ms());
    if (listener->tls != NULL) {
        tls_tick(listener->tls, clock_ms());
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    for (uint32_t i = 0; i < listener->wheel_step; i++) {
        ws_tick(listener, clock_ms());
    }
}

/* Each client has its turn often enough for the shortest time there is to keep; clients
 * take turns in parts, so that no turn of the loop is long. */
static uint64_t tick_ms(struct listener *listener)
{
    const struct edge_config *config = listener->edge->config;
    int64_t shortest = config->ping_interval_ms < config->ping_timeout_ms
                           ? config->ping_interval_ms
                           : config->ping_timeout_ms;
    int64_t round =
        shortest / TICK_PART < TICK_MAX_MS ? shortest / TICK_PART : TICK_MAX_MS;
    listener->wheel_step = round >= LISTENER_WHEEL ? 1 : LISTENER_WHEEL;
    int64_t each = round * listener->wheel_step / LISTENER_WHEEL;
    return (uint64_t)(each > 0 ? each : 1);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    if (--listener->handles == 0) {
        free_parts(listener);
    }
}

static void start_clockwork(struct listener *listener)
{
    uv_loop_t *loop = listener->edge->loop;
    uv_poll_init(loop, &listener->accepting, listener->fd);
    uv_check_init(loop, &listener->after_poll);
    uv_prepare_init(loop, &listener->before_poll);
    uv_timer_init(loop, &listener->insurance);
    uv_timer_init(loop, &listener->ticking);
    listener->accepting.data = listener->after_poll.data = listener->before_poll.data =
        listener->insurance.data = listener->ticking.data = listener;
    listener->handles = 5;
    uv_poll_start(&listener->accepting, UV_READABLE, on_acceptable);
    uv_check_start(&listener->after_poll, on_after_poll);
    uv_prepare_start(&listener->before_poll, on_before_poll);
    uv_timer_start(&listener->insurance, on_insurance, INSURANCE_MS, INSURANCE_MS);
    uint64_t each_ms = tick_ms(listener);
    uv_timer_start(&listener->ticking, on_tick, each_ms, each_ms);
}

/* ---------------------------------------------------------------- open and close */

static enum err make_rules(struct listener *listener)
{
    const struct edge_config *config = listener->edge->config;
    bool development = edge_in_development(config);
    const char *origins = config->cors_origin, *problem = "";
    if (origins[0] == 0 && development) {
        origins = "http://localhost:5173";
    }
    enum err err = cors_create(origins, development, &listener->cors, &problem);
    if (err != ERR_OK) {
        log_error("settings", LOG_TEXT("problem", problem));
        return err;
    }
    err = proxies_create(config->trusted_proxies, &listener->proxies);
    if (err != ERR_OK) {
        log_error("settings", LOG_TEXT("problem", "BELFRY_TRUSTED_PROXIES must be a list "
                                                  "of addresses and networks"));
        return err;
    }
    listener->addresses = addresses_create();
    return listener->addresses != NULL ? ERR_OK : ERR_UNAVAILABLE;
}

static enum err open_tls(struct listener *listener)
{
    const struct edge_config *config = listener->edge->config;
    const char *problem = "";
    if (config->tls_certificate[0] == 0) {
        return ERR_OK;
    }
    enum err err = tls_create(listener->edge->loop, config->tls_certificate,
                              config->tls_key, &listener->tls, &problem);
    if (err != ERR_OK) {
        log_error("settings", LOG_TEXT("problem", problem));
    }
    return err;
}

static enum err make_rota(struct listener *listener)
{
    struct rota *rota = listener->rota = pool_take(sizeof(*rota));
    if (rota == NULL) {
        return ERR_UNAVAILABLE;
    }
    reflist_init(&rota->dirty);
    for (int i = 0; i < LISTENER_WHEEL; i++) {
        reflist_init(&rota->wheel[i]);
    }
    return ERR_OK;
}

enum err listener_open(struct edge *edge, struct listener **ret_listener)
{
    struct listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL) {
        return ERR_UNAVAILABLE;
    }
    listener->edge = edge;
    listener->fd = -1;
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    list_init(&listener->guests);
    enum err err = make_rota(listener);
    if (err == ERR_OK) {
        err = make_rules(listener);
    }
    if (err == ERR_OK) {
        err = open_tls(listener);
    }
    if (err == ERR_OK) {
        err = open_socket(listener);
    }
    if (err == ERR_OK) {
        err = open_lws(listener);
    }
    if (err != ERR_OK) {
        free_parts(listener);
        return err;
    }
    start_clockwork(listener);
    *ret_listener = listener;
    return ERR_OK;
}

void listener_reload(struct listener *listener)
{
    const char *problem = "";
    if (listener->tls != NULL && tls_reload(listener->tls, &problem) != ERR_OK) {
        log_error("the certificate could not be read again: the old one stays",
                  LOG_TEXT("problem", problem));
    }
}

void listener_stop_listening(struct listener *listener)
{
    if (listener->fd >= 0) {
        /* Before the descriptor: its number may be a client's in a moment. */
        uv_close((uv_handle_t *)&listener->accepting, on_handle_closed);
        close(listener->fd);
        listener->fd = -1;
    }
}

void listener_close(struct listener *listener)
{
    if (listener == NULL || listener->closing) {
        return;
    }
    listener->closing = true;
    listener_stop_listening(listener);
    door_close(listener);
    uv_timer_stop(&listener->insurance);
    lws_context_destroy(listener->context);
    listener->context = NULL;
    uv_handle_t *const handles[] = {
        (uv_handle_t *)&listener->after_poll, (uv_handle_t *)&listener->before_poll,
        (uv_handle_t *)&listener->insurance, (uv_handle_t *)&listener->ticking};
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        uv_close(handles[i], on_handle_closed);
    }
}
