/* Why: the NATS bus keeps the promises of bus.h, also when its broker does not. */
#include "bus_suite.h"

#include <stdio.h>

#include "bus_suite_broker.h"

int main(void)
{
    static const char *const bad_urls[] = {"nats:",     "nats://",      "nats://:4222",
                                           "nats://a:", "nats://a:0",   "nats://a:65536",
                                           "nats://a,", "nats://a:1,,", NULL};
    struct broker broker;
    if (!broker_open(&broker, BROKER_NATS)) {
        return SKIPPED;
    }
    char url[64];
    snprintf(url, sizeof(url), "nats://127.0.0.1:%d,localhost:%d", broker.port,
             broker.port);
    int failed = bus_suite(&(struct bus_suite){
        .name = "bus nats", .url = url, .broker = &broker, .bad_urls = bad_urls});
    broker_close(&broker);
    return failed;
}
