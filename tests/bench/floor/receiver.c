/* Reads as the load generator does: epoll, one recv for what has arrived, frame by frame.
 */
#include "floor/receiver.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load/ws.h"

#define READ_MAX    (1024 * 1024)
#define EVENTS_MAX  1024
#define PER_ADDRESS 4000

struct end {
    int fd;
    size_t rest_size;
    char *rest;
};

static char input[READ_MAX];

static int connect_one(const struct floor_options *options, uint32_t number)
{
    uint32_t addresses = 1 + options->clients / PER_ADDRESS;
    struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number % addresses),
    };
    struct sockaddr_in target = {.sin_family = AF_INET,
                                 .sin_port = htons(options->port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)&source, sizeof(source)) != 0 ||
        connect(fd, (struct sockaddr *)&target, sizeof(target)) != 0) {
        perror("belfry-floor: connect");
        exit(1);
    }
    return fd;
}

static void read_one(struct end *end, struct floor_shared *shared)
{
    if (end->rest_size > 0) {
        memcpy(input, end->rest, end->rest_size);
    }
    ssize_t got = recv(end->fd, input + end->rest_size, sizeof(input) - end->rest_size,
                       MSG_DONTWAIT);
    if (got == 0) {
        exit(0);
    }
    if (got < 0) {
        return;
    }
    size_t size = end->rest_size + (size_t)got;
    size_t at = 0;
    uint64_t frames = 0;
    struct ws_frame frame;
    for (size_t took = ws_take(input, size, &frame); took > 0;
         took = ws_take(input + at, size - at, &frame)) {
        at += took;
        frames++;
    }
    free(end->rest);
    end->rest_size = size - at;
    end->rest = end->rest_size > 0 ? malloc(end->rest_size) : NULL;
    if (end->rest != NULL) {
        memcpy(end->rest, input + at, end->rest_size);
    }
    shared->received += frames;
}

_Noreturn void receiver_run(const struct floor_options *options,
                            struct floor_shared *shared)
{
    static struct epoll_event events[EVENTS_MAX];
    struct end *ends = calloc(options->clients, sizeof(*ends));
    int epoll = epoll_create1(0);
    if (ends == NULL || epoll < 0) {
        exit(1);
    }
    for (uint32_t i = 0; i < options->clients; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &ends[i]};
        ends[i].fd = connect_one(options, i);
        epoll_ctl(epoll, EPOLL_CTL_ADD, ends[i].fd, &event);
    }
    for (;;) {
        struct timespec moment = {.tv_nsec = LOOK_AWAY_NS};
        nanosleep(&moment, NULL); /* as load/swarm.c does, and says why */
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            read_one(events[i].data.ptr, shared);
        }
    }
}
