/* One connection: how it comes in, and what it sends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/swarm.h"
#include "load/tls.h"
#include "load/token.h"
#include "load/ws.h"

#define PAYLOAD_MAX   8192
#define RESUME_SIZE   4096
#define PER_ADDRESS   4000 /* connections from one address: ports run out at 28,000 */
#define FIRST_ADDRESS 0x7f000002U
#define ADDRESSES_MAX 200U

void client_lost(struct swarm *swarm, struct client *client, const char *why,
                 size_t why_size)
{
    struct worker *worker = swarm->worker;
    if (client->state == CLIENT_GONE) {
        return;
    }
    if (worker->first_error[0] == 0) {
        snprintf(worker->first_error, sizeof(worker->first_error), "%.*s", (int)why_size,
                 why);
    }
    if (client->state < CLIENT_READY) {
        swarm->entering--;
    } else {
        worker->ready--;
    }
    worker->failed++;
    client->state = CLIENT_GONE;
    SSL_free(client->ssl);
    client->ssl = NULL;
    close(client->fd);
    free(client->rest);
    client->rest = NULL;
    if (client->due_ns != 0) {
        client->due_ns = 0;
        swarm->in_flight--;
    }
}

void client_lost_errno(struct swarm *swarm, struct client *client, const char *what)
{
    char text[128];
    int size = snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
    client_lost(swarm, client, text, (size_t)size);
}

/* ---------------------------------------------------------------- sending */

static void send_bytes(struct swarm *swarm, struct client *client, const char *data,
                       size_t size)
{
    ssize_t sent = tls_send(client->ssl, client->fd, data, size);
    if (sent != (ssize_t)size) {
        client_lost_errno(swarm, client, sent < 0 ? "send" : "partly sent");
    }
}

void client_send_frame(struct swarm *swarm, struct client *client, char *payload,
                       size_t payload_size, enum ws_opcode opcode)
{
    size_t size;
    const char *frame = ws_wrap(payload, payload_size, opcode, &size);
    send_bytes(swarm, client, frame, size);
}

static void send_call(struct swarm *swarm, struct client *client, const char *event,
                      const char *data)
{
    char frame[PAYLOAD_MAX];
    size_t size = swarm->options->dialect->call(
        frame + WS_HEAD_MAX, sizeof(frame) - WS_HEAD_MAX, ++client->call, event, data);
    client_send_frame(swarm, client, frame + WS_HEAD_MAX, size, WS_TEXT);
}

void client_room_name(const struct swarm *swarm, const struct client *client,
                      uint32_t number, char ret_name[ROOM_NAME_SIZE])
{
    snprintf(ret_name, ROOM_NAME_SIZE, "room:00000000-0000-4000-9000-%012x",
             client_room(swarm, client, number));
}

void client_send_join(struct swarm *swarm, struct client *client)
{
    char data[128];
    snprintf(data, sizeof(data), "{\"roomId\":\"00000000-0000-4000-9000-%012x\"}",
             client_room(swarm, client, client->joined));
    send_call(swarm, client, "JOIN_ROOM", data);
}

/* {"room:…":null,…}: those that are joined with the hello; null: none. */
static void write_resume(const struct swarm *swarm, const struct client *client,
                         char ret_json[RESUME_SIZE])
{
    size_t used = 1;
    snprintf(ret_json, RESUME_SIZE, "%s", swarm->options->at_once > 0 ? "{" : "null");
    for (uint32_t i = 0; i < swarm->options->at_once; i++) {
        char room[ROOM_NAME_SIZE];
        client_room_name(swarm, client, i, room);
        used += (size_t)snprintf(ret_json + used, RESUME_SIZE - used, "%s\"%s\":null",
                                 i > 0 ? "," : "", room);
    }
    if (used > 1) {
        memcpy(ret_json + used, "}", 2);
    }
}

void client_send_hello(struct swarm *swarm, struct client *client)
{
    char frame[PAYLOAD_MAX];
    char token[TOKEN_SIZE];
    char resume[RESUME_SIZE];
    token_make(swarm->options->secret, client->user, token);
    write_resume(swarm, client, resume);
    size_t size = swarm->options->dialect->hello(
        frame + WS_HEAD_MAX, sizeof(frame) - WS_HEAD_MAX, token, resume);
    client_send_frame(swarm, client, frame + WS_HEAD_MAX, size, WS_TEXT);
}

/* The text begins with the time at which it was due, so that any process can tell how
 * long it took; the rest is padding. The clientId is random, as clients make them. */
static void send_message(struct swarm *swarm, struct client *client)
{
    char data[PAYLOAD_MAX - 256];
    static const char padding[] = "the quick brown fox jumps over the lazy dog, ";
    uint64_t high = swarm_random(swarm), low = swarm_random(swarm);
    client->calling =
        swarm->options->joins > 1 ? (uint8_t)(high % swarm->options->joins) : 0;
    int used =
        snprintf(data, sizeof(data),
                 "{\"roomId\":\"00000000-0000-4000-9000-%012x\",\"clientId\":"
                 "\"%08x-%04x-4%03x-8%03x-%012llx\",\"content\":\"%016llx ",
                 client_room(swarm, client, client->calling), (uint32_t)(high >> 32),
                 (uint32_t)(high >> 16) & 0xffff, (uint32_t)(high >> 4) & 0xfff,
                 (uint32_t)(low >> 48) & 0xfff, (unsigned long long)low & 0xffffffffffff,
                 (unsigned long long)client->due_ns);
    for (uint32_t i = 17; i < swarm->options->size; i++) {
        data[used++] = padding[i % (sizeof(padding) - 1)];
    }
    memcpy(data + used, "\"}", 3);
    send_call(swarm, client, "SEND_MESSAGE", data);
}

static void send_typing(struct swarm *swarm, struct client *client)
{
    char data[128];
    client->typing = !client->typing;
    swarm->shared->typed_ns[client->user][client->typing] = client->due_ns;
    snprintf(data, sizeof(data), "{\"roomId\":\"00000000-0000-4000-9000-%012x\"}",
             client_room(swarm, client, 0));
    send_call(swarm, client, client->typing ? "TYPING_START" : "TYPING_STOP", data);
}

void client_send_event(struct swarm *swarm, struct client *client, uint64_t due_ns)
{
    client->due_ns = due_ns;
    swarm->in_flight++;
    swarm->worker->sent++;
    if (swarm->options->scenario == SCENARIO_TYPING) {
        send_typing(swarm, client);
    } else {
        send_message(swarm, client);
    }
}

/* ---------------------------------------------------------------- connecting */

static void bind_source(const struct swarm *swarm, const struct client *client, int fd)
{
    uint32_t addresses = 1 + swarm->options->clients / PER_ADDRESS;
    addresses = addresses < ADDRESSES_MAX ? addresses : ADDRESSES_MAX;
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(FIRST_ADDRESS + client->user % addresses),
    };
    int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&source, sizeof(source)) != 0) {
        perror("belfry-load: bind");
    }
}

static const char *url_of(const struct options *options, const struct client *client)
{
    uint32_t room = client->user % options_apart(options);
    uint32_t number = client->user / options_apart(options); /* in its room */
    uint32_t at = options->together ? room : room + number;
    return options->urls[at % options->url_count];
}

void client_connect(struct swarm *swarm, struct client *client)
{
    const struct options *options = swarm->options;
    struct sockaddr_in target;
    if (!ws_target(url_of(options, client), &target)) {
        fprintf(stderr, "belfry-load: an address is IPv4:port\n");
        exit(2);
    }
    client->state = CLIENT_CONNECTING;
    swarm->entering++;
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        client_lost_errno(swarm, client, "socket");
        return;
    }
    bind_source(swarm, client, client->fd);
    if (connect(client->fd, (struct sockaddr *)&target, sizeof(target)) != 0 &&
        errno != EINPROGRESS) {
        client_lost_errno(swarm, client, "connect");
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};
    epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, client->fd, &event);
}

static void send_upgrade(struct swarm *swarm, struct client *client)
{
    const struct options *options = swarm->options;
    char text[512];
    client->state = CLIENT_UPGRADING;
    size_t size =
        ws_request(text, sizeof(text), url_of(options, client), options->dialect->path);
    send_bytes(swarm, client, text, size);
}

/* What a client says in a handshake fits into an empty socket: it only waits to read. */
void client_on_securing(struct swarm *swarm, struct client *client)
{
    const char *problem = "";
    switch (tls_shake_hands(client->ssl, &problem)) {
    case TLS_DONE:
        send_upgrade(swarm, client);
        break;
    case TLS_WAITS:
        break;
    case TLS_FAILED:
        client_lost_errno(swarm, client, problem);
        break;
    }
}

void client_on_connected(struct swarm *swarm, struct client *client)
{
    int error = 0;
    socklen_t error_size = sizeof(error);
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
    if (error != 0) {
        errno = error;
        client_lost_errno(swarm, client, "connect");
        return;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    epoll_ctl(swarm->epoll, EPOLL_CTL_MOD, client->fd, &event);
    if (swarm->tls == NULL) {
        send_upgrade(swarm, client);
        return;
    }
    client->state = CLIENT_SECURING;
    client->ssl = tls_begin(swarm->tls, client->fd);
    if (client->ssl == NULL) {
        errno = ENOMEM;
        client_lost_errno(swarm, client, "TLS");
        return;
    }
    client_on_securing(swarm, client);
}
