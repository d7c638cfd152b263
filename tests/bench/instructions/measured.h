/* What the drivers of hot paths share: callgrind counts what happens inside measured(),
 * called MEASURED_CALLS times, after as many calls that fill caches and rings. */
#ifndef BENCH_MEASURED_H
#define BENCH_MEASURED_H

#include <stdio.h>
#include <stdlib.h>

/* What is called by its name, as often as it stands there. GCC's word for it clang lacks,
 * and noinline alone lets GCC make clones of it under other names. */
#if __has_attribute(noipa)
#define NOT_TAKEN_APART __attribute__((noipa))
#else
#define NOT_TAKEN_APART __attribute__((noinline))
#endif

/* Each driver has one; the name is what valgrind is told to look for. */
void measured(void);
#define MEASURED NOT_TAKEN_APART void measured(void)

#define MEASURED_CALLS 10

#define MUST(condition)                                                                  \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);              \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

#endif
