/* The halves of contract_check(). */
#ifndef GEN_CHECK_H
#define GEN_CHECK_H

#include "model.h"

void check_messages(struct contract *contract); /* fields, rules, recursion, limits */
void check_events(struct contract *contract);   /* client and server events */

#endif
