/* Plays the core's part in tests of the link and of what the edge builds on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test_link_core.h"

extern char **environ;

/* NNG and libuv are not instrumented: a descriptor that one closes and the other gets
 * anew looks like a race, and so does what NNG frees once nobody uses it any more. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:^socket$\nrace:^accept\nrace:^close$\nrace:^epoll_create1$\n"
           "race_top:^pthread_mutex_destroy$";
}

/* A request that is answered later. */
struct later {
    uv_timer_t timer;
    struct test_core *core;
    struct link_peer *peer;
    uint64_t id;
    uint32_t attempt;
};

static void answer(struct test_core *core, struct link_peer *peer, uint64_t id,
                   uint32_t attempt, size_t size)
{
    char *payload = calloc(1, size < 64 ? 64 : size);
    int used = snprintf(payload, 64, "%s %u", core->name, attempt);
    Link__EventReply event = LINK__EVENT_REPLY__INIT;
    event.encoding = LINK__ENCODING__JSON;
    event.payload.data = (uint8_t *)payload;
    event.payload.len = size > 0 ? size : (size_t)used;
    Link__Reply reply = LINK__REPLY__INIT;
    reply.id = id;
    reply.body_case = LINK__REPLY__BODY_EVENT;
    reply.event = &event;
    link_server_reply(peer, &reply);
    free(payload);
}

static void refuse(struct link_peer *peer, uint64_t id, bool before_sql)
{
    Link__Error error = LINK__ERROR__INIT;
    error.code = (char *)"UNAVAILABLE";
    Link__Reply reply = LINK__REPLY__INIT;
    reply.id = id;
    reply.body_case = LINK__REPLY__BODY_ERROR;
    reply.error = &error;
    reply.has_refused_before_sql = reply.refused_before_sql = before_sql;
    link_server_reply(peer, &reply);
}

static void give_catalogue(const struct test_core *core, struct link_peer *peer,
                           uint64_t id)
{
    Link__CatalogueEvent rows[2] = {LINK__CATALOGUE_EVENT__INIT,
                                    LINK__CATALOGUE_EVENT__INIT};
    Link__CatalogueEvent *pointers[2] = {&rows[0], &rows[1]};
    rows[0].name = (char *)"SEND";
    rows[1].name = (char *)"POLL";
    rows[0].namespace_ = rows[1].namespace_ = (char *)"/";
    Link__Catalogue catalogue = LINK__CATALOGUE__INIT;
    catalogue.hash.data = (uint8_t *)core->catalogue;
    catalogue.hash.len = strlen(core->catalogue);
    catalogue.n_events = strcmp(core->catalogue, "v2") == 0 ? 2 : 1;
    catalogue.events = pointers;
    Link__Reply reply = LINK__REPLY__INIT;
    reply.id = id;
    reply.body_case = LINK__REPLY__BODY_CATALOGUE;
    reply.catalogue = &catalogue;
    link_server_reply(peer, &reply);
}

static void free_later(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_later(uv_timer_t *timer)
{
    struct later *later = timer->data;
    answer(later->core, later->peer, later->id, later->attempt, 0);
    link_peer_unref(later->peer);
    uv_close((uv_handle_t *)timer, free_later);
}

static void answer_after(struct test_core *core, struct link_peer *peer,
                         const Link__Request *request, uint64_t ms)
{
    struct later *later = calloc(1, sizeof(*later));
    *later = (struct later){
        .core = core,
        .peer = link_peer_ref(peer),
        .id = request->id,
        .attempt = request->attempt,
    };
    uv_timer_init(core->loop, &later->timer);
    later->timer.data = later;
    uv_timer_start(&later->timer, on_later, ms, 0);
}

/* "after:20" for "after:" gives "20", else NULL. */
static const char *argument(const char *text, const char *verb)
{
    size_t size = strlen(verb);
    return strncmp(text, verb, size) == 0 ? text + size : NULL;
}

static bool is_me(const struct test_core *core, const char *name)
{
    return name != NULL && strcmp(name, core->name) == 0;
}

static void on_request(void *user, struct link_peer *peer, const Link__Request *request)
{
    struct test_core *core = user;
    core->requests++;
    core->disordered = core->disordered || request->id < core->last_id;
    core->last_id = request->id;
    if (request->body_case == LINK__REQUEST__BODY_GET_CATALOGUE) {
        give_catalogue(core, peer, request->id);
        return;
    }
    char text[64] = "";
    size_t size = request->event->payload.len;
    memcpy(text, request->event->payload.data, size < 63 ? size : 63);
    const char *number;
    link_server_set_busy(core->server, strcmp(text, "busy") == 0 ? 100 : 0);
    if ((number = argument(text, "after:")) != NULL) {
        answer_after(core, peer, request, (uint64_t)atoll(number));
    } else if ((number = argument(text, "random:")) != NULL) {
        answer_after(core, peer, request, (uint64_t)(random() % (atoll(number) + 1)));
    } else if ((number = argument(text, "big:")) != NULL) {
        answer(core, peer, request->id, request->attempt, (size_t)atoll(number));
    } else if (strcmp(text, "refuse") == 0 || is_me(core, argument(text, "refuse-at:"))) {
        refuse(peer, request->id, true);
    } else if (strcmp(text, "fail") == 0) {
        refuse(peer, request->id, false);
    } else if (strcmp(text, "never") != 0 && !is_me(core, argument(text, "never-at:"))) {
        answer(core, peer, request->id, request->attempt, 0);
    }
}

void test_core_open(struct test_core *core, uv_loop_t *loop, int port,
                    const struct link_key *key)
{
    core->loop = loop;
    core->name = core->name != NULL ? core->name : "core";
    core->catalogue = core->catalogue != NULL ? core->catalogue : "v1";
    struct link_server_events events = {on_request, NULL};
    /* A killed core's port is free once the kernel has seen to it. */
    enum err err = ERR_UNAVAILABLE;
    for (int i = 0; i < 500 && err != ERR_OK; i++) {
        err =
            link_server_open(loop, "127.0.0.1", port, key, uuid_v7(),
                             bytes_of_text(core->catalogue), events, core, &core->server);
        if (err != ERR_OK) {
            usleep(10000);
        }
    }
    assert_int_equal(err, ERR_OK);
}

static void on_drain(uv_signal_t *signal, int number)
{
    link_server_drain(((struct test_core *)signal->data)->server);
}

int test_core_main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    srandom((unsigned)getpid());
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct test_core core = {.name = argv[2], .catalogue = argv[4]};
    test_core_open(&core, &loop, atoi(argv[3]), test_key(TEST_SECRET));
    uv_signal_t drain;
    uv_signal_init(&loop, &drain);
    drain.data = &core;
    uv_signal_start(&drain, on_drain, SIGUSR1);
    uv_run(&loop, UV_RUN_DEFAULT);
    return 0;
}

/* By exec: NNG does not survive a fork. */
pid_t test_core_start(const char *name, int port, const char *catalogue)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", port);
    char *argv[] = {(char *)"test", (char *)"core",    (char *)name,
                    text,           (char *)catalogue, NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    return pid;
}

void test_core_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int test_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

struct link_key *test_key(const char *secret)
{
    struct link_key *key;
    assert_int_equal(link_key_create(secret, &key), ERR_OK);
    return key;
}

void test_request(Link__Request *request, Link__EventCall *event, const char *name,
                  const char *payload, uint8_t request_id[16])
{
    link__event_call__init(event);
    event->name = (char *)name;
    event->encoding = LINK__ENCODING__JSON;
    event->payload.data = (uint8_t *)payload;
    event->payload.len = strlen(payload);
    link__request__init(request);
    request->request_id.data = request_id;
    request->request_id.len = 16;
    request->deadline_ms = 10000;
    request->body_case = LINK__REQUEST__BODY_EVENT;
    request->event = event;
}

enum err test_send(struct link_client *client, uint64_t id, const char *payload)
{
    uint8_t request_id[16] = {0};
    Link__EventCall event;
    Link__Request request;
    test_request(&request, &event, "SEND", payload, request_id);
    request.id = id;
    return link_client_send(client, &request);
}
