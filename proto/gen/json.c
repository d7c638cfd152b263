/* Keeps commas, line ends and indentation out of the code that says what a document
 * holds. */
#include "json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX 4096 /* bytes of a formatted text */

void json_init(struct json *json, struct buf *out)
{
    *json = (struct json){.out = out, .empty = true};
}

int json_column(const struct json *json)
{
    return json->depth * JSON_INDENT;
}

void json_value(struct json *json, const char *key)
{
    if (json->depth > 0) {
        buf_append_text(json->out, json->empty ? "\n" : ",\n");
        buf_printf(json->out, "%*s", json_column(json), "");
    }
    if (key != NULL) {
        buf_append_json_string(json->out, bytes_of_text(key));
        buf_append_text(json->out, ": ");
    }
    json->empty = false;
}

void json_open(struct json *json, const char *key, char open)
{
    json_value(json, key);
    buf_append_char(json->out, open);
    json->depth++;
    json->empty = true;
}

void json_close(struct json *json, char open)
{
    json->depth--;
    if (!json->empty) {
        buf_printf(json->out, "\n%*s", json_column(json), "");
    }
    buf_append_char(json->out, open == '{' ? '}' : ']');
    json->empty = false;
}

void json_text(struct json *json, const char *key, const char *text)
{
    if (text != NULL) {
        json_value(json, key);
        buf_append_json_string(json->out, bytes_of_text(text));
    }
}

/* A text that does not fit makes the document fail, as one too large does. */
static void print_text(struct json *json, const char *format, va_list args)
{
    char text[TEXT_MAX];
    int size = vsnprintf(text, sizeof(text), format, args);
    if (size < 0 || (size_t)size >= sizeof(text)) {
        json->out->failed = true;
        return;
    }
    buf_append_json_string(json->out, bytes_of_text(text));
}

void json_printf(struct json *json, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_value(json, key);
    print_text(json, format, args);
    va_end(args);
}

void json_bool(struct json *json, const char *key, bool value)
{
    json_value(json, key);
    buf_append_text(json->out, value ? "true" : "false");
}

void json_integer(struct json *json, const char *key, int64_t value)
{
    json_value(json, key);
    buf_printf(json->out, "%" PRId64, value);
}

void json_real(struct json *json, const char *key, double value)
{
    char text[32];
    snprintf(text, sizeof(text), "%.15g", value);
    if (strtod(text, NULL) != value) {
        snprintf(text, sizeof(text), "%.17g", value);
    }
    json_value(json, key);
    buf_append_text(json->out, text);
}

void json_reference(struct json *json, const char *key, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_open(json, key, '{');
    json_value(json, "$ref");
    print_text(json, format, args);
    json_close(json, '{');
    va_end(args);
}
