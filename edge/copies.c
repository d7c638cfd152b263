/* Why: an ephemeral event has no place in a stream by which its copy could be told. */
#include "edge/copies.h"

#include <stdlib.h>

void copies_init(struct copies *copies)
{
    *copies = (struct copies){0};
    map_init(&copies->seen, sizeof(uint64_t));
}

void copies_finish(struct copies *copies)
{
    map_finish(&copies->seen);
    free(copies->order);
}

bool copies_seen(struct copies *copies, uint64_t number)
{
    if (number == 0) {
        return false;
    }
    if (map_get(&copies->seen, &number) != NULL) {
        return true;
    }
    if (copies->order == NULL) {
        copies->order = calloc(COPIES_KEPT, sizeof(*copies->order));
    }
    if (copies->order == NULL || map_put(&copies->seen, &number, copies) != ERR_OK) {
        return false; /* better twice than never */
    }
    uint64_t *place = &copies->order[copies->next++ % COPIES_KEPT];
    map_remove(&copies->seen, place);
    *place = number;
    return false;
}
