/* Checks that a channel brings whole messages in order, waits within its limits, and
 * comes back after a break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "channel/channel.h"

#define MESSAGE_MAX (1024 * 1024)
#define BACKLOG_MAX (4 * 1024 * 1024)

/* One end: what it was told. */
struct end {
    struct channel_hub hub;
    _Atomic int wakes;
    struct channel *channel; /* while open */
    int opens, closes;
    size_t count; /* messages; each says its number */
    size_t last_size;
    bool disordered;
    bool close_on_message;
    bool break_on_message;
    bool break_on_open;
};

static uv_loop_t loop;
static struct end here, there;
static struct channel_listener *listener;
static struct channel *dialed;
static int port;

static void on_wake(void *user)
{
    atomic_fetch_add(&((struct end *)user)->wakes, 1);
}

static void on_open(void *user, struct channel *channel)
{
    struct end *end = user;
    end->opens++;
    end->channel = channel;
    assert_true(channel_is_open(channel));
    if (end->break_on_open) {
        channel_break(channel);
    }
}

static void on_message(void *user, struct channel *channel, struct bytes message)
{
    struct end *end = user;
    uint32_t number = UINT32_MAX;
    if (message.size >= sizeof(number)) {
        memcpy(&number, message.data, sizeof(number));
        for (size_t i = sizeof(number); i < message.size; i += 97) {
            end->disordered = end->disordered || message.data[i] != (uint8_t)number;
        }
    }
    end->disordered = end->disordered || number != end->count;
    end->count++;
    end->last_size = message.size;
    if (end->break_on_message) {
        channel_break(channel);
    }
    if (end->close_on_message) {
        channel_close(channel);
        end->channel = NULL;
    }
}

static void on_close(void *user, struct channel *channel)
{
    struct end *end = user;
    end->closes++;
    end->channel = NULL;
    assert_false(channel_is_open(channel));
}

static const struct channel_events events = {on_open, on_message, on_close};
static const struct channel_options options = {.message_max = MESSAGE_MAX,
                                               .backlog_max = BACKLOG_MAX,
                                               .redial_min_ms = 10,
                                               .redial_max_ms = 50};

static void poll_both(void)
{
    channel_hub_poll(&here.hub, SIZE_MAX);
    channel_hub_poll(&there.hub, SIZE_MAX);
    uv_run(&loop, UV_RUN_NOWAIT);
}

#define WAIT_FOR(condition)                                                              \
    do {                                                                                 \
        int64_t end_ms_ = clock_ms() + 30000;                                            \
        while (!(condition)) {                                                           \
            assert_true(clock_ms() < end_ms_);                                           \
            poll_both();                                                                 \
            usleep(100);                                                                 \
        }                                                                                \
    } while (0)

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void open_there(void)
{
    assert_int_equal(
        channel_listen(&there.hub, "127.0.0.1", port, options, events, &there, &listener),
        ERR_OK);
}

static int set_up(void **state)
{
    here = there = (struct end){0};
    port = free_port();
    uv_loop_init(&loop);
    channel_hub_init(&here.hub, *state, on_wake, &here); /* NULL: NNG's threads read */
    channel_hub_init(&there.hub, *state, on_wake, &there);
    open_there();
    assert_int_equal(
        channel_dial(&here.hub, "127.0.0.1", port, options, events, &here, &dialed),
        ERR_OK);
    WAIT_FOR(here.channel != NULL && there.channel != NULL);
    return 0;
}

static int set_up_by_loop(void **state)
{
    *state = &loop;
    return set_up(state);
}

static int tear_down(void **state)
{
    channel_close(dialed);
    channel_listener_close(listener);
    channel_hub_finish(&here.hub);
    channel_hub_finish(&there.hub);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static enum err send_number(struct channel *channel, uint32_t number, size_t size)
{
    static uint8_t rest[MESSAGE_MAX];
    memset(rest, (int)(uint8_t)number, size);
    struct bytes parts[] = {bytes_make(&number, sizeof(number)), bytes_make(rest, size)};
    return channel_send(channel, parts, 2);
}

static void messages_of_any_size_come_whole_and_in_order(void **state)
{
    static const size_t sizes[] = {0,     1,     100,   4000,   65527,
                                   65528, 65529, 70000, 200000, MESSAGE_MAX - 4};
    uint32_t number = 0;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            enum err err;
            while ((err = send_number(here.channel, number, sizes[i])) != ERR_OK) {
                assert_int_equal(err, ERR_LIMIT_REACHED);
                poll_both();
            }
            number++;
        }
    }
    WAIT_FOR(there.count == number);
    assert_false(there.disordered);
    assert_int_equal(there.last_size, MESSAGE_MAX);
    assert_int_equal(channel_backlog(here.channel), 0);
    assert_int_equal(send_number(there.channel, 0, 10), ERR_OK); /* both ways */
    WAIT_FOR(here.count == 1);
    assert_false(here.disordered);
}

static void waits_up_to_the_limit_for_who_does_not_read(void **state)
{
    uint32_t number = 0;
    enum err err;
    while ((err = send_number(here.channel, number, 10000)) == ERR_OK) {
        number++;
        assert_in_range(number, 1, 100000);
    }
    assert_int_equal(err, ERR_LIMIT_REACHED);
    assert_in_range(channel_backlog(here.channel), BACKLOG_MAX - 10008, BACKLOG_MAX);
    WAIT_FOR(there.count == number);
    assert_false(there.disordered);
    assert_int_equal(here.closes, 0);
}

static void what_is_corked_goes_out_together_and_in_order(void **state)
{
    uint32_t number = 0;
    assert_int_equal(send_number(here.channel, number++, 10), ERR_OK);
    for (int round = 0; round < 3; round++) { /* the last is more than the kernel takes */
        size_t size = round < 2 ? 1000 : 300000;
        channel_cork(here.channel);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(send_number(here.channel, number++, size), ERR_OK);
        }
        assert_true(channel_backlog(here.channel) >= 10 * size);
        assert_true(there.count <= number - 10);
        channel_uncork(here.channel);
        assert_int_equal(send_number(here.channel, number++, 10), ERR_OK);
        WAIT_FOR(there.count == number);
        assert_int_equal(channel_backlog(here.channel), 0);
    }
    assert_false(there.disordered);
}

static void a_broken_one_can_be_uncorked(void **state)
{
    channel_cork(here.channel);
    assert_int_equal(send_number(here.channel, 0, 10), ERR_OK);
    channel_break(here.channel);
    channel_uncork(here.channel);
    WAIT_FOR(here.closes == 1 && here.opens == 2);
    assert_int_equal(send_number(here.channel, 0, 10), ERR_OK);
    WAIT_FOR(there.count == 1);
}

static void hands_on_no_more_than_it_is_asked_for(void **state)
{
    for (uint32_t number = 0; number < 10; number++) {
        assert_int_equal(send_number(here.channel, number, 10), ERR_OK);
    }
    int64_t end_ms = clock_ms() + 30000;
    while (there.count < 10 && clock_ms() < end_ms) {
        size_t before = there.count;
        bool more = channel_hub_poll(&there.hub, 3);
        assert_true(there.count <= before + 3);
        assert_false(more && there.count == 10);
    }
    assert_int_equal(there.count, 10);
    assert_false(there.disordered);
}

static void wakes_once_between_two_polls(void **state)
{
    usleep(20000);
    channel_hub_poll(&there.hub, SIZE_MAX);
    int before = atomic_load(&there.wakes);
    for (uint32_t number = 0; number < 100; number++) {
        assert_int_equal(send_number(here.channel, number, 1000), ERR_OK);
    }
    usleep(20000);
    assert_int_equal(atomic_load(&there.wakes), before + 1);
    WAIT_FOR(there.count == 100);
}

static void the_loop_reads_without_being_woken(void **state)
{
    poll_both();
    int before = atomic_load(&there.wakes);
    for (uint32_t number = 0; number < 100; number++) {
        assert_int_equal(send_number(here.channel, number, 1000), ERR_OK);
    }
    int64_t end_ms = clock_ms() + 30000;
    while (there.count < 100 && clock_ms() < end_ms) {
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_true(there.count <= 100);
    assert_int_equal(atomic_load(&there.wakes), before);
}

static void who_stays_silent_is_cut_off(void **state)
{
    struct channel_options impatient = options;
    impatient.first_ms = 200;
    channel_listener_close(listener);
    WAIT_FOR(here.closes == 1);
    there.channel = NULL;
    assert_int_equal(channel_listen(&there.hub, "127.0.0.1", port, impatient, events,
                                    &there, &listener),
                     ERR_OK);
    WAIT_FOR(there.closes == 1);
    there.channel = NULL;
    WAIT_FOR(there.channel != NULL && here.channel != NULL);
    assert_int_equal(send_number(here.channel, 0, 10), ERR_OK);
    WAIT_FOR(there.count == 1);

    struct end other = {0};
    struct channel *silent;
    int closes = here.closes;
    channel_hub_init(&other.hub, NULL, on_wake, &other);
    assert_int_equal(
        channel_dial(&other.hub, "127.0.0.1", port, options, events, &other, &silent),
        ERR_OK);
    WAIT_FOR((channel_hub_poll(&other.hub, SIZE_MAX), other.closes == 1));
    assert_int_equal(here.closes, closes); /* who has spoken may be silent for longer */
    channel_close(silent);
    channel_hub_finish(&other.hub);
}

static void who_comes_back_is_dialed_again(void **state)
{
    for (int round = 1; round <= 5; round++) {
        channel_listener_close(listener);
        WAIT_FOR(here.closes == round);
        assert_int_equal(send_number(dialed, 0, 10), ERR_UNAVAILABLE);
        there.channel = NULL;
        there.count = 0;
        open_there();
        WAIT_FOR(here.opens == round + 1 && there.channel != NULL);
        assert_int_equal(send_number(here.channel, 0, 10), ERR_OK);
        WAIT_FOR(there.count == 1);
    }
    channel_break(there.channel);
    WAIT_FOR(there.closes == 1 && here.closes == 6);
    WAIT_FOR(here.opens == 7 && there.channel != NULL);
    assert_int_equal(channel_listener_count(listener), 1);
}

static void may_be_closed_from_its_own_callback(void **state)
{
    there.close_on_message = true;
    for (uint32_t number = 0; number < 10; number++) {
        assert_int_equal(send_number(here.channel, number, 10), ERR_OK);
    }
    WAIT_FOR(here.closes == 1);
    assert_int_equal(there.count, 1);
    assert_int_equal(there.closes, 0);
}

/* No receive is under way then that could fail. */
static void may_be_broken_from_its_own_callback(void **state)
{
    there.break_on_message = true;
    assert_int_equal(send_number(here.channel, 0, 10), ERR_OK);
    WAIT_FOR(there.closes == 1 && here.closes == 1 && here.opens == 2);
    there.break_on_message = false;
    there.break_on_open = true;
    channel_break(dialed);
    WAIT_FOR(there.closes >= 4);
    there.break_on_open = false;
    WAIT_FOR(here.channel != NULL && channel_listener_count(listener) == 1);
}

/* Who dies while what he sent is not read yet resets the connection: a loop's poll is
 * told of that once only. */
static void who_resets_it_with_something_unread_has_ended(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct linger none = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    WAIT_FOR(there.opens == 2);
    for (uint32_t number = 0; number < 100; number++) { /* read at once, all of it */
        uint8_t message[304] = {0, 0, 1, 44};
        memset(message + 4, (int)(uint8_t)number, 300);
        memcpy(message + 4, &number, sizeof(number));
        assert_int_equal(send(fd, message, sizeof(message), 0), sizeof(message));
    }
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    close(fd);
    WAIT_FOR(there.closes == 1);
    assert_true(there.count <= 100);
    assert_false(there.disordered);
}

/* At every moment of a connection's life. */
static void closes_whatever_is_under_way(void **state)
{
    for (int round = 0; round < 200; round++) {
        struct end other = {0};
        channel_hub_init(&other.hub, *state, on_wake, &other);
        struct channel *channel;
        assert_int_equal(channel_dial(&other.hub, "127.0.0.1", port, options, events,
                                      &other, &channel),
                         ERR_OK);
        for (int i = 0; i < round % 20; i++) {
            usleep(50);
            channel_hub_poll(&other.hub, SIZE_MAX);
            poll_both();
            enum err ignored = send_number(channel, 0, 500000);
            (void)ignored;
        }
        channel_close(channel);
        channel_hub_finish(&other.hub);
    }
    WAIT_FOR(channel_listener_count(listener) == 1);
}

static void an_address_that_is_none_is_refused(void **state)
{
    struct channel *channel;
    assert_int_equal(channel_dial(&here.hub, "", port, options, events, &here, &channel),
                     ERR_VALIDATION_ERROR);
    assert_int_equal(
        channel_dial(&here.hub, "localhost", 65536, options, events, &here, &channel),
        ERR_VALIDATION_ERROR);
    struct channel_listener *second;
    assert_int_equal(
        channel_listen(&there.hub, "127.0.0.1", port, options, events, &there, &second),
        ERR_UNAVAILABLE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CASE_BY_LOOP(name)                                                               \
    {                                                                                    \
#name "_by_loop", name, set_up_by_loop, tear_down, NULL                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(messages_of_any_size_come_whole_and_in_order),
        CASE(waits_up_to_the_limit_for_who_does_not_read),
        CASE(what_is_corked_goes_out_together_and_in_order),
        CASE(a_broken_one_can_be_uncorked),
        CASE(hands_on_no_more_than_it_is_asked_for),
        CASE(wakes_once_between_two_polls),
        CASE(who_comes_back_is_dialed_again),
        CASE(may_be_closed_from_its_own_callback),
        CASE(may_be_broken_from_its_own_callback),
        CASE(closes_whatever_is_under_way),
        CASE(an_address_that_is_none_is_refused),
        CASE(who_stays_silent_is_cut_off),
        CASE_BY_LOOP(messages_of_any_size_come_whole_and_in_order),
        CASE_BY_LOOP(waits_up_to_the_limit_for_who_does_not_read),
        CASE_BY_LOOP(the_loop_reads_without_being_woken),
        CASE_BY_LOOP(who_resets_it_with_something_unread_has_ended),
        CASE_BY_LOOP(who_stays_silent_is_cut_off),
        CASE_BY_LOOP(who_comes_back_is_dialed_again),
        CASE_BY_LOOP(may_be_closed_from_its_own_callback),
        CASE_BY_LOOP(may_be_broken_from_its_own_callback),
        CASE_BY_LOOP(closes_whatever_is_under_way),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
