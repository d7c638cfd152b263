/* Target function: wishes_hear. The input is a row of messages, each behind a byte that
 * says how many bytes it has, or is a beat when that is 0. No input crashes it, and the
 * table of edges stays whole. */
#include <stdlib.h>

#include "bus/bus_wishes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct wishes *wishes)
{
    size_t count = 0;
    LIST_EACH(&wishes->edges.list, node) {
        const struct wishes_edge *edge =
            container_of(node, struct wishes_edge, base.node);
        if (map_get(&wishes->by_id, &edge->id) != edge ||
            (edge->base.interest.told && edge->base.interest.bits == NULL)) {
            abort();
        }
        count++;
    }
    if (count != wishes->edges.count || count != wishes->by_id.size) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wishes wishes;
    wishes_init(&wishes);
    for (size_t at = 0; at < size;) {
        size_t length = data[at++];
        length = length < size - at ? length : size - at;
        struct uuid edge;
        if (length == 0) {
            wishes_beat(&wishes);
        } else {
            wishes_hear(&wishes, bytes_make(data + at, length), &edge);
        }
        at += length;
        check(&wishes);
    }
    wishes_audience(&wishes, BYTES_LITERAL("room:1"));
    wishes_finish(&wishes);
    return 0;
}
