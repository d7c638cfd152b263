/* What the drivers of brokers share: a thread of their own, so that a broker that does
 * not read its socket blocks that thread and never the loop.
 *
 * The owner's thread leaves what it wants here: messages to send in a bounded queue, and
 * topics as a difference between "wanted" and "told to the broker", which stays small
 * however often a topic comes and goes while the broker is away. */
#ifndef BUS_BUS_WORKER_H
#define BUS_BUS_WORKER_H

#include <stdatomic.h>

#include "bus/bus_driver.h"

#define BUS_OUTBOX_MESSAGES_MAX 65536
#define BUS_OUTBOX_BYTES_MAX    (64 * 1024 * 1024)

struct bus_worker {
    pthread_t thread;
    pthread_mutex_t mutex;
    struct bus_queue outbox;
    struct map interests; /* topic -> struct interest, all that are wanted or told */
    struct list changed;  /* interests whose wanted and told differ, oldest first */
    bool signalled;
    bool stopping;
    int event_fd; /* readable: there is something to take, or stopping */
    _Atomic bool connected;
};

/* --- owner's thread ------------------------------------------------------------- */

/* Starts the thread, with all signals blocked: they belong to the loop, and a write to a
 * closed socket must not raise SIGPIPE. ERR_UNAVAILABLE: no memory, nothing started. */
MUST_CHECK enum err bus_worker_start(struct bus_worker *worker, void *(*run)(void *),
                                     void *user);

/* Tells the thread to stop, waits for its end and frees everything. */
void bus_worker_stop(struct bus_worker *worker);

/* ERR_UNAVAILABLE: not connected (old hints help nobody when it comes back), or full. */
MUST_CHECK enum err bus_worker_publish(struct bus_worker *worker, struct bytes topic,
                                       struct bytes payload);
/* The same without waking the worker, which bus_worker_signal() does. Owns the message,
 * also when it fails. */
MUST_CHECK enum err bus_worker_push(struct bus_worker *worker,
                                    struct bus_message *message);
MUST_CHECK enum err bus_worker_want(struct bus_worker *worker, const char *topic);
void bus_worker_unwant(struct bus_worker *worker, const char *topic);

/* --- worker's thread ------------------------------------------------------------ */

/* Waits until there is something to do or the time is over; true while not stopping. */
bool bus_worker_wait(struct bus_worker *worker, int timeout_ms);

/* As above, for the pause between two attempts: only stopping ends it early. */
bool bus_worker_pause(struct bus_worker *worker, int timeout_ms);

/* Makes event_fd unreadable; call before taking. */
void bus_worker_clear(struct bus_worker *worker);

/* Makes event_fd readable, if work was left for the next turn. Any thread. */
void bus_worker_signal(struct bus_worker *worker);

bool bus_worker_stopping(struct bus_worker *worker);

/* The oldest message to send, the caller's to free; NULL if there is none. */
struct bus_message *bus_worker_take(struct bus_worker *worker);

/* The next topic that the broker must be told of, and counts it as told; false if none.
 */
bool bus_worker_take_change(struct bus_worker *worker, char ret_topic[BUS_TOPIC_MAX + 1],
                            bool *ret_wanted);

/* A new connection: the broker knows nothing, every wanted topic is a change again. */
void bus_worker_forget_told(struct bus_worker *worker);

/* Connected or cut off; when cut off, what waits to be sent is lost, and counted. Any
 * thread. */
void bus_worker_set_connected(struct bus_worker *worker, bool connected);

#endif
