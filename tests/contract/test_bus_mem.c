/* Why: the driver that all other tests build on keeps the promises of bus.h. */
#include "bus_suite.h"

int main(void)
{
    return bus_suite(&(struct bus_suite){.name = "bus mem", .url = "mem:suite"});
}
