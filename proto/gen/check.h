/* The halves of contract_check(). */
#ifndef GEN_CHECK_H
#define GEN_CHECK_H

#include "model.h"

void check_messages(struct contract *contract); /* fields, rules, recursion, limits */
void check_events(struct contract *contract);   /* client and server events */

/* Of one field: does what stands in the contract keep the rules beside it? */
void check_example(struct contract *contract, const struct contract_field *field);
void check_default(struct contract *contract, const struct contract_field *field);

/* What kind of value a field holds. */
bool field_is_64_bits(const struct contract_field *field);
bool field_is_number(const struct contract_field *field);

#endif
