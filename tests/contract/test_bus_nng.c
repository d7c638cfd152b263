/* Why: the embedded bus keeps the promises of bus.h. */
#include "bus_suite.h"

#include <stddef.h>

int main(void)
{
    static const char *const bad_urls[] = {"nng:x", "nng://localhost:1", NULL};
    return bus_suite(&(struct bus_suite){
        .name = "bus nng", .url = "nng:", .peers = true, .bad_urls = bad_urls});
}
