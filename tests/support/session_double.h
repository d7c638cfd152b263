/* Stands in for edge/session.c, so that framings and connections can be tested alone: it
 * writes down what it is asked, and answers nothing by itself. */
#ifndef TESTS_SUPPORT_SESSION_DOUBLE_H
#define TESTS_SUPPORT_SESSION_DOUBLE_H

#include "edge/edge.h"
#include "edge/session.h"

#define DOUBLE_TEXT_MAX (128 * 1024)

struct double_calls {
    int opens, calls, closes, readies;
    /* Of the last session_open(). */
    char name_space[64], token[256], resume[256], recovery_id[64], offset[128];
    /* Of the last session_call(). */
    char event[256], payload[DOUBLE_TEXT_MAX], trace[256];
    bool wants_reply;
    uint64_t id;
    /* Of the last session_close(). */
    char close_reason[64];

    /* What new sessions are: SESSION_OPEN unless told otherwise. */
    enum session_state state;
    /* Done in session_ready(); NULL: nothing. */
    void (*on_ready)(struct session *session);
};

extern struct double_calls doubled;

/* A connection of an edge that consists of nothing else. */
struct double_edge {
    struct edge edge;
    struct edge_config config;
    struct conn *conn;
    int dirty;
    int close_code; /* 0: was not closed */
    char close_reason[64];
    bool reading;
};

/* Opens a connection with this framing; forgets what was written down. */
void double_open(struct double_edge *ret_edge, const struct framing *framing,
                 const char *bearer);
void double_finish(struct double_edge *edge);

/* The next waiting frame's payload as text, "" when none waits. Lives until the next
 * call. */
const char *double_sent(struct double_edge *edge);

/* A text message from the client, in memory of just its size. */
void double_receive(struct double_edge *edge, struct bytes message, bool binary);

#endif
