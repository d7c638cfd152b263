/* Anonymous memory, mapped before the processes part. */
#include "load/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void *map(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        perror("belfry-load: memory");
        exit(1);
    }
    return memory;
}

struct shared *shared_create(const struct options *options)
{
    struct shared *shared = map(sizeof(*shared));
    shared->rooms = map(options->rooms * sizeof(*shared->rooms));
    shared->typed_ns = map(options->clients * sizeof(*shared->typed_ns));
    return shared;
}
