/* Writes an output's files, so that all of them fail in the same way. */
#include "emit.h"

#include <errno.h>
#include <stdio.h>

enum err emit_file(struct contract *contract, const char *directory, const char *name,
                   const struct buf *text)
{
    if (text->failed) {
        errno = EFBIG;
        return ERR_INTERNAL;
    }
    const char *path = arena_printf(&contract->arena, "%s/%s", directory, name);
    FILE *file = path != NULL ? fopen(path, "wb") : NULL;
    if (file == NULL) {
        return ERR_INTERNAL;
    }
    bool written = fwrite(text->data, 1, text->size, file) == text->size;
    return fclose(file) == 0 && written ? ERR_OK : ERR_INTERNAL;
}
