/* What the files of the TypeScript output share: names and comments. */
#ifndef GEN_EMIT_TYPESCRIPT_H
#define GEN_EMIT_TYPESCRIPT_H

#include "model.h"

/* The name of a message: "SendMessagePayload" of an event's payload, "SendMessageReply"
 * of its reply, else its own, "PresenceStatus" for one inside another. In the arena. */
const char *ts_message_name(struct contract *contract,
                            const struct contract_message *message);

/* The name of an enum or message type: ".belfry.Presence.Status" to "PresenceStatus". */
const char *ts_type_name(struct contract *contract, const char *type_name);

/* "READ", "ROOM_SCOPE": an option's value as the contract writes it. */
const char *ts_enum_word(const ProtobufCEnumDescriptor *type, int value);

void ts_append_string(struct buf *out, const char *text);

/* A doc comment of one or more lines, each behind `indent`. */
void ts_append_doc(struct buf *out, const char *indent, const char *text);

/* The runtime table of the contract, for the mock server: contract.ts. */
void ts_print_contract(struct contract *contract, struct buf *out);

#endif
