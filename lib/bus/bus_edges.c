/* Why: a core that knows its edges asks the same of them, whatever carries its messages.
 */
#include "bus/bus_edges.h"

#include "base/uuid.h"

void bus_edges_init(struct bus_edges *edges)
{
    edges->count = 0;
    list_init(&edges->list);
}

bool bus_edges_add(struct bus_edges *edges, struct bus_edge *edge)
{
    if (edges->count >= BUS_EDGES_MAX) {
        return false;
    }
    random_bytes(&edge->mark, sizeof(edge->mark));
    list_push(&edges->list, &edge->node);
    edges->count++;
    return true;
}

void bus_edges_remove(struct bus_edges *edges, struct bus_edge *edge)
{
    list_remove(&edge->node);
    interest_set_finish(&edge->interest);
    edges->count--;
}

uint64_t bus_edges_audience(const struct bus_edges *edges, struct bytes topic)
{
    uint64_t audience = 0;
    uint32_t bucket = interest_bucket(topic);
    LIST_EACH(&edges->list, node) {
        const struct bus_edge *edge = container_of(node, struct bus_edge, node);
        audience ^= interest_set_has(&edge->interest, bucket) ? edge->mark : 0;
    }
    return audience;
}
