/* Target functions: transcode_from_json, transcode_from_protobuf and what they call. The
 * first byte chooses the event, the second the encoding. No payload crashes them; what
 * they refuse they explain in valid JSON; what they take comes back the same in both
 * encodings. */
#include <stdlib.h>

#include "base/json_scan.h"
#include "core/transcode.h"

#define MEMORY_MAX (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_refused(const struct violations *violations)
{
    struct buf details;
    buf_init(&details, MEMORY_MAX);
    violations_json(violations, &details);
    require(violations->count > 0 && violations->count <= VIOLATIONS_MAX);
    require(json_valid(buf_bytes(&details), NULL));
    buf_finish(&details);
}

/* The message through one encoding and back packs to the same bytes. */
static void check_taken(const struct message_rules *rules,
                        const ProtobufCMessage *message, struct arena *arena)
{
    struct buf packed, json, again;
    buf_init(&packed, MEMORY_MAX);
    buf_init(&json, MEMORY_MAX);
    buf_init(&again, MEMORY_MAX);
    require(transcode_to_protobuf(message, &packed) == ERR_OK);
    require(transcode_to_json(rules, message, &json) == ERR_OK);
    require(json_valid(buf_bytes(&json), NULL));

    ProtobufCMessage *back = NULL;
    struct violations violations = {0};
    require(transcode_from_json(rules, buf_bytes(&json), arena, &back, &violations) ==
            ERR_OK);
    require(transcode_to_protobuf(back, &again) == ERR_OK);
    require(bytes_equal(buf_bytes(&packed), buf_bytes(&again)));

    buf_clear(&again);
    require(transcode_from_protobuf(rules, buf_bytes(&packed), arena, &back,
                                    &violations) == ERR_OK);
    require(transcode_to_protobuf(back, &again) == ERR_OK);
    require(bytes_equal(buf_bytes(&packed), buf_bytes(&again)));
    buf_finish(&packed);
    buf_finish(&json);
    buf_finish(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t choice = data[0] % (event_count + server_event_count);
    const struct message_rules *rules =
        choice < event_count ? event_table[choice].payload
                             : server_event_table[choice - event_count].payload;
    struct bytes payload = bytes_make(data + 2, size - 2);
    struct arena arena;
    arena_init(&arena, MEMORY_MAX);
    struct violations violations = {0};
    ProtobufCMessage *message = NULL;
    enum err err =
        (data[1] & 1) != 0
            ? transcode_from_protobuf(rules, payload, &arena, &message, &violations)
            : transcode_from_json(rules, payload, &arena, &message, &violations);
    if (err == ERR_OK) {
        check_taken(rules, message, &arena);
    } else if (err == ERR_VALIDATION_ERROR) {
        check_refused(&violations);
    } else {
        require(err == ERR_PAYLOAD_TOO_LARGE);
    }
    /* what we say ourselves is read by the lenient way, which must stand it, too */
    struct buf packed, json;
    buf_init(&packed, MEMORY_MAX);
    buf_init(&json, MEMORY_MAX);
    if (transcode_json_to_protobuf(rules, payload, &arena, &packed) == ERR_OK) {
        err = transcode_protobuf_to_json(rules, buf_bytes(&packed), &arena, &json);
        require(err == ERR_OK || err == ERR_PAYLOAD_TOO_LARGE);
    }
    buf_finish(&packed);
    buf_finish(&json);
    arena_finish(&arena);
    return 0;
}
