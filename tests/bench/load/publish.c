/* Publishes as a service does: POST /api/v1/publish, a durable event of the community
 * that all seeded users are members of. */
#include "load/publish.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/token.h"
#include "load/ws.h"

#define REQUEST_MAX  2048
#define ANSWER_MAX   4096
#define ANSWER_MAX_S 10

static size_t request(char *out, size_t size, const char *url, const char *secret,
                      uint32_t number)
{
    char token[TOKEN_SIZE];
    char body[512];
    token_make_service(secret, token);
    int body_size = snprintf(
        body, sizeof(body),
        "{\"event\":\"ROOM_CREATED\",\"scope\":\"COMMUNITY\","
        "\"id\":\"00000000-0000-4000-a000-000000000001\",\"data\":{\"room\":{"
        "\"id\":\"00000000-0000-4000-9000-%012x\",\"name\":\"" PUBLISH_MARK "%u\","
        "\"private\":false,\"createdAt\":\"2000-01-01T00:00:00Z\"}}}",
        number, number);
    return (size_t)snprintf(out, size,
                            "POST /api/v1/publish HTTP/1.1\r\nHost: %s\r\n"
                            "Authorization: Bearer %s\r\nConnection: close\r\n"
                            "Content-Type: application/json\r\nContent-Length: %d\r\n"
                            "\r\n%s",
                            url, token, body_size, body);
}

static int connect_to(const char *url)
{
    struct sockaddr_in target;
    struct timeval limit = {.tv_sec = ANSWER_MAX_S};
    int fd = ws_target(url, &target) ? socket(AF_INET, SOCK_STREAM, 0) : -1;
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&target, sizeof(target)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool publish(const char *url, const char *secret, uint32_t number)
{
    char text[REQUEST_MAX];
    char answer[ANSWER_MAX] = "";
    size_t size = request(text, sizeof(text), url, secret, number);
    int fd = connect_to(url);
    if (fd < 0 || send(fd, text, size, MSG_NOSIGNAL) != (ssize_t)size) {
        fprintf(stderr, "belfry-load: publish: %s\n", strerror(errno));
        return false;
    }
    size_t got = 0;
    while (got < sizeof(answer) - 1) {
        ssize_t more = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);
        if (more <= 0) {
            break;
        }
        got += (size_t)more;
        if (strstr(answer, "\r\n\r\n") != NULL) {
            break; /* the status is all we want */
        }
    }
    close(fd);
    if (got < 12 || answer[9] != '2') {
        fprintf(stderr, "belfry-load: publish: %.*s\n", (int)got, answer);
        return false;
    }
    return true;
}
