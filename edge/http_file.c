/* Serves the few files that belong to the edge: the demo and the console, in development.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "edge/exchange.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)
#define NAME_SIZE      80

static const char *type_of(const char *name)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}

/* Reads a regular file whole; false if there is none. */
static bool read_file(const char *folder, const char *name, struct buf *ret_content)
{
    int folder_fd = AT_FDCWD;
    if (folder != NULL) {
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0) {
            return false;
        }
    }
    int fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (folder != NULL) {
        close(folder_fd);
    }
    struct stat about;
    bool good = fd >= 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    uint8_t part[16384];
    ssize_t got;
    while (good && (got = read(fd, part, sizeof(part))) != 0) {
        good = got > 0;
        buf_append(ret_content, part, got > 0 ? (size_t)got : 0);
    }
    if (fd >= 0) {
        close(fd);
    }
    return good && !ret_content->failed;
}

/* A name without an ending is a page: /console is console.html. */
static bool read_page(const struct visitor *visitor, const char *path,
                      char name[NAME_SIZE], struct buf *ret_content)
{
    const char *folder = visitor->listener->edge->config->web_dir;
    snprintf(name, NAME_SIZE, "%s%s", path, strchr(path, '.') == NULL ? ".html" : "");
    return folder[0] != 0 && read_file(folder, name, ret_content);
}

void http_file_answer(struct exchange *exchange)
{
    const struct visitor *visitor = exchange->visitor;
    const struct edge_config *config = visitor->listener->edge->config;
    struct buf content;
    char name[NAME_SIZE] = "x.json";
    bool found = false;
    buf_init(&content, FILE_MAX_BYTES);
    switch (visitor->http->route) {
    case ROUTE_DEMO:
        found = read_page(visitor, "demo.html", name, &content);
        break;
    case ROUTE_DEMO_JSON:
        found = config->demo_file[0] != 0 && read_file(NULL, config->demo_file, &content);
        break;
    default:
        found = read_page(visitor, visitor->http->path + 1, name, &content);
        break;
    }
    if (found) {
        exchange_answer(exchange, 200, type_of(name), buf_bytes(&content), NULL);
    } else {
        struct refusal refusal = {.code = err_code(ERR_NOT_FOUND),
                                  .message = "Path not found"};
        exchange_refuse(exchange, 404, &refusal);
    }
    buf_finish(&content);
}
