/* Why: over a broker a core must know what its edges want, though messages about that may
 * be lost, and nobody says when an edge has died. */
#include "bus/bus_wishes.h"

#include <stdlib.h>

#include "bus/bus_driver.h"

#define HEAD_SIZE (1 + 16 + 8)
#define PART_BITS 16 /* all buckets are 1,025 messages */

/* The number of the first P after this A. Those of another A, whose beginning was lost,
 * are not taken for the rest of this one. */
static uint64_t first_part(uint64_t told)
{
    return told << PART_BITS | 1;
}

/* ---- the edge's end ---- */

void wishes_teller_init(struct wishes_teller *teller, struct uuid id)
{
    *teller = (struct wishes_teller){.id = id};
    interest_counts_init(&teller->interest);
}

void wishes_teller_finish(struct wishes_teller *teller)
{
    interest_counts_finish(&teller->interest);
}

/* Puts the head before messages of bus_interest.h. */
struct telling {
    const struct wishes_teller *teller;
    char kind;
    uint64_t number;
    interest_send_fn *send;
    void *user;
};

static void send_words(struct telling *telling, struct bytes words)
{
    uint8_t message[HEAD_SIZE + INTEREST_MESSAGE_MAX];
    message[0] = (uint8_t)telling->kind;
    memcpy(message + 1, telling->teller->id.b, 16);
    bytes_put_number(message + 17, telling->number, 8);
    if (words.size > 0) {
        memcpy(message + HEAD_SIZE, words.data, words.size);
    }
    telling->send(telling->user, bytes_make(message, HEAD_SIZE + words.size));
}

static void send_part(void *user, struct bytes words)
{
    struct telling *telling = user;
    send_words(telling, words);
    telling->number =
        telling->kind == 'A' ? first_part(telling->number) : telling->number + 1;
    telling->kind = 'P';
}

void wishes_tell_all(const struct wishes_teller *teller, interest_send_fn *send,
                     void *user)
{
    struct telling telling = {teller, 'A', teller->told, send, user};
    interest_tell_all(&teller->interest, send_part, &telling);
}

static void send_change(void *user, struct bytes words)
{
    struct telling *telling = user;
    send_words(telling, words);
    telling->number++;
}

void wishes_tell_changes(struct wishes_teller *teller, interest_send_fn *send, void *user)
{
    struct telling telling = {teller, 'C', teller->told, send, user};
    bool known = interest_tell_changes(&teller->interest, send_change, &telling);
    teller->told = telling.number;
    if (!known) {
        teller->told++; /* who misses what follows shall notice */
        wishes_tell_all(teller, send, user);
    }
}

static void send_bare(const struct wishes_teller *teller, char kind,
                      interest_send_fn *send, void *user)
{
    struct telling telling = {teller, kind, teller->told, send, user};
    send_words(&telling, bytes_make(NULL, 0));
}

void wishes_tell_sign(const struct wishes_teller *teller, interest_send_fn *send,
                      void *user)
{
    send_bare(teller, 'S', send, user);
}

void wishes_tell_leave(const struct wishes_teller *teller, interest_send_fn *send,
                       void *user)
{
    send_bare(teller, 'L', send, user);
}

/* ---- the core's end ---- */

void wishes_init(struct wishes *wishes)
{
    *wishes = (struct wishes){.everybody = WISHES_EVERY_BEATS};
    bus_edges_init(&wishes->edges);
    map_init(&wishes->by_id, sizeof(struct uuid));
}

static void forget(struct wishes *wishes, struct wishes_edge *edge)
{
    map_remove(&wishes->by_id, &edge->id);
    bus_edges_remove(&wishes->edges, &edge->base);
    free(edge);
}

void wishes_finish(struct wishes *wishes)
{
    LIST_EACH(&wishes->edges.list, node) {
        forget(wishes, container_of(node, struct wishes_edge, base.node));
    }
    map_finish(&wishes->by_id);
}

void wishes_reset(struct wishes *wishes)
{
    wishes_finish(wishes);
    wishes_init(wishes);
}

/* NULL: no memory, or too many. Then all that are there get everything. */
static struct wishes_edge *meet(struct wishes *wishes, struct uuid id)
{
    struct wishes_edge *edge = calloc(1, sizeof(*edge));
    if (edge == NULL || !bus_edges_add(&wishes->edges, &edge->base)) {
        free(edge);
        wishes->everybody = WISHES_SILENT_MAX;
        return NULL;
    }
    edge->id = id;
    if (map_put(&wishes->by_id, &id, edge) != ERR_OK) {
        forget(wishes, edge);
        wishes->everybody = WISHES_SILENT_MAX;
        return NULL;
    }
    return edge;
}

static void learn(struct wishes_edge *edge, struct bytes words)
{
    if (interest_set_learn(&edge->base.interest, words) != ERR_OK) {
        bus_count_dropped(1);
        interest_set_finish(&edge->base.interest); /* it wants everything */
        edge->part = 0;
    }
}

/* True: something was missed. It is asked for at once, and then each time the edge gives
 * a sign of life, until all is known. */
static bool take(struct wishes_edge *edge, char kind, uint64_t number, struct bytes words)
{
    if (kind == 'P') {
        bool next = edge->part > 0 && edge->part == number;
        edge->part = next ? number + 1 : 0;
        if (next) {
            learn(edge, words);
        }
        return false;
    }
    if (kind == 'A') {
        interest_set_finish(&edge->base.interest);
        edge->told = number;
        edge->part = first_part(number);
        learn(edge, words);
        return false;
    }
    if (edge->told != number) {
        interest_set_finish(&edge->base.interest);
        edge->part = 0;
        edge->told = number + (kind == 'C');
        return true;
    }
    if (kind == 'C') {
        edge->told++;
        learn(edge, words);
        return false;
    }
    return !edge->base.interest.told;
}

static bool parse(struct bytes message, char *ret_kind, struct uuid *ret_id,
                  uint64_t *ret_number, struct bytes *ret_words)
{
    if (message.size < HEAD_SIZE || memchr("SCAPL", message.data[0], 5) == NULL) {
        return false;
    }
    *ret_kind = (char)message.data[0];
    memcpy(ret_id->b, message.data + 1, 16);
    *ret_number = bytes_get_number(message.data + 17, 8);
    *ret_words = bytes_make(message.data + HEAD_SIZE, message.size - HEAD_SIZE);
    return true;
}

bool wishes_hear(struct wishes *wishes, struct bytes message, struct uuid *ret_edge)
{
    char kind;
    uint64_t number;
    struct bytes words;
    if (!parse(message, &kind, ret_edge, &number, &words)) {
        bus_count_dropped(1);
        return false;
    }
    struct wishes_edge *edge = map_get(&wishes->by_id, ret_edge);
    if (kind == 'L') {
        if (edge != NULL) {
            forget(wishes, edge);
        }
        return false;
    }
    bool unknown = edge == NULL;
    if (unknown) {
        edge = meet(wishes, *ret_edge);
        if (edge == NULL) {
            return false;
        }
    }
    edge->silent = 0;
    return take(edge, kind, number, words) || (unknown && kind != 'A');
}

void wishes_beat(struct wishes *wishes)
{
    wishes->everybody -= wishes->everybody > 0;
    LIST_EACH(&wishes->edges.list, node) {
        struct wishes_edge *edge = container_of(node, struct wishes_edge, base.node);
        if (edge->silent++ >= WISHES_SILENT_MAX) {
            forget(wishes, edge);
        }
    }
}

uint64_t wishes_audience(const struct wishes *wishes, struct bytes topic)
{
    return wishes->everybody > 0 ? WISHES_EVERYBODY
                                 : bus_edges_audience(&wishes->edges, topic);
}
