/* Why: cnats's defaults are for another use: it gives up, blocks, prints and starts
 * threads. */
#include "bus/bus_nats_options.h"

#include <stdlib.h>
#include <string.h>

#include "bus/bus_address.h"

#define SERVERS_MAX        32
#define DEFAULT_PORT       4222
#define CONNECT_TIMEOUT_MS 1000
#define WRITE_DEADLINE_MS  1000
#define PING_INTERVAL_MS   5000 /* a silent broker is given up after three of them */
#define RECONNECT_BUFFER   (4 * 1024 * 1024)
#define RECONNECT_WAIT_MS  200

/* Slow consumers and protocol errors: without this, cnats prints them. */
static void on_error(natsConnection *connection, natsSubscription *subscription,
                     natsStatus status, void *closure)
{
}

/* "//SERVER[,SERVER…]" */
static enum err set_servers(natsOptions *options, const char *address)
{
    if (strncmp(address, "//", 2) != 0) {
        return ERR_VALIDATION_ERROR;
    }
    char *list = strdup(address + 2);
    if (list == NULL) {
        return ERR_UNAVAILABLE;
    }
    enum err err = ERR_OK;
    const char *servers[SERVERS_MAX];
    int count = 0;
    char *rest = list;
    while (err == ERR_OK && rest != NULL) {
        const char *server = strsep(&rest, ",");
        struct bus_address checked;
        err = count < SERVERS_MAX
                  ? bus_address_parse(bytes_of_text(server), DEFAULT_PORT, &checked)
                  : ERR_VALIDATION_ERROR;
        if (err == ERR_OK) {
            servers[count++] = server;
        }
    }
    if (err == ERR_OK && natsOptions_SetServers(options, servers, count) != NATS_OK) {
        err = ERR_VALIDATION_ERROR;
    }
    free(list);
    return err;
}

static bool set_options(natsOptions *options, natsConnectionHandler on_change,
                        natsConnectionHandler on_reconnect, void *closure)
{
    /* A thread for each subscription is the default, and there are thousands. One thread
     * for all of them also keeps the order between topics. */
    nats_SetMessageDeliveryPoolSize(1);
    const natsStatus results[] = {
        natsOptions_SetName(options, "belfry"),
        natsOptions_UseGlobalMessageDelivery(options, true),
        natsOptions_SetTimeout(options, CONNECT_TIMEOUT_MS),
        natsOptions_SetMaxReconnect(options, -1),
        natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS),
        natsOptions_SetReconnectJitter(options, RECONNECT_WAIT_MS, RECONNECT_WAIT_MS),
        natsOptions_SetReconnectBufSize(options, RECONNECT_BUFFER),
        natsOptions_SetRetryOnFailedConnect(options, true, on_change, closure),
        natsOptions_SetDisconnectedCB(options, on_change, closure),
        natsOptions_SetReconnectedCB(options, on_reconnect, closure),
        natsOptions_SetClosedCB(options, on_change, closure),
        natsOptions_SetErrorHandler(options, on_error, NULL),
        natsOptions_SetSendAsap(options, true),
        natsOptions_DisableNoResponders(options, true), /* a core may ask nobody */
        natsOptions_SetWriteDeadline(options, WRITE_DEADLINE_MS),
        natsOptions_SetPingInterval(options, PING_INTERVAL_MS),
        natsOptions_SetMaxPingsOut(options, 2),
    };
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (results[i] != NATS_OK) {
            return false;
        }
    }
    return true;
}

enum err bus_nats_options_create(const char *address, natsConnectionHandler on_change,
                                 natsConnectionHandler on_reconnect, void *closure,
                                 natsOptions **ret_options)
{
    natsOptions *options = NULL;
    if (natsOptions_Create(&options) != NATS_OK) {
        return ERR_UNAVAILABLE;
    }
    enum err err = set_servers(options, address);
    if (err == ERR_OK && !set_options(options, on_change, on_reconnect, closure)) {
        err = ERR_UNAVAILABLE;
    }
    if (err != ERR_OK) {
        natsOptions_Destroy(options);
        return err;
    }
    *ret_options = options;
    return ERR_OK;
}
