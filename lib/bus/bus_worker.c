/* Why: publishing to a broker must not block the loop, and its client libraries do. */
#include "bus/bus_worker.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

struct interest {
    struct list changed;
    bool wanted; /* by the owner */
    bool told;   /* to the broker */
    char topic[BUS_TOPIC_MAX + 1];
};

enum err bus_worker_start(struct bus_worker *worker, void *(*run)(void *), void *user)
{
    *worker = (struct bus_worker){.event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (worker->event_fd < 0) {
        return ERR_UNAVAILABLE;
    }
    pthread_mutex_init(&worker->mutex, NULL);
    bus_queue_init(&worker->outbox, BUS_OUTBOX_MESSAGES_MAX, BUS_OUTBOX_BYTES_MAX);
    map_init(&worker->interests, MAP_TEXT_KEYS);
    list_init(&worker->changed);

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&worker->thread, NULL, run, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        close(worker->event_fd);
        pthread_mutex_destroy(&worker->mutex);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

void bus_worker_stop(struct bus_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_mutex_unlock(&worker->mutex);
    bus_worker_signal(worker);
    pthread_join(worker->thread, NULL);

    size_t cursor = 0;
    void *interest;
    while (map_next(&worker->interests, &cursor, NULL, &interest)) {
        free(interest);
    }
    map_finish(&worker->interests);
    bus_queue_finish(&worker->outbox);
    pthread_mutex_destroy(&worker->mutex);
    close(worker->event_fd);
}

void bus_worker_signal(struct bus_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    bool write_needed = !worker->signalled;
    worker->signalled = true;
    if (write_needed) {
        uint64_t one = 1;
        ssize_t written = write(worker->event_fd, &one, sizeof(one));
        (void)written; /* fails only if it is readable already */
    }
    pthread_mutex_unlock(&worker->mutex);
}

void bus_worker_clear(struct bus_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    uint64_t count;
    ssize_t size = read(worker->event_fd, &count, sizeof(count));
    (void)size; /* fails only if there was nothing */
    worker->signalled = false;
    pthread_mutex_unlock(&worker->mutex);
}

enum err bus_worker_push(struct bus_worker *worker, struct bus_message *message)
{
    pthread_mutex_lock(&worker->mutex);
    bool queued =
        atomic_load(&worker->connected) && bus_queue_push(&worker->outbox, message);
    pthread_mutex_unlock(&worker->mutex);
    if (!queued) {
        free(message);
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

enum err bus_worker_publish(struct bus_worker *worker, struct bytes topic,
                            struct bytes payload)
{
    if (!atomic_load(&worker->connected)) {
        return ERR_UNAVAILABLE;
    }
    struct bus_message *message = bus_message_create(topic, payload);
    if (message == NULL) {
        return ERR_UNAVAILABLE;
    }
    TRY(bus_worker_push(worker, message));
    bus_worker_signal(worker);
    return ERR_OK;
}

/* Keeps the invariant of `changed`, and forgets a topic that nobody knows any more. */
static void interest_update(struct bus_worker *worker, struct interest *interest)
{
    if (interest->wanted == interest->told) {
        list_remove(&interest->changed);
    } else if (!list_linked(&interest->changed)) {
        list_push(&worker->changed, &interest->changed);
    }
    if (!interest->wanted && !interest->told) {
        map_remove(&worker->interests, interest->topic);
        free(interest);
    }
}

enum err bus_worker_want(struct bus_worker *worker, const char *topic)
{
    enum err err = ERR_OK;

    pthread_mutex_lock(&worker->mutex);
    struct interest *interest = map_get(&worker->interests, topic);
    if (interest == NULL) {
        interest = calloc(1, sizeof(*interest));
        err = interest != NULL ? map_put(&worker->interests, topic, interest)
                               : ERR_UNAVAILABLE;
        if (err != ERR_OK) {
            free(interest);
            goto out;
        }
        memcpy(interest->topic, topic, strlen(topic) + 1);
    }
    interest->wanted = true;
    interest_update(worker, interest);
out:
    pthread_mutex_unlock(&worker->mutex);
    bus_worker_signal(worker);
    return err;
}

void bus_worker_unwant(struct bus_worker *worker, const char *topic)
{
    pthread_mutex_lock(&worker->mutex);
    struct interest *interest = map_get(&worker->interests, topic);
    assert(interest != NULL && interest->wanted);
    interest->wanted = false;
    interest_update(worker, interest);
    pthread_mutex_unlock(&worker->mutex);
    bus_worker_signal(worker);
}

bool bus_worker_stopping(struct bus_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    bool stopping = worker->stopping;
    pthread_mutex_unlock(&worker->mutex);
    return stopping;
}

bool bus_worker_wait(struct bus_worker *worker, int timeout_ms)
{
    if (bus_worker_stopping(worker)) {
        return false; /* its signal may have been cleared already */
    }
    struct pollfd fd = {.fd = worker->event_fd, .events = POLLIN};
    (void)poll(&fd, 1, timeout_ms); /* all signals are blocked: no EINTR */
    bus_worker_clear(worker);
    return !bus_worker_stopping(worker);
}

bool bus_worker_pause(struct bus_worker *worker, int timeout_ms)
{
    int64_t end_ms = clock_ms() + timeout_ms;
    for (;;) {
        int64_t left_ms = end_ms - clock_ms();
        if (!bus_worker_wait(worker, left_ms > 0 ? (int)left_ms : 0)) {
            return false;
        }
        if (left_ms <= 0) {
            bus_worker_signal(worker); /* what the pause has cleared */
            return true;
        }
    }
}

struct bus_message *bus_worker_take(struct bus_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    struct bus_message *message = bus_queue_take(&worker->outbox);
    pthread_mutex_unlock(&worker->mutex);
    return message;
}

bool bus_worker_take_change(struct bus_worker *worker, char ret_topic[BUS_TOPIC_MAX + 1],
                            bool *ret_wanted)
{
    pthread_mutex_lock(&worker->mutex);
    struct list *node = list_take(&worker->changed);
    if (node != NULL) {
        struct interest *interest = container_of(node, struct interest, changed);
        memcpy(ret_topic, interest->topic, sizeof(interest->topic));
        *ret_wanted = interest->wanted;
        interest->told = interest->wanted;
        interest_update(worker, interest);
    }
    pthread_mutex_unlock(&worker->mutex);
    return node != NULL;
}

void bus_worker_forget_told(struct bus_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
    size_t cursor = 0;
    void *value;
    while (map_next(&worker->interests, &cursor, NULL, &value)) {
        struct interest *interest = value;
        interest->told = false;
        interest_update(worker, interest); /* removes at most the entry just given */
    }
    pthread_mutex_unlock(&worker->mutex);
}

void bus_worker_set_connected(struct bus_worker *worker, bool connected)
{
    atomic_store(&worker->connected, connected);
    if (connected) {
        return;
    }
    pthread_mutex_lock(&worker->mutex);
    for (;;) {
        struct bus_message *message = bus_queue_take(&worker->outbox);
        if (message == NULL) {
            break;
        }
        free(message);
        bus_count_publish_error();
    }
    pthread_mutex_unlock(&worker->mutex);
}
