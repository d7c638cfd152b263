/* Communities and their members: what each event hands to its SQL function. */
#include "core/request.h"
#include "events.gen.h"

enum err create_community(struct request *request, const Belfry__CreateCommunity *payload)
{
    arg_text(request, payload->name);
    arg_bool(request, payload->public_);
    return run_sql(request);
}

enum err join_community(struct request *request, const Belfry__JoinCommunity *payload)
{
    (void)payload; /* the community is the resource */
    return run_sql(request);
}

enum err leave_community(struct request *request, const Belfry__LeaveCommunity *payload)
{
    (void)payload;
    return run_sql(request);
}

enum err kick_member(struct request *request, const Belfry__KickMember *payload)
{
    arg_text(request, payload->user_id);
    arg_text(request, payload->reason);
    return run_sql(request);
}

enum err list_communities(struct request *request, const Belfry__ListCommunities *payload)
{
    (void)payload;
    return run_sql(request);
}
