/* What every framing must do, told in its own words by whoever runs the suite. */
#ifndef TESTS_CONTRACT_FRAMING_SUITE_H
#define TESTS_CONTRACT_FRAMING_SUITE_H

#include "edge/frame/frame.h"

struct framing_words {
    const char *name;
    const struct framing *framing;

    /* For framings whose messages are no text: what a word stands for, until the next
     * call. NULL: for itself. */
    struct bytes (*spell)(const char *word);
    bool binary;

    /* From the client. Lists end with NULL. */
    const char *begin;          /* token "T", resume {"room:r":"1.00000000"} */
    const char *begin_without;  /* neither */
    const char *event;          /* SEND_MESSAGE {"a": 9007199254740993} */
    const char *event_with_id;  /* the same with id 7 */
    const char *no_payload;     /* SEND_MESSAGE without any */
    const char *null_payload;   /* SEND_MESSAGE null */
    const char *text_payload;   /* SEND_MESSAGE "hi" */
    const char *biggest_id;     /* SEND_MESSAGE with id 2^53-1 */
    const char *const *closing; /* each ends the connection once a session is there */
    const char *const *odd; /* each may end it or be answered, but reaches no session */

    /* To the client. */
    const char *wrote_event;    /* MESSAGE_CREATED {"b":2} */
    const char *wrote_empty;    /* MESSAGE_CREATED without payload */
    const char *wrote_reply;    /* id 7, {"seq":3} */
    const char *wrote_error[2]; /* id 7, NOT_FOUND: how it begins and ends; in binary the
                                   first is all of it */

    const char *ping; /* what it sends as a heartbeat ("" for a WebSocket ping) */
    const char *pong; /* the client's answer, NULL if the transport sees it */
};

/* The exit status of the test program. */
int framing_suite(const struct framing_words *words);

#endif
