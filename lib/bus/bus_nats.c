/* Why: the bus of more than one machine. NATS brings each edge what it wants, in few
 * messages, as each edge has one inbox: cores know what edges want (bus_wishes.h).
 *
 * Subjects:
 *
 *     belfry.to.EDGE     to one edge
 *     belfry.all         to all edges
 *     belfry.wants       to all cores: what an edge wants
 *     belfry.tell.CORE   the same, to the one that has asked
 *     belfry.who         to all edges: tell all that you want, to the subject to reply to
 *     belfry.who.EDGE    the same, to one
 *
 * The topic of a message is its subject to reply to, so that the payload may be as large
 * as a message of NATS. Who listens is a core; who subscribes to a topic is an edge. */
#include "bus/bus_driver.h"

#include <stdio.h>
#include <stdlib.h>

#include "bus/bus_nats_link.h"
#include "bus/bus_wishes.h"
#include "bus/bus_worker.h"

#define ALL         "belfry.all"
#define WANTS       "belfry.wants"
#define WHO         "belfry.who"
#define TELL        "belfry.tell."
#define TO          "belfry.to."
#define SUBJECT_MAX (16 + UUID_TEXT_SIZE)

struct bus_nats {
    struct bus bus;
    struct nats_link *link;
    uint32_t ups, beats; /* those of the link that were seen */
    struct uuid id;
    bool is_edge, is_core;
    int asked; /* how often in this poll, and by whom at last */
    char asker[SUBJECT_MAX];
    struct wishes_teller teller; /* as an edge */
    bool changed;
    struct wishes wishes; /* as a core */
};

static struct bus_nats *nats_of(const struct bus *bus)
{
    return container_of(bus, struct bus_nats, bus);
}

static const char *subject_of(const char *prefix, struct uuid id,
                              char ret_subject[SUBJECT_MAX])
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    snprintf(ret_subject, SUBJECT_MAX, "%s%s", prefix, text);
    return ret_subject;
}

/* The dots of a topic may stand anywhere, and would make empty tokens of a subject. '/'
 * is in no topic. */
static struct bytes exchange(struct bytes text, char from, char to, char ret[])
{
    for (size_t i = 0; i < text.size; i++) {
        ret[i] = (char)text.data[i] == from ? to : (char)text.data[i];
    }
    return bytes_make(ret, text.size);
}

/* ---- an edge ---- */

struct listener {
    struct bus_nats *self;
    const char *subject;
};

/* What is lost here a core misses by its number. */
static void tell(void *user, struct bytes message)
{
    const struct listener *to = user;
    if (nats_link_publish(to->self->link, to->subject, bytes_make("", 0), message) !=
        ERR_OK) {
        bus_count_publish_error();
    }
}

static void tell_changes(struct bus_nats *self)
{
    struct listener to = {self, WANTS};
    self->changed = false;
    wishes_tell_changes(&self->teller, tell, &to);
}

static void tell_all(struct bus_nats *self, const char *subject)
{
    struct listener to = {self, subject};
    nats_link_cork(self->link, true);
    tell_changes(self);
    wishes_tell_all(&self->teller, tell, &to);
    nats_link_cork(self->link, false);
}

/* Without memory for it nothing is heard; then it is tried again when connected anew. */
static void listen_at(struct bus_nats *self, const char *subject)
{
    if (nats_link_subscribe(self->link, subject) != ERR_OK) {
        bus_count_dropped(1);
    }
}

static void appear_as_edge(struct bus_nats *self)
{
    char subject[SUBJECT_MAX];
    listen_at(self, subject_of(TO, self->id, subject));
    listen_at(self, ALL);
    listen_at(self, subject_of(WHO ".", self->id, subject));
    listen_at(self, WHO);
    if (nats_link_is_up(self->link)) {
        tell_all(self, WANTS);
    }
}

static void note_asker(struct bus_nats *self, struct bytes reply)
{
    size_t prefix = strlen(TELL);
    if (reply.size <= prefix || reply.size >= sizeof(self->asker) ||
        memcmp(reply.data, TELL, prefix) != 0) {
        bus_count_dropped(1);
        return;
    }
    memcpy(self->asker, reply.data, reply.size);
    self->asker[reply.size] = '\0';
    self->asked++;
}

/* One that has asked alone, or all cores at once: it is long. */
static void answer(struct bus_nats *self)
{
    if (self->asked > 0) {
        tell_all(self, self->asked == 1 ? self->asker : WANTS);
        self->asked = 0;
    }
}

static void deliver(struct bus_nats *self, struct bytes reply, struct bytes payload)
{
    char text[BUS_TOPIC_MAX];
    struct bytes topic = {0};
    if (reply.size <= sizeof(text)) {
        topic = exchange(reply, '/', '.', text);
    }
    if (!bus_topic_valid(topic)) {
        bus_count_dropped(1);
        return;
    }
    bus_deliver(&self->bus, topic, payload);
}

/* The cores are told by the next poll, of all that has changed until then. */
static void tell_later(struct bus_nats *self)
{
    if (!self->changed && interest_has_changed(&self->teller.interest)) {
        self->changed = true;
        self->bus.events.wake(self->bus.events.user);
    }
}

/* ---- a core ---- */

static void ask(struct bus_nats *self, const char *subject)
{
    char reply[SUBJECT_MAX];
    enum err err = nats_link_publish(self->link, subject,
                                     bytes_of_text(subject_of(TELL, self->id, reply)),
                                     bytes_make("", 0));
    (void)err; /* edges are asked again while they say that they are there */
}

static void appear_as_core(struct bus_nats *self)
{
    char subject[SUBJECT_MAX];
    wishes_reset(&self->wishes);
    listen_at(self, WANTS);
    listen_at(self, subject_of(TELL, self->id, subject));
    if (nats_link_is_up(self->link)) {
        ask(self, WHO);
    }
}

static void hear(struct bus_nats *self, struct bytes message)
{
    struct uuid edge;
    if (wishes_hear(&self->wishes, message, &edge)) {
        char subject[SUBJECT_MAX];
        ask(self, subject_of(WHO ".", edge, subject));
    }
}

/* How many of the edges want it. */
static size_t count_wanting(const struct bus_edges *edges, uint32_t bucket)
{
    size_t count = 0;
    LIST_EACH(&edges->list, node) {
        const struct bus_edge *edge = container_of(node, struct bus_edge, node);
        count += interest_set_has(&edge->interest, bucket);
    }
    return count;
}

static enum err send_to_some(struct bus_nats *self, uint32_t bucket, struct bytes topic,
                             struct bytes payload)
{
    LIST_EACH(&self->wishes.edges.list, node) {
        const struct wishes_edge *edge =
            container_of(node, struct wishes_edge, base.node);
        if (interest_set_has(&edge->base.interest, bucket)) {
            char subject[SUBJECT_MAX];
            TRY(nats_link_publish(self->link, subject_of(TO, edge->id, subject), topic,
                                  payload));
        }
    }
    return ERR_OK;
}

/* ---- what the link says ---- */

static void on_up(struct bus_nats *self)
{
    self->beats = nats_link_beats(self->link); /* the next one is a whole one later */
    if (self->is_edge) {
        appear_as_edge(self);
    }
    if (self->is_core) {
        appear_as_core(self);
    }
}

static void on_beat(struct bus_nats *self)
{
    struct listener to = {self, WANTS};
    if (!nats_link_is_up(self->link)) {
        return;
    }
    if (self->is_edge) {
        wishes_tell_sign(&self->teller, tell, &to);
    }
    if (self->is_core) {
        wishes_beat(&self->wishes);
    }
}

static bool begins_with(struct bytes text, const char *prefix)
{
    size_t size = strlen(prefix);
    return text.size >= size && memcmp(text.data, prefix, size) == 0;
}

static void take(struct bus_nats *self, const struct bus_message *message)
{
    struct bytes subject = bus_message_topic(message);
    struct bytes reply = bytes_of_text(message->reply);
    struct bytes payload = bus_message_payload(message);
    if (begins_with(subject, TO) || bytes_equal_text(subject, ALL)) {
        deliver(self, reply, payload);
    } else if (begins_with(subject, WHO)) {
        note_asker(self, reply);
    } else {
        hear(self, payload);
    }
}

/* Once, however often it was up or the time went by since the last look. */
static bool has_moved(uint32_t *seen, uint32_t now)
{
    bool moved = *seen != now;
    *seen = now;
    return moved;
}

/* ---- slots ---- */

static enum err nats_bus_open(const char *address, struct bus_events events,
                              struct bus **ret_bus)
{
    struct bus_nats *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return ERR_UNAVAILABLE;
    }
    bus_init(&self->bus, &bus_nats_driver, events);
    self->bus.routes_topics = false;
    self->id = uuid_v7();
    wishes_teller_init(&self->teller, self->id);
    wishes_init(&self->wishes);
    enum err err = nats_link_open(address, WISHES_BEAT_MS, &self->bus, &self->link);
    if (err != ERR_OK) {
        wishes_teller_finish(&self->teller);
        wishes_finish(&self->wishes);
        bus_finish(&self->bus);
        free(self);
        return err;
    }
    *ret_bus = &self->bus;
    return ERR_OK;
}

static void nats_bus_close(struct bus *bus)
{
    struct bus_nats *self = nats_of(bus);
    struct listener to = {self, WANTS};
    if (self->is_edge && nats_link_is_up(self->link)) {
        wishes_tell_leave(&self->teller, tell, &to);
    }
    nats_link_close(self->link);
    wishes_teller_finish(&self->teller);
    wishes_finish(&self->wishes);
    bus_finish(&self->bus);
    free(self);
}

/* No address matters, but who listens is a core. */
static enum err nats_bus_listen(struct bus *bus, const char *host, int port)
{
    struct bus_nats *self = nats_of(bus);
    if (!self->is_core) {
        self->is_core = true;
        appear_as_core(self);
    }
    return ERR_OK;
}

static enum err nats_bus_publish(struct bus *bus, struct bytes topic,
                                 struct bytes payload)
{
    struct bus_nats *self = nats_of(bus);
    if (!nats_link_is_up(self->link)) {
        return ERR_UNAVAILABLE;
    }
    char text[BUS_TOPIC_MAX];
    struct bytes reply = exchange(topic, '.', '/', text);
    uint32_t bucket = interest_bucket(topic);
    size_t count = count_wanting(&self->wishes.edges, bucket);
    /* One for all is cheaper; and what many want must not fill the queue. */
    bool all = count > 1 && (count == self->wishes.edges.count ||
                             count * payload.size > BUS_OUTBOX_BYTES_MAX / 8);
    if (all || self->wishes.everybody > 0) {
        return nats_link_publish(self->link, ALL, reply, payload);
    }
    return send_to_some(self, bucket, reply, payload);
}

static void nats_bus_cork(struct bus *bus, bool corked)
{
    nats_link_cork(nats_of(bus)->link, corked);
}

static uint64_t nats_bus_audience(const struct bus *bus, struct bytes topic)
{
    return wishes_audience(&nats_of(bus)->wishes, topic);
}

static enum err nats_bus_subscribe(struct bus *bus, const char *topic)
{
    struct bus_nats *self = nats_of(bus);
    TRY(interest_add(&self->teller.interest, bytes_of_text(topic)));
    if (!self->is_edge) {
        self->is_edge = true;
        appear_as_edge(self);
    }
    tell_later(self);
    return ERR_OK;
}

static void nats_bus_unsubscribe(struct bus *bus, const char *topic)
{
    interest_remove(&nats_of(bus)->teller.interest, bytes_of_text(topic));
    tell_later(nats_of(bus));
}

static bool nats_bus_poll(struct bus *bus, int limit)
{
    struct bus_nats *self = nats_of(bus);
    struct list batch;
    list_init(&batch);
    if (has_moved(&self->ups, nats_link_ups(self->link))) {
        on_up(self);
    }
    bool more = bus_inbox_take(bus, limit, &batch);
    for (struct list *node; (node = list_take(&batch)) != NULL;) {
        struct bus_message *message = container_of(node, struct bus_message, node);
        take(self, message);
        free(message);
    }
    answer(self);
    if (has_moved(&self->beats, nats_link_beats(self->link))) {
        on_beat(self);
    }
    if (self->changed) {
        tell_changes(self);
    }
    return more;
}

static bool nats_bus_connected(const struct bus *bus)
{
    return nats_link_is_up(nats_of(bus)->link);
}

const struct bus_driver bus_nats_driver = {
    .scheme = "nats",
    .open = nats_bus_open,
    .close = nats_bus_close,
    .publish = nats_bus_publish,
    .cork = nats_bus_cork,
    .audience = nats_bus_audience,
    .subscribe = nats_bus_subscribe,
    .unsubscribe = nats_bus_unsubscribe,
    .poll = nats_bus_poll,
    .connected = nats_bus_connected,
    .listen = nats_bus_listen,
};
