/* Answers the three questions that operators' machines ask; one short request a
 * connection, nothing kept, so that it needs no more of HTTP than this. */
#include "core/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/metrics.h"
#include "core/core.h"
#include "core/handle.h"

#define REQUEST_MAX 2048
#define ANSWER_MAX  (4 * 1024 * 1024)
#define CLIENTS_MAX 64
#define TIMEOUT_MS  5000

struct status {
    struct core *core;
    uv_tcp_t *listener;
    struct list clients;
    int client_count;
};

struct client {
    struct list node;
    uv_tcp_t tcp;
    uv_timer_t timer; /* nobody may keep a connection open for nothing */
    uv_write_t write;
    struct status *status;
    int handles;
    size_t size;
    char request[REQUEST_MAX];
    struct buf answer;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    if (--client->handles == 0) {
        buf_finish(&client->answer);
        free(client);
    }
}

static void close_client(struct client *client)
{
    if (!list_linked(&client->node)) {
        return;
    }
    list_remove(&client->node);
    client->status->client_count--;
    uv_close((uv_handle_t *)&client->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&client->timer, on_handle_closed);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    close_client(container_of(write, struct client, write));
}

static void answer(struct client *client, const char *status, const char *type,
                   struct bytes body)
{
    buf_printf(&client->answer,
               "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "Connection: close\r\n\r\n",
               status, type, body.size);
    buf_append_bytes(&client->answer, body);
    uv_buf_t out =
        uv_buf_init((char *)client->answer.data, (unsigned)client->answer.size);
    if (client->answer.failed ||
        uv_write(&client->write, (uv_stream_t *)&client->tcp, &out, 1, on_written) != 0) {
        close_client(client);
    }
}

static void answer_metrics(struct client *client)
{
    struct buf body;
    buf_init(&body, ANSWER_MAX);
    metrics_render(&body);
    answer(client, "200 OK", "text/plain; version=0.0.4", buf_bytes(&body));
    buf_finish(&body);
}

static void route(struct client *client)
{
    struct core *core = client->status->core;
    const char *path = client->request + 4;
    size_t size = strcspn(path, " ?\r\n");
    if (strncmp(client->request, "GET ", 4) != 0) {
        answer(client, "405 Method Not Allowed", "text/plain",
               BYTES_LITERAL("GET only\n"));
    } else if (size == 8 && memcmp(path, "/metrics", size) == 0) {
        answer_metrics(client);
    } else if (size == 8 && memcmp(path, "/healthz", size) == 0) {
        /* that this is answered at all says that the loop turns */
        answer(client, "200 OK", "text/plain", BYTES_LITERAL("ok\n"));
    } else if (size == 7 && memcmp(path, "/readyz", size) == 0) {
        bool ready = core->serving && !core->draining && db_ready(core->db);
        answer(client, ready ? "200 OK" : "503 Service Unavailable", "text/plain",
               ready            ? BYTES_LITERAL("ready\n")
               : core->draining ? BYTES_LITERAL("draining\n")
                                : BYTES_LITERAL("no database\n"));
    } else {
        answer(client, "404 Not Found", "text/plain", BYTES_LITERAL("not found\n"));
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct client *client = handle->data;
    *ret_buf = uv_buf_init(client->request + client->size,
                           (unsigned)(REQUEST_MAX - 1 - client->size));
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buf)
{
    (void)buf;
    struct client *client = stream->data;
    if (size <= 0) {
        if (size < 0) {
            close_client(client);
        }
        return;
    }
    client->size += (size_t)size;
    client->request[client->size] = '\0';
    bool whole = strstr(client->request, "\r\n\r\n") != NULL;
    if (whole) {
        uv_read_stop(stream);
        route(client);
    } else if (client->size == REQUEST_MAX - 1) {
        close_client(client);
    }
}

static void on_timeout(uv_timer_t *timer)
{
    close_client(timer->data);
}

static void on_connection(uv_stream_t *listener, int result)
{
    struct status *status = listener->data;
    struct client *client = result == 0 ? calloc(1, sizeof(*client)) : NULL;
    if (client == NULL) {
        return;
    }
    uv_loop_t *loop = status->core->loop;
    uv_tcp_init(loop, &client->tcp);
    uv_timer_init(loop, &client->timer);
    client->tcp.data = client;
    client->timer.data = client;
    client->handles = 2;
    client->status = status;
    buf_init(&client->answer, ANSWER_MAX + 1024);
    list_push(&status->clients, &client->node);
    status->client_count++;
    uv_timer_start(&client->timer, on_timeout, TIMEOUT_MS, 0);
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) != 0 ||
        status->client_count > CLIENTS_MAX ||
        uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read) != 0) {
        close_client(client);
    }
}

enum err status_open(struct core *core, const char *host, int port,
                     struct status **ret_status)
{
    *ret_status = NULL;
    if (port == 0) {
        return ERR_OK;
    }
    struct status *status = calloc(1, sizeof(*status));
    uv_tcp_t *listener = calloc(1, sizeof(*listener));
    if (status == NULL || listener == NULL) {
        free(status);
        free(listener);
        return ERR_UNAVAILABLE;
    }
    struct sockaddr_storage address;
    bool six = strchr(host, ':') != NULL;
    int parsed = six ? uv_ip6_addr(host, port, (struct sockaddr_in6 *)&address)
                     : uv_ip4_addr(host, port, (struct sockaddr_in *)&address);
    status->core = core;
    status->listener = listener;
    list_init(&status->clients);
    uv_tcp_init(core->loop, listener);
    listener->data = status;
    if (parsed != 0 || uv_tcp_bind(listener, (const struct sockaddr *)&address, 0) != 0 ||
        uv_listen((uv_stream_t *)listener, 16, on_connection) != 0) {
        status_close(status);
        return ERR_UNAVAILABLE;
    }
    *ret_status = status;
    return ERR_OK;
}

void status_close(struct status *status)
{
    if (status == NULL) {
        return;
    }
    LIST_EACH(&status->clients, node) {
        close_client(container_of(node, struct client, node));
    }
    handle_close(status->listener);
    free(status);
}
