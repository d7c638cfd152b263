/* Handles of the loop that have their memory to themselves (calloc()). */
#ifndef CORE_HANDLE_H
#define CORE_HANDLE_H

#include <stdlib.h>
#include <uv.h>

static inline void handle_free(uv_handle_t *handle)
{
    free(handle);
}

/* Closes it; its memory goes when the loop turns. Accepts NULL. */
static inline void handle_close(void *handle)
{
    if (handle != NULL) {
        uv_close(handle, handle_free);
    }
}

#endif
