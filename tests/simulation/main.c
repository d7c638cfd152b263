/* Runs seeds, on two processes, and says which failed; or proves that each rule is needed
 * and would be missed. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cases.h"

#define PROCESSES       2
#define FAILURES_SHOWN  10
#define SELF_TEST_SEEDS 60000 /* at most, for one fault */
#define SHORT_SEEDS     10000
#define LONG_SEEDS      100000

struct options {
    uint64_t first;
    uint32_t seeds, steps;
    const struct sim_case *sim_case;
    bool trace, self_test;
};

/* What a process says to its parent, in one write. */
struct summary {
    uint32_t row; /* of sim_cases; self-test only */
    uint64_t passed, failed, first_failed;
    uint64_t bad_seeds[VIOLATIONS];
    struct stats stats;
};

static const char usage[] =
    "simulation [--seeds N] [--first SEED] [--steps N] [--case NAME] [--trace] [--long]\n"
    "simulation --self-test [--seeds N]\n"
    "    --seeds N     how many (10000)\n"
    "    --first SEED  the first one (1)\n"
    "    --steps N     of each, with faults; a quiet end follows (6000)\n"
    "    --case NAME   without one rule; see --self-test for the names\n"
    "    --trace       tells what happens (one process)\n"
    "    --long        100000 seeds\n"
    "    --self-test   takes away one rule at a time, until that is noticed\n";

static void add_stats(struct stats *to, const struct stats *from)
{
    uint64_t *sum = (uint64_t *)to;
    const uint64_t *part = (const uint64_t *)from;
    for (size_t i = 0; i < sizeof(*to) / sizeof(*sum); i++) {
        sum[i] += part[i];
    }
}

static void print_violations(const uint64_t counts[VIOLATIONS])
{
    for (int i = 0; i < VIOLATIONS; i++) {
        if (counts[i] > 0) {
            printf(" %s %lu", violation_names[i], counts[i]);
        }
    }
    printf("\n");
}

/* ---------------------------------------------------------------- seeds */

static void run_seed(const struct options *options, uint64_t seed,
                     struct summary *summary)
{
    struct plan plan = sim_plan(options->sim_case, seed, options->steps);
    plan.trace = options->trace;
    world_run(&plan);
    add_stats(&summary->stats, &world.stats);
    if (!world_failed()) {
        summary->passed++;
        return;
    }
    for (int i = 0; i < VIOLATIONS; i++) {
        summary->bad_seeds[i] += world.violations[i] > 0;
    }
    if (summary->first_failed == 0) {
        summary->first_failed = seed;
    }
    if (summary->failed++ < FAILURES_SHOWN && !options->self_test) {
        printf("seed %lu:", seed);
        print_violations(world.violations);
        fflush(stdout);
    }
}

/* ---------------------------------------------------------------- processes */

static void send_summary(int fd, const struct summary *summary)
{
    if (write(fd, summary, sizeof(*summary)) != (ssize_t)sizeof(*summary)) {
        exit(2);
    }
}

static void seeds_child(const struct options *options, int part, int fd)
{
    struct summary summary = {0};
    for (uint64_t i = (uint64_t)part; i < options->seeds; i += PROCESSES) {
        run_seed(options, options->first + i, &summary);
    }
    send_summary(fd, &summary);
}

static void self_test_child(const struct options *options, int part, int fd)
{
    for (uint32_t row = 1; sim_cases[row].name != NULL; row++) {
        struct options one = *options;
        one.sim_case = &sim_cases[row];
        struct summary summary = {.row = row};
        for (uint64_t i = 0; i < one.seeds && row % PROCESSES == (uint32_t)part; i++) {
            run_seed(&one, one.first + i, &summary);
            if (summary.failed > 0) {
                break;
            }
        }
        if (row % PROCESSES == (uint32_t)part) {
            send_summary(fd, &summary);
        }
    }
}

/* Forks; calls `take` for each summary. False: a process died. */
static bool spread(const struct options *options,
                   void (*child)(const struct options *, int, int),
                   void (*take)(const struct summary *, void *), void *user)
{
    int fds[2];
    if (pipe(fds) != 0) {
        return false;
    }
    fflush(stdout);
    for (int part = 0; part < PROCESSES; part++) {
        pid_t pid = fork();
        if (pid == 0) {
            close(fds[0]);
            child(options, part, fds[1]);
            fflush(stdout);
            exit(0); /* the leak checker looks */
        }
        if (pid < 0) {
            return false;
        }
    }
    close(fds[1]);
    struct summary summary;
    while (read(fds[0], &summary, sizeof(summary)) == (ssize_t)sizeof(summary)) {
        take(&summary, user);
    }
    close(fds[0]);
    bool well = true;
    for (int status; wait(&status) > 0;) {
        well = well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return well;
}

/* ---------------------------------------------------------------- what is printed */

static void take_sum(const struct summary *part, void *user)
{
    struct summary *sum = user;
    sum->passed += part->passed;
    sum->failed += part->failed;
    for (int i = 0; i < VIOLATIONS; i++) {
        sum->bad_seeds[i] += part->bad_seeds[i];
    }
    add_stats(&sum->stats, &part->stats);
}

static void take_row(const struct summary *part, void *user)
{
    ((struct summary *)user)[part->row] = *part;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_stats(const struct stats *stats, double seconds)
{
    printf("%lu steps in %.1f s (%.0f steps/s)\n", stats->steps, seconds,
           (double)stats->steps / seconds);
    printf("killed: %lu cores, %lu edges; PostgreSQL: %lu crashes, %lu restores\n",
           stats->core_kills, stats->edge_kills, stats->database_crashes,
           stats->restores);
    printf("%lu events received, %lu acks, %lu client retries, %lu without an answer, "
           "%lu unavailable\n",
           stats->received, stats->acked, stats->retries, stats->unanswered,
           stats->unavailable);
    printf("%lu fetches, %lu fenced, %lu rechecks, %lu resyncs\n", stats->fetches,
           stats->fenced, stats->rechecks, stats->resyncs);
}

static int run_seeds(const struct options *options)
{
    struct summary sum = {0};
    double start_s = now_s();
    bool well = true;
    if (options->trace || options->seeds == 1) {
        for (uint32_t i = 0; i < options->seeds; i++) {
            run_seed(options, options->first + i, &sum);
        }
    } else {
        well = spread(options, seeds_child, take_sum, &sum);
    }
    print_stats(&sum.stats, now_s() - start_s);
    if (sum.failed > 0) {
        printf("seeds with:");
        print_violations(sum.bad_seeds);
    }
    well = well && sum.passed + sum.failed == options->seeds;
    printf("%s%lu passed, %lu failed\n", well ? "" : "a process died; ", sum.passed,
           sum.failed);
    return sum.failed > 0 || !well;
}

static int run_self_test(const struct options *options)
{
    struct summary rows[64] = {0};
    bool well = spread(options, self_test_child, take_row, rows);
    unsigned found = 0, missed = 0;
    printf("%-14s %-11s %s\n", "without", "found at", "as");
    for (uint32_t row = 1; sim_cases[row].name != NULL; row++) {
        printf("%-14s ", sim_cases[row].name);
        if (rows[row].failed > 0) {
            found++;
            printf("seed %-6lu", rows[row].first_failed);
            print_violations(rows[row].bad_seeds);
        } else {
            missed++;
            printf("NOT FOUND in %lu seeds (%s)\n", rows[row].passed,
                   sim_cases[row].rule);
        }
    }
    printf("%u passed, %u failed\n", found, missed);
    return missed > 0 || !well;
}

/* ---------------------------------------------------------------- arguments */

static uint64_t number(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        fputs(usage, stderr);
        exit(2);
    }
    return value;
}

static bool read_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
        {"steps", required_argument, NULL, 's'}, {"case", required_argument, NULL, 'c'},
        {"trace", no_argument, NULL, 't'},       {"self-test", no_argument, NULL, 'p'},
        {"long", no_argument, NULL, 'l'},        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'n':
            options->seeds = (uint32_t)number(optarg);
            break;
        case 'f':
            options->first = number(optarg);
            break;
        case 's':
            options->steps = (uint32_t)number(optarg);
            break;
        case 'c':
            options->sim_case = sim_case_find(optarg);
            break;
        case 't':
            options->trace = true;
            break;
        case 'p':
            options->self_test = true;
            break;
        case 'l':
            options->seeds = LONG_SEEDS;
            break;
        default:
            return false;
        }
    }
    return options->sim_case != NULL && options->first > 0 && optind == argc;
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .steps = 6000, .sim_case = &sim_cases[0]};
    if (!read_options(argc, argv, &options)) {
        fputs(usage, stderr);
        return 2;
    }
    if (options.seeds == 0) {
        options.seeds = options.self_test ? SELF_TEST_SEEDS : SHORT_SEEDS;
    }
    return options.self_test ? run_self_test(&options) : run_seeds(&options);
}
