/* Checks that every request to the cores ends in an answer, or in the one thing that is
 * true without one, while cores are killed, stopped, drained and replaced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge/core_choice.h"
#include "edge/upstream.h"
#include "test_link_core.h"

#define CALLS_MAX 11000

/* A call and how it ended. */
struct asked {
    struct upstream_call call;
    Link__Request request;
    Link__EventCall event;
    uint8_t request_id[16];
    int ends;
    enum upstream_result result;
    char answer[32]; /* "NAME attempt" */
};

static uv_loop_t loop;
static uv_timer_t watchdog;
static struct link_key *key;
static struct catalogue *catalogue;
static struct upstream *up;
static struct asked asked[CALLS_MAX];
static int ended;
static int added, removed, catalogues;
static bool ready;
static bool requesting;
static pid_t pids[2];
static int ports[2];

/* Look-ups come here instead of to the C library: all names lead to this address. */
static _Atomic uint32_t address = INADDR_LOOPBACK;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in));
    struct sockaddr_in *v4 = (struct sockaddr_in *)(info + 1);
    v4->sin_family = AF_INET;
    if (service != NULL) { /* NNG, with an address and a port */
        v4->sin_port = htons((uint16_t)atoi(service));
        inet_pton(AF_INET, node, &v4->sin_addr);
    } else {
        v4->sin_addr.s_addr = htonl(address);
    }
    info->ai_family = AF_INET;
    info->ai_addr = (struct sockaddr *)v4;
    info->ai_addrlen = sizeof(*v4);
    *ret = info;
    return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
    free(info);
}

static void on_ready(void *user, bool is_ready)
{
    ready = is_ready;
    assert_int_equal(upstream_ready(up), ready);
}

static void on_core_added(void *user, const char *host, int port)
{
    added++;
}

static void on_core_removed(void *user, const char *host, int port)
{
    removed++;
}

static void on_catalogue(void *user)
{
    catalogues++;
}

static void done(struct upstream_call *call, enum upstream_result result,
                 const Link__Reply *reply)
{
    struct asked *self = container_of(call, struct asked, call);
    assert_false(requesting);
    self->ends++;
    self->result = result;
    ended++;
    if (result != UPSTREAM_REPLY) {
        assert_null(reply);
        return;
    }
    assert_int_equal(reply->body_case, LINK__REPLY__BODY_EVENT);
    size_t size = reply->event->payload.len;
    snprintf(self->answer, sizeof(self->answer), "%.*s", (int)(size < 30 ? size : 30),
             (const char *)reply->event->payload.data);
}

static void too_long(uv_timer_t *timer)
{
    fail_msg("waited too long: %d calls ended", ended);
}

#define WAIT_FOR(condition)                                                              \
    do {                                                                                 \
        uv_timer_start(&watchdog, too_long, 60000, 0);                                   \
        while (!(condition)) {                                                           \
            uv_run(&loop, UV_RUN_ONCE);                                                  \
        }                                                                                \
        uv_timer_stop(&watchdog);                                                        \
    } while (0)

/* A hint that leads to this core while both are in use. */
static uint32_t hint_to(int core)
{
    char to[32], other[32];
    snprintf(to, sizeof(to), "127.0.0.1:%d", ports[core]);
    snprintf(other, sizeof(other), "127.0.0.1:%d", ports[1 - core]);
    uint32_t hint = 1;
    while (core_rank(to, hint) < core_rank(other, hint)) {
        hint++;
    }
    return hint;
}

static struct asked *ask_hinted(int i, const char *name, const char *payload, int64_t ms,
                                bool changes, uint32_t hint)
{
    struct asked *self = &asked[i];
    memset(self, 0, sizeof(*self));
    memcpy(self->request_id, &i, sizeof(i));
    test_request(&self->request, &self->event, name, payload, self->request_id);
    self->call.request = &self->request;
    self->call.deadline_ms = clock_ms() + ms;
    self->call.changes = changes;
    self->call.hint = hint;
    self->call.event = name;
    self->call.done = done;
    requesting = true;
    upstream_request(up, &self->call);
    requesting = false;
    return self;
}

/* Even ones at a first, odd ones at b. */
static struct asked *ask_event(int i, const char *name, const char *payload, int64_t ms,
                               bool changes)
{
    return ask_hinted(i, name, payload, ms, changes, hint_to(i % 2));
}

static struct asked *ask(int i, const char *payload, int64_t ms)
{
    return ask_event(i, "SEND", payload, ms, true);
}

static struct asked *ask_any(int i, const char *payload, int64_t ms)
{
    return ask_hinted(i, "SEND", payload, ms, true, 0);
}

static void start(int i)
{
    static const char *const names[] = {"a", "b"};
    pids[i] = test_core_start(names[i], ports[i], "v1");
}

static void stop(int i)
{
    if (pids[i] != 0) {
        test_core_kill(pids[i]);
    }
    pids[i] = 0;
}

static int set_up(void **state)
{
    ended = added = removed = catalogues = 0;
    ready = false;
    memset(asked, 0, sizeof(asked));
    key = test_key(TEST_SECRET);
    catalogue = catalogue_create();
    uv_loop_init(&loop);
    uv_timer_init(&loop, &watchdog);
    ports[0] = test_port();
    do {
        ports[1] = test_port();
    } while (ports[1] == ports[0]);
    char cores[64];
    snprintf(cores, sizeof(cores), "127.0.0.1:%d,127.0.0.1:%d", ports[0], ports[1]);
    struct upstream_options options = {.cores = cores,
                                       .key = key,
                                       .edge_id = uuid_v7(),
                                       .resolve_interval_ms = 50,
                                       .catalogue = catalogue};
    struct upstream_events events = {on_ready, on_core_added, on_core_removed,
                                     on_catalogue};
    enum err err = upstream_open(&loop, &options, events, NULL, &up);
    options.cores = NULL;
    return err == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    stop(0);
    stop(1);
    upstream_close(up);
    uv_close((uv_handle_t *)&watchdog, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    catalogue_destroy(catalogue);
    link_key_destroy(key);
    return uv_loop_close(&loop);
}

static void start_both(void)
{
    start(0);
    start(1);
    WAIT_FOR(upstream_cores_up(up) == 2 && ready);
}

/* So much that one does not do, and for CORE_SPREAD_MS hints lead to either. */
static void use_both(void)
{
    for (int i = 0; i <= CORE_UNDER_WAY_MAX; i++) {
        ask_any(i, "reply", 5000);
    }
    WAIT_FOR(ended == CORE_UNDER_WAY_MAX + 1);
    ended = 0;
    memset(asked, 0, sizeof(asked));
}

static void start_both_and_use_them(void)
{
    start_both();
    use_both();
}

static int answered_by(char name, int from, int to)
{
    int count = 0;
    for (int i = from; i < to; i++) {
        count += asked[i].ends == 1 && asked[i].result == UPSTREAM_REPLY &&
                 asked[i].answer[0] == name;
    }
    return count;
}

static void is_ready_when_a_catalogue_is_there(void **state)
{
    WAIT_FOR(added == 2);
    assert_false(ready);
    assert_null(catalogue_find(catalogue, bytes_of_text("SEND")));
    start(0);
    WAIT_FOR(ready);
    assert_non_null(catalogue_find(catalogue, bytes_of_text("SEND")));
    assert_int_equal(catalogues, 1);
    start(1);
    WAIT_FOR(upstream_cores_up(up) == 2);
    ask(0, "reply", 5000);
    WAIT_FOR(ended == 1);
    assert_int_equal(asked[0].result, UPSTREAM_REPLY);
    assert_int_equal(catalogues, 1); /* the same hash is not fetched twice */
    stop(0);
    WAIT_FOR(upstream_cores_up(up) == 1);
    assert_true(ready);
    stop(1);
    WAIT_FOR(!ready);
    assert_non_null(catalogue_find(catalogue, bytes_of_text("SEND")));
}

static void a_hint_keeps_together(void **state)
{
    start_both_and_use_them();
    for (uint32_t hint = 1; hint <= 20; hint++) {
        ended = 0;
        for (int i = 0; i < 10; i++) {
            ask_hinted(i, "SEND", "reply", 5000, true, hint);
        }
        WAIT_FOR(ended == 10);
        assert_int_equal(answered_by('a', 0, 10) % 10, 0);
    }
}

static void one_core_does_a_little_and_all_do_much(void **state)
{
    enum { MUCH = 2 * CORE_UNDER_WAY_MAX + 100 };
    start_both();
    for (int round = 1; round <= 10; round++) {
        for (int i = 0; i < 10; i++) {
            ask_any(i, "reply", 5000);
        }
        WAIT_FOR(ended == 10 * round);
        assert_int_equal(answered_by('a', 0, 10) % 10, 0);
    }
    ended = 0;
    for (int i = 0; i < MUCH; i++) {
        ask_any(i, "reply", 5000);
    }
    WAIT_FOR(ended == MUCH);
    assert_int_equal(answered_by('a', 0, MUCH), MUCH / 2);
}

static void a_busy_core_gets_nothing_while_another_has_room(void **state)
{
    start_both();
    ask_any(0, "busy", 5000);
    WAIT_FOR(ended == 1);
    char first = asked[0].answer[0];
    ask_any(1, "reply", 5000);
    WAIT_FOR(ended == 2);
    assert_int_not_equal(asked[1].answer[0], first);
    int64_t end_ms = clock_ms() + 2 * CORE_BUSY_KEEP_MS;
    WAIT_FOR(clock_ms() > end_ms);
    ask_any(2, "reply", 5000);
    WAIT_FOR(ended == 3);
    assert_int_equal(asked[2].answer[0], first);
}

/* Long before its silence counts as being down. */
static void a_stopped_core_soon_gets_nothing_more(void **state)
{
    start_both();
    ask_any(0, "reply", 5000);
    WAIT_FOR(ended == 1);
    int first = asked[0].answer[0] == 'a' ? 0 : 1;
    kill(pids[first], SIGSTOP);
    ask_any(1, "reply", 5000);
    int64_t end_ms = clock_ms() + 2 * CORE_SILENT_MS;
    WAIT_FOR(clock_ms() > end_ms);
    for (int i = 2; i < 100; i++) {
        ask_any(i, "reply", 5000);
    }
    WAIT_FOR(ended == 99);
    assert_in_range(clock_ms() - end_ms, 0, 500);
    assert_int_equal(asked[1].ends, 0);
    kill(pids[first], SIGCONT);
    WAIT_FOR(ended == 100);
}

static void what_a_killed_core_had_goes_to_another(void **state)
{
    start_both_and_use_them();
    for (int i = 0; i < 100; i++) {
        ask(i, "never-at:a", 20000);
    }
    WAIT_FOR(ended == 50);
    int64_t start_ms = clock_ms();
    stop(0);
    WAIT_FOR(ended == 100);
    assert_in_range(clock_ms() - start_ms, 0, 1000);
    assert_int_equal(answered_by('b', 0, 100), 100);
    int second = 0;
    for (int i = 0; i < 100; i++) {
        second += strcmp(asked[i].answer, "b 2") == 0;
    }
    assert_int_equal(second, 50);
}

static void nothing_waits_long_for_a_stopped_core(void **state)
{
    start_both_and_use_them();
    kill(pids[0], SIGSTOP);
    int64_t start_ms = clock_ms();
    for (int i = 0; i < 100; i++) {
        ask(i, "reply", 20000);
    }
    WAIT_FOR(ended == 100);
    assert_in_range(clock_ms() - start_ms, 0, 2000);
    assert_int_equal(answered_by('b', 0, 100), 100);
    kill(pids[0], SIGCONT);
    WAIT_FOR(upstream_cores_up(up) == 2);
    for (int i = 0; i < 10; i++) { /* its late replies hurt nobody */
        ask(100 + i, "reply", 5000);
    }
    WAIT_FOR(ended == 110);
    for (int i = 0; i < 110; i++) {
        assert_int_equal(asked[i].ends, 1);
    }
}

static void the_first_answer_wins_even_a_late_one(void **state)
{
    start_both_and_use_them();
    kill(pids[0], SIGSTOP);
    ask(0, "never-at:b", 20000);
    ask(1, "never-at:b", 20000);
    WAIT_FOR(upstream_cores_up(up) == 1);
    assert_int_equal(ended, 0);
    kill(pids[0], SIGCONT);
    WAIT_FOR(ended == 1); /* one of the two was at a first */
    assert_int_equal(answered_by('a', 0, 2), 1);
    stop(1);
    WAIT_FOR(ended == 2); /* and the other one comes to it */
    assert_int_equal(answered_by('a', 0, 2), 2);
}

static void a_refused_one_is_asked_elsewhere(void **state)
{
    start_both_and_use_them();
    for (int i = 0; i < 100; i++) {
        ask(i, "refuse-at:a", 5000);
    }
    WAIT_FOR(ended == 100);
    assert_int_equal(answered_by('b', 0, 100), 100);
}

static void the_end_without_an_answer_is_honest(void **state)
{
    start_both();
    ask(0, "refuse", 500); /* each attempt was refused before SQL */
    ask(1, "fail", 500);
    ask(2, "never", 500);
    ask_event(3, "SEND", "never", 500, false); /* a read */
    ask_event(4, "SEND", "fail", 500, false);
    ask(5, "reply", 0);
    ask_event(6, "UNHEARD_OF", "reply", 500, true); /* never sent */
    int64_t start_ms = clock_ms();
    WAIT_FOR(ended == 7);
    assert_in_range(clock_ms() - start_ms, 450, 1500);
    assert_int_equal(asked[0].result, UPSTREAM_UNAVAILABLE);
    assert_int_equal(asked[1].result, UPSTREAM_NO_ANSWER);
    assert_int_equal(asked[2].result, UPSTREAM_NO_ANSWER);
    assert_int_equal(asked[3].result, UPSTREAM_UNAVAILABLE);
    assert_int_equal(asked[4].result, UPSTREAM_UNAVAILABLE);
    assert_int_equal(asked[5].result, UPSTREAM_UNAVAILABLE);
    assert_int_equal(asked[6].result, UPSTREAM_UNAVAILABLE);
}

static void sent_once_and_refused_once_is_not_enough(void **state)
{
    start(0);
    WAIT_FOR(ready);
    ask(0, "never-at:a", 3000);
    start(1);
    WAIT_FOR(upstream_cores_up(up) == 2);
    ask(1, "refuse", 300); /* shows that the first has been sent */
    WAIT_FOR(ended == 1);
    stop(0);
    WAIT_FOR(ended == 2); /* answered by b */
    ended = 0;
    start(0);
    WAIT_FOR(upstream_cores_up(up) == 2);
    kill(pids[0], SIGSTOP);
    kill(pids[1], SIGSTOP);
    ask(2, "reply", 700);
    WAIT_FOR(ended == 1); /* sent, and nobody knows */
    assert_int_equal(asked[2].result, UPSTREAM_NO_ANSWER);
}

static void without_any_core_requests_wait_for_one(void **state)
{
    for (int i = 0; i < 100; i++) {
        ask(i, "reply", 20000);
    }
    ask(100, "reply", 100);
    WAIT_FOR(ended == 1);
    assert_int_equal(asked[100].result, UPSTREAM_UNAVAILABLE);
    start(0);
    WAIT_FOR(ended == 101);
    assert_int_equal(answered_by('a', 0, 100), 100);
}

static void too_many_may_not_wait(void **state)
{
    for (int i = 0; i < 10010; i++) {
        ask(i, "reply", 20000);
    }
    WAIT_FOR(ended >= 10);
    assert_int_equal(ended, 10);
    for (int i = 10000; i < 10010; i++) {
        assert_int_equal(asked[i].result, UPSTREAM_UNAVAILABLE);
    }
    start(0);
    WAIT_FOR(ended == 10010);
    assert_int_equal(answered_by('a', 0, 10000), 10000);
}

static void an_event_goes_only_to_a_core_that_knows_it(void **state)
{
    start(0);
    WAIT_FOR(ready);
    ask_event(0, "POLL", "reply", 20000, true);
    ask(1, "reply", 5000);
    WAIT_FOR(ended == 1);
    assert_int_equal(asked[0].ends, 0);
    pids[1] = test_core_start("b", ports[1], "v2");
    WAIT_FOR(ended == 2);
    assert_int_equal(catalogues, 2);
    ended = 0;
    use_both();
    for (int i = 0; i < 20; i++) {
        ask_event(i, "POLL", "reply", 5000, true);
        ask(100 + i, "reply", 5000);
    }
    WAIT_FOR(ended == 40);
    assert_int_equal(answered_by('b', 0, 20), 20);
    assert_true(answered_by('a', 100, 120) > 0);
    /* a is replaced by the new version at the same address, and b goes */
    stop(0);
    pids[0] = test_core_start("a", ports[0], "v2");
    WAIT_FOR(upstream_cores_up(up) == 2);
    ask_event(0, "POLL", "never-at:b", 20000, true);
    stop(1);
    WAIT_FOR(asked[0].ends == 1);
    assert_int_equal(answered_by('a', 0, 1), 1);
    assert_false(catalogue_hash_known(catalogue, bytes_of_text("v1")));
}

static void a_draining_core_gets_nothing_new(void **state)
{
    start_both_and_use_them();
    for (int i = 0; i < 10; i++) {
        ask(i, "after:400", 5000);
    }
    for (int i = 10; i < 20; i++) { /* answered: so the ten before have arrived */
        ask(i, "reply", 5000);
    }
    WAIT_FOR(ended == 10);
    kill(pids[0], SIGUSR1);
    int i = 20;
    do { /* until one round shows that the word has come */
        ended = 0;
        for (int last = i + 10; i < last; i++) {
            ask(i, "reply", 5000);
        }
        WAIT_FOR(ended >= 10);
    } while (answered_by('a', i - 10, i) > 0 && i < 10000);
    WAIT_FOR(asked[0].ends == 1 && asked[9].ends == 1);
    assert_int_equal(answered_by('a', 0, 10), 5); /* what it had it has answered */
    assert_true(ready);
    kill(pids[1], SIGUSR1);
    WAIT_FOR(!ready);
    assert_int_equal(upstream_cores_up(up), 2);
}

static void a_cancelled_call_is_not_heard_of_again(void **state)
{
    start_both_and_use_them();
    for (int i = 0; i < 10; i++) {
        ask(i, "after:20", 5000);
        upstream_cancel(&asked[i].call);
        upstream_cancel(&asked[i].call);
    }
    ask(10, "after:100", 5000);
    WAIT_FOR(ended == 1);
    assert_int_equal(asked[10].ends, 1);
}

static void cores_die_under_load_and_every_request_is_answered_once(void **state)
{
    enum { COUNT = 10000 };
    start_both();
    int sent = 0, kills = 0;
    while (ended < COUNT) {
        for (int i = 0; i < 20 && sent < COUNT; i++) {
            ask_any(sent++, "random:20", 50000);
        }
        if (ended >= (kills + 1) * COUNT / 10 && kills < 8) {
            int victim = kills++ % 2;
            stop(victim);
            start(victim);
        }
        int before = ended;
        WAIT_FOR(ended > before || ended == COUNT ||
                 (sent < COUNT && sent - ended < 200));
    }
    assert_int_equal(kills, 8);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(asked[i].ends, 1);
        assert_int_equal(asked[i].result, UPSTREAM_REPLY);
    }
}

static void a_core_whose_name_has_gone_ends_what_it_has(void **state)
{
    start_both_and_use_them();
    for (int i = 0; i < 10; i++) {
        ask(i, "after:500", 5000);
    }
    for (int i = 10; i < 20; i++) { /* answered: so the ten before have arrived */
        ask(i, "reply", 5000);
    }
    WAIT_FOR(ended == 10);
    address = INADDR_LOOPBACK + 1; /* nobody is there */
    WAIT_FOR(!ready && added == 4);
    ask(20, "reply", 20000);
    assert_int_equal(removed, 0);
    WAIT_FOR(removed == 2);
    assert_int_equal(ended, 20);
    assert_int_equal(answered_by('a', 0, 10) + answered_by('b', 0, 10), 10);
    address = INADDR_LOOPBACK;
    WAIT_FOR(ended == 21); /* back again, and up */
    assert_int_equal(asked[20].result, UPSTREAM_REPLY);
}

static void an_unusable_list_is_refused(void **state)
{
    struct upstream_options options = {
        .cores = "core", .key = key, .catalogue = catalogue};
    struct upstream *none = NULL;
    assert_int_equal(
        upstream_open(&loop, &options, (struct upstream_events){0}, NULL, &none),
        ERR_VALIDATION_ERROR);
    assert_null(none);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "core") == 0) {
        return test_core_main(argc, argv);
    }
    log_init("test", LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        CASE(is_ready_when_a_catalogue_is_there),
        CASE(a_hint_keeps_together),
        CASE(one_core_does_a_little_and_all_do_much),
        CASE(a_busy_core_gets_nothing_while_another_has_room),
        CASE(a_stopped_core_soon_gets_nothing_more),
        CASE(what_a_killed_core_had_goes_to_another),
        CASE(nothing_waits_long_for_a_stopped_core),
        CASE(the_first_answer_wins_even_a_late_one),
        CASE(a_refused_one_is_asked_elsewhere),
        CASE(the_end_without_an_answer_is_honest),
        CASE(sent_once_and_refused_once_is_not_enough),
        CASE(without_any_core_requests_wait_for_one),
        CASE(too_many_may_not_wait),
        CASE(an_event_goes_only_to_a_core_that_knows_it),
        CASE(a_draining_core_gets_nothing_new),
        CASE(a_cancelled_call_is_not_heard_of_again),
        CASE(cores_die_under_load_and_every_request_is_answered_once),
        CASE(a_core_whose_name_has_gone_ends_what_it_has),
        CASE(an_unusable_list_is_refused),
    };
    return cmocka_run_group_tests_name("upstream", tests, NULL, NULL);
}
