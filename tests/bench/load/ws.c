/* WebSocket frames as a client writes and reads them. */
#include "load/ws.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ws_target(const char *url, struct sockaddr_in *ret_target)
{
    char host[64];
    const char *colon = strchr(url, ':');
    if (colon == NULL || (size_t)(colon - url) >= sizeof(host)) {
        return false;
    }
    memcpy(host, url, (size_t)(colon - url));
    host[colon - url] = 0;
    *ret_target = (struct sockaddr_in){.sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)atoi(colon + 1))};
    return inet_pton(AF_INET, host, &ret_target->sin_addr) == 1;
}

size_t ws_request(char *out, size_t size, const char *host, const char *path)
{
    return (size_t)snprintf(out, size,
                            "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                            path, host);
}

const char *ws_wrap(char *payload, size_t size, enum ws_opcode opcode, size_t *ret_size)
{
    unsigned char *head;
    if (size < 126) {
        head = (unsigned char *)payload - 6;
        head[1] = (unsigned char)(0x80 | size);
    } else {
        head = (unsigned char *)payload - 8;
        head[1] = 0x80 | 126;
        head[2] = (unsigned char)(size >> 8);
        head[3] = (unsigned char)size;
    }
    head[0] = (unsigned char)(0x80 | opcode);
    memset(payload - 4, 0, 4);
    *ret_size = size + (size_t)((unsigned char *)payload - head);
    return (const char *)head;
}

size_t ws_take(const char *data, size_t size, struct ws_frame *ret_frame)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size < 2) {
        return 0;
    }
    size_t head = 2;
    uint64_t length = bytes[1] & 127;
    if (length == 126) {
        head = 4;
        if (size < head) {
            return 0;
        }
        length = (uint64_t)bytes[2] << 8 | bytes[3];
    } else if (length == 127) {
        head = 10;
        if (size < head) {
            return 0;
        }
        length = 0;
        for (int i = 2; i < 10; i++) {
            length = length << 8 | bytes[i];
        }
    }
    if (size - head < length) {
        return 0;
    }
    ret_frame->opcode = (enum ws_opcode)(bytes[0] & 15);
    ret_frame->data = data + head;
    ret_frame->size = (size_t)length;
    return head + (size_t)length;
}
