/* Finds out why a text is not JSON and which member it happened in, for the client who
 * has to mend it; off the path of payloads that are right. */
#include "base/json_scan.h"
#include "core/transcode_parts.h"

/* Where in a text we are. */
struct place {
    struct bytes keys[JSON_DEPTH_MAX + 1]; /* none: of a list, or no key yet */
    size_t indexes[JSON_DEPTH_MAX + 1];
    bool lists[JSON_DEPTH_MAX + 1];
    size_t depth; /* open containers */
    bool want_key;
    bool in_string;
};

/* Behind the string that starts at `at`; `end` if it goes on there. */
static size_t skip_string(struct place *place, struct bytes json, size_t at, size_t end)
{
    place->in_string = true;
    for (at++; at < end; at++) {
        if (json.data[at] == '\\') {
            at++;
        } else if (json.data[at] == '"') {
            place->in_string = false;
            return at + 1;
        }
    }
    return end;
}

static void step(struct place *place, uint8_t c)
{
    if ((c == '{' || c == '[') && place->depth <= JSON_DEPTH_MAX) {
        place->lists[place->depth] = c == '[';
        place->keys[place->depth] = (struct bytes){0};
        place->indexes[place->depth] = 0;
        place->depth++;
        place->want_key = c == '{';
    } else if ((c == '}' || c == ']') && place->depth > 0) {
        place->depth--;
        place->want_key = false;
    } else if (c == ',' && place->depth > 0) {
        size_t top = place->depth - 1;
        place->indexes[top]++;
        place->keys[top] = (struct bytes){0};
        place->want_key = !place->lists[top];
    }
}

/* Follows the text up to `end` without judging it. */
static struct place place_of(struct bytes json, size_t end)
{
    struct place place = {0};
    for (size_t at = 0; at < end;) {
        if (json.data[at] != '"') {
            step(&place, json.data[at++]);
            continue;
        }
        size_t behind = skip_string(&place, json, at, end);
        if (place.want_key && !place.in_string) {
            place.keys[place.depth - 1] = bytes_make(json.data + at + 1, behind - at - 2);
            place.want_key = false;
        }
        at = behind;
    }
    return place;
}

static void note(struct violations *violations, const struct place *place,
                 const char *rule, const char *message)
{
    struct path paths[JSON_DEPTH_MAX + 1];
    const struct path *path = NULL;
    for (size_t i = 0; i < place->depth; i++) {
        if (!place->lists[i] && place->keys[i].data == NULL) {
            break;
        }
        paths[i] = (struct path){path, place->keys[i], place->indexes[i]};
        path = &paths[i];
    }
    violations_add(violations, path, rule, "%s", message);
}

void note_at(struct violations *violations, struct bytes json, size_t at,
             const char *rule, const char *message)
{
    struct place place = place_of(json, at);
    note(violations, &place, rule, message);
}

/* The scanner stops behind a \uXXXX that is no character, or behind what should have
 * been its second half. */
static bool behind_escape(struct bytes json, size_t at)
{
    for (size_t back = 6; back <= 8 && back <= at; back++) {
        if (json.data[at - back] == '\\' && json.data[at - back + 1] == 'u') {
            return true;
        }
    }
    return false;
}

void note_invalid(struct violations *violations, struct bytes json)
{
    size_t at = 0;
    struct bytes value;
    bool whole = json_scan_value(json, &at, &value) != JSON_INVALID;
    struct place place = place_of(json, at);
    uint8_t c = at < json.size ? json.data[at] : 0;
    if (whole) {
        note(violations, &place, "malformed", "has more behind its end");
    } else if (place.in_string && (c >= 0x80 || behind_escape(json, at))) {
        note(violations, &place, "utf8", "must be UTF-8 without NUL characters");
    } else if (place.depth == JSON_DEPTH_MAX && (c == '{' || c == '[')) {
        note(violations, &place, "too_deep", "is nested too deeply");
    } else {
        note(violations, &place, "malformed", "is not valid JSON");
    }
}
