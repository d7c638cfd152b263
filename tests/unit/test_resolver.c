/* Checks that the addresses behind names are followed as they change, with a resolver of
 * our own in place of the C library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "edge/resolver.h"

/* ---- the names of this world: "core" leads to `answer`, a list with spaces ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: look-ups hang */
static char answer[512];                                 /* "": the name does not exist */
static int lookups;

static struct addrinfo *address_info(const char *text)
{
    struct addrinfo *info = calloc(1, sizeof(*info) + sizeof(struct sockaddr_in6));
    info->ai_addr = (struct sockaddr *)(info + 1);
    struct sockaddr_in *v4 = (struct sockaddr_in *)info->ai_addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)info->ai_addr;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        info->ai_addrlen = sizeof(*v4);
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
        info->ai_addrlen = sizeof(*v6);
    }
    info->ai_family = info->ai_addr->sa_family;
    return info;
}

/* libuv's look-ups come here: an executable's symbols go before a library's. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    pthread_mutex_lock(&lock);
    lookups++;
    char text[512];
    snprintf(text, sizeof(text), "%s", strncmp(node, "core", 4) == 0 ? answer : node);
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    *ret = NULL;
    struct addrinfo **end = ret;
    char *saved = NULL;
    for (char *word = strtok_r(text, " ", &saved); word != NULL;
         word = strtok_r(NULL, " ", &saved)) {
        *end = address_info(word);
        end = &(*end)->ai_next;
    }
    return *ret != NULL ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        free(info);
        info = next;
    }
}

static void now_leads_to(const char *addresses)
{
    pthread_mutex_lock(&lock);
    snprintf(answer, sizeof(answer), "%s", addresses);
    pthread_mutex_unlock(&lock);
}

static int lookups_so_far(void)
{
    pthread_mutex_lock(&lock);
    int count = lookups;
    pthread_mutex_unlock(&lock);
    return count;
}

/* ---- what the resolver says, as one text ---- */

static uv_loop_t loop;
static uv_timer_t watchdog;
static char said[1024];

static void say(const char *sign, const char *host, int port)
{
    size_t used = strlen(said);
    snprintf(said + used, sizeof(said) - used, "%s%s|%d ", sign, host, port);
}

static void on_added(void *user, const char *host, int port)
{
    say("+", host, port);
}

static void on_removed(void *user, const char *host, int port)
{
    say("-", host, port);
}

static const struct resolver_events events = {on_added, on_removed};

static void too_long(uv_timer_t *timer)
{
    fail_msg("waited too long; said so far: %s", said);
}

static void wait_until_said(const char *text)
{
    uv_timer_start(&watchdog, too_long, 10000, 0);
    while (strcmp(said, text) != 0) {
        uv_run(&loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&watchdog);
    said[0] = '\0';
}

static void wait_for_lookups(int count)
{
    int from = lookups_so_far();
    while (lookups_so_far() < from + count) {
        uv_run(&loop, UV_RUN_NOWAIT); /* a look-up that hangs must not hang us */
    }
}

static int set_up(void **state)
{
    said[0] = '\0';
    return uv_loop_init(&loop) == 0 ? uv_timer_init(&loop, &watchdog) : -1;
}

static int tear_down(void **state)
{
    uv_close((uv_handle_t *)&watchdog, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop);
}

static void follows_addresses_as_they_come_and_go(void **state)
{
    struct resolver *resolver;
    now_leads_to("10.0.0.1 10.0.0.2");
    assert_int_equal(resolver_open(&loop, "core:7400", 5, events, NULL, &resolver),
                     ERR_OK);
    wait_until_said("+10.0.0.1|7400 +10.0.0.2|7400 ");
    wait_for_lookups(3); /* no change, no word */
    assert_string_equal(said, "");
    now_leads_to("10.0.0.2 10.0.0.3 10.0.0.3");
    wait_until_said("+10.0.0.3|7400 -10.0.0.1|7400 ");
    now_leads_to("fd00::1");
    wait_until_said("+fd00::1|7400 -10.0.0.2|7400 -10.0.0.3|7400 ");
    resolver_close(resolver);
}

static void a_name_that_fails_keeps_its_addresses(void **state)
{
    struct resolver *resolver;
    now_leads_to("");
    assert_int_equal(resolver_open(&loop, "core:7400", 5, events, NULL, &resolver),
                     ERR_OK);
    wait_for_lookups(3);
    assert_string_equal(said, "");
    now_leads_to("10.0.0.1");
    wait_until_said("+10.0.0.1|7400 ");
    now_leads_to("");
    wait_for_lookups(3);
    assert_string_equal(said, "");
    now_leads_to("10.0.0.2");
    wait_until_said("+10.0.0.2|7400 -10.0.0.1|7400 ");
    resolver_close(resolver);
}

static void two_names_may_share_an_address(void **state)
{
    struct resolver *resolver;
    now_leads_to("10.0.0.1");
    assert_int_equal(resolver_open(&loop, "core:7400, core-b:7400,core:7401", 5, events,
                                   NULL, &resolver),
                     ERR_OK);
    wait_until_said("+10.0.0.1|7400 +10.0.0.1|7401 ");
    now_leads_to("10.0.0.2");
    wait_for_lookups(6);
    assert_non_null(strstr(said, "-10.0.0.1|7400 "));
    assert_null(strstr(strstr(said, "-10.0.0.1|7400") + 1, "-10.0.0.1|7400"));
    resolver_close(resolver);
}

static void numeric_addresses_need_no_name(void **state)
{
    struct resolver *resolver;
    assert_int_equal(resolver_open(&loop, "[::1]:7400", 5, events, NULL, &resolver),
                     ERR_OK);
    wait_until_said("+::1|7400 ");
    resolver_close(resolver);
    assert_int_equal(resolver_open(&loop, "127.0.0.1:1", 5, events, NULL, &resolver),
                     ERR_OK);
    wait_until_said("+127.0.0.1|1 ");
    resolver_close(resolver);
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const lists[] = {
        "",         "core",    "core:",      "core:0", "core:65536", "core:x",  ":7400",
        "::1:7400", "[]:7400", "core:7400,", ",",      "co re:7400", "core:-1",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct resolver *resolver = NULL;
        assert_int_equal(resolver_open(&loop, lists[i], 5, events, NULL, &resolver),
                         ERR_VALIDATION_ERROR);
        assert_null(resolver);
    }
}

static void may_be_closed_while_looking_up(void **state)
{
    struct resolver *resolver;
    now_leads_to("10.0.0.1");
    assert_int_equal(resolver_open(&loop, "core:7400", 5, events, NULL, &resolver),
                     ERR_OK);
    pthread_mutex_lock(&gate);
    wait_for_lookups(1);
    resolver_close(resolver);
    pthread_mutex_unlock(&gate);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_string_equal(said, "");
}

int main(void)
{
    log_init("test", LOG_ERROR, LOG_FORMAT_TEXT);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(follows_addresses_as_they_come_and_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_fails_keeps_its_addresses, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_names_may_share_an_address, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numeric_addresses_need_no_name, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_list_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(may_be_closed_while_looking_up, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("resolver", tests, NULL, NULL);
}
