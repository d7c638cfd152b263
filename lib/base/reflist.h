/* list.h with links of half the size, for nodes and heads in blocks of pool.h. A zeroed
 * node is in no list. */
#ifndef BASE_REFLIST_H
#define BASE_REFLIST_H

#include "base/list.h"
#include "base/pool.h"

struct reflist {
    ref next, prev;
};

/* for (struct reflist *n = ...) over a list whose current node may be removed. */
#define REFLIST_EACH(head, node)                                                         \
    for (struct reflist *node = ref_there((head)->next),                                 \
                        *node##_next = ref_there(node->next);                            \
         node != (head); node = node##_next, node##_next = ref_there(node->next))

static inline void reflist_init(struct reflist *head)
{
    head->next = head->prev = ref_at(head);
}

static inline bool reflist_empty(const struct reflist *head)
{
    return head->next == 0 || head->next == ref_at(head);
}

static inline bool reflist_linked(const struct reflist *node)
{
    return node->next != 0;
}

static inline struct reflist *reflist_next(const struct reflist *node)
{
    return ref_there(node->next);
}

static inline struct reflist *reflist_prev(const struct reflist *node)
{
    return ref_there(node->prev);
}

static inline void reflist_push(struct reflist *head,
                                struct reflist *node) /* at the end */
{
    node->prev = head->prev;
    node->next = ref_at(head);
    reflist_prev(node)->next = ref_at(node);
    head->prev = ref_at(node);
}

static inline void reflist_remove(struct reflist *node) /* no-op on an unlinked node */
{
    if (reflist_linked(node)) {
        reflist_prev(node)->next = node->next;
        reflist_next(node)->prev = node->prev;
        node->next = node->prev = 0;
    }
}

/* The first node, taken out; NULL when empty. */
static inline struct reflist *reflist_take(struct reflist *head)
{
    if (reflist_empty(head)) {
        return NULL;
    }
    struct reflist *node = reflist_next(head);
    reflist_remove(node);
    return node;
}

#endif
