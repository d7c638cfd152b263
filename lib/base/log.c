/* Writes what happened as one line and one write(2), so that lines of several threads do
 * not mix and nothing is lost in a buffer when the process dies. */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "base/uuid.h"

#define LINE_MAX_BYTES  8192
#define VALUE_MAX_BYTES 2048 /* one long value must not push out the request id */
#define TAIL_MAX_BYTES  64   /* always left for what closes a line */

struct line {
    char data[LINE_MAX_BYTES];
    size_t size;
    size_t limit; /* below LINE_MAX_BYTES until the tail is written */
    bool truncated;
    bool json;
};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const level_words[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};

static const char *process_name = "";
static bool use_json = true;
static _Atomic int level_min = LOG_INFO;

void log_init(const char *process, enum log_level level, enum log_format format)
{
    process_name = process;
    use_json = format == LOG_FORMAT_JSON ||
               (format == LOG_FORMAT_AUTO && isatty(STDERR_FILENO) == 0);
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_min, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&level_min, memory_order_relaxed);
}

/* All of it or nothing; false marks the line. */
static bool put(struct line *line, const char *data, size_t size)
{
    if (size > line->limit - line->size) {
        line->truncated = true;
        return false;
    }
    memcpy(line->data + line->size, data, size);
    line->size += size;
    return true;
}

static bool put_text(struct line *line, const char *text)
{
    return put(line, text, strlen(text));
}

/* The size of the escape of the first byte in ret_escape; 0: it needs none. */
static size_t escape_byte(uint8_t c, char ret_escape[8])
{
    switch (c) {
    case '"':
    case '\\':
        ret_escape[0] = '\\';
        ret_escape[1] = (char)c;
        return 2;
    case '\n':
        memcpy(ret_escape, "\\n", 2);
        return 2;
    case '\t':
        memcpy(ret_escape, "\\t", 2);
        return 2;
    default:
        /* DEL too: a terminal acts on it. */
        return c < 0x20 || c == 0x7f ? (size_t)snprintf(ret_escape, 8, "\\u%04x", c) : 0;
    }
}

/* What a line shows for the character that `text` (not empty) starts with, of ret_size
 * bytes. What is not UTF-8 becomes U+FFFD, for a line must stay readable whatever a
 * client sent; so does NUL, which many readers of JSON refuse even when escaped, and the
 * controls above ASCII, on which a terminal may act. */
static struct bytes shown(struct bytes text, char escape[8], size_t *ret_size)
{
    static const struct bytes replacement = {(const uint8_t *)"\xef\xbf\xbd", 3};
    uint8_t c = text.data[0];
    *ret_size = 1;
    if (c == 0) {
        return replacement;
    }
    if (c < 0x80) {
        size_t escape_size = escape_byte(c, escape);
        return escape_size > 0 ? bytes_make(escape, escape_size)
                               : bytes_make(text.data, 1);
    }
    size_t size = utf8_size(text.data, text.size);
    if (size == 0) {
        return replacement;
    }
    *ret_size = size;
    return c == 0xc2 && text.data[1] < 0xa0 ? replacement : bytes_make(text.data, size);
}

/* Puts `text` between quotes, escaped. Too long a value ends in an ellipsis. */
static void put_quoted(struct line *line, struct bytes text)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t closing = sizeof(ellipsis); /* the ellipsis and the quote */
    size_t end = line->size + VALUE_MAX_BYTES;
    end = end < line->limit ? end : line->limit;
    if (end - line->size < closing + 1) {
        line->truncated = true;
        return;
    }

    line->data[line->size++] = '"';
    for (size_t i = 0; i < text.size;) {
        char escape[8];
        size_t size;
        struct bytes piece =
            shown(bytes_make(text.data + i, text.size - i), escape, &size);
        if (piece.size + closing > end - line->size) {
            put_text(line, ellipsis);
            line->truncated = true;
            break;
        }
        put(line, (const char *)piece.data, piece.size);
        i += size;
    }
    put(line, "\"", 1);
}

/* On a terminal plain words go without quotes. */
static bool is_plain(struct bytes text, const char *reserved)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c < ' ' || c >= 0x7f || strchr(reserved, c) != NULL) {
            return false;
        }
    }
    return text.size > 0 && text.size <= VALUE_MAX_BYTES;
}

static void put_value(struct line *line, const struct log_field *field)
{
    char text[UUID_TEXT_SIZE];
    struct bytes value = field->text;
    if (field->type == LOG_FIELD_INT) {
        snprintf(text, sizeof(text), "%" PRId64, field->number);
        put_text(line, text);
        return;
    }
    if (field->type == LOG_FIELD_UUID) {
        struct uuid uuid;
        memcpy(uuid.b, value.data, sizeof(uuid.b));
        uuid_format(uuid, text);
        value = bytes_of_text(text);
    }
    if (!line->json && is_plain(value, " \"\\=")) {
        put(line, (const char *)value.data, value.size);
    } else {
        put_quoted(line, value);
    }
}

static bool is_left_out(const struct log_field *field)
{
    static const uint8_t nil[16];
    return field->type == LOG_FIELD_UUID &&
           (field->text.size != sizeof(nil) ||
            memcmp(field->text.data, nil, sizeof(nil)) == 0);
}

/* A field is there as a whole or not at all. */
static void put_field(struct line *line, const struct log_field *field)
{
    size_t start = line->size;
    bool done =
        line->json
            ? put(line, ",\"", 2) && put_text(line, field->name) && put(line, "\":", 2)
            : put(line, " ", 1) && put_text(line, field->name) && put(line, "=", 1);
    size_t value = line->size;
    if (done) {
        put_value(line, field);
    }
    if (line->size == value) {
        line->size = start;
    }
}

static void put_head(struct line *line, enum log_level level, const char *message)
{
    char time[25];
    clock_format(clock_unix_ms(), time);
    struct bytes words = bytes_of_text(message);
    if (!line->json) {
        put(line, time + 11, 12); /* the time of day will do for a reader who is there */
        put(line, " ", 1);
        put_text(line, level_words[level]);
        put(line, " ", 1);
        put_text(line, process_name);
        put(line, ": ", 2);
        if (is_plain(words, "")) {
            put(line, message, words.size);
        } else {
            put_quoted(line, words);
        }
        return;
    }
    put_text(line, "{\"time\":\"");
    put_text(line, time);
    put_text(line, "\",\"level\":\"");
    put_text(line, level_names[level]);
    put_text(line, "\",\"process\":");
    put_quoted(line, bytes_of_text(process_name));
    put_text(line, ",\"message\":");
    put_quoted(line, words);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count)
{
    int saved_errno = errno;
    struct line line;
    line.size = 0;
    line.limit = LINE_MAX_BYTES - TAIL_MAX_BYTES;
    line.truncated = false;
    line.json = use_json;

    put_head(&line, level, message);
    for (size_t i = 0; i < field_count; i++) {
        if (!is_left_out(&fields[i])) {
            put_field(&line, &fields[i]);
        }
    }
    line.limit = LINE_MAX_BYTES;
    if (line.truncated) {
        put_text(&line, line.json ? ",\"truncated\":true" : " truncated");
    }
    put_text(&line, line.json ? "}\n" : "\n");

    /* A log that cannot be written is no reason to stop: the result is not looked at. */
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line.data, line.size);
    } while (written < 0 && errno == EINTR);
    errno = saved_errno;
}
