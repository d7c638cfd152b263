/* What the files of transcode share: only they include this. */
#ifndef CORE_TRANSCODE_PARTS_H
#define CORE_TRANSCODE_PARTS_H

#include "core/rules_member.h"
#include "core/transcode.h"

/* Checks the wire format of one message before protobuf-c sees it, which believes what it
 * reads. `lenient`: unknown fields pass. False: something was noted. */
bool wire_check(const struct message_rules *rules, struct bytes packed, bool lenient,
                struct violations *violations);

/* Unpacks what wire_check() has passed into the arena. */
MUST_CHECK enum err wire_unpack(const struct message_rules *rules, struct bytes packed,
                                struct arena *arena, ProtobufCMessage **ret_message);

/* Notes a violation at the member of `json` that holds the byte `at`. Everything before
 * that is sound JSON. */
void note_at(struct violations *violations, struct bytes json, size_t at,
             const char *rule, const char *message);

/* Notes why json_valid() refuses `json`, and where. */
void note_invalid(struct violations *violations, struct bytes json);

#endif
