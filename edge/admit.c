/* One place for all that a stranger may ask for: paths, methods, Engine.IO's parameters,
 * Origins and tokens in the wrong place. */
#include "edge/admit.h"

#include "base/err.h"
#include "base/json_scan.h"

#define EVENT_PREFIX "/api/v1/events/"

#define ALLOW_GET  "Allow: GET, HEAD, OPTIONS\r\n"
#define ALLOW_POST "Allow: POST, OPTIONS\r\n"

/* Engine.IO's own error codes. */
enum {
    EIO_UNKNOWN_TRANSPORT,
    EIO_UNKNOWN_SID,
    EIO_BAD_METHOD,
    EIO_BAD_REQUEST,
    EIO_FORBIDDEN,
    EIO_BAD_VERSION
};

static bool refuse(struct admission *admission, int status, enum err err,
                   const char *message)
{
    admission->status = status;
    admission->code = err_code(err);
    admission->message = message;
    return false;
}

static bool refuse_engineio(struct admission *admission, int code, const char *message)
{
    admission->status = code == EIO_FORBIDDEN ? 403 : 400;
    admission->engineio_code = code;
    admission->message = message;
    return false;
}

void admit_refused_head(int status, const char *problem, struct admission *ret_admission)
{
    *ret_admission = (struct admission){.engineio_code = -1};
    refuse(ret_admission, status,
           status == 413 ? ERR_PAYLOAD_TOO_LARGE : ERR_VALIDATION_ERROR, problem);
}

/* Letters, digits, "-", "_" and ".", not first: what may be asked for as a file. */
static bool is_plain_name(struct bytes name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!letter && (c != '.' || i == 0)) {
            return false;
        }
    }
    return name.size > 0 && name.size <= 64;
}

static enum http_route find_page(const struct edge_config *config,
                                 const struct http_head *head)
{
    struct bytes ignored;
    if (!edge_in_development(config)) {
        return ROUTE_NONE;
    }
    if (bytes_equal_text(head->path, "/demo.html") ||
        (bytes_equal_text(head->path, "/") &&
         http_query_get(head->query, "demo", &ignored))) {
        return ROUTE_DEMO;
    }
    if (bytes_equal_text(head->path, "/demo.json")) {
        return ROUTE_DEMO_JSON;
    }
    bool is_file = config->web_dir[0] != 0 &&
                   is_plain_name(bytes_make(head->path.data + 1, head->path.size - 1));
    return is_file ? ROUTE_FILE : ROUTE_NONE;
}

static enum http_route find_route(const struct edge_config *config,
                                  const struct http_head *head)
{
    static const struct {
        const char *path;
        enum http_route route;
    } routes[] = {
        {"/socket.io/", ROUTE_SOCKETIO},
        {"/socket.io", ROUTE_SOCKETIO},
        {"/ws", ROUTE_WS},
        {"/api/v1/publish", ROUTE_PUBLISH},
        {"/healthz", ROUTE_HEALTH},
        {"/readyz", ROUTE_READY},
        {"/metrics", ROUTE_METRICS},
        {"/asyncapi.json", ROUTE_ASYNCAPI},
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (bytes_equal_text(head->path, routes[i].path)) {
            return routes[i].route;
        }
    }
    if (head->path.size > strlen(EVENT_PREFIX) &&
        memcmp(head->path.data, EVENT_PREFIX, strlen(EVENT_PREFIX)) == 0) {
        return ROUTE_EVENT;
    }
    return find_page(config, head);
}

/* A URL is kept in histories and logs; a token in it is as good as published. */
static bool has_token(struct bytes query)
{
    static const char *const names[] = {"token", "access_token", "jwt"};
    struct bytes ignored;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (http_query_get(query, names[i], &ignored)) {
            return true;
        }
    }
    return false;
}

/* `null` and Origins that are not on the list may not even try; without one it is no
 * browser, unless there are cookies: then a browser was made to hide where it is. */
static bool check_origin(const struct cors *cors, const struct http_head *head,
                         bool guarded, struct admission *admission)
{
    if (head->origin.data != NULL) {
        admission->origin_allowed = cors_allows(cors, head->origin, head->host);
        if (!admission->origin_allowed) {
            return refuse(admission, 403, ERR_PERMISSION_DENIED,
                          "This Origin is not allowed");
        }
    } else if (guarded && head->has_cookie) {
        return refuse(admission, 403, ERR_PERMISSION_DENIED,
                      "Cookies are sent, but no Origin");
    }
    return true;
}

static bool check_engineio(const struct http_head *head, struct admission *admission)
{
    struct bytes version = {0}, transport = {0}, sid = {0};
    http_query_get(head->query, "EIO", &version);
    http_query_get(head->query, "transport", &transport);
    http_query_get(head->query, "sid", &sid);
    if (bytes_equal_text(transport, "polling")) {
        return refuse_engineio(
            admission, EIO_UNKNOWN_TRANSPORT,
            "Long polling is not offered: use transports: [\"websocket\"]");
    }
    if (!bytes_equal_text(transport, "websocket")) {
        return refuse_engineio(admission, EIO_UNKNOWN_TRANSPORT, "Transport unknown");
    }
    if (!bytes_equal_text(version, "4")) {
        return refuse_engineio(admission, EIO_BAD_VERSION,
                               "Unsupported protocol version");
    }
    if (sid.size > 0) {
        return refuse_engineio(admission, EIO_UNKNOWN_SID, "Session ID unknown");
    }
    if (head->upgrade.data == NULL) {
        return refuse_engineio(admission, EIO_BAD_REQUEST, "Bad request");
    }
    return true;
}

/* Without the client's list anything may be spoken; with it, we must know one of it. */
static bool check_protocols(struct bytes list)
{
    size_t at = 0;
    struct bytes item;
    while (http_list_next(list, &at, &item)) {
        if (bytes_equal_text(item, "belfry.v1.json") ||
            bytes_equal_text(item, "belfry.v1.proto")) {
            return true;
        }
    }
    return list.data == NULL;
}

static bool admit_websocket(const struct http_head *head, struct admission *admission)
{
    const char *problem = "";
    bool socketio = admission->route == ROUTE_SOCKETIO;
    admission->kind = socketio ? ADMIT_SOCKETIO : ADMIT_FRAMES;
    if (socketio && !check_engineio(head, admission)) {
        return false;
    }
    if (head->upgrade.data == NULL) {
        admission->headers = "Upgrade: websocket\r\n";
        return refuse(admission, 426, ERR_VALIDATION_ERROR, "This path is a WebSocket");
    }
    int status = http_head_check_upgrade(head, &problem);
    if (status != 0) {
        admission->headers = status == 426   ? "Sec-WebSocket-Version: 13\r\n"
                             : status == 405 ? "Allow: GET\r\n"
                                             : NULL;
        return refuse(admission, status, ERR_VALIDATION_ERROR, problem);
    }
    if (!socketio && !check_protocols(head->websocket_protocols)) {
        return refuse(admission, 400, ERR_VALIDATION_ERROR,
                      "The subprotocol is belfry.v1.json, belfry.v1.proto, or none");
    }
    return true;
}

static bool check_body(const struct edge_config *config, const struct http_head *head,
                       struct admission *admission)
{
    struct bytes type = head->content_type;
    const uint8_t *end = type.size > 0 ? memchr(type.data, ';', type.size) : NULL;
    type.size = end != NULL ? (size_t)(end - type.data) : type.size;
    while (type.size > 0 && type.data[type.size - 1] == ' ') {
        type.size--;
    }
    if (!head->has_length) {
        return refuse(admission, 411, ERR_VALIDATION_ERROR, "Content-Length is needed");
    }
    if (head->content_length > (uint64_t)config->message_max) {
        return refuse(admission, 413, ERR_PAYLOAD_TOO_LARGE,
                      err_message(ERR_PAYLOAD_TOO_LARGE));
    }
    /* Also what keeps forms on other sites out: they cannot send this type. */
    if (!http_equal(type, "application/json")) {
        return refuse(admission, 415, ERR_VALIDATION_ERROR,
                      "Content-Type must be application/json");
    }
    return true;
}

static bool admit_http(const struct edge_config *config, const struct http_head *head,
                       struct admission *admission)
{
    bool post = admission->route == ROUTE_EVENT || admission->route == ROUTE_PUBLISH;
    admission->kind = ADMIT_HTTP;
    if (head->upgrade.data != NULL) {
        return refuse(admission, 400, ERR_VALIDATION_ERROR,
                      "Nothing to upgrade to on this path");
    }
    bool fits = post ? head->method == HTTP_POST
                     : head->method == HTTP_GET || head->method == HTTP_HEAD;
    if (!fits) {
        admission->headers = post ? ALLOW_POST : ALLOW_GET;
        return refuse(admission, 405, ERR_VALIDATION_ERROR, "Method not allowed");
    }
    if (post) {
        return check_body(config, head, admission);
    }
    if (head->has_length && head->content_length > 0) {
        return refuse(admission, 400, ERR_VALIDATION_ERROR, "A body is not expected");
    }
    return true;
}

static struct bytes read_bearer(struct bytes authorization)
{
    static const char scheme[] = "Bearer ";
    size_t size = sizeof(scheme) - 1;
    if (authorization.size <= size ||
        !http_equal(bytes_make(authorization.data, size), scheme)) {
        return (struct bytes){0};
    }
    return bytes_make(authorization.data + size, authorization.size - size);
}

bool admit(const struct edge_config *config, const struct cors *cors,
           const struct http_head *head, struct admission *ret_admission)
{
    struct admission *admission = ret_admission;
    *admission = (struct admission){.engineio_code = -1};
    admission->route = find_route(config, head);
    struct bytes ignored;
    admission->bearer = read_bearer(head->authorization);
    admission->awaits_hello = http_query_get(head->query, "hello", &ignored);
    bool websocket = admission->route == ROUTE_SOCKETIO || admission->route == ROUTE_WS;
    bool guarded = websocket || head->method == HTTP_POST;
    if (!check_origin(cors, head, guarded, admission)) {
        return false;
    }
    if (has_token(head->query)) {
        admission->rule = "token_in_url";
        return refuse(admission, 400, ERR_VALIDATION_ERROR,
                      "A token does not belong in the URL");
    }
    if (admission->route == ROUTE_NONE) {
        return refuse(admission, 404, ERR_NOT_FOUND, "Path not found");
    }
    if (head->method == HTTP_OPTIONS) {
        admission->headers = "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
                             "Access-Control-Allow-Headers: authorization, content-type, "
                             "traceparent\r\n"
                             "Access-Control-Max-Age: 600\r\n";
        return refuse(admission, 204, ERR_OK, "");
    }
    return websocket ? admit_websocket(head, admission)
                     : admit_http(config, head, admission);
}

void admit_write_refusal(const struct edge_config *config,
                         const struct admission *admission, struct bytes origin,
                         struct buf *ret_body)
{
    if (admission->status == 204) {
        return;
    }
    if (admission->engineio_code >= 0) {
        buf_printf(ret_body, "{\"code\":%d,\"message\":", admission->engineio_code);
        buf_append_json_string(ret_body, bytes_of_text(admission->message));
        buf_append_char(ret_body, '}');
        return;
    }
    buf_printf(ret_body, "{\"error\":{\"code\":\"%s\",\"message\":", admission->code);
    buf_append_json_string(ret_body, bytes_of_text(admission->message));
    if (admission->rule != NULL) {
        buf_printf(ret_body, ",\"details\":[{\"path\":\"\",\"rule\":\"%s\",\"message\":",
                   admission->rule);
        buf_append_json_string(ret_body, bytes_of_text(admission->message));
        buf_append_text(ret_body, "}]");
    } else if (admission->status == 403 && origin.size > 0 &&
               edge_in_development(config) && utf8_valid(origin)) {
        buf_append_text(ret_body, ",\"details\":{\"setting\":\"BELFRY_CORS_ORIGIN\","
                                  "\"add\":");
        buf_append_json_string(ret_body, origin);
        buf_append_char(ret_body, '}');
    }
    buf_append_text(ret_body, "}}");
}
