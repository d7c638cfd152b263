/* Why: the system runs, and is tested, with no broker and no socket at all. */
#include "bus/bus_driver.h"

#include <stdlib.h>

struct bus_mem {
    struct bus bus;
    struct list node;  /* in `all` */
    struct map topics; /* wanted here; guarded by `mutex`, as publishers look inside */
    char *name;
};

/* Buses of one process may belong to different threads, and still hear each other. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct list all = {&all, &all};

static struct bus_mem *mem_of(struct bus *bus)
{
    return container_of(bus, struct bus_mem, bus);
}

static enum err mem_open(const char *address, struct bus_events events,
                         struct bus **ret_bus)
{
    struct bus_mem *mem = calloc(1, sizeof(*mem));
    if (mem == NULL) {
        return ERR_UNAVAILABLE;
    }
    mem->name = strdup(address);
    if (mem->name == NULL) {
        free(mem);
        return ERR_UNAVAILABLE;
    }
    bus_init(&mem->bus, &bus_mem_driver, events);
    mem->bus.routes_topics = true;
    map_init(&mem->topics, MAP_TEXT_KEYS);

    pthread_mutex_lock(&mutex);
    list_push(&all, &mem->node);
    pthread_mutex_unlock(&mutex);

    *ret_bus = &mem->bus;
    return ERR_OK;
}

static void mem_close(struct bus *bus)
{
    struct bus_mem *mem = mem_of(bus);

    pthread_mutex_lock(&mutex);
    list_remove(&mem->node);
    pthread_mutex_unlock(&mutex);

    map_finish(&mem->topics);
    bus_finish(&mem->bus);
    free(mem->name);
    free(mem);
}

static enum err mem_publish(struct bus *bus, struct bytes topic, struct bytes payload)
{
    struct bus_mem *mem = mem_of(bus);
    char key[BUS_TOPIC_MAX + 1];
    memcpy(key, topic.data, topic.size);
    key[topic.size] = '\0';

    pthread_mutex_lock(&mutex);
    LIST_EACH(&all, node) {
        struct bus_mem *other = container_of(node, struct bus_mem, node);
        if (strcmp(other->name, mem->name) == 0 && map_get(&other->topics, key) != NULL) {
            bus_receive(&other->bus, topic, payload);
        }
    }
    pthread_mutex_unlock(&mutex);
    return ERR_OK;
}

static enum err mem_subscribe(struct bus *bus, const char *topic)
{
    struct bus_mem *mem = mem_of(bus);

    pthread_mutex_lock(&mutex);
    enum err err = map_put(&mem->topics, topic, mem);
    pthread_mutex_unlock(&mutex);
    return err;
}

static void mem_unsubscribe(struct bus *bus, const char *topic)
{
    struct bus_mem *mem = mem_of(bus);

    pthread_mutex_lock(&mutex);
    map_remove(&mem->topics, topic);
    pthread_mutex_unlock(&mutex);
}

static bool mem_connected(const struct bus *bus)
{
    return true;
}

const struct bus_driver bus_mem_driver = {
    .scheme = "mem",
    .open = mem_open,
    .close = mem_close,
    .publish = mem_publish,
    .subscribe = mem_subscribe,
    .unsubscribe = mem_unsubscribe,
    .poll = bus_poll_inbox,
    .connected = mem_connected,
};
