/* Answers /asyncapi.json: the document about the API, and whether the reader has it. */
#include "edge/exchange.h"

#define ASYNCAPI_TYPE  "application/vnd.aai.asyncapi+json; version=3.1.0"
#define RETRY_AFTER_MS 1000

/* RFC 9110 section 13.1.2: weak ones compare equal, too. */
static bool has_already(const char *if_none_match, const char *etag)
{
    struct bytes list = bytes_of_text(if_none_match), item;
    size_t at = 0;
    while (http_list_next(list, &at, &item)) {
        if (item.size > 2 && memcmp(item.data, "W/", 2) == 0) {
            item = bytes_make(item.data + 2, item.size - 2);
        }
        if (bytes_equal_text(item, etag) || bytes_equal_text(item, "*")) {
            return true;
        }
    }
    return false;
}

static void on_done(struct description_waiter *waiter, struct bytes document,
                    const char *etag)
{
    struct exchange *exchange = container_of(waiter, struct exchange, waiter);
    if (document.size == 0) {
        struct refusal refusal = {.code = err_code(ERR_UNAVAILABLE),
                                  .message = err_message(ERR_UNAVAILABLE),
                                  .retry_after_ms = RETRY_AFTER_MS};
        exchange_refuse(exchange, 503, &refusal);
        return;
    }
    char headers[128];
    snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: no-cache\r\n", etag);
    const char *known = exchange->visitor->http->if_none_match;
    if (known != NULL && has_already(known, etag)) {
        exchange_answer(exchange, 304, NULL, (struct bytes){0}, headers);
    } else {
        exchange_answer(exchange, 200, ASYNCAPI_TYPE, document, headers);
    }
}

void http_description_answer(struct exchange *exchange)
{
    exchange->waiter.done = on_done;
    description_get(exchange->visitor->listener->edge->description, &exchange->waiter);
}
