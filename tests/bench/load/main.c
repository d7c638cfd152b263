/* The load generator: forks the processes that are the clients, leads them through the
 * phases, and reads the servers' CPU time and memory meanwhile. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "load/publish.h"
#include "load/report.h"
#include "load/swarm.h"

#define STEP_US        2000
#define CONNECT_MAX_S  180
#define STALLED_S      15 /* connecting without one more client */
#define DRAIN_MAX_S    15
#define DRAIN_QUIET_NS 1500000000ULL /* what the bus lost comes within a second */
#define SETTLE_S       6 /* idle, before memory is read: rooms hear for 2 s who came */
#define HEARD_MAX_S    10

static void start_workers(const struct options *options, struct shared *shared)
{
    for (uint32_t i = 0; i < options->processes; i++) {
        uint64_t first = (uint64_t)options->clients * i / options->processes;
        uint64_t next = (uint64_t)options->clients * (i + 1) / options->processes;
        pid_t pid = fork();
        if (pid < 0) {
            perror("belfry-load: fork");
            exit(1);
        }
        if (pid == 0) {
            swarm_run(options, shared, &shared->workers[i], (uint32_t)first,
                      (uint32_t)(next - first));
        }
        shared->workers[i].pid = pid;
    }
}

static void take_sample(const struct findings *findings, struct sample *ret_sample)
{
    const struct options *options = findings->options;
    struct usage_group own = {.pid_count = (int)options->processes + 1};
    for (uint32_t i = 0; i < options->processes; i++) {
        own.pids[i] = findings->shared->workers[i].pid;
    }
    own.pids[options->processes] = getpid();
    for (unsigned i = 0; i < options->group_count; i++) {
        ret_sample->group_ns[i] = usage_cpu_ns(&options->groups[i]);
    }
    ret_sample->load_ns = usage_cpu_ns(&own);
    ret_sample->machine_ns = usage_machine_ns();
    ret_sample->at_ns = now_ns();
}

static void read_memory(const struct findings *findings, uint64_t *ret_kb,
                        uint64_t *ret_kernel_kb)
{
    *ret_kernel_kb = usage_kernel_kb();
    for (unsigned i = 0; i < findings->options->group_count; i++) {
        ret_kb[i] = usage_pss_kb(&findings->options->groups[i]);
    }
}

static uint64_t count_in(const struct findings *findings)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < findings->options->processes; i++) {
        count += findings->shared->workers[i].ready;
        count += findings->shared->workers[i].failed;
    }
    return count;
}

/* Until every client is in or has failed. */
static void wait_connected(const struct findings *findings)
{
    uint64_t began = now_ns();
    uint64_t moved = began;
    uint64_t last = 0;
    for (;;) {
        uint64_t now = now_ns();
        uint64_t count = count_in(findings);
        moved = count != last ? now : moved;
        last = count;
        if (count >= findings->options->clients) {
            return;
        }
        if (now - moved > STALLED_S * 1000000000ULL ||
            now - began > CONNECT_MAX_S * 1000000000ULL) {
            fprintf(stderr, "belfry-load: only %llu of %u clients got in or failed\n",
                    (unsigned long long)count, findings->options->clients);
            return;
        }
        usleep(STEP_US);
    }
}

static uint64_t count_arrived(const struct findings *findings, bool *ret_all)
{
    uint64_t count = 0;
    uint64_t open = 0;
    for (uint32_t i = 0; i < findings->options->processes; i++) {
        struct worker *worker = &findings->shared->workers[i];
        count += worker->delivered + worker->acked + worker->refused;
        open += worker->sent - worker->acked - worker->refused;
    }
    *ret_all = open == 0;
    return count;
}

/* Until all that was sent is answered and nothing has arrived for a while. */
static bool wait_drained(const struct findings *findings)
{
    uint64_t began = now_ns();
    uint64_t moved = began;
    uint64_t last = 0;
    bool all = false;
    while (now_ns() - began < DRAIN_MAX_S * 1000000000ULL) {
        uint64_t count = count_arrived(findings, &all);
        moved = count != last ? now_ns() : moved;
        last = count;
        if (all && now_ns() - moved > DRAIN_QUIET_NS) {
            return true;
        }
        usleep(STEP_US);
    }
    return false;
}

static void sleep_s(double seconds)
{
    usleep((useconds_t)(seconds * 1e6));
}

static void measure(struct findings *findings)
{
    struct shared *shared = findings->shared;
    bool traffic = findings->options->scenario != SCENARIO_IDLE;
    if (traffic) {
        shared->phase = PHASE_WARM;
        sleep_s(findings->options->warm);
        shared->phase = PHASE_MEASURE;
    }
    /* whoever runs us reads other counters of the same time */
    fprintf(stderr, "measuring\n");
    take_sample(findings, &findings->begin);
    sleep_s(findings->options->seconds);
    take_sample(findings, &findings->end);
    fprintf(stderr, "measured\n");
    shared->phase = PHASE_DRAIN;
    findings->drained = !traffic || wait_drained(findings);
}

static uint64_t count_heard(const struct findings *findings, uint32_t at,
                            uint64_t *ret_last_ns)
{
    uint64_t count = 0;
    *ret_last_ns = 0;
    for (uint32_t i = 0; i < findings->options->processes; i++) {
        struct worker *worker = &findings->shared->workers[i];
        count += worker->heard[at];
        *ret_last_ns =
            worker->heard_ns[at] > *ret_last_ns ? worker->heard_ns[at] : *ret_last_ns;
    }
    return count;
}

/* One event to everybody after the other: from before the request until the last client
 * has it. */
static void broadcast(struct findings *findings)
{
    const struct options *options = findings->options;
    findings->shared->phase = PHASE_MEASURE;
    take_sample(findings, &findings->begin);
    for (uint32_t i = 0; i < options->broadcasts; i++) {
        struct heard *heard = &findings->heard[i];
        uint64_t began = now_ns(), last = 0;
        if (!publish(options->urls[0], options->secret, i + 1)) {
            break;
        }
        heard->answered_ns = now_ns() - began;
        do {
            usleep(STEP_US);
            heard->clients = count_heard(findings, i, &last);
        } while (heard->clients < options->clients &&
                 now_ns() - began < HEARD_MAX_S * 1000000000ULL);
        heard->last_ns = last > began ? last - began : 0;
    }
    take_sample(findings, &findings->end);
    sleep_s(0.5); /* for what comes twice */
}

int main(int argc, char **argv)
{
    struct options options;
    struct findings findings = {0};
    options_read(argc, argv, &options);
    signal(SIGPIPE, SIG_IGN);
    findings.options = &options;
    findings.shared = shared_create(&options);
    read_memory(&findings, findings.pss_before_kb, &findings.kernel_before_kb);
    start_workers(&options, findings.shared);
    take_sample(&findings, &findings.connect_begin);
    wait_connected(&findings);
    take_sample(&findings, &findings.connect_end);
    bool still =
        options.scenario == SCENARIO_IDLE || options.scenario == SCENARIO_BROADCAST;
    if (still) {
        sleep(SETTLE_S);
        read_memory(&findings, findings.pss_kb, &findings.kernel_kb);
    }
    if (options.scenario == SCENARIO_BROADCAST) {
        broadcast(&findings);
    } else if (options.scenario != SCENARIO_CONNECT) {
        measure(&findings);
    }
    findings.shared->phase = PHASE_END;
    for (uint32_t i = 0; i < options.processes; i++) {
        waitpid(findings.shared->workers[i].pid, NULL, 0);
    }
    report_print(&findings);
    return 0;
}
