#include "edge/pieces.h"

#include "base/clock.h"

bool pieces_add(ref *pieces, size_t most, const void *data, size_t size)
{
    struct pieces *all = ref_to(*pieces);
    if (all == NULL) {
        all = pool_take(sizeof(*all));
        if (all == NULL) {
            return false;
        }
        buf_init(&all->buf, most);
        all->since_ms = clock_ms();
        *pieces = ref_of(all);
    }
    buf_append(&all->buf, data, size);
    return !all->buf.failed;
}

void pieces_drop(ref *pieces)
{
    struct pieces *all = ref_to(*pieces);
    if (all != NULL) {
        buf_finish(&all->buf);
        pool_give(all);
        *pieces = 0;
    }
}
