/* Finds the contract's rows by name, and by almost their name. */
#include "core/event.h"

#define NAME_MAX_SIZE 48 /* as the generator allows */
#define NEAR_MAX      3  /* edits; more is another word */

static int compare(struct bytes name, const char *other)
{
    size_t size = strlen(other);
    size_t common = name.size < size ? name.size : size;
    int order = common > 0 ? memcmp(name.data, other, common) : 0;
    return order != 0 ? order : (name.size > size) - (name.size < size);
}

const struct event_def *event_find(struct bytes name)
{
    size_t from = 0, to = event_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(name, event_table[middle].name);
        if (order == 0) {
            return &event_table[middle];
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return NULL;
}

const struct server_event_def *server_event_find(struct bytes name)
{
    size_t from = 0, to = server_event_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare(name, server_event_table[middle].name);
        if (order == 0) {
            return &server_event_table[middle];
        }
        if (order < 0) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    return NULL;
}

/* In what people type, case and the kind of separator are not the mistake. */
static uint8_t plain_letter(uint8_t c)
{
    if (c >= 'a' && c <= 'z') {
        return (uint8_t)(c - 'a' + 'A');
    }
    return c == '-' || c == ' ' || c == '.' || c == ':' ? '_' : c;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned both = a < b ? a : b;
    return both < c ? both : c;
}

/* Levenshtein's distance, a row at a time; both are at most NAME_MAX_SIZE long. */
static unsigned distance(struct bytes name, const char *other, size_t other_size)
{
    unsigned row[NAME_MAX_SIZE + 1];
    for (size_t j = 0; j <= other_size; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 0; i < name.size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < other_size; j++) {
            bool same = plain_letter(name.data[i]) == (uint8_t)other[j];
            unsigned next = least(row[j] + 1, row[j + 1] + 1, diagonal + !same);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    return row[other_size];
}

const char *event_nearest(struct bytes name)
{
    const char *nearest = NULL;
    unsigned nearest_distance = NEAR_MAX + 1;
    if (name.size > NAME_MAX_SIZE) {
        return NULL;
    }
    for (size_t i = 0; i < event_count; i++) {
        const char *other = event_table[i].name;
        size_t size = strlen(other);
        /* a name of which nothing would remain is no misspelling */
        if (size > NAME_MAX_SIZE || name.size + NEAR_MAX < size ||
            size + NEAR_MAX < name.size || name.size <= NEAR_MAX) {
            continue;
        }
        unsigned edits = distance(name, other, size);
        if (edits < nearest_distance) {
            nearest = other;
            nearest_distance = edits;
        }
    }
    return nearest;
}
