/* Counts connections by address in a map that holds only addresses that have some. */
#include "edge/addresses.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/map.h"

#define PREFIX_BYTES 8 /* of IPv6 */

struct addresses {
    struct map map; /* key -> struct address */
};

struct addresses *addresses_create(void)
{
    struct addresses *addresses = calloc(1, sizeof(*addresses));
    if (addresses != NULL) {
        map_init(&addresses->map, sizeof(((struct address *)NULL)->key));
    }
    return addresses;
}

void addresses_destroy(struct addresses *addresses)
{
    if (addresses == NULL) {
        return;
    }
    size_t cursor = 0;
    void *address;
    while (map_next(&addresses->map, &cursor, NULL, &address)) {
        free(address);
    }
    map_finish(&addresses->map);
    free(addresses);
}

bool addresses_key(const char *text, uint8_t ret_key[16])
{
    memset(ret_key, 0, 16);
    if (inet_pton(AF_INET, text, ret_key + 12) == 1) {
        ret_key[10] = ret_key[11] = 0xff; /* ::ffff:a.b.c.d */
        return true;
    }
    if (inet_pton(AF_INET6, text, ret_key) != 1) {
        return false;
    }
    memset(ret_key + PREFIX_BYTES, 0, 16 - PREFIX_BYTES);
    return true;
}

struct address *addresses_enter(struct addresses *addresses, const char *text)
{
    uint8_t key[16];
    if (!addresses_key(text, key)) {
        return NULL;
    }
    struct address *address = map_get(&addresses->map, key);
    if (address == NULL) {
        address = calloc(1, sizeof(*address));
        if (address == NULL || map_put(&addresses->map, key, address) != ERR_OK) {
            free(address);
            return NULL;
        }
        memcpy(address->key, key, sizeof(key));
    }
    address->total++;
    address->unknown++;
    return address;
}

void addresses_known(struct address *address)
{
    address->unknown--;
}

void addresses_leave(struct addresses *addresses, struct address *address, bool known)
{
    address->total--;
    address->unknown -= known ? 0 : 1;
    if (address->total == 0) {
        map_remove(&addresses->map, address->key);
        free(address);
    }
}
