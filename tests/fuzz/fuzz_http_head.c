/* Target functions: http_head_read, http_head_check_upgrade, http_query_get, admit,
 * proxies_client. The input is what a stranger sends first. Nothing crashes, every slice
 * lies in the input, and a refusal always has a status and words. */
#include <stdlib.h>

#include "edge/admit.h"
#include "edge/proxies.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void require_within(struct bytes part, struct bytes whole)
{
    require(part.size == 0 || (part.data >= whole.data &&
                               part.data + part.size <= whole.data + whole.size));
}

static void check_admission(const struct http_head *head)
{
    static const struct edge_config config = {.env = ENV_DEVELOPMENT,
                                              .message_max = 65536,
                                              .cors_origin = "",
                                              .web_dir = "/tmp"};
    static struct cors *cors;
    static struct proxies *proxies;
    const char *problem = "";
    if (cors == NULL) {
        require(cors_create("http://localhost:5173,*.example.com", true, &cors,
                            &problem) == ERR_OK);
        require(proxies_create("10.0.0.0/8", &proxies) == ERR_OK);
    }
    struct admission admission;
    struct buf body;
    char address[ADDRESS_TEXT_SIZE];
    buf_init(&body, 65536);
    if (!admit(&config, cors, head, &admission)) {
        require(admission.status >= 200 && admission.status < 600);
        require(admission.message != NULL);
        admit_write_refusal(&config, &admission, head->origin, &body);
        require(admission.status == 204 || body.size > 0);
    } else if (admission.kind != ADMIT_HTTP) {
        require(http_head_check_upgrade(head, &problem) == 0);
    }
    buf_finish(&body);
    proxies_client(proxies, "10.0.0.1", head->forwarded_for, address);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_head head;
    struct bytes input = bytes_make(data, size);
    const char *problem = NULL;
    int status = http_head_read(input, &head, &problem);
    require(status == 0 || status == HTTP_HEAD_INCOMPLETE ||
            (status >= 400 && status < 500));
    require(status == 0 || problem != NULL);
    if (status == 0) {
        require(head.size <= size && head.path.size > 0);
        require_within(head.path, input);
        require_within(head.query, input);
        require_within(head.authorization, input);
        require_within(head.websocket_protocols, input);
        check_admission(&head);
    }
    return 0;
}
