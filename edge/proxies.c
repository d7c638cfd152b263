/* Reads networks and finds the one address in X-Forwarded-For that a client cannot have
 * made up. */
#include "edge/proxies.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#define NETWORKS_MAX 32

/* Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. */
struct network {
    uint8_t address[16];
    int bits;
};

struct proxies {
    struct network networks[NETWORKS_MAX];
    int count;
};

static bool parse_address(const char *text, uint8_t ret_address[16], bool *ret_is_v4)
{
    uint8_t v4[4];
    *ret_is_v4 = inet_pton(AF_INET, text, v4) == 1;
    if (*ret_is_v4) {
        static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
        memcpy(ret_address, mapped, 12);
        memcpy(ret_address + 12, v4, 4);
        return true;
    }
    return inet_pton(AF_INET6, text, ret_address) == 1;
}

static bool parse_network(struct bytes entry, struct network *ret_network)
{
    char text[64];
    bool is_v4;
    if (entry.size >= sizeof(text)) {
        return false;
    }
    memcpy(text, entry.data, entry.size);
    text[entry.size] = 0;
    char *slash = strchr(text, '/');
    if (slash != NULL) {
        *slash = 0;
    }
    if (!parse_address(text, ret_network->address, &is_v4)) {
        return false;
    }
    int most = is_v4 ? 32 : 128;
    int bits = most;
    if (slash != NULL) {
        char *end;
        long number = strtol(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != 0 || number > most) {
            return false;
        }
        bits = (int)number;
    }
    ret_network->bits = bits + (128 - most);
    return true;
}

enum err proxies_create(const char *list, struct proxies **ret_proxies)
{
    struct proxies *proxies = calloc(1, sizeof(*proxies));
    if (proxies == NULL) {
        return ERR_UNAVAILABLE;
    }
    for (const char *at = list; *at != 0;) {
        size_t size = strcspn(at, ", \t");
        if (size > 0) {
            if (proxies->count == NETWORKS_MAX ||
                !parse_network(bytes_make(at, size),
                               &proxies->networks[proxies->count])) {
                proxies_destroy(proxies);
                return ERR_VALIDATION_ERROR;
            }
            proxies->count++;
        }
        at += size + (at[size] != 0 ? 1 : 0);
    }
    *ret_proxies = proxies;
    return ERR_OK;
}

void proxies_destroy(struct proxies *proxies)
{
    free(proxies);
}

static bool is_within(const uint8_t address[16], const struct network *network)
{
    int whole = network->bits / 8, rest = network->bits % 8;
    if (memcmp(address, network->address, (size_t)whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return rest == 0 || ((address[whole] ^ network->address[whole]) & mask) == 0;
}

bool proxies_trust(const struct proxies *proxies, const char *address)
{
    uint8_t bytes[16];
    bool is_v4;
    if (!parse_address(address, bytes, &is_v4)) {
        return false;
    }
    for (int i = 0; i < proxies->count; i++) {
        if (is_within(bytes, &proxies->networks[i])) {
            return true;
        }
    }
    return false;
}

/* The last item of a comma list, which is then shortened by it. */
static struct bytes last_item(struct bytes *list)
{
    const uint8_t *comma = memrchr(list->data, ',', list->size);
    size_t start = comma != NULL ? (size_t)(comma - list->data) + 1 : 0;
    struct bytes item = bytes_make(list->data + start, list->size - start);
    list->size = start > 0 ? start - 1 : 0;
    while (item.size > 0 && item.data[0] == ' ') {
        item.data++;
        item.size--;
    }
    while (item.size > 0 && item.data[item.size - 1] == ' ') {
        item.size--;
    }
    return item;
}

void proxies_client(const struct proxies *proxies, const char *peer,
                    struct bytes forwarded_for, char ret_address[ADDRESS_TEXT_SIZE])
{
    snprintf(ret_address, ADDRESS_TEXT_SIZE, "%s", peer);
    while (forwarded_for.size > 0 && proxies_trust(proxies, ret_address)) {
        struct bytes item = last_item(&forwarded_for);
        char text[ADDRESS_TEXT_SIZE];
        uint8_t bytes[16];
        bool is_v4;
        if (item.size >= sizeof(text)) {
            return;
        }
        memcpy(text, item.data, item.size);
        text[item.size] = 0;
        if (!parse_address(text, bytes, &is_v4)) {
            return; /* not written by a proxy of ours: the proxy itself is the client */
        }
        memcpy(ret_address, text, sizeof(text));
    }
}

void proxies_format(const struct sockaddr *address, char ret_address[ADDRESS_TEXT_SIZE])
{
    ret_address[0] = 0;
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, ret_address, ADDRESS_TEXT_SIZE);
        return;
    }
    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, ret_address,
                      ADDRESS_TEXT_SIZE);
        } else {
            inet_ntop(AF_INET6, &v6->sin6_addr, ret_address, ADDRESS_TEXT_SIZE);
        }
    }
}
