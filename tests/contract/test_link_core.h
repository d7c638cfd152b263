/* A core without a database, for tests of the link: it does what the payload of each
 * event says, in this process or in one of its own that can be killed and stopped.
 *
 *     reply          answers at once
 *     after:N        answers after N ms
 *     random:N       answers after 0 to N ms
 *     big:N          answers with N bytes
 *     never          does not answer
 *     busy           answers, and tells that it is busy until the next request
 *     never-at:NAME  does not answer if it is the core NAME, else at once
 *     refuse         UNAVAILABLE, refused before SQL
 *     refuse-at:NAME refuses if it is the core NAME, else answers at once
 *     fail           UNAVAILABLE, nobody knows what has happened
 *
 * An answer's payload is "NAME attempt". */
#ifndef CONTRACT_TEST_LINK_CORE_H
#define CONTRACT_TEST_LINK_CORE_H

#include <sys/types.h>
#include <uv.h>

#include "link/link_client.h"
#include "link/link_server.h"

#define TEST_SECRET       "a secret of at least 32 bytes !!"
#define TEST_OTHER_SECRET "a secret of at least 32 bytes !?"

/* Events of the catalogue "v1": SEND. Of "v2": SEND and POLL. */
struct test_core {
    uv_loop_t *loop;
    const char *name;
    const char *catalogue;
    struct link_server *server;
    uint64_t requests;
    uint64_t last_id;
    bool disordered; /* an id came that was smaller than the one before */
};

/* Fails the test when the port is taken. */
void test_core_open(struct test_core *core, uv_loop_t *loop, int port,
                    const struct link_key *key);

/* What main() does when it is called with these arguments: a core in its own process,
 * until it is killed. SIGUSR1 makes it drain. */
int test_core_main(int argc, char **argv);

/* Starts such a process. It dies with this one. */
pid_t test_core_start(const char *name, int port, const char *catalogue);
void test_core_kill(pid_t pid);

/* A port that was free a moment ago. */
int test_port(void);

struct link_key *test_key(const char *secret);

/* Sends an event with that payload. */
enum err test_send(struct link_client *client, uint64_t id, const char *payload);

/* Fills in what a request needs; `event` and `request_id` must live as long. */
void test_request(Link__Request *request, Link__EventCall *event, const char *name,
                  const char *payload, uint8_t request_id[16]);

#endif
