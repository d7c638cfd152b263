/* Checks what an edge keeps of Socket.IO sessions whose connection broke: who gets it
 * back, how often, how long, and where he then stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../support/session_double.h"
#include "edge/recovery.h"
#include "edge/stream.h"

#define KEEP_MS  120000
#define ROOM     "room:00000000-0000-0000-0000-000000000001"
#define OTHER    "room:00000000-0000-0000-0000-000000000002"
#define PEOPLE   4 /* sessions that live at once */
#define TAG(seq) ((uint32_t)(seq)*16)

/* A session with two subscriptions, made by hand. */
static struct person {
    struct session session;
    struct conn conn;
    struct subscription subscriptions[2];
} * people[PEOPLE]; /* in blocks of pool.h, as the rooms */

static struct edge the_edge;
static struct edge_config config;
static struct stream *rooms;
static struct recovery *recovery;
static struct buf resume;
static int closed; /* connections */

static void on_dirty(struct conn *conn)
{
}

static void on_close(struct conn *conn, enum close_code code, const char *reason)
{
    closed++;
}

static const struct conn_io io = {.dirty = on_dirty, .close = on_close};

static int begin(void **state)
{
    for (int i = 0; i < PEOPLE; i++) {
        people[i] = pool_take(sizeof(*people[i]));
    }
    rooms = pool_take(2 * sizeof(*rooms));
    the_edge.config = &config;
    for (uint8_t i = 0; i < 2; i++) {
        rooms[i].id = (struct stream_id){STREAM_ROOM, {{[15] = i + 1}}};
    }
    recovery = recovery_create(KEEP_MS);
    buf_init(&resume, 64 * 1024);
    closed = 0;
    return recovery == NULL;
}

static int end(void **state)
{
    for (int i = 0; i < PEOPLE; i++) {
        recovery_forget(&people[i]->session);
        pool_give(people[i]);
    }
    pool_give(rooms);
    recovery_destroy(recovery);
    buf_finish(&resume);
    return 0;
}

/* A new session of a user, in place of whoever was there. */
static struct session *enter(int place, uint8_t user)
{
    static uint8_t sessions;
    struct person *person = people[place];
    recovery_forget(&person->session);
    memset(person, 0, sizeof(*person));
    person->conn.edge = &the_edge;
    person->conn.io = &io;
    person->session.conn = &person->conn;
    person->session.id.b[15] = ++sessions;
    person->session.user_id.b[0] = user;
    person->session.name_space = "/";
    person->session.state = SESSION_OPEN;
    return &person->session;
}

static void listen_to(struct session *session, int room)
{
    struct person *person = container_of(session, struct person, session);
    struct subscription *subscription = &person->subscriptions[room];
    subscription->stream = ref_of(&rooms[room]);
    ref *end = &session->subscriptions;
    while (*end != 0) {
        end = &((struct subscription *)ref_to(*end))->next;
    }
    *end = ref_of(subscription);
    session->subscription_count++;
}

static void get(struct session *session, int room, uint64_t seq)
{
    struct person *person = container_of(session, struct person, session);
    struct publication publication = {.stream = rooms[room].id,
                                      .seq = seq,
                                      .tag = TAG(seq),
                                      .prev_tag = TAG(seq - 1),
                                      .durable = true};
    person->subscriptions[room].cursor = seq;
    person->subscriptions[room].tag = TAG(seq);
    recovery_note(session, &publication);
}

static bool take(struct session *session, const char *id, const char *offset)
{
    buf_clear(&resume);
    return recovery_take(recovery, session, bytes_of_text(id), bytes_of_text(offset),
                         &resume);
}

static void assert_resume(const char *json)
{
    assert_true(bytes_equal_text(buf_bytes(&resume), json));
}

/* Alice in both rooms, who was given 1@ROOM, 1@OTHER, 2@ROOM, 2@OTHER and 3@ROOM. */
static struct session *alice_listens(char ret_id[RECOVERY_ID_SIZE])
{
    struct session *alice = enter(0, 1);
    listen_to(alice, 0);
    listen_to(alice, 1);
    recovery_begin(recovery, alice);
    get(alice, 0, 1);
    get(alice, 1, 1);
    get(alice, 0, 2);
    get(alice, 1, 2);
    get(alice, 0, 3);
    memcpy(ret_id, recovery_id(alice), RECOVERY_ID_SIZE);
    return alice;
}

static void offset_of(const char *stream, uint64_t seq, char ret_text[128])
{
    char cursor[CURSOR_TEXT_SIZE];
    cursor_format(seq, TAG(seq), cursor);
    snprintf(ret_text, 128, "%s@%s", cursor, stream);
}

/* ---------------------------------------------------------------- ids */

static void ids_are_long_and_differ(void **state)
{
    struct session *a = enter(0, 1), *b = enter(1, 1);
    recovery_begin(recovery, a);
    recovery_begin(recovery, b);
    assert_int_equal(strlen(recovery_id(a)), 32);
    assert_int_equal(strspn(recovery_id(a), "0123456789abcdef"), 32);
    assert_string_not_equal(recovery_id(a), recovery_id(b));
    assert_true(uuid_equal(recovery_sid(a), a->id));
}

static void who_is_nobody_leaves_no_trail(void **state)
{
    struct session *nobody = enter(0, 0);
    recovery_begin(recovery, nobody);
    assert_null(recovery_id(nobody));
    get(nobody, 0, 1);
    recovery_keep(nobody, 0);
    assert_int_equal(recovery_kept(recovery), 0);
}

/* ---------------------------------------------------------------- going on */

static void goes_on_behind_the_last_event_that_came(void **state)
{
    static const struct {
        const char *stream;
        uint64_t seq;
        const char *resume;
    } cases[] = {
        {ROOM, 3, "{\"" ROOM "\":\"3.00000030\",\"" OTHER "\":\"2.00000020\"}"},
        {OTHER, 2, "{\"" ROOM "\":\"2.00000020\",\"" OTHER "\":\"2.00000020\"}"},
        {OTHER, 1, "{\"" ROOM "\":\"1.00000010\",\"" OTHER "\":\"1.00000010\"}"},
        {ROOM, 1, "{\"" ROOM "\":\"1.00000010\",\"" OTHER "\":\"0.00000000\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char id[RECOVERY_ID_SIZE], offset[128];
        struct session *alice = alice_listens(id);
        struct uuid sid = alice->id;
        alice->follows = true;
        recovery_keep(alice, 0);
        assert_null(recovery_id(alice));
        struct session *back = enter(1, 1);
        offset_of(cases[i].stream, cases[i].seq, offset);
        assert_true(take(back, id, offset));
        assert_resume(cases[i].resume);
        recovery_begin(recovery, back);
        assert_string_equal(recovery_id(back), id);
        assert_true(uuid_equal(recovery_sid(back), sid));
        assert_true(back->follows);
        recovery_forget(back);
    }
}

static void goes_on_twice_without_an_event_between(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    recovery_keep(alice_listens(id), 0);
    offset_of(ROOM, 2, offset);
    for (int i = 0; i < 3; i++) {
        struct session *back = enter(1, 1);
        assert_true(take(back, id, offset));
        assert_resume("{\"" ROOM "\":\"2.00000020\",\"" OTHER "\":\"1.00000010\"}");
        if (i == 1) { /* this time no core answers */
            back->state = SESSION_CONNECTING;
        } else {
            recovery_begin(recovery, back);
            listen_to(back, 0);
            listen_to(back, 1);
            people[1]->subscriptions[0].cursor = 2;
            people[1]->subscriptions[0].tag = TAG(2);
            people[1]->subscriptions[1].cursor = 1;
            people[1]->subscriptions[1].tag = TAG(1);
        }
        recovery_keep(back, 0);
    }
}

static void a_room_that_was_left_is_not_entered_again(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    struct session *alice = alice_listens(id);
    session_subscriptions(alice)->next = 0;
    alice->subscription_count--;
    recovery_keep(alice, 0);
    offset_of(ROOM, 1, offset);
    assert_true(take(enter(1, 1), id, offset));
    assert_resume("{\"" ROOM "\":\"1.00000010\"}");
}

static void takes_over_from_a_connection_that_broke_unseen(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    struct session *alice = alice_listens(id), *back = enter(1, 1);
    offset_of(OTHER, 2, offset);
    assert_true(take(back, id, offset));
    assert_int_equal(closed, 1);
    assert_true(alice->conn->closing);
    assert_null(recovery_id(alice));
    recovery_keep(alice, 0); /* what its closing does */
    assert_int_equal(recovery_kept(recovery), 0);
    assert_string_equal(recovery_id(back), id);
}

/* ---------------------------------------------------------------- refusing */

static void an_id_counts_once(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    recovery_keep(alice_listens(id), 0);
    offset_of(ROOM, 9, offset); /* never given */
    assert_false(take(enter(1, 1), id, offset));
    offset_of(ROOM, 3, offset);
    assert_false(take(enter(1, 1), id, offset));
    assert_int_equal(recovery_kept(recovery), 0);
}

static void nobody_else_can_use_it(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    recovery_keep(alice_listens(id), 0);
    offset_of(ROOM, 3, offset);
    assert_false(take(enter(1, 2), id, offset));
    assert_false(take(enter(1, 0), id, offset));
    struct session *elsewhere = enter(1, 1);
    elsewhere->name_space = "/messages";
    assert_false(take(elsewhere, id, offset));
    assert_true(take(enter(1, 1), id, offset)); /* it was not spent */
}

static void stands_any_id_and_offset(void **state)
{
    static const char *const odd[] = {
        "",
        "@",
        ROOM,
        "@" ROOM,
        "3@" ROOM,
        "3.@" ROOM,
        "3.00000030@",
        "3.00000030@room:1",
        "3.00000031@" ROOM,
        "3.00000030@" OTHER,
        "-3.00000030@" ROOM,
        "3.00000030@" ROOM "@" ROOM,
    };
    struct session *back = enter(1, 1);
    assert_false(take(back, "", ""));
    assert_false(take(back, "0123456789abcdef0123456789abcdef", ""));
    assert_false(take(back, "0123456789abcdef0123456789abcdef0", ""));
    assert_false(recovery_take(recovery, back,
                               BYTES_LITERAL("0123456789abcde\0"
                                             "0123456789abcdef"),
                               (struct bytes){0}, &resume));
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char id[RECOVERY_ID_SIZE];
        recovery_keep(alice_listens(id), 0);
        if (take(enter(1, 1), id, odd[i])) {
            fail_msg("%s was taken", odd[i]);
        }
    }
}

static void events_that_were_lost_end_it(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    struct session *alice = alice_listens(id);
    recovery_cut(alice);
    get(alice, 0, 7);
    recovery_keep(alice, 0);
    offset_of(ROOM, 3, offset);
    assert_false(take(enter(1, 1), id, offset));

    alice = alice_listens(id);
    recovery_cut(alice);
    get(alice, 0, 7);
    get(alice, 0, 8);
    recovery_keep(alice, 0);
    offset_of(ROOM, 7, offset);
    assert_true(take(enter(1, 1), id, offset));
    assert_resume("{\"" ROOM "\":\"7.00000070\",\"" OTHER "\":\"2.00000020\"}");
}

static void leaving_is_for_good(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    struct session *alice = alice_listens(id);
    recovery_forget(alice);
    recovery_keep(alice, 0);
    offset_of(ROOM, 3, offset);
    assert_false(take(enter(1, 1), id, offset));
}

/* ---------------------------------------------------------------- limits */

static void is_kept_for_its_time(void **state)
{
    char id[RECOVERY_ID_SIZE], offset[128];
    recovery_keep(alice_listens(id), 1000);
    recovery_tick(recovery, 1000 + KEEP_MS - 1);
    assert_int_equal(recovery_kept(recovery), 1);
    recovery_tick(recovery, 1000 + KEEP_MS);
    assert_int_equal(recovery_kept(recovery), 0);
    offset_of(ROOM, 3, offset);
    assert_false(take(enter(1, 1), id, offset));
}

static void a_trail_has_an_end(void **state)
{
    char offset[128];
    for (uint64_t ago = RECOVERY_STEPS_MAX - 1; ago <= RECOVERY_STEPS_MAX; ago++) {
        struct session *alice = enter(0, 1);
        listen_to(alice, 0);
        recovery_begin(recovery, alice);
        char id[RECOVERY_ID_SIZE];
        memcpy(id, recovery_id(alice), sizeof(id));
        for (uint64_t seq = 1; seq <= 5 * RECOVERY_STEPS_MAX + 3; seq++) {
            get(alice, 0, seq);
        }
        recovery_keep(alice, 0);
        offset_of(ROOM, 5 * RECOVERY_STEPS_MAX + 3 - ago, offset);
        assert_int_equal(take(enter(1, 1), id, offset), ago < RECOVERY_STEPS_MAX);
    }
}

static void the_oldest_give_way(void **state)
{
    char first[RECOVERY_ID_SIZE], second[RECOVERY_ID_SIZE], id[RECOVERY_ID_SIZE];
    char offset[128];
    offset_of(ROOM, 3, offset);
    recovery_keep(alice_listens(first), 0);
    recovery_keep(alice_listens(second), 0);
    for (int i = 0; i < RECOVERY_KEPT_MAX - 1; i++) {
        recovery_keep(alice_listens(id), 0);
    }
    assert_int_equal(recovery_kept(recovery), RECOVERY_KEPT_MAX);
    assert_false(take(enter(1, 1), first, offset));
    assert_true(take(enter(1, 1), second, offset));
    recovery_forget(&people[1]->session);

    /* by their bytes, too */
    for (int i = 0; i < RECOVERY_KEPT_MAX; i++) {
        struct session *alice = alice_listens(id);
        for (uint64_t seq = 4; seq <= RECOVERY_STEPS_MAX; seq++) {
            get(alice, 0, seq);
        }
        recovery_keep(alice, 0);
    }
    assert_in_range(recovery_kept(recovery), 1000, RECOVERY_KEPT_MAX - 1);
}

/* ---------------------------------------------------------------- on the wire */

static void assert_frame(struct frame *frame, const char *text)
{
    assert_non_null(frame);
    assert_int_equal(frame->size, strlen(text));
    assert_memory_equal(frame->bytes + FRAME_ROOM, text, frame->size);
    frame_unref(frame);
}

static void durable_events_carry_an_offset(void **state)
{
    struct publication publication = {.stream = rooms[0].id,
                                      .event = BYTES_LITERAL("X"),
                                      .json = BYTES_LITERAL("{\"seq\":3}"),
                                      .seq = 3,
                                      .tag = TAG(3),
                                      .durable = true};
    assert_frame(framing_socketio_recovery.publication("/", &publication),
                 "42[\"X\",{\"seq\":3},\"3.00000030@" ROOM "\"]");
    assert_frame(framing_socketio_recovery.publication("/a", &publication),
                 "42/a,[\"X\",{\"seq\":3},\"3.00000030@" ROOM "\"]");
    publication.durable = false;
    assert_frame(framing_socketio_recovery.publication("/", &publication),
                 "42[\"X\",{\"seq\":3}]");
    assert_null(framing_socketio.publication);
}

static void connect_tells_the_id(void **state)
{
    char expected[128];
    struct session *alice = enter(0, 1);
    snprintf(expected, sizeof(expected), "40{\"sid\":\"00000000-0000-0000-0000-%012x\"}",
             alice->id.b[15]);
    assert_frame(framing_socketio_recovery.accepted(alice), expected);
    recovery_begin(recovery, alice);
    snprintf(expected, sizeof(expected),
             "40{\"sid\":\"00000000-0000-0000-0000-%012x\",\"pid\":\"%s\"}",
             alice->id.b[15], recovery_id(alice));
    assert_frame(framing_socketio_recovery.accepted(alice), expected);
}

static void connect_claims_by_two_texts(void **state)
{
    static const struct {
        const char *packet, *id, *offset;
    } cases[] = {
        {"40{\"token\":\"T\",\"pid\":\"P\",\"offset\":\"O\"}", "P", "O"},
        {"40{\"pid\":\"P\"}", "P", ""},
        {"40{\"pid\":7,\"offset\":\"O\"}", "", ""},
        {"40{\"pid\":\"P\",\"offset\":{}}", "P", ""},
        {"40{\"offset\":\"O\"}", "", ""},
        {"40", "", ""},
    };
    const struct framing *framings[] = {&framing_socketio_recovery, &framing_socketio};
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct double_edge edge;
        double_open(&edge, framings[i % 2], NULL);
        double_receive(&edge, bytes_of_text(cases[i / 2].packet), false);
        assert_int_equal(doubled.opens, 1);
        assert_string_equal(doubled.recovery_id, i % 2 == 0 ? cases[i / 2].id : "");
        assert_string_equal(doubled.offset, i % 2 == 0 ? cases[i / 2].offset : "");
        double_finish(&edge);
    }
}

int main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(ids_are_long_and_differ),
        EACH(who_is_nobody_leaves_no_trail),
        EACH(goes_on_behind_the_last_event_that_came),
        EACH(goes_on_twice_without_an_event_between),
        EACH(a_room_that_was_left_is_not_entered_again),
        EACH(takes_over_from_a_connection_that_broke_unseen),
        EACH(an_id_counts_once),
        EACH(nobody_else_can_use_it),
        EACH(stands_any_id_and_offset),
        EACH(events_that_were_lost_end_it),
        EACH(leaving_is_for_good),
        EACH(is_kept_for_its_time),
        EACH(a_trail_has_an_end),
        EACH(the_oldest_give_way),
        EACH(durable_events_carry_an_offset),
        EACH(connect_tells_the_id),
        EACH(connect_claims_by_two_texts),
    };
#undef EACH
    return cmocka_run_group_tests(tests, NULL, NULL);
}
