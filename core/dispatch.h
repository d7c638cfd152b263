/* The one path every client event takes, from the bytes a client sent to the reply and
 * the publications. Nothing here knows an event by name. */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include "core/request.h"

/* Runs the event. `call` is borrowed for this call; actor, request_id, trace and
 * deadline_ms are set. request->finished comes once, now or later, with the reply set:
 * an error is a reply, too. */
void dispatch(struct request *request, const Link__EventCall *call);

/* The end of request->after_commit. */
void dispatch_committed(struct request *request);

#endif
