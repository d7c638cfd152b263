/* Kills the process at one named point, so that tests reach the instants between steps.
 */
#include "core/chaos.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *const points[] = {
    "after-receive", "before-commit", "after-commit", "mid-publish", "after-reply",
};

static const char *armed; /* a row of `points`, or NULL */
static long left;

static const char *find(const char *point)
{
    size_t size = strcspn(point, ":");
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        if (strlen(points[i]) == size && strncmp(points[i], point, size) == 0) {
            return points[i];
        }
    }
    return NULL;
}

bool chaos_known(const char *point)
{
    return find(point) != NULL;
}

void chaos_arm(const char *point)
{
    const char *count = strchr(point, ':');
    armed = find(point);
    left = count != NULL ? strtol(count + 1, NULL, 10) : 1;
}

bool chaos_point_armed(const char *name)
{
    return armed != NULL && strcmp(armed, name) == 0;
}

void chaos_point(const char *name)
{
    if (chaos_point_armed(name) && --left <= 0) {
        raise(SIGKILL);
    }
}
