/* A user's sessions: what each event hands to its SQL function. */
#include "core/request.h"
#include "events.gen.h"

enum err list_sessions(struct request *request, const Belfry__ListSessions *payload)
{
    (void)payload;
    return run_sql(request);
}

enum err revoke_session(struct request *request, const Belfry__RevokeSession *payload)
{
    arg_text(request, payload->session_id);
    return run_sql(request);
}
