/* Checks each delivery: numbered events come in order, each once, none missing; of typing
 * users, starts and stops take turns. */
#include <stdlib.h>
#include <string.h>

#include "load/publish.h"
#include "load/swarm.h"

/* The number behind `"seq":`, the first in the text; 0: none. */
static uint64_t find_seq(const char *text, size_t size)
{
    static const char key[] = "\"seq\":";
    const char *at = memmem(text, size, key, sizeof(key) - 1);
    if (at == NULL) {
        return 0;
    }
    at += sizeof(key) - 1;
    return dialect_number(&at, text + size);
}

static uint64_t hex(const char *text, size_t digits)
{
    uint64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned digit = (unsigned char)text[i];
        number = number << 4 | (digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10);
    }
    return number;
}

static void measured(struct swarm *swarm, const struct incoming *in, uint64_t sent_ns)
{
    swarm->worker->delivered++;
    if (swarm->phase == PHASE_MEASURE) {
        swarm->worker->measured_deliveries++;
        swarm->worker->measured_bytes += in->size;
        if (swarm->now_ns > sent_ns) {
            histogram_add(&swarm->worker->delivery, swarm->now_ns - sent_ns);
        }
    }
}

/* Broadcasts have numbers of their own, from 1. */
static void begin_at(const struct swarm *swarm, struct client *client, uint64_t seq)
{
    bool broadcasts = swarm->options->scenario == SCENARIO_BROADCAST;
    client->seqs[client->joined] = broadcasts ? 0 : seq;
}

void check_joined(struct swarm *swarm, struct client *client, const struct incoming *in)
{
    static const char key[] = "\"seq\":";
    client->has_seq = memmem(in->body, in->body_size, key, sizeof(key) - 1) != NULL;
    begin_at(swarm, client, find_seq(in->body, in->body_size));
    swarm->shared->rooms[client_room(swarm, client, client->joined)].members++;
}

bool check_welcomed(struct swarm *swarm, struct client *client, const struct incoming *in)
{
    char room[ROOM_NAME_SIZE];
    client_room_name(swarm, client, client->joined, room);
    const char *at = memmem(in->body, in->body_size, room, strlen(room));
    if (at != NULL) {
        at += strlen(room) + strlen("\":\""); /* the cursor begins with the seq */
        client->has_seq = true;
        begin_at(swarm, client, dialect_number(&at, in->body + in->body_size));
        swarm->shared->rooms[client_room(swarm, client, client->joined)].members++;
    }
    return at != NULL;
}

static void raise(_Atomic uint64_t *at, uint64_t to)
{
    uint64_t is = *at;
    while (is < to && !atomic_compare_exchange_weak(at, &is, to)) {
    }
}

void check_reply(struct swarm *swarm, struct client *client, const struct incoming *in)
{
    struct shared_room *room =
        &swarm->shared->rooms[client_room(swarm, client, client->calling)];
    room->acks++;
    swarm->worker->acked++;
    if (client->has_seq && swarm->options->scenario == SCENARIO_MESSAGES) {
        raise(&room->last_seq, find_seq(in->body, in->body_size));
    }
    if (swarm->phase == PHASE_MEASURE) {
        swarm->worker->measured_acks++;
        histogram_add(&swarm->worker->ack, swarm->now_ns - client->due_ns);
    }
}

/* Where the client keeps what has come of the event's room; NULL: it joined no such one.
 */
static uint64_t *seq_of_room(const struct swarm *swarm, const struct client *client,
                             const struct incoming *in)
{
    static const char key[] = "\"roomId\":\"00000000-0000-4000-9000-";
    uint32_t joins = swarm->options->joins;
    if (joins <= 1) {
        return client->seqs;
    }
    const char *at = memmem(in->body, in->body_size, key, sizeof(key) - 1);
    uint64_t room = at != NULL ? hex(at + sizeof(key) - 1, 12) : UINT64_MAX;
    uint64_t number = room / options_apart(swarm->options);
    return number < joins && room == client_room(swarm, client, (uint32_t)number)
               ? &client->seqs[number]
               : NULL;
}

static void check_message(struct swarm *swarm, struct client *client,
                          const struct incoming *in)
{
    static const char key[] = "\"content\":\"";
    const char *text = memmem(in->body, in->body_size, key, sizeof(key) - 1);
    uint64_t sent_ns = text != NULL ? hex(text + sizeof(key) - 1, 16) : 0;
    if (client->has_seq) {
        uint64_t seq = find_seq(in->body, in->body_size);
        uint64_t *last = seq_of_room(swarm, client, in);
        if (last == NULL || seq <= *last) {
            swarm->worker->duplicates++;
            return;
        }
        swarm->worker->gaps += seq - *last - 1;
        *last = seq;
    }
    measured(swarm, in, sent_ns);
}

static void check_typing(struct swarm *swarm, struct client *client,
                         const struct incoming *in)
{
    static const char key[] = "\"userId\":\"00000000-0000-4000-8000-";
    const struct options *options = swarm->options;
    const char *id = memmem(in->body, in->body_size, key, sizeof(key) - 1);
    if (id == NULL) {
        return;
    }
    uint64_t user = hex(id + sizeof(key) - 1, 12);
    bool typing = memmem(in->body, in->body_size, "\"isTyping\":true", 15) != NULL;
    if (user >= options->clients) {
        return;
    }
    uint32_t apart = options_apart(options);
    if (client->heard == NULL) {
        client->heard = calloc(1, (options->clients + apart - 1) / apart);
    }
    uint8_t *heard = client->heard + user / apart;
    uint8_t expected = *heard == 2 ? 1 : 2; /* 2: started; all begin with that */
    if (typing != (expected == 2)) {
        swarm->worker->gaps++;
    }
    *heard = typing ? 2 : 1;
    measured(swarm, in, swarm->shared->typed_ns[user][typing]);
}

/* Each of the broadcasts once, in order; the first of seqs is the number of the last. */
static void check_broadcast(struct swarm *swarm, struct client *client,
                            const struct incoming *in)
{
    const char *at =
        memmem(in->body, in->body_size, PUBLISH_MARK, sizeof(PUBLISH_MARK) - 1);
    if (at == NULL) {
        return;
    }
    at += sizeof(PUBLISH_MARK) - 1;
    uint64_t number = dialect_number(&at, in->body + in->body_size);
    if (number <= client->seqs[0] || number > BROADCASTS_MAX) {
        swarm->worker->duplicates++;
        return;
    }
    swarm->worker->gaps += number - client->seqs[0] - 1;
    client->seqs[0] = number;
    swarm->worker->heard_ns[number - 1] = swarm->now_ns;
    swarm->worker->heard[number - 1]++;
    swarm->worker->delivered++;
}

void check_event(struct swarm *swarm, struct client *client, const struct incoming *in)
{
    if (BEGINS(in->name, in->body_size, "MESSAGE_CREATED\"")) {
        check_message(swarm, client, in);
    } else if (BEGINS(in->name, in->body_size, "USER_TYPING\"")) {
        check_typing(swarm, client, in);
    } else if (swarm->options->scenario == SCENARIO_BROADCAST) {
        check_broadcast(swarm, client, in);
    }
}

void check_end(struct swarm *swarm)
{
    for (uint32_t i = 0; i < swarm->client_count; i++) {
        const struct client *client = &swarm->clients[i];
        for (uint32_t n = 0; client->has_seq && n < client->joined; n++) {
            uint64_t last = swarm->shared->rooms[client_room(swarm, client, n)].last_seq;
            swarm->worker->missing += last > client->seqs[n] ? last - client->seqs[n] : 0;
        }
    }
}
