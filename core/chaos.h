/* Named points at which a test can have this process killed, to prove that no instant is
 * special. Off unless BELFRY_CHAOS_POINT names one; never on in production. */
#ifndef CORE_CHAOS_H
#define CORE_CHAOS_H

#include <stdbool.h>

/* "NAME" or "NAME:N" (the Nth time it is reached). Borrowed for the process's life. */
void chaos_arm(const char *point);

/* True for a known name in that form. */
bool chaos_known(const char *point);

bool chaos_point_armed(const char *name);

/* Kills the process, as `kill -9` would, if this is the armed point. */
void chaos_point(const char *name);

#endif
