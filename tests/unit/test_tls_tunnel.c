/* Checks that whatever goes to a client past a tunnel's pair of sockets and through it
 * comes whole and in order, however slowly the client reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "edge/tls_tunnels.h"
#include "seeded.h"

#define FRAME_MAX   40000 /* more than two records */
#define FRAMES_MOST 8     /* in one call */
#define HEAD        9     /* of a frame: kind, number, size */
#define HUGE        ((size_t)1 << 30)

int64_t __wrap_clock_ms(void);

static int64_t clock_at = 1;

int64_t __wrap_clock_ms(void)
{
    return clock_at;
}

static uv_loop_t loop;
static SSL_CTX *context, *client_context;
static struct tunnels tunnels;
static int client_queue; /* bytes that a client's socket holds */

/* A client, and what stands for the edge at the plain end of its tunnel. */
struct pair {
    SSL *ssl;
    int client_fd, plain_fd;
    struct buf heard;            /* by the client */
    struct buf rest;             /* of a frame: before that is written nothing else is */
    uint32_t frames;             /* written */
    uint32_t direct, by_pair;    /* calls that went, in part at least, past it; did not */
    uint32_t pongs, pongs_to_go; /* written, owed */
    uint32_t frames_in, pongs_in; /* heard */
    bool light;                   /* small frames, and a client that keeps up */
    bool ended;
};

/* ---------------------------------------------------------------- certificate */

static void set_up_contexts(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    context = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
    client_context = SSL_CTX_new(TLS_client_method());
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static int set_up(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    client_queue = 4096;
    uv_loop_init(&loop);
    set_up_contexts();
    tunnels_init(&tunnels, &loop);
    return 0;
}

static int tear_down(void **state)
{
    tunnels_close(&tunnels);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(tunnels.count, 0);
    tunnels_finish(&tunnels);
    SSL_CTX_free(context);
    SSL_CTX_free(client_context);
    return uv_loop_close(&loop);
}

/* ---------------------------------------------------------------- the client */

static void turn(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
}

static void client_reads(struct pair *pair, size_t most)
{
    static uint8_t piece[16384];
    while (most > 0 && !pair->ended) {
        size_t size = most < sizeof(piece) ? most : sizeof(piece);
        int got = SSL_read(pair->ssl, piece, (int)size);
        if (got <= 0) {
            pair->ended = SSL_get_error(pair->ssl, got) != SSL_ERROR_WANT_READ;
            return;
        }
        buf_append(&pair->heard, piece, (size_t)got);
        most -= (size_t)got;
    }
}

static uint32_t number_at(const uint8_t *data)
{
    uint32_t number;
    memcpy(&number, data, sizeof(number));
    return number;
}

/* Takes whole frames from what was heard. */
static void check_heard(struct pair *pair)
{
    size_t at = 0;
    while (pair->heard.size - at >= HEAD) {
        const uint8_t *head = pair->heard.data + at;
        uint32_t number = number_at(head + 1), size = number_at(head + 5);
        assert_true(size <= FRAME_MAX);
        if (pair->heard.size - at < HEAD + size) {
            break;
        }
        assert_true(head[0] == 'F' || head[0] == 'P');
        assert_int_equal(number, head[0] == 'F' ? pair->frames_in : pair->pongs_in);
        *(head[0] == 'F' ? &pair->frames_in : &pair->pongs_in) += 1;
        for (uint32_t i = 0; i < size; i++) {
            assert_int_equal(head[HEAD + i], (uint8_t)(number + i));
        }
        at += HEAD + size;
    }
    buf_consume(&pair->heard, at);
}

static void pair_begin(struct pair *pair)
{
    int ends[2];
    memset(pair, 0, sizeof(*pair));
    buf_init(&pair->heard, HUGE);
    buf_init(&pair->rest, HUGE);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &client_queue, sizeof(client_queue));
    pair->client_fd = ends[1];
    pair->plain_fd = ends[0];
    pair->ssl = SSL_new(client_context);
    SSL_set_fd(pair->ssl, ends[1]);
    SSL_set_connect_state(pair->ssl);
    assert_true(tunnel_open(&tunnels, SSL_new(context), &pair->plain_fd));
}

static void pair_shake_hands(struct pair *pair)
{
    while (SSL_do_handshake(pair->ssl) != 1) {
        turn();
    }
}

static void pair_open(struct pair *pair)
{
    pair_begin(pair);
    pair_shake_hands(pair);
}

static void pair_close(struct pair *pair)
{
    SSL_free(pair->ssl);
    close(pair->client_fd);
    close(pair->plain_fd);
    buf_finish(&pair->heard);
    buf_finish(&pair->rest);
}

/* The first bytes of an HTTP request, which a tunnel waits for before it passes any. */
static void client_asks(struct pair *pair)
{
    static const char head[] = "GET / HTTP/1.1\r\n\r\n";
    char byte;
    assert_true(SSL_write(pair->ssl, head, sizeof(head) - 1) > 0);
    while (recv(pair->plain_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1) {
        turn();
    }
}

/* ---------------------------------------------------------------- the edge */

static size_t frame_make(uint8_t *out, uint8_t kind, uint32_t number, uint32_t size)
{
    out[0] = kind;
    memcpy(out + 1, &number, sizeof(number));
    memcpy(out + 5, &size, sizeof(size));
    for (uint32_t i = 0; i < size; i++) {
        out[HEAD + i] = (uint8_t)(number + i);
    }
    return HEAD + size;
}

static bool write_plain(struct pair *pair, const void *data, size_t size)
{
    ssize_t sent = send(pair->plain_fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    assert_true(sent > 0 || errno == EAGAIN);
    size_t taken = sent > 0 ? (size_t)sent : 0;
    buf_append(&pair->rest, (const uint8_t *)data + taken, size - taken);
    return taken == size;
}

/* What libwebsockets does before anything else. True: a frame may be written. */
static bool rest_is_gone(struct pair *pair)
{
    struct buf rest = pair->rest;
    if (rest.size == 0) {
        return true;
    }
    buf_init(&pair->rest, HUGE);
    bool gone = write_plain(pair, rest.data, rest.size);
    buf_finish(&rest);
    tunnels_keep_order(&tunnels, pair->plain_fd);
    return gone;
}

static void edge_writes(struct pair *pair, uint32_t size_most)
{
    static uint8_t wire[FRAMES_MOST][HEAD + FRAME_MAX];
    struct iovec parts[FRAMES_MOST];
    uint32_t count = 1 + random_below(FRAMES_MOST);
    if (!rest_is_gone(pair)) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        parts[i].iov_base = wire[i];
        parts[i].iov_len =
            frame_make(wire[i], 'F', pair->frames + i, random_below(size_most));
    }
    size_t taken = tunnels_send(&tunnels, pair->plain_fd, parts, count);
    *(taken > 0 ? &pair->direct : &pair->by_pair) += 1;
    for (uint32_t i = 0; i < count && pair->rest.size == 0; i++) {
        size_t skip = taken < parts[i].iov_len ? taken : parts[i].iov_len;
        taken -= skip;
        pair->frames++;
        if (skip < parts[i].iov_len) {
            write_plain(pair, wire[i] + skip, parts[i].iov_len - skip);
        }
    }
}

/* How much of a frame went past the pair. */
static size_t send_one(struct pair *pair, uint32_t size)
{
    static uint8_t wire[HEAD + FRAME_MAX];
    struct iovec part = {wire, frame_make(wire, 'F', pair->frames, size)};
    size_t taken = tunnels_send(&tunnels, pair->plain_fd, &part, 1);
    pair->frames += taken > 0;
    return taken;
}

static void edge_reads(struct pair *pair)
{
    char piece[64];
    ssize_t got = recv(pair->plain_fd, piece, sizeof(piece), MSG_DONTWAIT);
    pair->pongs_to_go += got > 0;
}

static void edge_pongs(struct pair *pair)
{
    uint8_t wire[HEAD + 125];
    if (pair->pongs_to_go > 0 && rest_is_gone(pair)) {
        write_plain(pair, wire, frame_make(wire, 'P', pair->pongs++, random_below(125)));
        pair->pongs_to_go--;
    }
}

/* ---------------------------------------------------------------- tests */

static void step(struct pair *pair)
{
    switch (random_below(8)) {
    case 0:
        edge_writes(pair, pair->light ? 1000 : FRAME_MAX);
        break;
    case 1:
        edge_writes(pair, 200);
        break;
    case 2:
        SSL_write(pair->ssl, "ping", 4); /* a ping is a read of the edge's */
        break;
    case 3:
        edge_reads(pair);
        break;
    case 4:
        edge_pongs(pair);
        break;
    case 5:
    case 6:
        client_reads(pair, random_below(60000));
        break;
    default:
        turn();
    }
}

/* Until the edge has nothing more to write and has said so. */
static void client_reads_all(struct pair *pair)
{
    bool said = false;
    for (int i = 0; i < 100000 && !pair->ended; i++) {
        if (!said && rest_is_gone(pair)) {
            said = shutdown(pair->plain_fd, SHUT_WR) == 0;
        }
        edge_reads(pair);
        turn();
        client_reads(pair, HUGE);
    }
    check_heard(pair);
    assert_true(pair->ended);
    assert_int_equal(pair->heard.size, 0);
    assert_int_equal(pair->frames_in, pair->frames);
    assert_int_equal(pair->pongs_in, pair->pongs);
}

static void all_comes_whole_and_in_order(void **state)
{
    uint32_t direct = 0, by_pair = 0, pongs = 0;
    for (uint32_t life = 1; life <= 300; life++) {
        struct pair pair;
        seed = life;
        pair_open(&pair);
        client_asks(&pair);
        pair.light = life % 2 == 0;
        for (int i = 0; i < 400; i++) {
            step(&pair);
            check_heard(&pair);
        }
        client_reads_all(&pair);
        direct += pair.direct;
        by_pair += pair.by_pair;
        pongs += pair.pongs;
        pair_close(&pair);
    }
    assert_true(direct > 5000 && by_pair > 1000 && pongs > 1000);
}

static void what_was_answered_before_goes_before(void **state)
{
    struct pair pair;
    uint8_t wire[HEAD + 10];
    pair_open(&pair);
    client_asks(&pair);
    size_t size = send_one(&pair, 10);
    assert_int_equal(size, HEAD + 10);
    write_plain(&pair, wire, frame_make(wire, 'P', pair.pongs++, 10));
    tunnels_keep_order(&tunnels, pair.plain_fd);
    assert_int_equal(send_one(&pair, 10), size);
    while (pair.heard.size < 3 * size) {
        turn();
        client_reads(&pair, HUGE);
    }
    assert_int_equal(pair.heard.data[0], 'F');
    assert_int_equal(pair.heard.data[size], 'P');
    assert_int_equal(pair.heard.data[2 * size], 'F');
    pair_close(&pair);
}

/* Writes until the client's socket is full. */
static void fill(struct pair *pair)
{
    while (send_one(pair, FRAME_MAX) == HEAD + FRAME_MAX) {
    }
}

static void what_is_written_last_arrives_though_nothing_follows(void **state)
{
    struct pair pair;
    pair_open(&pair);
    client_asks(&pair);
    while (send_one(&pair, 15000) > 0) { /* one record: it is taken whole */
    }
    for (int i = 0; i < 100000 && pair.frames_in < pair.frames; i++) {
        turn();
        client_reads(&pair, HUGE);
        check_heard(&pair);
    }
    assert_int_equal(pair.frames_in, pair.frames);
    pair_close(&pair);
}

static void who_takes_nothing_has_some_time_when_the_edge_has_ended(void **state)
{
    struct pair pair;
    client_queue = 200000; /* not writable again before most of it is read */
    pair_open(&pair);
    client_asks(&pair);
    fill(&pair);
    close(pair.plain_fd);
    for (int i = 0; i < 3; i++) { /* who takes some gets more time */
        turn();
        clock_at += 5000;
        client_reads(&pair, 20000);
        tunnels_expire(&tunnels, clock_at);
        assert_false(list_empty(&tunnels.all));
    }
    turn();
    clock_at += 4000;
    tunnels_expire(&tunnels, clock_at);
    assert_false(list_empty(&tunnels.all));
    clock_at += 1000;
    tunnels_expire(&tunnels, clock_at);
    assert_true(list_empty(&tunnels.all));
    pair.plain_fd = -1;
    pair_close(&pair);
}

/* A descriptor's number may belong to the next client before the tunnel of the one that
 * had it knows that it has ended. */
static void a_number_belongs_to_who_has_it_now(void **state)
{
    struct pair before, now;
    int lower[3] = {dup(0), dup(0), dup(0)};
    pair_open(&before);
    client_asks(&before);
    close(before.plain_fd);
    for (int i = 0; i < 3; i++) {
        close(lower[i]); /* these are given out before it is */
    }
    pair_begin(&now);
    assert_int_equal(now.plain_fd, before.plain_fd);
    for (int i = 0; i < 100000 && !before.ended; i++) {
        turn();
        client_reads(&before, 1);
    }
    pair_shake_hands(&now);
    client_asks(&now);
    assert_int_equal(send_one(&now, 10), HEAD + 10);
    client_reads_all(&now);
    before.plain_fd = -1;
    pair_close(&before);
    pair_close(&now);
}

static void who_has_gone_is_told_by_the_plain_end(void **state)
{
    struct pair pair;
    pair_open(&pair);
    client_asks(&pair);
    close(pair.client_fd);
    pair.client_fd = -1;
    assert_int_equal(send_one(&pair, 10), 0);
    assert_int_equal(send(pair.plain_fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    for (int i = 0; i < 10; i++) {
        turn();
    }
    assert_int_equal(tunnels.count, 0); /* its memory is gone, too */
    assert_int_equal(send_one(&pair, 10), 0);
    tunnels_keep_order(&tunnels, pair.plain_fd);
    pair_close(&pair);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_comes_whole_and_in_order),
        CASE(what_was_answered_before_goes_before),
        CASE(what_is_written_last_arrives_though_nothing_follows),
        CASE(who_takes_nothing_has_some_time_when_the_edge_has_ended),
        CASE(a_number_belongs_to_who_has_it_now),
        CASE(who_has_gone_is_told_by_the_plain_end),
    };
    return cmocka_run_group_tests_name("tls_tunnel", tests, NULL, NULL);
}
