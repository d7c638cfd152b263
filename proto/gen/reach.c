/* Follows the fields of messages from the events that carry them. */
#include "reach.h"

static size_t index_of(const struct contract *contract,
                       const struct contract_message *message)
{
    size_t i = 0;
    while (i < contract->message_count && contract->messages[i] != message) {
        i++;
    }
    return i;
}

/* Ends, for messages are not recursive. */
static void follow(const struct contract *contract, uint8_t *reach,
                   const struct contract_message *message, uint8_t way)
{
    size_t index = index_of(contract, message);
    if (index == contract->message_count || (reach[index] & way) != 0) {
        return;
    }
    reach[index] |= way;
    for (size_t i = 0; i < message->field_count; i++) {
        follow(contract, reach, message->fields[i].message, way);
    }
}

const uint8_t *reach_of(struct contract *contract, bool planned)
{
    uint8_t *reach = arena_alloc(&contract->arena, contract->message_count + 1);
    if (reach == NULL) {
        return NULL;
    }
    memset(reach, 0, contract->message_count + 1);
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        if (planned || !event->def->planned) {
            follow(contract, reach, event->payload, REACH_IN);
            follow(contract, reach, event->reply, REACH_OUT);
        }
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        const struct contract_message *message = contract->server_events[i];
        if (planned || !message->server_event->planned) {
            follow(contract, reach, message, REACH_OUT);
        }
    }
    return reach;
}

uint8_t reach_find(const struct contract *contract, const uint8_t *reach,
                   const struct contract_message *message)
{
    return reach[index_of(contract, message)];
}
