/* The physical floor of a fan-out: one write(2) of a ready frame for each delivery, from
 * a buffer that all share, to the connections of a room, and nothing else. What an edge
 * costs is told in multiples of this. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floor/receiver.h"
#include "load/usage.h"
#include "load/ws.h"

#define PAUSE_US  50
#define FRAME_MAX 8192
#define BACKLOG   4096

struct floor {
    struct floor_options options;
    struct floor_shared *shared;
    int listener;
    int *fds; /* connection i is in room i mod rooms */
    char frame[FRAME_MAX];
    size_t frame_size;
    pid_t receiver;
    uint64_t sent;
    uint64_t full; /* writes that had to wait */
};

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "belfry-floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000ULL + (uint64_t)at.tv_nsec;
}

static void open_listener(struct floor *floor)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    floor->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(floor->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(floor->listener, BACKLOG) != 0 ||
        getsockname(floor->listener, (struct sockaddr *)&address, &size) != 0) {
        fail("listen");
    }
    floor->options.port = ntohs(address.sin_port);
}

static void accept_all(struct floor *floor)
{
    int on = 1;
    floor->fds = calloc(floor->options.clients, sizeof(int));
    for (uint32_t i = 0; floor->fds != NULL && i < floor->options.clients; i++) {
        floor->fds[i] = accept4(floor->listener, NULL, NULL, SOCK_NONBLOCK);
        if (floor->fds[i] < 0) {
            fail("accept");
        }
        setsockopt(floor->fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
}

/* A server's text frame: the head is not masked. */
static void make_frame(struct floor *floor)
{
    uint32_t size = floor->options.size;
    size_t head = size < 126 ? 2 : 4;
    memset(floor->frame, 'x', sizeof(floor->frame));
    floor->frame[0] = (char)(0x80 | WS_TEXT);
    floor->frame[1] = (char)(size < 126 ? size : 126);
    if (head == 4) {
        floor->frame[2] = (char)(size >> 8);
        floor->frame[3] = (char)size;
    }
    floor->frame_size = head + size;
}

static void write_one(struct floor *floor, int fd)
{
    while (write(fd, floor->frame, floor->frame_size) != (ssize_t)floor->frame_size) {
        if (errno != EAGAIN) {
            fail("write");
        }
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        floor->full++;
        poll(&wait, 1, 1000);
    }
    floor->sent++;
}

/* As many deliveries are under way as a closed loop of in_flight events would have. */
static void wait_for_room(struct floor *floor, uint64_t members)
{
    uint64_t most = (uint64_t)floor->options.in_flight * members;
    while (floor->sent - floor->shared->received > most) {
        usleep(PAUSE_US);
    }
}

static void publish_until(struct floor *floor, uint64_t end_ns)
{
    const struct floor_options *options = &floor->options;
    uint64_t members = options->clients / options->rooms;
    uint32_t room = 0;
    do {
        wait_for_room(floor, members);
        for (uint32_t i = room; i < options->clients; i += options->rooms) {
            write_one(floor, floor->fds[i]);
        }
        room = (room + 1) % options->rooms;
    } while (now(CLOCK_MONOTONIC) < end_ns);
}

static void measure(struct floor *floor)
{
    struct usage_group receiver = {.pids = {floor->receiver}, .pid_count = 1};
    publish_until(floor, now(CLOCK_MONOTONIC) + 500000000ULL);
    uint64_t sent = floor->sent;
    uint64_t machine = usage_machine_ns();
    uint64_t load = usage_cpu_ns(&receiver);
    uint64_t cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    uint64_t began = now(CLOCK_MONOTONIC);
    publish_until(floor, began + (uint64_t)(floor->options.seconds * 1e9));
    double seconds = (double)(now(CLOCK_MONOTONIC) - began);
    double used = (double)(now(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    double used_load = (double)(usage_cpu_ns(&receiver) - load);
    double foreign = (double)(usage_machine_ns() - machine) - used - used_load;
    double count = (double)(floor->sent - sent);
    wait_for_room(floor, 0);
    printf("{\"program\":\"floor\",\"clients\":%u,\"rooms\":%u,\"frame_bytes\":%u,"
           "\"seconds\":%.3f,\"deliveries\":%.0f,\"delivery_rate\":%.0f,\"us\":%.4f,"
           "\"receiver_us\":%.4f,\"cores\":%.3f,\"full\":%llu,\"foreign\":%.3f}\n",
           floor->options.clients, floor->options.rooms, floor->options.size,
           seconds / 1e9, count, count / seconds * 1e9, used / 1e3 / count,
           used_load / 1e3 / count, used / seconds, (unsigned long long)floor->full,
           foreign > 0 ? foreign / seconds : 0);
}

int main(int argc, char **argv)
{
    static struct floor floor;
    if (argc != 6) {
        fprintf(stderr, "belfry-floor CLIENTS ROOMS FRAME_BYTES IN_FLIGHT SECONDS\n");
        return 2;
    }
    floor.options = (struct floor_options){
        .clients = (uint32_t)atoi(argv[1]),
        .rooms = (uint32_t)atoi(argv[2]),
        .size = (uint32_t)atoi(argv[3]),
        .in_flight = (uint32_t)atoi(argv[4]),
        .seconds = atof(argv[5]),
    };
    const struct floor_options *options = &floor.options;
    if (options->clients == 0 || options->rooms == 0 || options->in_flight == 0 ||
        options->size == 0 || options->size > FRAME_MAX - 4) {
        fprintf(stderr, "belfry-floor: a number out of range\n");
        return 2;
    }
    floor.shared = mmap(NULL, sizeof(*floor.shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (floor.shared == MAP_FAILED) {
        fail("memory");
    }
    signal(SIGPIPE, SIG_IGN);
    make_frame(&floor);
    open_listener(&floor);
    floor.receiver = fork();
    if (floor.receiver == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        receiver_run(&floor.options, floor.shared);
    }
    accept_all(&floor);
    measure(&floor);
    kill(floor.receiver, SIGTERM);
    waitpid(floor.receiver, NULL, 0);
    return 0;
}
