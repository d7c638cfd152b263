/* Who may come in, before anybody is: Origins (E1 to E5), request heads (E6 to E14, E19
 * to E22), Engine.IO's parameters (E24, E25), and addresses behind proxies (E20). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "edge/addresses.h"
#include "edge/admit.h"
#include "edge/proxies.h"

static struct edge_config config = {
    .cors_origin = "",
    .env = ENV_PRODUCTION,
    .message_max = 65536,
    .web_dir = "",
};

/* ---------------------------------------------------------------- Origins */

static bool allows(const char *list, bool own_address, const char *origin,
                   const char *host)
{
    struct cors *cors = NULL;
    const char *problem = NULL;
    assert_int_equal(cors_create(list, own_address, &cors, &problem), ERR_OK);
    bool allowed = cors_allows(cors, bytes_of_text(origin), bytes_of_text(host));
    cors_destroy(cors);
    return allowed;
}

static void compares_origins_whole(void **state)
{
    const char *list = "https://app.example.com, http://localhost:5173";
    assert_true(allows(list, false, "https://app.example.com", "h"));
    assert_true(allows(list, false, "HTTPS://APP.example.com", "h"));
    assert_true(allows(list, false, "http://localhost:5173", "h"));
    static const char *const others[] = {
        "https://evil.example",
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "http://localhost:51730",
        "http://localhost",
        "null",
        "",
        "https://",
        "https://app.example.com/",
        "https://app.example.com@evil.com",
        "https://app.example.com#",
        "app.example.com",
        "https://app.example.com\x01",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (allows(list, false, others[i], "h")) {
            fail_msg("%s was allowed", others[i]);
        }
    }
}

static void patterns_stand_for_subdomains(void **state)
{
    assert_true(allows("*.example.com", false, "https://a.example.com", "h"));
    assert_true(allows("*.example.com", false, "https://a.b.example.com", "h"));
    assert_true(allows("http://*.example.com", false, "http://a.example.com", "h"));
    assert_true(allows("*", false, "http://anything.test:99", "h"));
    static const char *const others[] = {
        "https://example.com",           "https://.example.com",
        "http://a.example.com",          "https://aexample.com",
        "https://a.example.com:8443",    "https://a.example.com.evil.com",
        "https://evil.com/.example.com",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (allows("*.example.com", false, others[i], "h")) {
            fail_msg("%s was allowed", others[i]);
        }
    }
    assert_false(allows("*", false, "null", "h"));
    assert_false(allows("", false, "http://localhost:5173", "localhost:8080"));
}

static void own_pages_pass_in_development_by_address_only(void **state)
{
    assert_true(allows("", true, "http://localhost:8080", "localhost:8080"));
    assert_true(allows("", true, "http://localhost:8080", "localhost:8081"));
    assert_true(allows("", true, "http://127.0.0.1:8080", "127.0.0.1:8081"));
    assert_true(allows("", true, "http://[::1]:8080", "[::1]:8080"));
    assert_false(allows("", true, "http://localhost:8080", "127.0.0.1:8080"));
    assert_false(allows("", true, "http://evil.example:8080", "evil.example:8080"));
    assert_false(allows("", true, "http://evil.example", "localhost:8080"));
}

static void refuses_lists_that_make_no_sense(void **state)
{
    static const char *const lists[] = {"example.com",      "https://",
                                        "https://a/b",      "*.",
                                        "https://*",        "https://*.*.com",
                                        "*.a.com,nonsense", "a*.example.com",
                                        "https://a*.b.com", "null"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct cors *cors = NULL;
        const char *problem = NULL;
        if (cors_create(lists[i], false, &cors, &problem) != ERR_VALIDATION_ERROR) {
            fail_msg("%s was taken", lists[i]);
        }
        assert_non_null(problem);
    }
}

/* ---------------------------------------------------------------- heads */

#define UPGRADE                                                                          \
    "Host: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"               \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static struct admission admission;
static char bearer[64]; /* a copy: the request is gone when ask() returns */

/* The status that this request is answered with; 0: let in. */
static int ask_sized(struct bytes request)
{
    struct http_head head;
    const char *problem = "";
    struct cors *cors = NULL;
    /* A copy of just this size: reading beyond it is an error that ASan sees. */
    uint8_t *copy = malloc(request.size);
    memcpy(copy, request.data, request.size);
    int status = http_head_read(bytes_make(copy, request.size), &head, &problem);
    if (status == 0) {
        assert_int_equal(cors_create("http://localhost:5173", false, &cors, &problem),
                         ERR_OK);
        status = admit(&config, cors, &head, &admission) ? 0 : admission.status;
        cors_destroy(cors);
        snprintf(bearer, sizeof(bearer), "%.*s", (int)admission.bearer.size,
                 (const char *)admission.bearer.data);
    }
    if (status != 0 && status != HTTP_HEAD_INCOMPLETE) {
        assert_true(strlen(problem) > 0 || admission.message != NULL);
    }
    free(copy);
    return status;
}

static int ask(const char *request)
{
    return ask_sized(bytes_of_text(request));
}

static void assert_asks(int line, const char *request, int status)
{
    int got = ask(request);
    if (got != status) {
        fail_msg("line %d: %d instead of %d for %s", line, got, status, request);
    }
}
#define ASKS(request, status) assert_asks(__LINE__, request, status)

static void lets_in_what_is_right(void **state)
{
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "\r\n", 0);
    assert_int_equal(admission.kind, ADMIT_FRAMES);
    ASKS("GET /socket.io/?EIO=4&transport=websocket&t=x HTTP/1.1\r\n" UPGRADE "\r\n", 0);
    assert_int_equal(admission.kind, ADMIT_SOCKETIO);
    ASKS("GET /socket.io?EIO=3&EIO=4&transport=websocket&sid= HTTP/1.1\r\n" UPGRADE
         "\r\n",
         0);
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE
         "Sec-WebSocket-Protocol: other, belfry.v1.json\r\nOrigin: "
         "http://localhost:5173\r\n"
         "Authorization: bearer abc\r\nCookie: a=b\r\n\r\n",
         0);
    assert_true(admission.origin_allowed);
    assert_string_equal(bearer, "abc");
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Protocol: belfry.v1.proto\r\n\r\n",
         0);
    ASKS("GET /healthz HTTP/1.0\r\n\r\n", 0);
    ASKS("HEAD /metrics HTTP/1.1\r\nHost: h\r\nCookie: a=b\r\n\r\n", 0);
    ASKS("POST /api/v1/events/SEND_MESSAGE HTTP/1.1\r\nHost: h\r\n"
         "Content-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
         0);
    assert_int_equal(admission.route, ROUTE_EVENT);
}

static void e1_to_e5_origins(void **state)
{
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "Origin: https://evil.example\r\n\r\n", 403);
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "Origin: null\r\n\r\n", 403);
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "Origin:\r\n\r\n", 403);
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "Cookie: a=b\r\n\r\n", 403);
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE
         "Origin: http://localhost:5173\r\nOrigin: https://evil.example\r\n\r\n",
         400);
}

static void e6_tokens_in_the_url(void **state)
{
    ASKS("GET /ws?token=abc HTTP/1.1\r\n" UPGRADE "\r\n", 400);
    assert_string_equal(admission.rule, "token_in_url");
    ASKS("GET /socket.io/?EIO=4&transport=websocket&access_token=abc HTTP/1.1\r\n" UPGRADE
         "\r\n",
         400);
    assert_string_equal(admission.rule, "token_in_url");
    struct buf body;
    buf_init(&body, 4096);
    admit_write_refusal(&config, &admission, (struct bytes){0}, &body);
    assert_null(strstr((char *)body.data, "abc"));
    assert_non_null(strstr((char *)body.data, "token_in_url"));
    buf_finish(&body);
}

static void e7_to_e13_upgrades(void **state)
{
    const char *key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    char text[8192];
#define BASE "GET /ws HTTP/1.1\r\nHost: h\r\n"
    snprintf(text, sizeof(text),
             BASE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                  "Sec-WebSocket-Version: 8\r\n%s\r\n",
             key);
    ASKS(text, 426);
    assert_string_equal(admission.headers, "Sec-WebSocket-Version: 13\r\n");
    static const char *const keys[] = {
        "", "Sec-WebSocket-Key: \r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ\\==\r\n"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(text, sizeof(text),
                 BASE "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Version: 13\r\n%s\r\n",
                 keys[i]);
        ASKS(text, 400);
    }
    snprintf(text, sizeof(text),
             BASE "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n%s\r\n", key);
    ASKS(text, 400);
    ASKS("POST /ws HTTP/1.1\r\n" UPGRADE "\r\n", 405);
    ASKS("GET /ws HTTP/1.0\r\n" UPGRADE "\r\n", 400);
    ASKS("GET /ws HTTP/1.1\r\nHost: h\r\n\r\n", 426);
    ASKS("GET /healthz HTTP/1.1\r\n" UPGRADE "\r\n", 400);
    ASKS("GET /nothing HTTP/1.1\r\n" UPGRADE "\r\n", 404);
    ASKS(BASE "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400);
    ASKS("GET /ws HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Protocol: foo\r\n\r\n", 400);
    size_t size = (size_t)snprintf(
        text, sizeof(text), "GET /ws HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Protocol: a");
    for (int i = 0; i < 1000; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, ",a");
    }
    snprintf(text + size, sizeof(text) - size, "\r\n\r\n");
    ASKS(text, 431);
#undef BASE
}

static char *long_request(const char *start, const char *part, int count)
{
    char *text = malloc(strlen(start) + strlen(part) * (size_t)count + 8);
    char *at = stpcpy(text, start);
    for (int i = 0; i < count; i++) {
        at = stpcpy(at, part);
    }
    strcpy(at, "\r\n\r\n");
    return text;
}

static void e13_e14_e21_too_much(void **state)
{
    static const struct {
        const char *start, *part;
        int count, status;
    } cases[] = {
        {"GET /healthz HTTP/1.1\r\nHost: h", "\r\nA: b", 200, 431},
        {"GET /healthz HTTP/1.1\r\nHost: h", "\r\nA: b", 60, 0},
        {"GET /healthz HTTP/1.1\r\nHost: h\r\nA: ", "a", 16384, 431},
        {"GET /healthz HTTP/1.1\r\nHost: h\r\nA: ", "a", 61000, 431},
        {"GET /", "a", 9000, 414},
        {"GET /", "a", 70000, 414},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = long_request(cases[i].start, cases[i].part, cases[i].count);
        assert_int_equal(ask(text), cases[i].status);
        free(text);
    }
}

static void e19_e21_e22_malformed(void **state)
{
#define POST                                                                             \
    "POST /api/v1/events/A HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
    ASKS(POST "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400);
    ASKS(POST "Transfer-Encoding: chunked\r\n\r\n", 411);
    ASKS(POST "\r\n", 411);
    ASKS(POST "Content-Length: 2\r\nContent-Length: 3\r\n\r\n", 400);
    ASKS(POST "Content-Length: -2\r\n\r\n", 400);
    ASKS(POST "Content-Length: +2\r\n\r\n", 400);
    ASKS(POST "Content-Length: 2,2\r\n\r\n", 400);
    ASKS(POST "Content-Length: 99999999999999999999\r\n\r\n", 400);
    ASKS(POST "Content-Length: 65537\r\n\r\n", 413);
    ASKS(POST "Content-Length : 2\r\n\r\n", 400);
#undef POST
    ASKS("POST /api/v1/events/A HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n", 415);
    ASKS("POST /api/v1/events/A HTTP/1.1\r\nHost: h\r\nContent-Type: text/plain\r\n"
         "Content-Length: 2\r\n\r\n",
         415);
    ASKS("GET /healthz HTTP/1.1\r\n\r\n", 400); /* no Host */
    ASKS("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    ASKS("GET /healthz HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400);
    ASKS("GET /healthz HTTP/1.1\nHost: h\n\n", 400);
    ASKS("GET /healthz HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n", 400);
    ASKS("GET  /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    ASKS("GET healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    ASKS("GET http://h/healthz HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    ASKS("GET /healthz HTTP/1.2\r\nHost: h\r\n\r\n", 400);
    ASKS("GET /healthz\r\n\r\n", 400);
    ASKS("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
    ASKS("\r\n\r\n", 400);
    ASKS("GET /socket.io/../admin HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    ASKS("GET /%2e%2e/etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    assert_int_equal(ask_sized(BYTES_LITERAL("GET /a\0b HTTP/1.1\r\nHost: h\r\n\r\n")),
                     400);
    assert_int_equal(ask_sized(BYTES_LITERAL("GET /a HTTP/1.1\r\nHost: \0\r\n\r\n")),
                     400);
}

static void every_prefix_is_incomplete_or_refused(void **state)
{
    const char *request = "GET /ws HTTP/1.1\r\n" UPGRADE "\r\n";
    for (size_t size = 1; size < strlen(request); size++) {
        assert_int_equal(ask_sized(bytes_make(request, size)), HTTP_HEAD_INCOMPLETE);
    }
}

static void e24_e25_engineio(void **state)
{
    static const struct {
        const char *query;
        int code;
    } cases[] = {
        {"EIO=4&transport=polling", 0},
        {"EIO=4&transport=polling&sid=abc", 0},
        {"EIO=4", 0},
        {"EIO=4&transport=constructor", 0},
        {"EIO=4&transport=", 0},
        {"EIO=3&transport=websocket", 5},
        {"EIO=999&transport=websocket", 5},
        {"transport=websocket", 5},
        {"EIO=4&transport=websocket&sid=abc", 1},
        {"EIO=4&transport=websocket&sid=__proto__", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), "GET /socket.io/?%s HTTP/1.1\r\n" UPGRADE "\r\n",
                 cases[i].query);
        ASKS(text, 400);
        assert_int_equal(admission.engineio_code, cases[i].code);
    }
    ASKS("GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    assert_int_equal(admission.engineio_code, 3);
    ASKS("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n", 400);
    struct buf body;
    buf_init(&body, 1024);
    admit_write_refusal(&config, &admission, (struct bytes){0}, &body);
    assert_non_null(strstr((char *)body.data, "use transports: [\\\"websocket\\\"]"));
    buf_finish(&body);
}

static void methods_and_preflights(void **state)
{
    ASKS("GET /api/v1/events/A HTTP/1.1\r\nHost: h\r\n\r\n", 405);
    ASKS("DELETE /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 405);
    ASKS("OPTIONS /api/v1/events/A HTTP/1.1\r\nHost: h\r\n"
         "Origin: http://localhost:5173\r\n\r\n",
         204);
    assert_true(admission.origin_allowed);
    ASKS("OPTIONS /api/v1/events/A HTTP/1.1\r\nHost: h\r\nOrigin: http://x.test\r\n\r\n",
         403);
    assert_false(admission.origin_allowed);
}

static void files_are_for_development(void **state)
{
    const char *page = "GET /?demo HTTP/1.1\r\nHost: h\r\n\r\n";
    ASKS(page, 404);
    ASKS("GET /demo.json HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    config.env = ENV_DEVELOPMENT;
    config.web_dir = "/tmp";
    ASKS(page, 0);
    assert_int_equal(admission.route, ROUTE_DEMO);
    ASKS("GET /app.js HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    ASKS("GET /console HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    ASKS("GET /../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    ASKS("GET /a/b.js HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    ASKS("GET /.env HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    ASKS("GET //etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    ASKS("GET /a%2fb HTTP/1.1\r\nHost: h\r\n\r\n", 404);
    config.env = ENV_PRODUCTION;
    config.web_dir = "";
}

/* ---------------------------------------------------------------- addresses */

static void assert_client(const char *peer, const char *forwarded, const char *client)
{
    struct proxies *proxies = NULL;
    char address[ADDRESS_TEXT_SIZE];
    assert_int_equal(proxies_create("10.0.0.0/8, 127.0.0.1,fd00::/8", &proxies), ERR_OK);
    proxies_client(proxies, peer, bytes_of_text(forwarded), address);
    assert_string_equal(address, client);
    proxies_destroy(proxies);
}

static void e20_only_proxies_are_believed(void **state)
{
    assert_client("192.0.2.1", "127.0.0.1", "192.0.2.1");
    assert_client("10.1.2.3", "192.0.2.9", "192.0.2.9");
    assert_client("10.1.2.3", "1.1.1.1, 192.0.2.9", "192.0.2.9");
    assert_client("10.1.2.3", "1.1.1.1, 192.0.2.9, 10.9.9.9", "192.0.2.9");
    assert_client("10.1.2.3", "10.0.0.1,10.0.0.2", "10.0.0.1");
    assert_client("10.1.2.3", "nonsense", "10.1.2.3");
    assert_client("10.1.2.3", "", "10.1.2.3");
    assert_client("10.1.2.3", ",,", "10.1.2.3");
    assert_client("11.1.2.3", "1.1.1.1", "11.1.2.3");
    assert_client("fd00::1", "2001:db8::5", "2001:db8::5");
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0/8",   "x",
                                      "10.0.0.1/-1", "fd00::/129", "10.0.0.0/"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct proxies *proxies = NULL;
        assert_int_equal(proxies_create(bad[i], &proxies), ERR_VALIDATION_ERROR);
    }
}

static void counts_connections_by_address(void **state)
{
    struct addresses *addresses = addresses_create();
    struct address *a = addresses_enter(addresses, "192.0.2.1");
    struct address *b = addresses_enter(addresses, "192.0.2.1");
    assert_ptr_equal(a, b);
    assert_int_equal(a->total, 2);
    addresses_known(a);
    assert_int_equal(a->unknown, 1);
    addresses_leave(addresses, a, true);
    assert_int_equal(a->total, 1);
    assert_int_equal(a->unknown, 1);
    assert_ptr_not_equal(addresses_enter(addresses, "192.0.2.2"), a);
    /* One household, one count. */
    struct address *six = addresses_enter(addresses, "2001:db8:1:2::5");
    assert_ptr_equal(addresses_enter(addresses, "2001:db8:1:2:ffff::9"), six);
    assert_ptr_not_equal(addresses_enter(addresses, "2001:db8:1:3::5"), six);
    assert_null(addresses_enter(addresses, "nonsense"));
    addresses_destroy(addresses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_origins_whole),
        cmocka_unit_test(patterns_stand_for_subdomains),
        cmocka_unit_test(own_pages_pass_in_development_by_address_only),
        cmocka_unit_test(refuses_lists_that_make_no_sense),
        cmocka_unit_test(lets_in_what_is_right),
        cmocka_unit_test(e1_to_e5_origins),
        cmocka_unit_test(e6_tokens_in_the_url),
        cmocka_unit_test(e7_to_e13_upgrades),
        cmocka_unit_test(e13_e14_e21_too_much),
        cmocka_unit_test(e19_e21_e22_malformed),
        cmocka_unit_test(every_prefix_is_incomplete_or_refused),
        cmocka_unit_test(e24_e25_engineio),
        cmocka_unit_test(methods_and_preflights),
        cmocka_unit_test(files_are_for_development),
        cmocka_unit_test(e20_only_proxies_are_believed),
        cmocka_unit_test(counts_connections_by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
