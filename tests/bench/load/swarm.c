/* The loop of one process: lets clients in, sends what is due, reads what comes. */
#include "load/swarm.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

#include "load/tls.h"

#define EVENTS_MAX  1024
#define TURN_NS_MAX 5000000 /* phases are noticed this soon */

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        fprintf(stderr, "belfry-load: no memory\n");
        exit(1);
    }
    return memory;
}

/* ---------------------------------------------------------------- who may send */

/* xorshift64*: numbers that differ enough for keys and choices. */
uint64_t swarm_random(struct swarm *swarm)
{
    uint64_t x = swarm->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    swarm->random = x;
    return x * 0x2545f4914f6cdd1dULL;
}

static void add_idle(struct swarm *swarm, struct client *client)
{
    swarm->idle[swarm->idle_count++] = client;
}

/* Any of them. */
static struct client *take_idle(struct swarm *swarm)
{
    while (swarm->idle_count > 0) {
        uint32_t at = (uint32_t)(swarm_random(swarm) % swarm->idle_count);
        struct client *client = swarm->idle[at];
        swarm->idle[at] = swarm->idle[--swarm->idle_count];
        if (client->state == CLIENT_READY) {
            return client;
        }
    }
    return NULL;
}

void swarm_ready(struct swarm *swarm, struct client *client)
{
    client->state = CLIENT_READY;
    swarm->entering--;
    swarm->worker->ready++;
    add_idle(swarm, client);
}

void swarm_answered(struct swarm *swarm, struct client *client)
{
    client->due_ns = 0;
    swarm->in_flight--;
    if (client->state == CLIENT_READY) {
        add_idle(swarm, client);
    }
}

/* Closed loop: as many as may be under way are. */
static void send_closed(struct swarm *swarm)
{
    while (swarm->in_flight < swarm->in_flight_max) {
        struct client *client = take_idle(swarm);
        if (client == NULL) {
            return;
        }
        client_send_event(swarm, client, now_ns());
    }
}

/* Open loop: what is due is sent, late or not, and its latency counts from when it was
 * due; a server that stalls does not stop the clock. */
static void send_open(struct swarm *swarm)
{
    uint64_t now = now_ns();
    if (swarm->due_ns == 0) {
        swarm->due_ns = now;
    }
    while (swarm->due_ns <= now) {
        uint64_t late = now - swarm->due_ns;
        struct client *client = take_idle(swarm);
        if (client == NULL) {
            return;
        }
        if (late > swarm->worker->late_max_ns && swarm->phase == PHASE_MEASURE) {
            swarm->worker->late_max_ns = late;
        }
        client_send_event(swarm, client, swarm->due_ns);
        swarm->due_ns += swarm->interval_ns;
    }
}

static void send_due(struct swarm *swarm)
{
    if ((swarm->phase != PHASE_WARM && swarm->phase != PHASE_MEASURE) ||
        swarm->options->scenario == SCENARIO_BROADCAST) {
        return;
    }
    if (swarm->interval_ns > 0) {
        send_open(swarm);
    } else {
        send_closed(swarm);
    }
}

static void let_in(struct swarm *swarm)
{
    uint32_t max = swarm->options->connecting / swarm->options->processes;
    max = max > 0 ? max : 1;
    while (swarm->next < swarm->client_count && swarm->entering < max) {
        client_connect(swarm, &swarm->clients[swarm->next++]);
    }
}

/* ---------------------------------------------------------------- the loop */

/* Who waits for every single frame is woken by every single write, and the server pays
 * for that, as it never does for clients on other machines. In the closed loop all that
 * came meanwhile is read at once, by the floor's reader too; the open loop, which tells
 * latencies, waits. */
static void look_away(void)
{
    struct timespec moment = {.tv_nsec = LOOK_AWAY_NS};
    nanosleep(&moment, NULL);
}

static void wait_and_read(struct swarm *swarm)
{
    static struct epoll_event events[EVENTS_MAX];
    uint64_t wait = TURN_NS_MAX;
    if (swarm->interval_ns > 0 && swarm->due_ns > 0) {
        uint64_t now = now_ns();
        uint64_t left = swarm->due_ns > now ? swarm->due_ns - now : 0;
        wait = left < wait ? left : wait;
    }
    struct timespec timeout = {.tv_nsec = (long)wait};
    if (swarm->interval_ns == 0) {
        look_away();
    }
    int count = epoll_pwait2(swarm->epoll, events, EVENTS_MAX, &timeout, NULL);
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        swarm->now_ns = now_ns();
        if (client->state == CLIENT_CONNECTING) {
            client_on_connected(swarm, client);
        } else if (client->state == CLIENT_SECURING) {
            client_on_securing(swarm, client);
        } else if (client->state != CLIENT_GONE) {
            client_on_readable(swarm, client);
        }
        send_due(swarm);
    }
}

_Noreturn void swarm_run(const struct options *options, struct shared *shared,
                         struct worker *worker, uint32_t first, uint32_t count)
{
    struct swarm swarm = {
        .options = options,
        .shared = shared,
        .worker = worker,
        .clients = allocate(count, sizeof(struct client)),
        .client_count = count,
        .random = now_ns() ^ (uint64_t)(first + 1) << 40, /* unlike those of other runs */
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .tls = options->tls ? tls_context() : NULL,
        .idle = allocate(count, sizeof(struct client *)),
        .in_flight_max =
            (options->in_flight + options->processes - 1) / options->processes,
    };
    if (options->in_flight == 0) {
        swarm.interval_ns = (uint64_t)(1e9 * options->processes / options->rate);
    }
    size_t rooms = options->joins > 0 ? options->joins : 1;
    swarm.seqs = allocate(count * rooms, sizeof(uint64_t));
    for (uint32_t i = 0; i < count; i++) {
        swarm.clients[i].seqs = swarm.seqs + i * rooms;
        swarm.clients[i].user = first + i;
        swarm.clients[i].fd = -1;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    do {
        swarm.phase = shared->phase;
        let_in(&swarm);
        send_due(&swarm);
        wait_and_read(&swarm);
    } while (swarm.phase != PHASE_END);
    check_end(&swarm);
    exit(0);
}
