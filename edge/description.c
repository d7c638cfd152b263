/* Serves a document that belongs to the cores: a new event needs no new edge to be
 * described. */
#include "edge/description.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"

#define FRESH_MS     1000
#define CONFIRM_MS   2000 /* to wait for a core when there is a document already */
#define HASH_MIN     16   /* bytes, which the ETag shows */
#define HASH_MAX     64
#define DOCUMENT_MAX (2 * 1024 * 1024)

struct description {
    struct upstream *up;
    int64_t timeout_ms;
    struct upstream_call call;
    struct list waiters; /* struct description_waiter */
    uint8_t *document;   /* NULL: none so far */
    size_t size;
    uint8_t hash[HASH_MAX];
    size_t hash_size;
    char etag[DESCRIPTION_ETAG_SIZE];
    int64_t confirmed_ms; /* when a core last said that this is it; 0: never */
};

struct description *description_create(struct upstream *up, int64_t timeout_ms)
{
    struct description *description = calloc(1, sizeof(*description));
    if (description != NULL) {
        description->up = up;
        description->timeout_ms = timeout_ms;
        list_init(&description->waiters);
    }
    return description;
}

/* ---- what a core says ---- */

static bool has_hash(const struct description *description, struct bytes hash)
{
    return description->document != NULL &&
           bytes_equal(hash, bytes_make(description->hash, description->hash_size));
}

static enum err keep(struct description *description, const Link__Description *message)
{
    struct bytes hash = bytes_make(message->hash.data, message->hash.len);
    if (has_hash(description, hash)) {
        return ERR_OK;
    }
    size_t size = message->has_document ? message->document.len : 0;
    if (hash.size < HASH_MIN || hash.size > HASH_MAX || size == 0 ||
        size > DOCUMENT_MAX) {
        return ERR_VALIDATION_ERROR;
    }
    uint8_t *document = malloc(size);
    if (document == NULL) {
        return ERR_UNAVAILABLE;
    }
    memcpy(document, message->document.data, size);
    free(description->document);
    description->document = document;
    description->size = size;
    memcpy(description->hash, hash.data, hash.size);
    description->hash_size = hash.size;
    char *at = description->etag;
    *at++ = '"';
    for (size_t i = 0; i < HASH_MIN; i++, at += 2) {
        snprintf(at, 3, "%02x", hash.data[i]);
    }
    snprintf(at, 2, "\"");
    return ERR_OK;
}

static void answer(const struct description *description,
                   struct description_waiter *waiter)
{
    waiter->done(waiter, bytes_make(description->document, description->size),
                 description->etag);
}

static void on_done(struct upstream_call *call, enum upstream_result result,
                    const Link__Reply *reply)
{
    struct description *description = container_of(call, struct description, call);
    if (result == UPSTREAM_REPLY && reply->body_case == LINK__REPLY__BODY_DESCRIPTION) {
        enum err err = keep(description, reply->description);
        if (err == ERR_OK) {
            description->confirmed_ms = clock_ms();
        } else {
            log_error("a core's description is unusable", LOG_ERR(err));
        }
    }
    struct list *node;
    while ((node = list_take(&description->waiters)) != NULL) {
        struct description_waiter *waiter =
            container_of(node, struct description_waiter, node);
        waiter->waits = false;
        answer(description, waiter);
    }
}

/* ---- asking ---- */

static void ask(struct description *description)
{
    struct uuid request_id = uuid_v7();
    Link__GetDescription question = LINK__GET_DESCRIPTION__INIT;
    Link__Request request = LINK__REQUEST__INIT;
    request.request_id.data = request_id.b;
    request.request_id.len = sizeof(request_id.b);
    request.body_case = LINK__REQUEST__BODY_GET_DESCRIPTION;
    request.get_description = &question;
    question.has_known = description->document != NULL;
    question.known.data = description->hash;
    question.known.len = description->hash_size;
    int64_t timeout_ms =
        description->document != NULL ? CONFIRM_MS : description->timeout_ms;
    description->call = (struct upstream_call){
        .request = &request,
        .deadline_ms = clock_ms() + timeout_ms,
        .done = on_done,
    };
    upstream_request(description->up, &description->call);
}

void description_get(struct description *description, struct description_waiter *waiter)
{
    bool fresh = description->confirmed_ms != 0 &&
                 clock_ms() - description->confirmed_ms < FRESH_MS;
    if (fresh || (description->document != NULL && !upstream_ready(description->up))) {
        answer(description, waiter);
        return;
    }
    bool asked = !list_empty(&description->waiters) || description->call.up != NULL;
    list_push(&description->waiters, &waiter->node);
    waiter->waits = true;
    if (!asked) {
        ask(description);
    }
}

void description_cancel(struct description_waiter *waiter)
{
    if (waiter->waits) {
        list_remove(&waiter->node);
        waiter->waits = false;
    }
}
