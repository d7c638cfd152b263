/* One list of what can go wrong with an event, for every output that tells of it. */
#include "refusals.h"

static bool needs_login(const struct contract_event *event)
{
    return event->def->authentication == BELFRY__AUTHENTICATION__REQUIRED;
}

static bool takes_token(const struct contract_event *event)
{
    return event->def->authentication != BELFRY__AUTHENTICATION__NONE;
}

static bool needs_actions(const struct contract_event *event)
{
    return event->def->right->n_actions > 0;
}

static bool needs_subscription(const struct contract_event *event)
{
    return event->def->right->subscribed != NULL;
}

static bool has_resource(const struct contract_event *event)
{
    return event->def->right->resource != NULL &&
           event->def->right->resource->type != BELFRY__RESOURCE_TYPE__INSTANCE;
}

static bool is_change(const struct contract_event *event)
{
    return event->def->kind == BELFRY__EVENT_KIND__CHANGE;
}

static bool always(const struct contract_event *event)
{
    return event != NULL;
}

static const struct cause {
    enum err code;
    bool (*applies)(const struct contract_event *event);
    const char *when;
} causes[] = {
    {ERR_UNAUTHENTICATED, needs_login, "The session has no user."},
    {ERR_TOKEN_EXPIRED, takes_token, "The token has expired."},
    {ERR_PERMISSION_DENIED, needs_actions, "A needed action is not granted."},
    {ERR_PERMISSION_DENIED, needs_subscription,
     "The session does not listen to the room."},
    {ERR_VALIDATION_ERROR, always,
     "The payload breaks a rule; details has every broken one."},
    {ERR_NOT_FOUND, has_resource,
     "The resource is not there, or not the caller's to see."},
    {ERR_CONFLICT, is_change,
     "The clientId was used before, for another event or payload."},
    {ERR_RATE_LIMITED, always, "Too many in too short a time; retryAfterMs says more."},
    {ERR_PAYLOAD_TOO_LARGE, always, "The payload has too many bytes."},
    {ERR_UNAVAILABLE, always,
     "Nothing was done: no core or no database answers right now; try again."},
    {ERR_INTERNAL, always, "A mistake in the server; nothing was done."},
};
#define CAUSE_COUNT (sizeof(causes) / sizeof(causes[0]))

static enum err code_of(const Belfry__EventError *error)
{
    return err_from_code(protobuf_c_enum_descriptor_get_value(
                             &belfry__event_error__code__descriptor, (int)error->code)
                             ->name);
}

size_t event_refusals(struct contract *contract, const struct contract_event *event,
                      const struct event_refusal **ret_refusals)
{
    const Belfry__ClientEvent *def = event->def;
    struct event_refusal *refusals =
        arena_alloc(&contract->arena, (CAUSE_COUNT + def->n_errors) * sizeof(*refusals));
    size_t count = 0;
    for (int code = ERR_OK; refusals != NULL && code <= ERR_INTERNAL; code++) {
        const char *name = err_code((enum err)code);
        for (size_t i = 0; i < CAUSE_COUNT; i++) {
            if (causes[i].code == (enum err)code && causes[i].applies(event)) {
                refusals[count++] = (struct event_refusal){name, causes[i].when};
            }
        }
        for (size_t i = 0; i < def->n_errors; i++) {
            if (code_of(def->errors[i]) == (enum err)code) {
                refusals[count++] = (struct event_refusal){name, def->errors[i]->when};
            }
        }
    }
    *ret_refusals = refusals;
    return count;
}
