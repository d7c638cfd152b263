/* Remembers the newest seq of each stream for a moment, so that frames can repeat it. */
#include "core/recent.h"

#include <stdlib.h>

#define HEADS_MAX 20000

void recent_init(struct recent *recent)
{
    map_init(&recent->heads, sizeof(struct stream_id));
    list_init(&recent->order);
    recent->count = 0;
}

static void forget(struct recent *recent, struct recent_head *head)
{
    list_remove(&head->node);
    map_remove(&recent->heads, &head->stream);
    recent->count--;
    free(head);
}

void recent_finish(struct recent *recent)
{
    LIST_EACH(&recent->order, node) {
        forget(recent, container_of(node, struct recent_head, node));
    }
    map_finish(&recent->heads);
}

void recent_note(struct recent *recent, const struct stream_id *stream, uint64_t seq,
                 int64_t now_ms)
{
    struct recent_head *head = map_get(&recent->heads, stream);
    if (head == NULL) {
        if (recent->count >= HEADS_MAX || (head = calloc(1, sizeof(*head))) == NULL) {
            return;
        }
        head->stream = *stream;
        link__head__init(&head->head);
        head->head.stream =
            (ProtobufCBinaryData){sizeof(head->stream), (uint8_t *)&head->stream};
        if (map_put(&recent->heads, stream, head) != ERR_OK) {
            free(head);
            return;
        }
        recent->count++;
    }
    list_remove(&head->node);
    list_push(&recent->order, &head->node);
    head->at_ms = now_ms;
    if (seq > head->head.seq) {
        head->head.seq = seq;
    }
}

void recent_prune(struct recent *recent, int64_t now_ms)
{
    LIST_EACH(&recent->order, node) {
        struct recent_head *head = container_of(node, struct recent_head, node);
        if (now_ms - head->at_ms <= RECENT_MS) {
            return;
        }
        forget(recent, head);
    }
}
