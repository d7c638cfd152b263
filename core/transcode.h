/* Payloads between JSON, protobuf and protobuf-c structs, by descriptor and field rules.
 *
 * JSON follows the protobuf JSON mapping: lowerCamelCase names, enums by name, 64-bit
 * integers as strings (unless the contract says json_number, as for seq), bytes as
 * base64, null for an absent field. A repeated field is always written, if need be as [].
 * The structs live in the arena; nothing has to be freed. */
#ifndef CORE_TRANSCODE_H
#define CORE_TRANSCODE_H

#include "core/rules.h"

/* What clients send. Both decode, and check all field rules: a message that comes out
 * needs no further rules_check(). ERR_VALIDATION_ERROR: `violations` (zeroed, or
 * initialized) says what is wrong, as much of it as could be read. ERR_PAYLOAD_TOO_LARGE:
 * the arena is full. Refused: unknown and repeated members, wrong types, invalid UTF-8
 * and NUL, integers that are not exact, nesting below JSON_DEPTH_MAX. */
MUST_CHECK enum err transcode_from_json(const struct message_rules *rules,
                                        struct bytes json, struct arena *arena,
                                        ProtobufCMessage **ret_message,
                                        struct violations *violations);
MUST_CHECK enum err transcode_from_protobuf(const struct message_rules *rules,
                                            struct bytes packed, struct arena *arena,
                                            ProtobufCMessage **ret_message,
                                            struct violations *violations);

/* What we send. The message is ours: it is not checked again. ERR_LIMIT_REACHED: `out`
 * is full. */
MUST_CHECK enum err transcode_to_json(const struct message_rules *rules,
                                      const ProtobufCMessage *message, struct buf *out);
MUST_CHECK enum err transcode_to_protobuf(const ProtobufCMessage *message,
                                          struct buf *out);

/* One member alone, as SQL wants it: an enum's name without quotes; nothing is written
 * when it is absent. False: there is no such member, or `out` is full. */
bool transcode_member(const struct message_rules *rules, const ProtobufCMessage *message,
                      const char *json_name, struct buf *out);

/* Replies and publications, which PostgreSQL makes as JSON, for protobuf clients. Members
 * that the contract does not know are left out: a row of the log may have been written by
 * a newer core. ERR_INTERNAL: it does not fit the contract otherwise. */
MUST_CHECK enum err transcode_json_to_protobuf(const struct message_rules *rules,
                                               struct bytes json, struct arena *arena,
                                               struct buf *out);
/* The way back. ERR_INTERNAL as above. */
MUST_CHECK enum err transcode_protobuf_to_json(const struct message_rules *rules,
                                               struct bytes packed, struct arena *arena,
                                               struct buf *out);

#endif
