/* One line of JSON for each thing worth knowing (text on a terminal).
 *
 *     log_warn("core lost", LOG_TEXT("core", address), LOG_INT("pending", n));
 *
 * Never a token and never a message body. The library (base, bus, link, db) does not
 * log; edge, core and cli do, once, with the request id. Any thread may log. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/bytes.h"
#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_JSON, LOG_FORMAT_TEXT };

struct log_field {
    const char *name;
    enum { LOG_FIELD_TEXT, LOG_FIELD_INT, LOG_FIELD_UUID } type;
    struct bytes text; /* TEXT; UUID: 16 bytes; none or all zero: no field */
    int64_t number;
};

#define LOG_TEXT(n, value)                                                               \
    ((struct log_field){(n), LOG_FIELD_TEXT, bytes_of_text(value), 0})
#define LOG_BYTES(n, value) ((struct log_field){(n), LOG_FIELD_TEXT, (value), 0})
#define LOG_INT(n, value)   ((struct log_field){(n), LOG_FIELD_INT, {0}, (value)})
#define LOG_UUID(n, value)  ((struct log_field){(n), LOG_FIELD_UUID, {(value).b, 16}, 0})
#define LOG_ERR(value)                                                                   \
    ((struct log_field){"error", LOG_FIELD_TEXT, bytes_of_text(err_code(value)), 0})

/* `process` ("edge", "core") is on each line. AUTO: text if stderr is a terminal. */
void log_init(const char *process, enum log_level level, enum log_format format);
void log_set_level(enum log_level level); /* may be changed while running */
bool log_enabled(enum log_level level);

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count);

#define log_at(level, message, ...)                                                      \
    do {                                                                                 \
        if (log_enabled(level)) {                                                        \
            const struct log_field log_fields_[] = {{0}, ##__VA_ARGS__};                 \
            log_write(level, message, log_fields_ + 1,                                   \
                      sizeof(log_fields_) / sizeof(log_fields_[0]) - 1);                 \
        }                                                                                \
    } while (0)

#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)

#endif
