/* What the three parts of the AsyncAPI document share. Only they, and what puts the
 * document into the core, include this. */
#ifndef GEN_EMIT_ASYNCAPI_H
#define GEN_EMIT_ASYNCAPI_H

#include "json.h"
#include "model.h"

struct document {
    struct contract *contract;
    const uint8_t *reach; /* reach.h; planned events count */
    struct json *json;
};

/* ---- emit_asyncapi.c ---- */

/* The whole document. The caller finishes the buf, also after a failure; a document that
 * is too large makes it `failed`. */
MUST_CHECK enum err asyncapi_print(struct contract *contract, struct buf *ret_document);

/* The member "tags": that domain, or all of them with what they are about. */
void print_tags(const struct document *document, const char *only);

/* "SEND_MESSAGE" to "Send message". In the arena. */
const char *title_of(struct contract *contract, const char *name);

/* ---- emit_asyncapi_message.c ---- */

/* components.messages */
void print_messages(const struct document *document);

/* ---- emit_asyncapi_schema.c ---- */

/* components.schemas: every message that an event leads to, and what the server adds. */
void print_schemas(const struct document *document);

/* The name of a message's schema: its own without the package. What clients both send and
 * are sent has two, and the one of what they send ends with ".input". */
const char *schema_name(const struct document *document,
                        const struct contract_message *message, bool input);

#endif
