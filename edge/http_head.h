/* The head of an HTTP/1.1 request, read strictly and before libwebsockets sees it: what
 * is not plainly right is refused with the status that says why. Pure. */
#ifndef EDGE_HTTP_HEAD_H
#define EDGE_HTTP_HEAD_H

#include "base/bytes.h"

#define HTTP_HEAD_MAX      16384 /* bytes, request line and headers */
#define HTTP_LINE_MAX      8192  /* of the request line */
#define HTTP_HEADERS_MAX   64
#define HTTP_PROTOCOLS_MAX 16 /* values of Sec-WebSocket-Protocol */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OPTIONS, HTTP_OTHER };

/* Slices of the head; without bytes: not there. */
struct http_head {
    enum http_method method;
    struct bytes path, query; /* as sent, split at the first "?" */
    int minor;                /* HTTP/1.minor */
    struct bytes host, origin, authorization, content_type, forwarded_for, trace,
        if_none_match;
    struct bytes upgrade, websocket_key, websocket_version, websocket_protocols;
    bool connection_upgrade; /* Connection lists "upgrade" */
    bool has_cookie, has_length, expects_continue;
    uint64_t content_length;
    size_t size; /* bytes of the head with its empty line */
};

/* 0: read; HTTP_HEAD_INCOMPLETE: more must come; else the status of the refusal, with a
 * sentence in ret_problem. */
#define HTTP_HEAD_INCOMPLETE 1
int http_head_read(struct bytes data, struct http_head *ret_head,
                   const char **ret_problem);

/* The last value of a key in a query ("a=1&b=2"), as sent. False: not there. */
bool http_query_get(struct bytes query, const char *key, struct bytes *ret_value);

/* Checks an upgrade to WebSocket (RFC 6455 section 4.2.1). 0, or the status. */
int http_head_check_upgrade(const struct http_head *head, const char **ret_problem);

/* Calls for each item of a comma list without the space around it: start with *at = 0. */
bool http_list_next(struct bytes list, size_t *at, struct bytes *ret_item);

/* Equal but for ASCII case. */
bool http_equal(struct bytes text, const char *other);

#endif
