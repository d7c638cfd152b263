/* The contract's words as sentences, for all that people read. Texts live in the arena.
 */
#ifndef GEN_DOCS_WORDS_H
#define GEN_DOCS_WORDS_H

#include "model.h"

#define PAYLOAD_MAX_DEFAULT 16384

const char *action_words(struct contract *contract, const struct contract_event *event);
const char *right_words(struct contract *contract, const struct contract_event *event);
const char *resource_words(struct contract *contract, const struct contract_event *event);
const char *rate_words(struct contract *contract, const Belfry__RateLimit *rate);
const char *kind_words(const Belfry__ClientEvent *def);
const char *kind_name(const Belfry__ClientEvent *def);
const char *resource_noun(Belfry__ResourceType type); /* "room" */
const char *scope_name(const Belfry__ServerEvent *def);
const char *scope_words(struct contract *contract, const Belfry__ServerEvent *def);
const char *trigger_words(struct contract *contract, const Belfry__ServerEvent *def);
const char *causes_words(struct contract *contract, const struct contract_event *event);
uint32_t payload_bytes(const Belfry__ClientEvent *def);
/* "1 to 4000 characters, not only white space"; empty: no rule. */
void append_rule_words(const struct contract_field *field, struct buf *out);
/* "SEND_MESSAGE" to "Send message". */
const char *label_of(struct contract *contract, const char *event_name);
/* "rooms" to "Rooms". */
const char *domain_title(struct contract *contract, const char *domain_name);
/* As in a cell of a Markdown table: | escaped, newlines gone. */
void append_cell(struct buf *out, const char *text);
/* "belfry.SendMessage" to "Belfry__SendMessage", as protobuf-c does. */
const char *c_type_of(struct contract *contract, const char *full_name);

#endif
