/* Made by belfry-gen from proto/events: the handlers that the contract asks for. */
#ifndef EVENTS_GEN_H
#define EVENTS_GEN_H

#include "core/event.h"
#include "core/request.h"
#include "sample.pb-c.h"

/* ASK_TIME: Ask what time it is. */
enum err ask_time(struct request *request,
              const Golden__AskTime *payload);

/* PING_ROOM: Ends a comment: *| no. */
enum err ping_room(struct request *request,
              const Golden__PingRoom *payload);

/* POST_NOTE: Post a note, with a purpose so long that the comment above the prototype
 * has to be wrapped. */
enum err post_note(struct request *request,
              const Golden__PostNote *payload);

/* READ_NOTE: The payload may be the id alone. */
enum err read_note(struct request *request,
              const Golden__ReadNote *payload);

/* The rules of messages, for replies and publications made in C. */
extern const struct message_rules rules_golden__post_note;
extern const struct message_rules rules_golden__target;
extern const struct message_rules rules_golden__post_note_reply;
extern const struct message_rules rules_golden__post_note_reply__httpanswer;
extern const struct message_rules rules_golden__ping_room;
extern const struct message_rules rules_golden__ping_room_reply;
extern const struct message_rules rules_golden__ask_time;
extern const struct message_rules rules_golden__ask_time_reply;
extern const struct message_rules rules_golden__read_note;
extern const struct message_rules rules_golden__note_posted;
extern const struct message_rules rules_golden__pinged;

#endif
