/* Messages in rooms: what each event hands to its SQL function. */
#include "core/request.h"
#include "events.gen.h"

enum err send_message(struct request *request, const Belfry__SendMessage *payload)
{
    arg_text(request, payload->content);
    arg_text(request, payload->reply_to_id);
    arg_text(request, payload->client_id);
    arg_uuid(request, uuid_v7()); /* the message's: cheaper made here than there */
    return run_sql(request);
}

enum err edit_message(struct request *request, const Belfry__EditMessage *payload)
{
    arg_text(request, payload->content);
    return run_sql(request);
}

enum err delete_message(struct request *request, const Belfry__DeleteMessage *payload)
{
    arg_text(request, payload->reason);
    return run_sql(request);
}

enum err get_history(struct request *request, const Belfry__GetHistory *payload)
{
    if (payload->has_before && payload->has_after) {
        return refuse(request, ERR_VALIDATION_ERROR, NULL,
                      "[{\"path\":\"after\",\"rule\":\"either\","
                      "\"message\":\"not together with before\"}]");
    }
    arg_optional_int(request, payload->has_before, payload->before);
    arg_optional_int(request, payload->has_after, payload->after);
    arg_int(request, payload->limit);
    return run_sql(request);
}
