/* Why: an interface is what all of its drivers do, so all of them pass the same cases. */
#include "bus_suite.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "bus/bus_driver.h"
#include "bus_suite_broker.h"
#include "bus_suite_ear.h"

#define TOPIC "room:1"

static const struct bus_suite *suite;
static uv_loop_t loop; /* for suite->loop */

/* --- Fixture -------------------------------------------------------------------- */

struct pair {
    struct ear publisher; /* hears nothing, unless it subscribes */
    struct ear ear;
    int port;
};

static void publisher_open(struct pair *pair)
{
    ear_open(&pair->publisher, suite->url, TOPIC);
    assert_int_equal(bus_listen(pair->publisher.bus, "127.0.0.1", pair->port), ERR_OK);
}

static void listener_open(struct pair *pair, struct ear *ear, const char *topic)
{
    ear_open(ear, suite->url, topic);
    assert_int_equal(bus_peer_add(ear->bus, "127.0.0.1", pair->port), ERR_OK);
    assert_int_equal(bus_subscribe(ear->bus, bytes_of_text(topic)), ERR_OK);
}

static int setup(void **state)
{
    struct pair *pair = calloc(1, sizeof(*pair));
    assert_non_null(pair);
    pair->port = free_port();
    publisher_open(pair);
    listener_open(pair, &pair->ear, TOPIC);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
    *state = pair;
    return 0;
}

static int teardown(void **state)
{
    struct pair *pair = *state;
    ear_finish(&pair->ear);
    ear_finish(&pair->publisher);
    free(pair);
    return 0;
}

static void send_numbers(struct bus *bus, const char *topic, uint32_t count)
{
    for (uint32_t i = 1; i <= count; i++) {
        assert_int_equal(send_number(bus, topic, i), ERR_OK);
    }
}

/* The value of a counter as /metrics shows it. */
static long counter(const char *name)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    metrics_render(&buf);
    char line[128];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *at = strstr((const char *)buf.data, line);
    assert_non_null(at);
    long value = strtol(at + strlen(line), NULL, 10);
    buf_finish(&buf);
    return value;
}

static void ignore_message(void *user, struct bytes topic, struct bytes payload)
{
}

static void ignore_wake(void *user)
{
}

static const struct bus_events nothing = {ignore_message, ignore_wake, NULL, NULL};

/* --- Cases ---------------------------------------------------------------------- */

static void says_its_name_and_that_it_is_connected(void **state)
{
    struct pair *pair = *state;
    size_t size = strlen(bus_name(pair->ear.bus));
    assert_int_equal(strncmp(suite->url, bus_name(pair->ear.bus), size), 0);
    assert_true(bus_connected(pair->ear.bus));
    assert_true(bus_connected(pair->publisher.bus));
}

static void refuses_urls_that_it_does_not_understand(void **state)
{
    struct bus *bus = NULL;
    assert_int_equal(bus_open("", nothing, &bus), ERR_VALIDATION_ERROR);
    assert_int_equal(bus_open("mem", nothing, &bus), ERR_VALIDATION_ERROR);
    assert_int_equal(bus_open("pigeon:post", nothing, &bus), ERR_VALIDATION_ERROR);
    for (size_t i = 0; suite->bad_urls != NULL && suite->bad_urls[i] != NULL; i++) {
        assert_int_equal(bus_open(suite->bad_urls[i], nothing, &bus),
                         ERR_VALIDATION_ERROR);
    }
    assert_null(bus);
    bus_close(NULL);
}

static void delivers_in_order_on_an_idle_bus(void **state)
{
    struct pair *pair = *state;
    send_numbers(pair->publisher.bus, TOPIC, 1000);
    assert_true(ear_wait_count(&pair->ear, 1000));
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(pair->ear.numbers[i], i + 1);
    }
}

static void counts_how_often_a_topic_is_wanted(void **state)
{
    struct pair *pair = *state;
    struct bus *bus = pair->ear.bus;
    struct bytes topic = BYTES_LITERAL(TOPIC);

    assert_int_equal(bus_subscribe(bus, topic), ERR_OK);
    bus_unsubscribe(bus, topic);
    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&pair->ear, 10));

    assert_int_equal(bus_subscribe(bus, BYTES_LITERAL("fence")), ERR_OK);
    bus_unsubscribe(bus, topic);
    ear_settle(&pair->ear, pair->publisher.bus, "fence");
    send_numbers(pair->publisher.bus, TOPIC, 10);
    ear_settle(&pair->ear, pair->publisher.bus, "fence");
    if (bus_routes_topics(bus)) {
        assert_int_equal(pair->ear.count, 10);
    }

    assert_int_equal(bus_subscribe(bus, topic), ERR_OK);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
    size_t before = pair->ear.count;
    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&pair->ear, before + 10));
}

static void delivers_nothing_that_was_unsubscribed_before_the_poll(void **state)
{
    struct pair *pair = *state;
    if (!bus_routes_topics(pair->ear.bus)) {
        skip();
    }
    struct ear other;
    listener_open(pair, &other, TOPIC);
    ear_settle(&other, pair->publisher.bus, TOPIC);
    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&other, 10)); /* so they have arrived in the ear, too */
    bus_unsubscribe(pair->ear.bus, BYTES_LITERAL(TOPIC));
    while (ear_poll(pair->ear.bus)) {
    }
    assert_int_equal(pair->ear.count, 0);
    ear_finish(&other);
}

static void unsubscribing_what_nobody_wants_does_nothing(void **state)
{
    struct pair *pair = *state;
    bus_unsubscribe(pair->ear.bus, BYTES_LITERAL("never"));
    bus_unsubscribe(pair->ear.bus, BYTES_LITERAL("not a topic"));
    bus_unsubscribe(pair->ear.bus, BYTES_LITERAL(""));
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
}

static void carries_payloads_up_to_the_limit(void **state)
{
    struct pair *pair = *state;
    static const size_t sizes[] = {0, 1, 65536, BUS_PAYLOAD_MAX - 1, BUS_PAYLOAD_MAX};
    uint8_t *payload = malloc(BUS_PAYLOAD_MAX);
    assert_non_null(payload);
    for (size_t i = 0; i < BUS_PAYLOAD_MAX; i++) {
        payload[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_int_equal(bus_publish(pair->publisher.bus, BYTES_LITERAL(TOPIC),
                                     bytes_make(payload, sizes[i])),
                         ERR_OK);
        assert_true(ear_wait_count(&pair->ear, i + 1));
        assert_int_equal(pair->ear.payload_size, sizes[i]);
        assert_memory_equal(pair->ear.payload, payload, sizes[i]);
    }
    free(payload);
}

static void refuses_a_payload_that_is_too_large(void **state)
{
    struct pair *pair = *state;
    uint8_t *payload = calloc(1, BUS_PAYLOAD_MAX + 1);
    assert_non_null(payload);
    assert_int_equal(bus_publish(pair->publisher.bus, BYTES_LITERAL(TOPIC),
                                 bytes_make(payload, BUS_PAYLOAD_MAX + 1)),
                     ERR_PAYLOAD_TOO_LARGE);
    free(payload);
}

#define TOPIC_64 "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF"

static void refuses_bad_topics(void **state)
{
    struct pair *pair = *state;
    static const char *const bad[] = {"",   " ",    "a b",      "a*",
                                      "a>", "a/b",  "a\nb",     "a\r\n",
                                      "{}", "\x7f", "\xc3\xa4", TOPIC_64 "0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes topic = bytes_of_text(bad[i]);
        assert_int_equal(bus_publish(pair->publisher.bus, topic, BYTES_LITERAL("x")),
                         ERR_VALIDATION_ERROR);
        assert_int_equal(bus_subscribe(pair->ear.bus, topic), ERR_VALIDATION_ERROR);
    }
    assert_int_equal(bus_subscribe(pair->ear.bus, bytes_make("a\0b", 3)),
                     ERR_VALIDATION_ERROR);
}

static void takes_every_good_topic(void **state)
{
    struct pair *pair = *state;
    static const char *const good[] = {"a",   ".",    "..a..b.", "a.b", ":",
                                       "_:-", "-a:-", TOPIC_64,  "a:b", "a_b"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(bus_subscribe(pair->ear.bus, bytes_of_text(good[i])), ERR_OK);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ear_settle(&pair->ear, pair->publisher.bus, good[i]);
        pair->ear.topic = good[i];
        pair->ear.count = 0;
        send_numbers(pair->publisher.bus, good[i], 3);
        assert_true(ear_wait_count(&pair->ear, 3));
    }
}

static void a_late_subscriber_hears_what_comes_after(void **state)
{
    struct pair *pair = *state;
    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&pair->ear, 10));

    struct ear late;
    listener_open(pair, &late, TOPIC);
    ear_settle(&late, pair->publisher.bus, TOPIC);
    assert_int_equal(late.count, 0);
    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&late, 10));
    assert_true(ear_wait_count(&pair->ear, 20));
    ear_finish(&late);
}

static void hears_a_publisher_that_has_restarted(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 3; i++) {
        ear_finish(&pair->publisher);
        publisher_open(pair);
        ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
        pair->ear.count = 0;
        send_numbers(pair->publisher.bus, TOPIC, 10);
        assert_true(ear_wait_count(&pair->ear, 10));
    }
}

static bool wait_connected(struct ear *ear, bool connected)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (bus_connected(ear->bus) != connected && clock_ms() < end_ms) {
        ear_step(ear);
    }
    return bus_connected(ear->bus) == connected;
}

static void peers_come_and_go(void **state)
{
    struct pair *pair = *state;
    if (!suite->peers) {
        skip();
    }
    struct bus *bus = pair->ear.bus;
    assert_int_equal(bus_peer_add(bus, "127.0.0.1", pair->port), ERR_OK);
    bus_peer_remove(bus, "127.0.0.1", 1);
    send_numbers(pair->publisher.bus, TOPIC, 10);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
    assert_int_equal(pair->ear.count, 10); /* each once, though it was added twice */

    bus_peer_remove(bus, "127.0.0.1", pair->port);
    assert_true(wait_connected(&pair->ear, false));
    assert_true(wait_connected(&pair->publisher, false));
    assert_int_equal(bus_peer_add(bus, "127.0.0.1", pair->port), ERR_OK);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);

    assert_int_equal(bus_peer_add(bus, "", 7400), ERR_VALIDATION_ERROR);
    assert_int_equal(bus_peer_add(bus, "localhost", 0), ERR_VALIDATION_ERROR);
    assert_int_equal(bus_peer_add(bus, "localhost", 65536), ERR_VALIDATION_ERROR);
    struct ear second;
    ear_open(&second, suite->url, TOPIC);
    assert_int_not_equal(bus_listen(second.bus, "127.0.0.1", pair->port), ERR_OK);
    assert_int_equal(send_number(second.bus, TOPIC, 1), ERR_UNAVAILABLE);
    ear_finish(&second);
}

static void hears_several_publishers(void **state)
{
    struct pair *pair = *state;
    struct pair second = {.port = free_port()};
    publisher_open(&second);
    assert_int_equal(bus_peer_add(pair->ear.bus, "127.0.0.1", second.port), ERR_OK);
    ear_settle(&pair->ear, second.publisher.bus, TOPIC);
    send_numbers(pair->publisher.bus, TOPIC, 100);
    send_numbers(second.publisher.bus, TOPIC, 100);
    assert_true(ear_wait_count(&pair->ear, 200));
    ear_finish(&second.publisher);
}

static void survives_a_broker_that_restarts(void **state)
{
    struct pair *pair = *state;
    if (suite->broker == NULL) {
        skip();
    }
    for (int i = 0; i < 2; i++) {
        broker_kill(suite->broker);
        assert_true(wait_connected(&pair->ear, false));
        assert_true(wait_connected(&pair->publisher, false));
        assert_int_equal(send_number(pair->publisher.bus, TOPIC, 1), ERR_UNAVAILABLE);
        /* Noted while cut off, like what was wanted before. */
        assert_int_equal(bus_subscribe(pair->ear.bus, BYTES_LITERAL("new")), ERR_OK);
        broker_start(suite->broker);
        ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
        ear_settle(&pair->ear, pair->publisher.bus, "new");
        bus_unsubscribe(pair->ear.bus, BYTES_LITERAL("new"));
    }
}

static void opens_while_the_broker_is_away(void **state)
{
    if (suite->broker == NULL) {
        skip();
    }
    struct pair pair = {.port = free_port()};
    broker_kill(suite->broker);
    int64_t start_ms = clock_ms();
    publisher_open(&pair);
    listener_open(&pair, &pair.ear, TOPIC);
    assert_false(bus_connected(pair.ear.bus));
    assert_int_equal(send_number(pair.publisher.bus, TOPIC, 1), ERR_UNAVAILABLE);
    assert_true(clock_ms() - start_ms < 1000);

    struct ear hopeless; /* closed again before the broker is back */
    ear_open(&hopeless, suite->url, TOPIC);
    assert_int_equal(bus_subscribe(hopeless.bus, BYTES_LITERAL(TOPIC)), ERR_OK);
    ear_finish(&hopeless);

    broker_start(suite->broker);
    ear_settle(&pair.ear, pair.publisher.bus, TOPIC);
    ear_finish(&pair.ear);
    ear_finish(&pair.publisher);
}

static void never_blocks_when_the_broker_does_not_read(void **state)
{
    struct pair *pair = *state;
    if (suite->broker == NULL) {
        skip();
    }
    static const uint8_t payload[8192];
    int64_t longest_us = 0;
    int refused = 0;
    broker_pause(suite->broker);
    for (int i = 0; i < 12000; i++) { /* more than all buffers together */
        int64_t start_us = clock_us();
        enum err err = bus_publish(pair->publisher.bus, BYTES_LITERAL("flood"),
                                   bytes_make(payload, sizeof(payload)));
        if (i % 100 == 0) {
            enum err noted = bus_subscribe(pair->publisher.bus, BYTES_LITERAL("flood"));
            assert_int_equal(noted, ERR_OK);
            bus_unsubscribe(pair->publisher.bus, BYTES_LITERAL("flood"));
        }
        int64_t took_us = clock_us() - start_us;
        longest_us = took_us > longest_us ? took_us : longest_us;
        refused += err == ERR_UNAVAILABLE;
    }
    broker_resume(suite->broker);
    assert_true(refused > 0);
    assert_true(longest_us < 500 * 1000);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
}

/* --- A second thread that publishes without pause, on a bus of its own. */

struct flood {
    struct bus *bus;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic long sent;
};

static void *flood_run(void *user)
{
    struct flood *flood = user;
    while (!atomic_load(&flood->stop)) {
        const uint32_t number = 1;
        bus_poll(flood->bus, 256);
        if (bus_publish(flood->bus, BYTES_LITERAL(TOPIC),
                        bytes_make(&number, sizeof(number))) == ERR_OK) {
            atomic_fetch_add(&flood->sent, 1);
        }
        if (atomic_load(&flood->sent) % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void closes_with_traffic_in_flight(void **state)
{
    struct pair *pair = *state;
    if (suite->loop) { /* which is one thread's: the other one reads without */
        ear_finish(&pair->publisher);
        ear_use_loop(NULL);
        publisher_open(pair);
        ear_use_loop(&loop);
    }
    struct flood flood = {.bus = pair->publisher.bus};
    struct ear ears[10];
    assert_int_equal(pthread_create(&flood.thread, NULL, flood_run, &flood), 0);
    for (size_t i = 0; i < 10; i++) {
        listener_open(pair, &ears[i], TOPIC);
        assert_true(ear_wait_count(&ears[i], 100));
        ear_close(&ears[i]);
    }
    /* Callbacks after close would come with the next messages, if at all. */
    long enough = atomic_load(&flood.sent) + 5000;
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (atomic_load(&flood.sent) < enough && clock_ms() < end_ms) {
        ear_step(&pair->ear);
    }
    long sent = atomic_load(&flood.sent);
    atomic_store(&flood.stop, true);
    pthread_join(flood.thread, NULL);
    assert_true(sent >= enough);
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(atomic_load(&ears[i].called_late), 0);
        ear_finish(&ears[i]);
    }
}

static void a_publisher_closes_with_traffic_in_flight(void **state)
{
    struct pair *pair = *state;
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 500; j++) {
            enum err ignored = send_number(pair->publisher.bus, TOPIC, 1);
            (void)ignored;
        }
        ear_finish(&pair->publisher);
        publisher_open(pair);
    }
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
}

static void wakes_once_between_two_polls(void **state)
{
    struct pair *pair = *state;
    if (suite->loop) {
        skip(); /* the loop hands on what it reads: nobody is woken */
    }
    struct ear other;
    listener_open(pair, &other, TOPIC);
    ear_settle(&other, pair->publisher.bus, TOPIC);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
    while (ear_poll(pair->ear.bus)) {
    }

    int before = atomic_load(&pair->ear.wakes);
    send_numbers(pair->publisher.bus, TOPIC, 500);
    assert_true(ear_wait_count(&other, 500));
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (atomic_load(&pair->ear.wakes) == before && clock_ms() < end_ms) {
        ear_step(&other);
    }
    assert_int_equal(atomic_load(&pair->ear.wakes), before + 1);
    assert_true(ear_wait_count(&pair->ear, 500));
    ear_finish(&other);
}

static void polls_no_more_than_it_is_asked_for(void **state)
{
    struct pair *pair = *state;
    if (suite->loop) {
        skip(); /* what the loop reads is no poll's to limit */
    }
    struct ear other;
    listener_open(pair, &other, TOPIC);
    ear_settle(&other, pair->publisher.bus, TOPIC);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);

    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&other, 10));
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (pair->ear.count < 10 && clock_ms() < end_ms) {
        size_t before = pair->ear.count;
        bus_poll(pair->ear.bus, 3);
        assert_true(pair->ear.count <= before + 3);
    }
    assert_int_equal(pair->ear.count, 10);
    ear_finish(&other);
}

static int thread_count(void)
{
    char line[256];
    int threads = 0;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        sscanf(line, "Threads: %d", &threads);
    }
    fclose(file);
    return threads;
}

static void carries_many_topics(void **state)
{
    struct pair *pair = *state;
    enum { MANY = 3000 };
    int threads = thread_count();
    for (int round = 0; round < 2; round++) {
        char topic[BUS_TOPIC_MAX];
        for (int i = 0; i < MANY; i++) {
            snprintf(topic, sizeof(topic), "many:%d", i);
            assert_int_equal(bus_subscribe(pair->ear.bus, bytes_of_text(topic)), ERR_OK);
        }
        ear_settle(&pair->ear, pair->publisher.bus, topic); /* the last one */
        long before = counter("belfry_bus_received_total");
        for (int i = 0; i < MANY; i++) {
            snprintf(topic, sizeof(topic), "many:%d", i);
            assert_int_equal(send_number(pair->publisher.bus, topic, 1), ERR_OK);
        }
        ear_settle(&pair->ear, pair->publisher.bus, topic);
        assert_true(counter("belfry_bus_received_total") >= before + MANY);
        for (int i = 0; i < MANY; i++) {
            snprintf(topic, sizeof(topic), "many:%d", i);
            bus_unsubscribe(pair->ear.bus, bytes_of_text(topic));
        }
        /* A new topic is behind all that was given up. */
        snprintf(topic, sizeof(topic), "round:%d", round);
        assert_int_equal(bus_subscribe(pair->ear.bus, bytes_of_text(topic)), ERR_OK);
        ear_settle(&pair->ear, pair->publisher.bus, topic);
    }
    assert_true(thread_count() < threads + 8);
}

static void drops_when_nobody_polls_and_goes_on(void **state)
{
    struct pair *pair = *state;
    static const uint8_t payload[16 * 1024];
    long before = counter("belfry_bus_dropped_total");
    int sent = 0;
    while (counter("belfry_bus_dropped_total") == before && sent < 100000) {
        enum err ignored = bus_publish(pair->publisher.bus, BYTES_LITERAL(TOPIC),
                                       bytes_make(payload, sizeof(payload)));
        (void)ignored;
        if (++sent % 64 == 0) {
            sched_yield();
        }
    }
    assert_true(counter("belfry_bus_dropped_total") > before);
    while (ear_poll(pair->ear.bus)) {
    }
    assert_true(pair->ear.count > 0);
    ear_settle(&pair->ear, pair->publisher.bus, TOPIC);
}

static void counts_what_it_does(void **state)
{
    struct pair *pair = *state;
    long published = counter("belfry_bus_published_total");
    long received = counter("belfry_bus_received_total");
    send_numbers(pair->publisher.bus, TOPIC, 10);
    assert_true(ear_wait_count(&pair->ear, 10));
    assert_int_equal(counter("belfry_bus_published_total"), published + 10);
    assert_int_equal(counter("belfry_bus_received_total"), received + 10);
}

/* --- Suite ---------------------------------------------------------------------- */

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int bus_suite(const struct bus_suite *config)
{
    suite = config;
    const struct CMUnitTest cases[] = {
        CASE(says_its_name_and_that_it_is_connected),
        cmocka_unit_test(refuses_urls_that_it_does_not_understand),
        CASE(delivers_in_order_on_an_idle_bus),
        CASE(counts_how_often_a_topic_is_wanted),
        CASE(delivers_nothing_that_was_unsubscribed_before_the_poll),
        CASE(unsubscribing_what_nobody_wants_does_nothing),
        CASE(carries_payloads_up_to_the_limit),
        CASE(refuses_a_payload_that_is_too_large),
        CASE(refuses_bad_topics),
        CASE(takes_every_good_topic),
        CASE(a_late_subscriber_hears_what_comes_after),
        CASE(hears_a_publisher_that_has_restarted),
        CASE(peers_come_and_go),
        CASE(hears_several_publishers),
        CASE(survives_a_broker_that_restarts),
        cmocka_unit_test(opens_while_the_broker_is_away),
        CASE(never_blocks_when_the_broker_does_not_read),
        CASE(closes_with_traffic_in_flight),
        CASE(a_publisher_closes_with_traffic_in_flight),
        CASE(wakes_once_between_two_polls),
        CASE(polls_no_more_than_it_is_asked_for),
        CASE(carries_many_topics),
        CASE(drops_when_nobody_polls_and_goes_on),
        CASE(counts_what_it_does),
    };
    uv_loop_init(&loop);
    ear_use_loop(config->loop ? &loop : NULL);
    int failed = cmocka_run_group_tests_name(config->name, cases, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT); /* what is closed is let go */
    assert_int_equal(uv_loop_close(&loop), 0);
    return failed;
}
