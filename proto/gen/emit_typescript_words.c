/* How TypeScript calls what the contract has names for, and its strings and comments. */
#include "emit_typescript.h"

#include <ctype.h>

#define COLUMNS_MAX 96

/* "SEND_MESSAGE" to "SendMessage" */
static const char *camel(struct contract *contract, const char *event)
{
    char *text = arena_text(&contract->arena, event);
    char *out = text;
    bool start = true;
    for (const char *at = event; text != NULL && *at != '\0'; at++) {
        if (*at == '_') {
            start = true;
        } else {
            *out++ = start ? *at : (char)tolower((unsigned char)*at);
            start = false;
        }
    }
    *out = '\0';
    return text;
}

const char *ts_type_name(struct contract *contract, const char *type_name)
{
    char *text = arena_text(&contract->arena, type_name);
    char *out = text;
    const char *at = type_name;
    while (*at != '\0') {
        size_t size = strcspn(at, ".");
        if (isupper((unsigned char)*at)) { /* packages are written small */
            memcpy(out, at, size);
            out += size;
        }
        at += size + (at[size] == '.');
    }
    *out = '\0';
    return text;
}

const char *ts_message_name(struct contract *contract,
                            const struct contract_message *message)
{
    for (size_t i = 0; i < contract->event_count; i++) {
        const struct contract_event *event = &contract->events[i];
        const char *name = camel(contract, event->def->name);
        if (event->payload == message) {
            return arena_printf(&contract->arena, "%sPayload", name);
        }
        if (event->reply == message) {
            return arena_printf(&contract->arena, "%sReply", name);
        }
    }
    if (message->server_event != NULL) {
        return arena_printf(&contract->arena, "%sPayload",
                            camel(contract, message->server_event->name));
    }
    return ts_type_name(contract, message->full_name);
}

const char *ts_enum_word(const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(type, value);
    return found != NULL ? found->name : "";
}

void ts_append_string(struct buf *out, const char *text)
{
    buf_append_json_string(out, bytes_of_text(text));
}

void ts_append_doc(struct buf *out, const char *indent, const char *text)
{
    bool wraps =
        strlen(indent) + strlen(text) + 7 > COLUMNS_MAX || strstr(text, " @") != NULL;
    size_t column = 0;
    buf_printf(out, "%s/**%s", indent, wraps ? "" : " ");
    while (*text != '\0') {
        size_t word = strcspn(text, " ");
        bool tag = *text == '@'; /* has a line of its own */
        if (wraps && (column == 0 || tag || column + 1 + word > COLUMNS_MAX)) {
            buf_printf(out, "\n%s * ", indent);
            column = strlen(indent) + 3;
        } else if (column > 0) {
            buf_append_char(out, ' ');
        }
        for (size_t i = 0; i < word; i++) {
            /* the end of the comment must be ours */
            bool ends = i > 0 && text[i] == '/' && text[i - 1] == '*';
            buf_append_text(out, ends ? "\\" : "");
            buf_append_char(out, text[i]);
        }
        column += word + 1;
        text += word;
        text += strspn(text, " ");
    }
    if (wraps) {
        buf_printf(out, "\n%s */\n", indent);
    } else {
        buf_append_text(out, " */\n");
    }
}
