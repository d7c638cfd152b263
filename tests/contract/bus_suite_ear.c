/* Why: what a bus calls back must be recorded before it can be judged. */
#include "bus_suite_ear.h"

#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

#define FENCE_FIRST 0xf0000000u

static uv_loop_t *reads;

void ear_use_loop(uv_loop_t *loop)
{
    reads = loop;
}

static void on_message(void *user, struct bytes topic, struct bytes payload)
{
    struct ear *ear = user;
    if (atomic_load(&ear->closed)) {
        atomic_fetch_add(&ear->called_late, 1);
        return;
    }
    uint32_t number = 0;
    if (payload.size == sizeof(number)) {
        memcpy(&number, payload.data, sizeof(number));
    }
    if (number >= FENCE_FIRST) {
        ear->fence = number;
        return;
    }
    if (!bytes_equal_text(topic, ear->topic)) {
        return;
    }
    if (ear->count < sizeof(ear->numbers) / sizeof(ear->numbers[0])) {
        ear->numbers[ear->count] = number;
    }
    ear->count++;
    ear->payload_size = payload.size;
    ear->payload = realloc(ear->payload, payload.size + 1);
    assert_non_null(ear->payload);
    if (payload.size > 0) {
        memcpy(ear->payload, payload.data, payload.size);
    }
}

static void on_wake(void *user)
{
    struct ear *ear = user;
    if (atomic_load(&ear->closed)) {
        atomic_fetch_add(&ear->called_late, 1);
    }
    atomic_fetch_add(&ear->wakes, 1);
    uint64_t one = 1;
    ssize_t size = write(ear->event_fd, &one, sizeof(one));
    (void)size;
}

void ear_open(struct ear *ear, const char *url, const char *topic)
{
    *ear = (struct ear){.topic = topic, .event_fd = eventfd(0, EFD_NONBLOCK)};
    assert_true(ear->event_fd >= 0);
    const struct bus_events events = {on_message, on_wake, ear, reads};
    assert_int_equal(bus_open(url, events, &ear->bus), ERR_OK);
}

void ear_close(struct ear *ear)
{
    bus_close(ear->bus);
    atomic_store(&ear->closed, true);
    ear->bus = NULL;
}

void ear_finish(struct ear *ear)
{
    bus_close(ear->bus);
    close(ear->event_fd);
    free(ear->payload);
    *ear = (struct ear){.event_fd = -1};
}

bool ear_poll(struct bus *bus)
{
    if (reads != NULL) {
        uv_run(reads, UV_RUN_NOWAIT);
    }
    return bus_poll(bus, 256);
}

/* Polls only when it was woken, or told that there is more. */
void ear_step(struct ear *ear)
{
    struct pollfd fds[] = {
        {.fd = ear->event_fd, .events = POLLIN},
        {.fd = reads != NULL ? uv_backend_fd(reads) : -1, .events = POLLIN}};
    poll(fds, 2, ear->more ? 0 : 10);
    if (reads != NULL) {
        uv_run(reads, UV_RUN_NOWAIT);
    }
    uint64_t count;
    bool woken = read(ear->event_fd, &count, sizeof(count)) > 0;
    if (woken || ear->more) {
        ear->more = bus_poll(ear->bus, 256);
    }
}

bool ear_wait_count(struct ear *ear, size_t count)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    while (ear->count < count) {
        if (clock_ms() > end_ms) {
            return false;
        }
        ear_step(ear);
    }
    return true;
}

enum err send_number(struct bus *bus, const char *topic, uint32_t number)
{
    ear_poll(bus); /* brokerless ones learn in there who listens, and to what */
    return bus_publish(bus, bytes_of_text(topic), bytes_make(&number, sizeof(number)));
}

/* True if `fence` or a later one was heard within that time. The publisher is polled,
 * too: it may have more to send than could be sent at once. */
static bool wait_fence(struct ear *ear, struct bus *publisher, uint32_t fence,
                       int timeout_ms)
{
    int64_t end_ms = clock_ms() + timeout_ms;
    while (ear->fence < fence && clock_ms() < end_ms) {
        ear_step(ear);
        ear_poll(publisher);
    }
    return ear->fence >= fence;
}

void ear_settle(struct ear *ear, struct bus *publisher, const char *topic)
{
    int64_t end_ms = clock_ms() + DEADLINE_MS;
    uint32_t first = (ear->fence > FENCE_FIRST ? ear->fence : FENCE_FIRST) + 1;
    uint32_t next = first;
    for (;;) {
        bool sent = send_number(publisher, topic, next++) == ERR_OK;
        if (wait_fence(ear, publisher, first, 50) && sent) {
            break;
        }
        if (clock_ms() > end_ms) {
            fail_msg("nothing arrives on %s", topic);
        }
    }
    /* The last one, behind all that may still be on their way. */
    assert_int_equal(send_number(publisher, topic, next), ERR_OK);
    assert_true(wait_fence(ear, publisher, next, DEADLINE_MS));
}
