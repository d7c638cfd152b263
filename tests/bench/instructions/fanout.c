/* The hot path of a publication: from the frame on the bus to 1,000 sockets, with the
 * edge's own code all the way; only libwebsockets is not there. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge/fanout.h"
#include "edge/session.h"
#include "edge/visitor.h"
#include "instructions/measured.h"

#define CLIENTS 1000
#define SOCKETS 20 /* that they share: sockets are the kernel's, and not counted */
#define WARM    70 /* publications before: the ring of a stream is full */
#define PAYLOAD                                                                          \
    "{\"stream\":\"room:00000000-0000-4000-9000-000000000001\",\"seq\":12345,"           \
    "\"cursor\":\"12345.0a1b2c3d\",\"timestamp\":\"2000-01-01T00:00:00.000Z\","          \
    "\"message\":{\"id\":\"00000000-0000-7000-8000-000000000001\",\"roomId\":"           \
    "\"00000000-0000-4000-9000-000000000001\",\"authorId\":"                             \
    "\"00000000-0000-4000-8000-000000000001\",\"authorName\":\"alice\",\"content\":"     \
    "\"the quick brown fox jumps over the lazy dog, and whatever else fits into a "      \
    "message of ordinary length\",\"seq\":12345,\"createdAt\":"                          \
    "\"2000-01-01T00:00:00.000Z\"}}"

static struct edge edge;
static struct edge_config config;
static struct listener listener;
static struct visitor *visitors[CLIENTS];
static int sockets[SOCKETS][2];
static struct buf frame;
static uint64_t last_seq;
static struct stream_id room = {.kind = STREAM_ROOM};
static struct stream_id access_stream = {.kind = STREAM_ACCESS};

/* ---------------------------------------------------------------- libwebsockets */

/* A wsi is a place among the visitors. */
int lws_get_socket_fd(struct lws *wsi)
{
    return sockets[((struct visitor **)(void *)wsi - visitors) % SOCKETS][0];
}

const struct lws_protocols *lws_get_protocol(struct lws *wsi)
{
    static const struct lws_protocols protocol = {.name = "belfry.v1.json"};
    return &protocol;
}

int lws_partial_buffered(struct lws *wsi)
{
    return 0;
}

int lws_callback_on_writable(struct lws *wsi)
{
    MUST(!"the sockets take all");
    return 0;
}

/* ---------------------------------------------------------------- streams */

/* Nothing was missed: what a core would say. */
static struct stream_rows unanswered[2];
static size_t unanswered_count;

static void deliver(void *user, struct subscription *subscription,
                    struct publication *publication)
{
    fanout_deliver(edge.fanout, subscription, publication);
}

static bool ready(void *user, struct subscription *subscription)
{
    return conn_ready(session_of(subscription)->conn);
}

static void interest(void *user, const struct stream_id *stream, bool on)
{
}

static void fetch(void *user, const struct stream_id *stream, uint64_t seq, uint32_t tag)
{
    MUST(unanswered_count < 2);
    unanswered[unanswered_count++] =
        (struct stream_rows){.stream = *stream, .after = seq, .head = seq, .first = 1};
}

static const struct streams_io io = {
    .deliver = deliver, .ready = ready, .interest = interest, .fetch = fetch};

static const struct streams_limits limits = {.hold_max = 64,
                                             .hold_ms = 20,
                                             .ring_max = 64,
                                             .ring_bytes_max = 64 * 1024 * 1024,
                                             .idle_ms = 60000,
                                             .retry_ms = 250};

/* ---------------------------------------------------------------- life */

static void open_edge(void)
{
    config.message_max = 65536;
    config.send_queue = 262144;
    config.hello_timeout_ms = 5000;
    edge.config = &config;
    edge.listener = &listener;
    edge.has_epoch = true;
    edge.conns = pool_take(sizeof(*edge.conns));
    reflist_init(edge.conns);
    map_init(&edge.users, sizeof(struct uuid));
    map_init(&edge.sessions, sizeof(struct uuid));
    MUST(link_key_create("a secret of at least 32 bytes !!", &edge.key) == ERR_OK);
    MUST(streams_create(&io, &edge, &limits, &edge.streams) == ERR_OK);
    MUST(fanout_create(&edge, &edge.fanout) == ERR_OK);
    listener.edge = &edge;
    listener.rota = pool_take(sizeof(*listener.rota));
    reflist_init(&listener.rota->dirty);
    for (int i = 0; i < LISTENER_WHEEL; i++) {
        reflist_init(&listener.rota->wheel[i]);
    }
    for (int i = 0; i < SOCKETS; i++) {
        MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets[i]) == 0);
    }
    room.id.b[0] = 1;
    access_stream.id.b[0] = 2;
}

static void open_client(uint32_t number)
{
    struct visitor *visitor = visitors[number] = pool_take(sizeof(*visitor));
    struct session *session = pool_take(sizeof(*session));
    MUST(session != NULL);
    *visitor =
        (struct visitor){.listener = &listener, .kind = ADMIT_FRAMES, .known = true};
    MUST(ws_callback((struct lws *)(void *)&visitors[number], LWS_CALLBACK_ESTABLISHED,
                     visitor, NULL, 0) == 0);
    struct conn *conn = visitor->conn;
    MUST(conn->session_count == 0); /* it is the new one */
    session->conn = conn;
    session->state = SESSION_OPEN;
    session->name_space = "/";
    memcpy(session->id.b, &number, sizeof(number));
    conn_add_session(conn, session);
    struct stream_open open = {.stream = room,
                               .seq = 0,
                               .has_access = true,
                               .access = access_stream,
                               .access_seq = 1};
    MUST(streams_open(edge.streams, &open, &session->user_id, clock_ms()) != NULL);
}

/* ---------------------------------------------------------------- publications */

static void make_frame(void)
{
    uint8_t stream[1 + 16] = {STREAM_ROOM};
    memcpy(stream + 1, room.id.b, 16);
    Link__Publication publication = LINK__PUBLICATION__INIT;
    Link__BusFrame bus_frame = LINK__BUS_FRAME__INIT;
    Link__Publication *list[] = {&publication};
    last_seq++;
    publication.has_stream = true;
    publication.stream = (ProtobufCBinaryData){sizeof(stream), stream};
    publication.has_seq = publication.has_tag = publication.has_prev_tag = true;
    publication.seq = last_seq;
    publication.tag = (uint32_t)last_seq;
    publication.prev_tag = (uint32_t)last_seq - 1;
    publication.has_after = true;
    publication.after = 1;
    publication.event = (char *)"MESSAGE_CREATED";
    publication.has_json = true;
    publication.json =
        (ProtobufCBinaryData){sizeof(PAYLOAD) - 1, (uint8_t *)(uintptr_t)PAYLOAD};
    bus_frame.core_id = (ProtobufCBinaryData){16, edge.id.b};
    bus_frame.epoch = (ProtobufCBinaryData){16, edge.epoch};
    bus_frame.n_publications = 1;
    bus_frame.publications = list;
    buf_clear(&frame);
    MUST(frame_seal(edge.key, FRAME_BUS, &bus_frame.base, &frame) == ERR_OK);
}

/* Bytes that have come through. */
static size_t drain(void)
{
    static uint8_t input[1 << 20];
    size_t size = 0;
    for (int i = 0; i < SOCKETS; i++) {
        ssize_t got;
        while ((got = read(sockets[i][1], input, sizeof(input))) > 0) {
            size += (size_t)got;
        }
    }
    return size;
}

static void bring_to_all(void)
{
    fanout_frame(edge.fanout, buf_bytes(&frame));
    fanout_turn(edge.fanout);
    ws_flush_dirty(&listener);
}

MEASURED
{
    bring_to_all();
}

int main(void)
{
    open_edge();
    buf_init(&frame, FRAME_MAX_BYTES);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        open_client(i);
    }
    for (size_t i = 0; i < unanswered_count; i++) {
        streams_rows(edge.streams, &unanswered[i], clock_ms());
    }
    for (int i = 0; i < WARM; i++) {
        make_frame();
        bring_to_all();
        MUST(drain() > CLIENTS * (sizeof(PAYLOAD) - 1));
    }
    for (int i = 0; i < MEASURED_CALLS; i++) {
        make_frame();
        measured();
        MUST(drain() > CLIENTS * (sizeof(PAYLOAD) - 1));
    }
    return 0;
}
