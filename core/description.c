/* Gives edges the document about the contract, which they serve without knowing it. */
#include "core/core.h"
#include "core/worker.h"

void answer_description(struct request *request, const Link__Request *message)
{
    const Link__GetDescription *question = message->get_description;
    Link__Description *description =
        arena_alloc(&request->arena, sizeof(Link__Description));
    if (description == NULL) {
        refuse(request, ERR_UNAVAILABLE, NULL, NULL);
        request_finish(request);
        return;
    }
    link__description__init(description);
    struct bytes hash =
        bytes_make(event_description_hash, sizeof(event_description_hash));
    description->hash = (ProtobufCBinaryData){hash.size, (uint8_t *)hash.data};
    if (!question->has_known ||
        !bytes_equal(hash, bytes_make(question->known.data, question->known.len))) {
        description->has_document = true;
        description->document =
            (ProtobufCBinaryData){event_description_size, (uint8_t *)event_description};
    }
    request->reply.body_case = LINK__REPLY__BODY_DESCRIPTION;
    request->reply.description = description;
    request_finish(request);
}
