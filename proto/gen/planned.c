/* Says what the contract promises and nobody has built yet. */
#include "model.h"

#include <stdio.h>

/* The planned events of one domain; `names`: each on a line of its own. */
static size_t planned_in(const struct contract *contract,
                         const struct contract_domain *domain, bool names)
{
    size_t count = 0;
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        if (event->domain == domain && event->def->planned) {
            count++;
            if (names) {
                printf("%s client event %s\n", domain->def->name, event->def->name);
            }
        }
    }
    for (size_t i = 0; i < contract->server_event_count; i++) {
        const struct contract_message *message = contract->server_events[i];
        if (message->domain == domain && message->server_event->planned) {
            count++;
            if (names) {
                printf("%s server event %s\n", domain->def->name,
                       message->server_event->name);
            }
        }
    }
    return count;
}

void print_planned(const struct contract *contract, bool names)
{
    size_t total = 0;
    const char *between = ": ";
    for (size_t i = 0; i < contract->domain_count; i++) {
        total += planned_in(contract, &contract->domains[i], names);
    }
    printf("%zu of %zu events are planned", total,
           contract->event_count + contract->server_event_count);
    for (size_t i = 0; i < contract->domain_count; i++) {
        size_t count = planned_in(contract, &contract->domains[i], false);
        if (count > 0) {
            printf("%s%s %zu", between, contract->domains[i].def->name, count);
            between = ", ";
        }
    }
    printf("\n");
}
