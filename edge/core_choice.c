/* Keeps work together while one core can do it, and apart when it cannot. */
#include "edge/core_choice.h"

#include <string.h>

bool core_has_room(const struct core_load *load)
{
    bool busy = load->busy >= 100 && load->heard_ago_ms < CORE_BUSY_KEEP_MS;
    return load->under_way < CORE_UNDER_WAY_MAX && load->silent_ms < CORE_SILENT_MS &&
           !busy;
}

static size_t percent_of(const struct core_load *load)
{
    size_t own = load->under_way * 100 / CORE_UNDER_WAY_MAX;
    return own > load->busy ? own : load->busy;
}

void core_choice_begin(struct core_choice *choice, struct core_spread *spread,
                       uint32_t hint, int64_t now_ms)
{
    if (spread->count == 0) {
        spread->count = 1;
    }
    if (spread->count > 1 && now_ms - spread->needed_ms >= CORE_SPREAD_MS) {
        spread->count--;
        spread->needed_ms = now_ms;
    }
    memset(choice, 0, sizeof(*choice));
    choice->hint = hint;
    choice->spread = spread->count;
}

/* The highest bit of a hint's rank: one that answers goes before any that is silent. */
#define ANSWERS (UINT64_C(1) << 63)

static void offer_by_hint(struct core_choice *choice, void *core, const char *address,
                          bool silent)
{
    uint64_t rank = core_rank(address, choice->hint) >> 1 | (silent ? 0 : ANSWERS);
    if (choice->hinted == NULL || rank > choice->hinted_rank) {
        choice->hinted = core;
        choice->hinted_rank = rank;
    }
}

void core_choice_offer(struct core_choice *choice, void *core, const char *address,
                       const struct core_load *load, bool refused)
{
    size_t at = choice->offered++;
    if (refused) {
        choice->refused = core;
        return;
    }
    bool room = core_has_room(load);
    bool silent = load->silent_ms >= CORE_SILENT_MS;
    if (at < choice->spread) {
        /* silence asks for no more cores: it may be this edge that has not read */
        choice->room = choice->room || room || silent;
        choice->load += percent_of(load);
        if (choice->hint != 0) {
            offer_by_hint(choice, core, address, silent);
        }
    }
    if (room && choice->next == NULL) {
        choice->next = core;
    }
    /* a silent one has little under way because it gets nothing */
    size_t under_way = load->under_way + (silent ? SIZE_MAX / 2 : 0);
    if (choice->least == NULL || under_way < choice->least_under_way) {
        choice->least = core;
        choice->least_under_way = under_way;
    }
}

void *core_choice_end(const struct core_choice *choice, struct core_spread *spread,
                      int64_t now_ms)
{
    if (!choice->room && spread->count < choice->offered) {
        spread->count++;
        spread->needed_ms = now_ms;
    } else if (choice->load >= (spread->count - 1) * CORE_SPREAD_LOAD) {
        spread->needed_ms = now_ms;
    }
    /* A hint knows no load: a stream in two cores costs more than one that waits. But it
     * does not wait for a core that is silent while another has room. */
    bool answers = (choice->hinted_rank & ANSWERS) != 0;
    if (choice->hinted != NULL && (answers || choice->next == NULL)) {
        return choice->hinted;
    }
    void *best = choice->next != NULL ? choice->next : choice->least;
    return best != NULL ? best : choice->refused;
}

uint64_t core_rank(const char *address, uint32_t hint)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ hint;
    for (const char *c = address; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    hash ^= hash >> 31;
    hash *= UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}
