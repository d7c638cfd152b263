/* The one list of errors: what a client is told and what a log says. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* name, default message for the client, HTTP status */
/* clang-format off */
#define ERR_LIST(X)                                                             \
    X(OK,                "no error",                      200)                  \
    X(UNAUTHENTICATED,   "Authentication required",       401)                  \
    X(TOKEN_EXPIRED,     "Token expired",                 401)                  \
    X(PERMISSION_DENIED, "Insufficient permissions",      403)                  \
    X(VALIDATION_ERROR,  "Invalid payload format",        400)                  \
    X(NOT_FOUND,         "Resource not found",            404)                  \
    X(CONFLICT,          "Conflicts with an earlier request", 409)              \
    X(LIMIT_REACHED,     "A limit was reached",           409)                  \
    X(RATE_LIMITED,      "Too many requests",             429)                  \
    X(PAYLOAD_TOO_LARGE, "Payload too large",             413)                  \
    X(UNKNOWN_EVENT,     "Unknown event",                 404)                  \
    X(UNAVAILABLE,       "Temporarily unavailable, try again", 503)             \
    X(INTERNAL,          "Internal error",                500)
/* clang-format on */

enum err {
#define X(name, message, http) ERR_##name,
    ERR_LIST(X)
#undef X
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Return early on failure. The only macro with control flow in the tree: for
 * places where nothing needs releasing; `goto out` where something does. */
#define TRY(expr)                                                                        \
    do {                                                                                 \
        enum err try_err_ = (expr);                                                      \
        if (try_err_ != ERR_OK) {                                                        \
            return try_err_;                                                             \
        }                                                                                \
    } while (0)

/* The code on the wire, such as "NOT_FOUND". Never NULL. */
const char *err_code(enum err err);

/* The default words for a client. Never NULL. */
const char *err_message(enum err err);

/* The status of an HTTP answer that carries this error. */
int err_http_status(enum err err);

/* The error of a code on the wire; ERR_INTERNAL for a code that is unknown. */
enum err err_from_code(const char *code);

#endif
