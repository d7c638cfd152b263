/* Prints the AsyncAPI document as C, so that a core carries what it serves: an edge that
 * is older than an event can describe it. */
#include <openssl/sha.h>

#include "emit.h"
#include "emit_asyncapi.h"

/* A string for each line, which compilers read faster than bytes one by one. */
static void print_text(struct bytes text, struct buf *out)
{
    buf_append_text(out, "const char event_description[] =\n    \"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '\n' && i + 1 < text.size) {
            buf_append_text(out, "\\n\"\n    \"");
        } else if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '?') {
            buf_printf(out, "\\%03o", c);
        } else {
            buf_append_char(out, (char)c);
        }
    }
    buf_append_text(out, "\";\n");
}

static void print_hash(struct bytes text, struct buf *out)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];
    SHA256(text.data, text.size, hash);
    buf_append_text(out, "\nconst uint8_t event_description_hash[32] = {");
    for (size_t i = 0; i < sizeof(hash); i++) {
        buf_printf(out, "%s0x%02x,", i % 12 == 0 ? "\n    " : " ", hash[i]);
    }
    buf_append_text(out, "\n};\n");
}

enum err emit_description(struct contract *contract, const char *directory)
{
    struct buf document, out;
    buf_init(&out, OUTPUT_MAX);
    enum err err = asyncapi_print(contract, &document);
    if (err == ERR_OK) {
        buf_append_text(&out,
                        "/* Made by belfry-gen from proto/events: the contract as an "
                        "AsyncAPI document. */\n#include \"core/event.h\"\n\n");
        print_text(buf_bytes(&document), &out);
        buf_printf(&out, "const size_t event_description_size = %zu;\n", document.size);
        print_hash(buf_bytes(&document), &out);
        out.failed = out.failed || document.failed;
        err = emit_file(contract, directory, "description.gen.c", &out);
    }
    buf_finish(&document);
    buf_finish(&out);
    return err;
}
