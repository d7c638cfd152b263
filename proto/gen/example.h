/* Example payloads, made from the contract: what a field's rule gives as its example,
 * else something that keeps the rule. The same field has the same value everywhere. */
#ifndef GEN_EXAMPLE_H
#define GEN_EXAMPLE_H

#include "model.h"

enum example_kind {
    EXAMPLE_PAYLOAD, /* of a client event: what must be there, and clientId */
    EXAMPLE_CALL,    /* the same, where the client makes the clientId or none is sent */
    EXAMPLE_SCRIPT,  /* the same, where JavaScript makes the clientId */
    EXAMPLE_OUTPUT,  /* a reply or a part of one: also lists, parts, and what has an
                        example */
    EXAMPLE_EVENT,   /* of a server event: the same behind the members a core adds */
};

/* Appends a JSON object. `indent`: the column of its closing brace, members two further
 * in; negative: all on one line. */
void append_example(const struct contract_message *message, enum example_kind kind,
                    int indent, struct buf *out);

/* Appends the example value of one field; of a repeated one, the list. */
void append_example_value(const struct contract_message *message,
                          const struct contract_field *field, enum example_kind kind,
                          int indent, struct buf *out);

#endif
