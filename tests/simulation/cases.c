/* One row for each rule that can be taken away. */
#include "cases.h"

#define QUIET_STEPS   3500
#define RESTORE_EVERY 4 /* seeds */

/* clang-format off */
const struct sim_case sim_cases[] = {
    {"ALL",           "none",                                            0, 0, false},
    {"CURSOR",        "a subscription is a cursor",                      PLANTED_CURSOR, 0, false},
    {"BASELINE",      "a stream begins at the seq of the JOIN reply",    PLANTED_BASELINE, 0, false},
    {"CONFIRM",       "a new stream is confirmed by one fetch",          PLANTED_CONFIRM, 0, false},
    {"FENCE",         "an event waits for its access stream",            PLANTED_FENCE, 0, false},
    {"RECHECK",       "a right read too early is read again",            PLANTED_RECHECK, 0, false},
    {"NEWERSUB",      "an access event leaves alone who was checked after it", PLANTED_NEWERSUB, 0, false},
    {"NOAHEAD",       "a catch-up feeds none beyond stream and fence",    PLANTED_NOAHEAD, 0, false},
    {"VERDICT",       "a verdict read too early is asked for again",     PLANTED_VERDICT, 0, false},
    {"TAGS",          "a tag that does not fit is another history",      PLANTED_TAGS, 0, true},
    {"RECONFIRM",     "a stream that has jumped is confirmed",           PLANTED_RECONFIRM, 0, true},
    {"LOCK",          "lock before check",                               0, FAULT_LOCK, false},
    {"HEADS_UPDATED", "heads by xid and xmin, not by time",              0, FAULT_HEADS_UPDATED, false},
    {"HEADS_NONE",    "heads are pulled",                                0, FAULT_HEADS_NONE, false},
    {"HEADS_FIRST",   "streams are confirmed after the first heads",     0, FAULT_HEADS_FIRST, false},
    {"DEDUPE_OK",     "refusals are stored, by clientId",                0, FAULT_DEDUPE_OK, false},
    {"DEDUPE_CONN",   "one stored answer for each change",               0, FAULT_DEDUPE_CONN, false},
    {"DEDUPE_NONE",   "answers are stored",                              0, FAULT_DEDUPE_NONE, false},
    {"DEDUPE_FIRST",  "the key is looked up before the right",           0, FAULT_DEDUPE_FIRST, false},
    {"LOGGED",        "stored answers survive a crash",                  0, FAULT_LOGGED, false},
    {"HONEST",        "UNAVAILABLE only if nothing can have happened",   0, FAULT_HONEST, false},
    {"SYNCREPLY",     "replies go out after the commit",                 0, FAULT_SYNCREPLY, false},
    {0},
};
/* clang-format on */

const struct sim_case *sim_case_find(const char *name)
{
    for (const struct sim_case *c = sim_cases; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

struct plan sim_plan(const struct sim_case *sim_case, uint64_t seed, uint32_t steps)
{
    return (struct plan){
        .seed = seed,
        .steps = steps,
        .quiet_steps = QUIET_STEPS,
        .planted = sim_case->planted,
        .faults = sim_case->faults,
        .restore = sim_case->restore || seed % RESTORE_EVERY == 0,
    };
}
