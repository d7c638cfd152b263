/* The contract's field rules, held against a decoded message; and the list of what a
 * payload breaks, as clients get it in `details`. */
#ifndef CORE_RULES_H
#define CORE_RULES_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/event.h"

#define VIOLATIONS_MAX 20

/* `rule` is one of: required type unknown_field min_length max_length min max pattern
 * format visible min_items max_items enum duplicate_key too_deep malformed utf8 */
struct violation {
    const char *path; /* "message.content", "userIds[3]"; "" is the payload itself */
    const char *rule;
    const char *message; /* for people: "must not be longer than 4000 characters" */
};

/* Zeroed it is empty, too; the arena then comes with transcode_from_*(). */
struct violations {
    struct arena *arena; /* of paths and messages */
    size_t count;
    struct violation items[VIOLATIONS_MAX]; /* the first ones found */
};

/* Where in a payload we are: a chain on the stack, written out only when needed. */
struct path {
    const struct path *up; /* NULL: this is the payload itself */
    struct bytes name;     /* member; none: an item of a list */
    size_t index;          /* of the item */
};

void violations_init(struct violations *violations, struct arena *arena);

/* Notes a broken rule; beyond VIOLATIONS_MAX it is forgotten. `path` NULL: the payload.
 */
void violations_add(struct violations *violations, const struct path *path,
                    const char *rule, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same with a path that is text already (borrowed for this call). */
void violations_add_at(struct violations *violations, const char *path, const char *rule,
                       const char *message);

/* Appends `[{"path":"content","rule":"max_length","message":"…"}]`. */
void violations_json(const struct violations *violations, struct buf *out);

/* Checks everything the contract says of `message` and what is inside it. A path that
 * has a violation already gets no second one: what could not be decoded is not missing.
 * ERR_VALIDATION_ERROR: `violations` is not empty. On one thread only: compiled patterns
 * are kept. */
MUST_CHECK enum err rules_check(const struct message_rules *rules,
                                const ProtobufCMessage *message,
                                struct violations *violations);

/* True if the field was given: an own value, at least one item. */
bool field_is_set(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Formats, for the rules and their tests. */
bool text_is_timestamp(struct bytes text); /* RFC 3339, "2026-11-22T20:48:44.123Z" */
bool text_is_url(struct bytes text);       /* http or https, with a host */

/* What a text looks like; it must be UTF-8. */
struct text_shape {
    size_t length;   /* code points */
    bool visible;    /* something that is neither space nor without width */
    size_t mark_run; /* the most combining marks in a row */
};
struct text_shape text_shape_of(struct bytes text);

#endif
