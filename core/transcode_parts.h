/* What the files of transcode share: only they include this. */
#ifndef CORE_TRANSCODE_PARTS_H
#define CORE_TRANSCODE_PARTS_H

#include "core/rules_member.h"
#include "core/transcode.h"

/* Reads the JSON of one payload. Values are slices of `json`, which is valid: their first
 * byte tells their type. */
struct decoder {
    struct bytes json;
    struct arena *arena;
    struct violations *violations;
    bool lenient; /* our own JSON: what is unknown is left out */
    bool full;    /* the arena is */
};

/* False, and the decoder is full: there was no memory. */
bool decoder_keep(struct decoder *decoder, const void *memory);

/* False: notes what the value must be. */
bool decoder_refuse_type(struct decoder *decoder, const struct path *path,
                         const char *wanted);

/* A value, not a list of them. False: something was noted, and *ret is unchanged. */
bool value_decode(struct decoder *decoder, const ProtobufCFieldDescriptor *field,
                  const struct field_rule *rule, struct bytes value,
                  const struct path *path, void *ret);

/* As deep as the contract nests messages: it holds no recursive ones. False: the decoder
 * is full; what else is wrong is noted only. */
bool message_decode(struct decoder *decoder, const struct message_rules *rules,
                    struct bytes object, const struct path *path,
                    ProtobufCMessage **ret_message);

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
