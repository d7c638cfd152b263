/* What the parts of the page writer share: one page is one domain of the contract. */
#ifndef GEN_EMIT_DOCS_H
#define GEN_EMIT_DOCS_H

#include "docs_words.h"
#include "emit.h"
#include "template.h"

#define PART_MAX (4u << 20) /* bytes of one part of a page */

struct page {
    struct contract *contract;
    const struct contract_domain *domain;
    const struct contract_event **events; /* as written in the file */
    size_t event_count;
    const struct contract_message **server_events; /* the same */
    size_t server_event_count;
};

/* Texts of gen/docs/NAME.md.in. */
extern const char docs_page[], docs_client_event[], docs_server_event[], docs_guide[],
    docs_index[];

/* ---- emit_docs_types.c: TypeScript interfaces, with those that they use; all of them
 * called as in the client. */
void append_interface(struct contract *contract, const struct contract_message *message,
                      struct buf *out);
/* Of a server event: the name of its payload's type without "Payload". */
const char *event_stem(struct contract *contract, const struct contract_message *message);

/* ---- emit_docs_events.c */
void append_client_event(const struct page *page, const struct contract_event *event,
                         struct buf *out);
void append_server_event(const struct page *page, const struct contract_message *message,
                         struct buf *out);

/* ---- emit_docs_flows.c */
void append_flows(const struct page *page, struct buf *out);
void append_troubles(const struct page *page, struct buf *out);

/* ---- emit_docs_tests.c */
/* An event that shows what the domain is about: a CHANGE that is built and of which
 * others hear. NULL: the domain has no client events. */
const struct contract_event *main_event(const struct page *page);
const struct contract_message *main_server_event(const struct page *page);
const struct contract_message *server_event_named(const struct contract *contract,
                                                  const char *name);
/* Sets server_test and server_cases. */
void set_test_words(const struct page *page, struct words *words);

#endif
