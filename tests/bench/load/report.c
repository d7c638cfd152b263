/* One line of JSON: rates, latencies, CPU and memory of the server's parts, and what was
 * lost, doubled, out of order or refused. */
#include "load/report.h"

#include <stdio.h>

static struct worker total; /* of all processes; large, so not on the stack */

static void add_up(const struct findings *findings)
{
    for (uint32_t i = 0; i < findings->options->processes; i++) {
        struct worker *worker = &findings->shared->workers[i];
        total.ready += worker->ready;
        total.failed += worker->failed;
        total.sent += worker->sent;
        total.acked += worker->acked;
        total.refused += worker->refused;
        total.delivered += worker->delivered;
        total.measured_acks += worker->measured_acks;
        total.measured_deliveries += worker->measured_deliveries;
        total.measured_bytes += worker->measured_bytes;
        total.gaps += worker->gaps;
        total.duplicates += worker->duplicates;
        total.missing += worker->missing;
        total.late_max_ns = worker->late_max_ns > total.late_max_ns ? worker->late_max_ns
                                                                    : total.late_max_ns;
        histogram_merge(&total.ack, &worker->ack);
        histogram_merge(&total.delivery, &worker->delivery);
        if (total.first_error[0] == 0) {
            snprintf(total.first_error, sizeof(total.first_error), "%s",
                     worker->first_error);
        }
    }
}

static void print_text(const char *name, const char *text)
{
    printf("\"%s\":\"", name);
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else {
            putchar((unsigned char)*text < ' ' ? ' ' : *text);
        }
    }
    printf("\"");
}

static void print_latency(const char *name, const struct histogram *histogram)
{
    printf("\"%s\":{\"count\":%llu,\"p50\":%.3f,\"p90\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
           "\"max\":%.3f},",
           name, (unsigned long long)histogram->total,
           (double)histogram_quantile(histogram, 0.50) / 1e6,
           (double)histogram_quantile(histogram, 0.90) / 1e6,
           (double)histogram_quantile(histogram, 0.99) / 1e6,
           (double)histogram_quantile(histogram, 0.999) / 1e6,
           (double)histogram->max_ns / 1e6);
}

/* CPU of each group between two samples: cores, and µs for each of `count` things. */
static void print_cpu(const struct findings *findings, const struct sample *begin,
                      const struct sample *end, double count)
{
    double ns = (double)(end->at_ns - begin->at_ns);
    double known = (double)(end->load_ns - begin->load_ns);
    double servers = 0;
    printf("\"cpu\":{");
    for (unsigned i = 0; i < findings->options->group_count; i++) {
        double used = (double)(end->group_ns[i] - begin->group_ns[i]);
        servers += used;
        printf("\"%s\":{\"cores\":%.4f,\"us\":%.4f},", findings->options->groups[i].name,
               used / ns, count > 0 ? used / 1e3 / count : 0);
    }
    double machine = (double)(end->machine_ns - begin->machine_ns);
    double foreign = machine - known - servers;
    printf("\"load\":{\"cores\":%.4f,\"us\":%.4f},\"servers\":{\"cores\":%.4f,\"us\":"
           "%.4f},\"foreign\":{\"cores\":%.3f}}",
           known / ns, count > 0 ? known / 1e3 / count : 0, servers / ns,
           count > 0 ? servers / 1e3 / count : 0, foreign > 0 ? foreign / ns : 0);
}

static void print_connect(const struct findings *findings)
{
    double seconds =
        (double)(findings->connect_end.at_ns - findings->connect_begin.at_ns) / 1e9;
    printf(
        "\"connect\":{\"clients\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"rate\":%.0f,",
        (unsigned long long)total.ready, (unsigned long long)total.failed, seconds,
        (double)total.ready / seconds);
    print_cpu(findings, &findings->connect_begin, &findings->connect_end,
              (double)total.ready);
    printf(",\"kernel_kb\":%lld,\"memory\":{",
           (long long)(findings->kernel_kb - findings->kernel_before_kb));
    for (unsigned i = 0; i < findings->options->group_count; i++) {
        printf("%s\"%s\":{\"before_kb\":%llu,\"after_kb\":%llu}", i > 0 ? "," : "",
               findings->options->groups[i].name,
               (unsigned long long)findings->pss_before_kb[i],
               (unsigned long long)findings->pss_kb[i]);
    }
    printf("}}");
}

/* Deliveries that acks promise: one for each member, of typing all but the sender. */
static uint64_t expected_deliveries(const struct findings *findings)
{
    uint64_t expected = 0;
    uint32_t less = findings->options->scenario == SCENARIO_TYPING ? 1 : 0;
    for (uint32_t i = 0; i < findings->options->rooms; i++) {
        const struct shared_room *room = &findings->shared->rooms[i];
        if (room->members > less) {
            expected += room->acks * (room->members - less);
        }
    }
    return expected;
}

static void print_traffic(const struct findings *findings)
{
    double seconds = (double)(findings->end.at_ns - findings->begin.at_ns) / 1e9;
    double deliveries = (double)total.measured_deliveries;
    double acks = (double)total.measured_acks;
    printf(",\"seconds\":%.3f,\"rate\":%.1f,\"delivery_rate\":%.0f,\"frame_bytes\":%.0f,",
           seconds, acks / seconds, deliveries / seconds,
           deliveries > 0 ? (double)total.measured_bytes / deliveries : 0);
    print_latency("ack_ms", &total.ack);
    print_latency("delivery_ms", &total.delivery);
    printf("\"per_message\":{");
    print_cpu(findings, &findings->begin, &findings->end, acks);
    printf("},\"per_delivery\":{");
    print_cpu(findings, &findings->begin, &findings->end, deliveries);
    printf(
        "},\"check\":{\"sent\":%llu,\"acked\":%llu,\"refused\":%llu,\"delivered\":%llu,"
        "\"expected\":%llu,\"gaps\":%llu,\"duplicates\":%llu,\"missing\":%llu,"
        "\"drained\":%s,\"late_ms\":%.2f}",
        (unsigned long long)total.sent, (unsigned long long)total.acked,
        (unsigned long long)total.refused, (unsigned long long)total.delivered,
        (unsigned long long)expected_deliveries(findings), (unsigned long long)total.gaps,
        (unsigned long long)total.duplicates, (unsigned long long)total.missing,
        findings->drained ? "true" : "false", (double)total.late_max_ns / 1e6);
}

static void print_broadcasts(const struct findings *findings)
{
    const struct options *options = findings->options;
    printf(",\"broadcasts\":[");
    for (uint32_t i = 0; i < options->broadcasts; i++) {
        const struct heard *heard = &findings->heard[i];
        printf("%s{\"clients\":%llu,\"answered_ms\":%.2f,\"last_ms\":%.2f}",
               i > 0 ? "," : "", (unsigned long long)heard->clients,
               (double)heard->answered_ns / 1e6, (double)heard->last_ns / 1e6);
    }
    printf("],\"per_delivery\":{");
    print_cpu(findings, &findings->begin, &findings->end, (double)total.delivered);
    printf("},\"check\":{\"expected\":%llu,\"delivered\":%llu,\"gaps\":%llu,"
           "\"duplicates\":%llu}",
           (unsigned long long)options->clients * options->broadcasts,
           (unsigned long long)total.delivered, (unsigned long long)total.gaps,
           (unsigned long long)total.duplicates);
}

void report_print(const struct findings *findings)
{
    static const char *const scenarios[] = {"connect", "messages", "typing", "idle",
                                            "broadcast"};
    const struct options *options = findings->options;
    add_up(findings);
    printf("{\"scenario\":\"%s\",\"dialect\":\"%s\",\"clients\":%u,\"rooms\":%u,"
           "\"joins\":%u,\"at_once\":%u,\"in_flight\":%u,\"open_rate\":%.0f,"
           "\"processes\":%u,",
           scenarios[options->scenario], options->dialect->name, options->clients,
           options->rooms, options->joins, options->at_once, options->in_flight,
           options->rate, options->processes);
    print_connect(findings);
    if (options->scenario == SCENARIO_BROADCAST) {
        print_broadcasts(findings);
    } else if (options->scenario != SCENARIO_CONNECT) {
        print_traffic(findings);
    }
    printf(",");
    print_text("first_error", total.first_error);
    printf("}\n");
}
