/* One connection: what arrives on it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/swarm.h"
#include "load/tls.h"
#include "load/ws.h"

#define READ_MAX (1024 * 1024)

static char input[READ_MAX]; /* of whichever connection is being read */

static void join_next(struct swarm *swarm, struct client *client)
{
    if (client->joined < swarm->options->joins) {
        client_send_join(swarm, client);
    } else {
        swarm_ready(swarm, client);
    }
}

static void on_welcome(struct swarm *swarm, struct client *client,
                       const struct incoming *in)
{
    client->state = CLIENT_JOINING;
    while (client->joined < swarm->options->at_once) {
        if (!check_welcomed(swarm, client, in)) {
            client_lost(swarm, client, in->body, in->body_size);
            return;
        }
        client->joined++;
    }
    join_next(swarm, client);
}

static void on_reply(struct swarm *swarm, struct client *client,
                     const struct incoming *in)
{
    if (client->state == CLIENT_JOINING) {
        check_joined(swarm, client, in);
        client->joined++;
        join_next(swarm, client);
    } else if (client->state == CLIENT_READY && in->id == client->call) {
        check_reply(swarm, client, in);
        swarm_answered(swarm, client);
    }
}

static void on_refusal(struct swarm *swarm, struct client *client,
                       const struct incoming *in)
{
    struct worker *worker = swarm->worker;
    if (client->state != CLIENT_READY) {
        client_lost(swarm, client, in->body, in->body_size);
        return;
    }
    if (worker->first_error[0] == 0) {
        snprintf(worker->first_error, sizeof(worker->first_error), "%.*s",
                 (int)in->body_size, in->body);
    }
    worker->refused++;
    swarm_answered(swarm, client);
}

static void on_text(struct swarm *swarm, struct client *client, const char *text,
                    size_t size)
{
    struct incoming in = {0};
    char pong[WS_HEAD_MAX + 16];
    in.size = size;
    swarm->options->dialect->read(text, size, &in);
    switch (in.kind) {
    case IN_EVENT:
        check_event(swarm, client, &in);
        break;
    case IN_REPLY:
        on_reply(swarm, client, &in);
        break;
    case IN_ERROR:
        on_refusal(swarm, client, &in);
        break;
    case IN_OPEN:
        client_send_hello(swarm, client);
        break;
    case IN_WELCOME:
        on_welcome(swarm, client, &in);
        break;
    case IN_REFUSED:
        client_lost(swarm, client, text, size);
        break;
    case IN_PING:
        snprintf(pong + WS_HEAD_MAX, 16, "%s", swarm->options->dialect->pong);
        client_send_frame(swarm, client, pong + WS_HEAD_MAX, strlen(pong + WS_HEAD_MAX),
                          WS_TEXT);
        break;
    case IN_OTHER:
        break;
    }
}

static void on_close(struct swarm *swarm, struct client *client,
                     const struct ws_frame *frame)
{
    char text[160];
    unsigned code = frame->size >= 2 ? (unsigned char)frame->data[0] << 8 |
                                           (unsigned char)frame->data[1]
                                     : 0;
    int reason_size = frame->size > 2 ? (int)frame->size - 2 : 0;
    int size = snprintf(text, sizeof(text), "closed by the server: %u %.*s", code,
                        reason_size, frame->data + 2);
    client_lost(swarm, client, text, (size_t)size);
}

static void on_frame(struct swarm *swarm, struct client *client,
                     const struct ws_frame *frame)
{
    char pong[WS_HEAD_MAX + 128];
    if (frame->opcode == WS_TEXT) {
        on_text(swarm, client, frame->data, frame->size);
    } else if (frame->opcode == WS_PING && frame->size <= 125) {
        memcpy(pong + WS_HEAD_MAX, frame->data, frame->size);
        client_send_frame(swarm, client, pong + WS_HEAD_MAX, frame->size, WS_PONG);
    } else if (frame->opcode == WS_CLOSE) {
        on_close(swarm, client, frame);
    }
}

/* The bytes of the answer to the upgrade; 0: some are missing, or it was refused. */
static size_t on_upgrade(struct swarm *swarm, struct client *client, const char *data,
                         size_t size)
{
    const char *end = memmem(data, size, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }
    if (size < 12 || memcmp(data + 9, "101", 3) != 0) {
        client_lost(swarm, client, data, (size_t)(end - data));
        return 0;
    }
    client->state = CLIENT_GREETING;
    if (swarm->options->dialect->hello_at_once) {
        client_send_hello(swarm, client);
    }
    return (size_t)(end - data) + 4;
}

static void keep_rest(struct client *client, const char *data, size_t size)
{
    char *rest = size > 0 ? malloc(size) : NULL;
    if (rest != NULL) {
        memcpy(rest, data, size);
    }
    client->rest = rest;
    client->rest_size = (uint32_t)size;
}

/* One piece of what arrived: the answer to the upgrade, or a frame. The bytes it took; 0:
 * it is not complete. */
static size_t on_piece(struct swarm *swarm, struct client *client, const char *data,
                       size_t size)
{
    if (client->state == CLIENT_UPGRADING) {
        return on_upgrade(swarm, client, data, size);
    }
    struct ws_frame frame;
    size_t took = ws_take(data, size, &frame);
    if (took > 0) {
        on_frame(swarm, client, &frame);
    }
    return took;
}

void client_on_readable(struct swarm *swarm, struct client *client)
{
    size_t before = client->rest_size;
    ssize_t got =
        tls_recv(client->ssl, client->fd, input + before, sizeof(input) - before);
    if (got <= 0) {
        if (got == 0) {
            client_lost(swarm, client, "the server hung up", 18);
        } else if (errno != EAGAIN) {
            client_lost_errno(swarm, client, "recv");
        }
        return;
    }
    if (before > 0) {
        memcpy(input, client->rest, before);
        free(client->rest);
        client->rest = NULL;
        client->rest_size = 0;
    }
    size_t size = before + (size_t)got;
    size_t at = 0;
    while (at < size && client->state != CLIENT_GONE) {
        size_t took = on_piece(swarm, client, input + at, size - at);
        if (took == 0) {
            break;
        }
        at += took;
    }
    if (client->state != CLIENT_GONE) {
        keep_rest(client, input + at, size - at);
    }
}
