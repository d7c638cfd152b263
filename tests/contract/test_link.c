/* Checks that both ends of the link keep what their headers promise: over TCP, with a
 * core that is slow, killed, stopped, replaced or lying. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "test_link_core.h"

#define IDS_MAX 20000

/* The edge's end, and what it was told. */
struct edge {
    struct link_client *client;
    int ups, downs;
    uint64_t messages;
    uint64_t replies;
    uint64_t largest_message;
    uint8_t answers[IDS_MAX];
    char last[64]; /* payload, or the error's code */
    bool draining;
    bool close_on_reply;
};

static uv_loop_t loop;
static uv_timer_t watchdog;
static struct link_key *key;
static struct edge edge;

static void on_up(void *user, struct link_client *client, const Link__FromCore *first)
{
    struct edge *self = user;
    self->ups++;
    assert_true(link_client_up(client));
}

static void on_down(void *user, struct link_client *client)
{
    struct edge *self = user;
    self->downs++;
    assert_false(link_client_up(client));
    assert_int_equal(link_client_outstanding(client), 0);
}

static void on_reply(void *user, struct link_client *client, const Link__Reply *reply)
{
    struct edge *self = user;
    assert_in_range(reply->id, 0, IDS_MAX - 1);
    self->answers[reply->id]++;
    self->replies++;
    if (reply->body_case == LINK__REPLY__BODY_ERROR) {
        snprintf(self->last, sizeof(self->last), "%s", reply->error->code);
    } else if (reply->body_case == LINK__REPLY__BODY_EVENT) {
        size_t size = reply->event->payload.len;
        snprintf(self->last, sizeof(self->last), "%.*s", (int)(size < 60 ? size : 60),
                 (const char *)reply->event->payload.data);
    }
    if (self->close_on_reply) {
        link_client_close(self->client);
        self->client = NULL;
    }
}

static void on_message(void *user, struct link_client *client,
                       const Link__FromCore *message)
{
    struct edge *self = user;
    self->messages++;
    self->draining = message->has_draining && message->draining;
    size_t size = link__from_core__get_packed_size(message);
    self->largest_message = size > self->largest_message ? size : self->largest_message;
}

static const struct link_client_events events = {on_up, on_down, on_reply, on_message};

static void too_long(uv_timer_t *timer)
{
    fail_msg("waited too long: %d up, %d down, %d replies", edge.ups, edge.downs,
             (int)edge.replies);
}

/* Turns the loop until the condition holds. */
#define WAIT_FOR(condition)                                                              \
    do {                                                                                 \
        uv_timer_start(&watchdog, too_long, 60000, 0);                                   \
        while (!(condition)) {                                                           \
            uv_run(&loop, UV_RUN_ONCE);                                                  \
        }                                                                                \
        uv_timer_stop(&watchdog);                                                        \
    } while (0)

static void open_edge(int port, const struct link_key *with)
{
    assert_int_equal(link_client_open(&loop, "127.0.0.1", port, with, uuid_v7(), events,
                                      &edge, &edge.client),
                     ERR_OK);
}

static void ask(uint64_t id, const char *payload)
{
    assert_int_equal(test_send(edge.client, id, payload), ERR_OK);
}

static int set_up(void **state)
{
    edge = (struct edge){0};
    key = test_key(TEST_SECRET);
    return uv_loop_init(&loop) == 0 ? uv_timer_init(&loop, &watchdog) : -1;
}

static int tear_down(void **state)
{
    link_client_close(edge.client);
    uv_close((uv_handle_t *)&watchdog, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    link_key_destroy(key);
    return uv_loop_close(&loop);
}

static void requests_come_in_order_and_are_answered(void **state)
{
    int port = test_port();
    struct test_core core = {.name = "a"};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    for (uint64_t id = 0; id < 1000; id++) {
        ask(id, "reply");
    }
    assert_int_equal(link_client_outstanding(edge.client), 1000);
    uint64_t before = edge.messages;
    WAIT_FOR(edge.replies == 1000);
    assert_int_equal(link_client_outstanding(edge.client), 0);
    assert_false(core.disordered);
    assert_in_range(edge.messages - before, 1, 5); /* not one for each */
    assert_string_equal(edge.last, "a 0");
    assert_int_equal(edge.downs, 0);
    WAIT_FOR(link_server_flushed(core.server));
    link_server_close(core.server);
}

static void ten_thousand_with_random_delays_are_each_answered_once(void **state)
{
    int port = test_port();
    pid_t pid = test_core_start("a", port, "v1");
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    for (uint64_t id = 0; id < 10000; id++) {
        ask(id, "random:200");
        if (id % 7 == 0) {
            uv_run(&loop, UV_RUN_NOWAIT);
        }
    }
    WAIT_FOR(edge.replies == 10000);
    for (uint64_t id = 0; id < 10000; id++) {
        assert_int_equal(edge.answers[id], 1);
    }
    assert_int_equal(edge.downs, 0);
    test_core_kill(pid);
}

static void a_slow_request_holds_nobody_back(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    ask(0, "after:1500");
    int64_t start = clock_ms();
    for (uint64_t id = 1; id <= 100; id++) {
        ask(id, "reply");
        WAIT_FOR(edge.answers[id] == 1);
    }
    assert_int_equal(edge.answers[0], 0);
    assert_in_range(clock_ms() - start, 0, 1400);
    WAIT_FOR(edge.answers[0] == 1);
    assert_int_equal(edge.downs, 0); /* slow is not silent */
    link_server_close(core.server);
}

static void an_idle_link_stays_up(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.messages == 6); /* two and a half seconds */
    assert_int_equal(edge.ups, 1);
    assert_int_equal(edge.downs, 0);
    assert_int_equal(edge.replies, 0);
    link_server_close(core.server);
}

static void an_edge_may_start_before_its_core(void **state)
{
    int port = test_port();
    open_edge(port, key);
    assert_int_equal(test_send(edge.client, 1, "reply"), ERR_UNAVAILABLE);
    for (int i = 0; i < 10; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    WAIT_FOR(edge.ups == 1);
    ask(1, "reply");
    WAIT_FOR(edge.answers[1] == 1);
    link_server_close(core.server);
}

static void a_killed_core_is_down_at_once_and_its_successor_up(void **state)
{
    int port = test_port();
    pid_t pid = test_core_start("a", port, "v1");
    open_edge(port, key);
    for (int round = 1; round <= 5; round++) {
        WAIT_FOR(edge.ups == round);
        ask((uint64_t)round, "reply");
        WAIT_FOR(edge.answers[round] == 1);
        ask(100, "never");
        int64_t start = clock_ms();
        test_core_kill(pid);
        WAIT_FOR(edge.downs == round);
        assert_in_range(clock_ms() - start, 0, 1000);
        pid = test_core_start("a", port, "v1");
    }
    test_core_kill(pid);
}

static void a_stopped_core_is_down_within_two_seconds_and_comes_back(void **state)
{
    int port = test_port();
    pid_t pid = test_core_start("a", port, "v1");
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    ask(1, "reply");
    WAIT_FOR(edge.answers[1] == 1);
    kill(pid, SIGSTOP);
    ask(2, "reply");
    int64_t start = clock_ms();
    WAIT_FOR(edge.downs == 1);
    int64_t took = clock_ms() - start;
    assert_in_range(took, LINK_SILENCE_MS - 600, 2500); /* 2000, and a slow machine */
    kill(pid, SIGCONT);
    WAIT_FOR(edge.ups == 2);
    WAIT_FOR(edge.answers[2] == 1); /* late, but handed on */
    ask(3, "reply");
    WAIT_FOR(edge.answers[3] == 1);
    test_core_kill(pid);
}

static int64_t refused_frames(void)
{
    struct buf text;
    buf_init(&text, 1024 * 1024);
    metrics_render(&text);
    int64_t sum = 0;
    const char *at = (const char *)text.data;
    while ((at = strstr(at, "belfry_link_frames_refused_total{")) != NULL) {
        sum += atoll(strchr(at, ' '));
        at++;
    }
    buf_finish(&text);
    return sum;
}

static void an_edge_with_another_key_is_not_heard(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    struct link_key *other = test_key(TEST_OTHER_SECRET);
    int64_t refused = refused_frames();
    open_edge(port, other);
    WAIT_FOR(refused_frames() > refused);
    assert_int_equal(core.requests, 0);
    struct link_client *stranger = edge.client;
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    assert_false(link_client_up(stranger));
    link_client_close(stranger);
    link_server_close(core.server);
    uv_run(&loop, UV_RUN_NOWAIT);
    link_key_destroy(other);
}

/* A frame of an edge behind its size, with bit `flip` changed and `cut` bytes missing. */
static void write_damaged_frame(int fd, size_t flip, size_t cut)
{
    Link__ToCore message = LINK__TO_CORE__INIT;
    uint8_t id[16] = {1};
    message.edge_id.data = id;
    message.edge_id.len = 16;
    struct buf frame;
    buf_init(&frame, FRAME_MAX_BYTES);
    assert_int_equal(frame_seal(key, FRAME_TO_CORE, &message.base, &frame), ERR_OK);
    frame.data[flip / 8 % frame.size] ^= (uint8_t)(1 << flip % 8);
    uint32_t size = htonl((uint32_t)(frame.size - cut));
    assert_int_equal(write(fd, &size, sizeof(size)), sizeof(size));
    assert_int_equal(write(fd, frame.data, frame.size - cut), frame.size - cut);
    buf_finish(&frame);
}

static int raw_socket(int port, struct sockaddr_in *ret_address)
{
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    return fd;
}

static void damaged_frames_are_dropped_by_the_core(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    struct sockaddr_in address;
    int fd = raw_socket(port, &address);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int64_t refused = refused_frames();
    for (size_t i = 0; i < 300; i++) {
        write_damaged_frame(fd, i, i % 3 * 10);
        WAIT_FOR(refused_frames() == refused + (int64_t)i + 1);
    }
    /* What is larger than any frame ends the connection. */
    assert_int_equal(write(fd, "GET / HTTP/1.1\r\n", 16), 16);
    char byte;
    WAIT_FOR(recv(fd, &byte, 1, MSG_DONTWAIT) == 0);
    close(fd);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    link_server_close(core.server);
}

static void on_poll(uv_timer_t *timer)
{
}

static void a_core_that_answers_nonsense_is_never_up(void **state)
{
    int port = test_port();
    struct sockaddr_in address;
    int listener = raw_socket(port, &address);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 1), 0);
    open_edge(port, key);
    int fd = accept(listener, NULL, NULL);
    assert_true(fd >= 0);
    uv_timer_t poll; /* this core has no loop that would wake ours */
    uv_timer_init(&loop, &poll);
    uv_timer_start(&poll, on_poll, 1, 1);
    int64_t refused = refused_frames();
    for (size_t i = 0; i < 4; i++) {
        char request[1000];
        WAIT_FOR(recv(fd, request, sizeof(request), MSG_DONTWAIT) > 0);
        write_damaged_frame(fd, 300 + i, 0);
        WAIT_FOR(refused_frames() == refused + (int64_t)i + 1);
    }
    assert_int_equal(edge.ups, 0);
    close(fd);
    close(listener);
    uv_close((uv_handle_t *)&poll, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void large_answers_are_spread_over_messages(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    for (uint64_t id = 0; id < 20; id++) {
        ask(id, "big:1000000");
    }
    WAIT_FOR(edge.replies == 20);
    assert_in_range(edge.largest_message, 1000000, FRAME_MAX_BYTES / 2 + 1000);
    ask(30, "big:3900000"); /* one that is larger than that goes alone */
    WAIT_FOR(edge.answers[30] == 1);
    ask(31, "big:5000000");
    WAIT_FOR(edge.answers[31] == 1);
    assert_string_equal(edge.last, "INTERNAL");
    assert_int_equal(edge.downs, 0);
    link_server_close(core.server);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    char *large = malloc(FRAME_MAX_BYTES + 1);
    memset(large, 'x', FRAME_MAX_BYTES);
    large[FRAME_MAX_BYTES] = '\0';
    assert_int_equal(test_send(edge.client, 1, large), ERR_PAYLOAD_TOO_LARGE);
    large[1000000] = '\0';
    uint64_t id = 0;
    while (test_send(edge.client, id, large) == ERR_OK) {
        id++;
        assert_in_range(id, 1, 8);
    }
    WAIT_FOR(edge.replies == id);
    assert_int_equal(test_send(edge.client, id, large), ERR_OK);
    free(large);
    link_server_close(core.server);
}

static void a_core_that_drains_says_so_and_still_answers(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    ask(1, "after:300");
    WAIT_FOR(core.requests == 1);
    link_server_drain(core.server);
    WAIT_FOR(edge.draining);
    assert_true(link_client_draining(edge.client));
    assert_int_equal(edge.answers[1], 0);
    WAIT_FOR(edge.answers[1] == 1);
    WAIT_FOR(link_server_flushed(core.server));
    link_server_close(core.server);
}

static void one_core_may_have_two_addresses(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    struct edge other = {0};
    struct uuid edge_id = uuid_v7();
    assert_int_equal(link_client_open(&loop, "127.0.0.1", port, key, edge_id, events,
                                      &edge, &edge.client),
                     ERR_OK);
    assert_int_equal(link_client_open(&loop, "127.0.0.1", port, key, edge_id, events,
                                      &other, &other.client),
                     ERR_OK);
    WAIT_FOR(edge.ups == 1 && other.ups == 1);
    for (uint64_t id = 0; id < 1000; id++) {
        ask(id, "random:5");
        assert_int_equal(test_send(other.client, 1000 + id, "random:5"), ERR_OK);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    WAIT_FOR(edge.replies == 1000 && other.replies == 1000);
    for (uint64_t id = 0; id < 1000; id++) {
        assert_int_equal(edge.answers[id], 1);
        assert_int_equal(other.answers[1000 + id], 1);
    }
    assert_int_equal(edge.downs + other.downs, 0);
    link_client_close(other.client);
    link_server_close(core.server);
}

static void may_be_closed_from_its_own_callback(void **state)
{
    int port = test_port();
    struct test_core core = {0};
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    edge.close_on_reply = true;
    ask(1, "reply");
    ask(2, "reply");
    WAIT_FOR(edge.client == NULL);
    assert_int_equal(edge.replies, 1);
    link_server_close(core.server);
}

static void late_replies_of_a_closed_core_go_nowhere(void **state)
{
    int port = test_port();
    static struct test_core core; /* its timer comes in tear_down() */
    test_core_open(&core, &loop, port, key);
    open_edge(port, key);
    WAIT_FOR(edge.ups == 1);
    ask(1, "after:50");
    WAIT_FOR(core.requests == 1);
    link_server_close(core.server);
    WAIT_FOR(edge.downs == 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "core") == 0) {
        return test_core_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        CASE(requests_come_in_order_and_are_answered),
        CASE(ten_thousand_with_random_delays_are_each_answered_once),
        CASE(a_slow_request_holds_nobody_back),
        CASE(an_idle_link_stays_up),
        CASE(an_edge_may_start_before_its_core),
        CASE(a_killed_core_is_down_at_once_and_its_successor_up),
        CASE(a_stopped_core_is_down_within_two_seconds_and_comes_back),
        CASE(an_edge_with_another_key_is_not_heard),
        CASE(damaged_frames_are_dropped_by_the_core),
        CASE(a_core_that_answers_nonsense_is_never_up),
        CASE(large_answers_are_spread_over_messages),
        CASE(what_cannot_be_sent_is_refused),
        CASE(a_core_that_drains_says_so_and_still_answers),
        CASE(one_core_may_have_two_addresses),
        CASE(may_be_closed_from_its_own_callback),
        CASE(late_replies_of_a_closed_core_go_nowhere),
    };
    return cmocka_run_group_tests_name("link", tests, NULL, NULL);
}
