/* Why: the Redis bus keeps the promises of bus.h, also when its broker does not. */
#include "bus_suite.h"

#include <stdio.h>

#include "base/clock.h"
#include "bus_suite_broker.h"
#include "bus_suite_ear.h"

/* What a wrong password looks like: a broker that is away. */
static bool connects(const char *url, int timeout_ms)
{
    struct ear ear;
    ear_open(&ear, url, "room:1");
    int64_t end_ms = clock_ms() + timeout_ms;
    while (!bus_connected(ear.bus) && clock_ms() < end_ms) {
        ear_step(&ear);
    }
    bool connected = bus_connected(ear.bus);
    ear_finish(&ear);
    return connected;
}

static int check_login(int port)
{
    static const char *const good[] = {":" BROKER_PASSWORD "@",
                                       "default:" BROKER_PASSWORD "@"};
    static const char *const bad[] = {"", ":wrong@", "nobody:" BROKER_PASSWORD "@"};
    char url[96];
    int failed = 0;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(url, sizeof(url), "redis://%slocalhost:%d", good[i], port);
        failed += !connects(url, DEADLINE_MS);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(url, sizeof(url), "redis://%slocalhost:%d", bad[i], port);
        failed += connects(url, 500);
    }
    printf("bus redis: login %s\n", failed == 0 ? "ok" : "FAILED");
    return failed;
}

int main(void)
{
    static const char *const bad_urls[] = {
        "redis:",        "redis://",        "redis://:secret@", "redis://a:x",
        "redis://a:0",   "redis://a:65536", "redis://a/b",      "redis://[::1",
        "redis://a:1:2", "redis://[::1]x",  "redis://a,b",      NULL};
    struct broker broker;
    if (!broker_open(&broker, BROKER_REDIS)) {
        return SKIPPED;
    }
    char url[96];
    snprintf(url, sizeof(url), "redis://:%s@127.0.0.1:%d", BROKER_PASSWORD, broker.port);
    int failed = bus_suite(&(struct bus_suite){
        .name = "bus redis", .url = url, .broker = &broker, .bad_urls = bad_urls});
    failed += check_login(broker.port);
    broker_close(&broker);
    return failed;
}
