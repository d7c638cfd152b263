/* Checks that whatever the kernel takes of a write, somebody comes back for the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/socket.h>

#include "edge/conn.h"
#include "edge/edge.h"
#include "edge/visitor.h"

#define FRAMES 11 /* the last write is of two: one frame goes by send() */

static struct edge_config config = {.send_queue = 256 * 1024};
static struct rota *rota;
static struct listener listener;
static struct edge edge = {.config = &config, .listener = &listener};
static struct visitor *visitor;
static struct lws *const wsi = (struct lws *)&listener; /* nobody looks into it */

static size_t takes; /* the kernel, of each write */
static size_t taken; /* in all */
static int armed;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
int __wrap_lws_callback_on_writable(struct lws *of);
int __wrap_lws_partial_buffered(struct lws *of);
int __wrap_lws_get_socket_fd(struct lws *of);
const struct lws_protocols *__wrap_lws_get_protocol(struct lws *of);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    size_t offered = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        offered += message->msg_iov[i].iov_len;
    }
    size_t sent = offered < takes ? offered : takes;
    taken += sent;
    return (ssize_t)sent;
}

int __wrap_lws_callback_on_writable(struct lws *of)
{
    armed++;
    return 1;
}

int __wrap_lws_partial_buffered(struct lws *of)
{
    return 0;
}

int __wrap_lws_get_socket_fd(struct lws *of)
{
    return 0;
}

const struct lws_protocols *__wrap_lws_get_protocol(struct lws *of)
{
    static const struct lws_protocols json = {.name = "belfry.v1.json"};
    return &json;
}

static int open_client(void **state)
{
    edge.conns = pool_take(sizeof(*edge.conns));
    rota = pool_take(sizeof(*rota));
    visitor = pool_take(sizeof(*visitor) + 8);
    reflist_init(edge.conns);
    reflist_init(&rota->dirty);
    reflist_init(&rota->wheel[0]);
    listener.edge = &edge;
    listener.rota = rota;
    visitor->listener = &listener;
    return ws_callback(wsi, LWS_CALLBACK_ESTABLISHED, visitor, NULL, 0);
}

static int close_client(void **state)
{
    ws_callback(wsi, LWS_CALLBACK_CLOSED, visitor, NULL, 0);
    pool_give(visitor);
    pool_give(rota);
    pool_give(edge.conns);
    return 0;
}

static void comes_back_for_what_was_not_taken(void **state)
{
    static const uint8_t text[100];
    size_t size = 0;
    for (int i = 0; i < FRAMES; i++) {
        struct frame *frame = frame_create(bytes_make(text, sizeof(text)), false);
        size = frame_wire(frame).size;
        conn_send(visitor->conn, frame);
        frame_unref(frame);
    }
    takes = 3 * size; /* whole frames, and not all of them */
    ws_flush_dirty(&listener);
    for (int turns = 1; visitor->conn->queue_count > 0; turns++) {
        assert_int_equal(armed, turns);
        ws_callback(wsi, LWS_CALLBACK_SERVER_WRITEABLE, visitor, NULL, 0);
    }
    assert_int_equal(taken, FRAMES * size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(comes_back_for_what_was_not_taken, open_client,
                                        close_client),
    };
    return cmocka_run_group_tests_name("ws", tests, NULL, NULL);
}
