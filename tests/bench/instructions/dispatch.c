/* The hot path of a request through a core: its JSON is checked against the contract, its
 * statement is bound, and the row that PostgreSQL answers becomes reply and publication.
 * PostgreSQL is a row that is always the same. */
#include "base/clock.h"
#include "core/core.h"
#include "core/db/db_result.h"
#include "core/dispatch.h"
#include "core/event_stats.h"
#include "instructions/measured.h"

#define PAYLOAD                                                                          \
    "{\"roomId\":\"00000000-0000-4000-9000-000000000001\",\"clientId\":"                 \
    "\"3f2a9c51-7f0d-4c1b-9a57-1c2d3e4f5061\",\"content\":\"the quick brown fox jumps "  \
    "over the lazy dog, and whatever else fits into a message of ordinary length\"}"
#define MESSAGE                                                                          \
    "{\"message\":{\"id\":\"00000000-0000-7000-8000-000000000001\",\"roomId\":"          \
    "\"00000000-0000-4000-9000-000000000001\",\"authorId\":"                             \
    "\"00000000-0000-4000-8000-000000000001\",\"authorName\":\"alice\",\"content\":"     \
    "\"the quick brown fox jumps over the lazy dog, and whatever else fits into a "      \
    "message of ordinary length\",\"clientId\":"                                         \
    "\"3f2a9c51-7f0d-4c1b-9a57-1c2d3e4f5061\",\"seq\":12345,\"createdAt\":"              \
    "\"2000-01-01T00:00:00.000Z\"}}"

static struct core_config config;
static struct core core;
static struct request request;
static struct db_result row;
static int submitted;
static int finished;

/* ---------------------------------------------------------------- PostgreSQL's answer */

static uint8_t *put_u32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
    return at + 4;
}

/* text[] as PostgreSQL sends it in binary. */
static int make_array(const char *const *texts, uint32_t count, uint8_t *out)
{
    enum { TEXT_OID = 25 };
    uint8_t *at = put_u32(out, 1);
    at = put_u32(at, 0);
    at = put_u32(at, TEXT_OID);
    at = put_u32(at, count);
    at = put_u32(at, 1);
    for (uint32_t i = 0; i < count; i++) {
        size_t size = strlen(texts[i]);
        at = put_u32(at, (uint32_t)size);
        memcpy(at, texts[i], size);
        at += size;
    }
    return (int)(at - out);
}

/* status, message, details, reply, control, emitted: as SEND_MESSAGE's function ends. */
static void make_row(void)
{
    static const char *const emitted[] = {
        "room:00000000-0000-4000-9000-000000000001",
        "12345",
        "169552957",
        "1423423",
        "7",
        "MESSAGE_CREATED",
        "2000-01-01T00:00:00.000Z",
        MESSAGE,
        "",
    };
    static const char reply[] = MESSAGE;
    static uint8_t array[4096];
    static char names[6][2] = {"a", "b", "c", "d", "e", "f"};
    PGresAttDesc columns[6] = {{0}};
    for (int i = 0; i < 6; i++) {
        columns[i].name = names[i];
        columns[i].format = 1;
        columns[i].typlen = -1;
    }
    row.pg = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    MUST(row.pg != NULL && PQsetResultAttrs(row.pg, 6, columns) == 1);
    int size = make_array(emitted, sizeof(emitted) / sizeof(emitted[0]), array);
    MUST(PQsetvalue(row.pg, 0, 0, (char *)"OK", 2) == 1);
    MUST(PQsetvalue(row.pg, 0, 1, NULL, -1) == 1);
    MUST(PQsetvalue(row.pg, 0, 2, NULL, -1) == 1);
    MUST(PQsetvalue(row.pg, 0, 3, (char *)reply, sizeof(reply) - 1) == 1);
    MUST(PQsetvalue(row.pg, 0, 4, NULL, -1) == 1);
    MUST(PQsetvalue(row.pg, 0, 5, (char *)array, size) == 1);
    row = db_result_whole(row.pg);
}

static enum err submit(void *user, struct db_call *call)
{
    static const struct db_outcome outcome = {ERR_OK, false, "", ""};
    submitted++;
    call->done(call, &outcome, &row);
    return ERR_OK;
}

/* ---------------------------------------------------------------- the request */

static void on_finished(struct request *done)
{
    finished++;
}

static void answer(void)
{
    Link__EventCall call = LINK__EVENT_CALL__INIT;
    request_start(&request, &core);
    request.finished = on_finished;
    request.deadline_ms = INT64_MAX;
    request.request_id.b[0] = 1;
    request.actor.user_id.b[15] = 1;
    request.actor.session_id.b[15] = 2;
    request.actor.username = "alice";
    call.name = (char *)"SEND_MESSAGE";
    call.encoding = LINK__ENCODING__JSON;
    call.payload =
        (ProtobufCBinaryData){sizeof(PAYLOAD) - 1, (uint8_t *)(uintptr_t)PAYLOAD};
    dispatch(&request, &call);
}

MEASURED
{
    answer();
}

int main(void)
{
    core.config = &config;
    core.executor = (struct executor){submit, NULL};
    MUST(event_stats_init() == ERR_OK);
    make_row();
    arena_init(&request.arena, REQUEST_ARENA_MAX);
    for (int i = 0; i < MEASURED_CALLS; i++) {
        answer(); /* the first makes the statement */
    }
    for (int i = 0; i < MEASURED_CALLS; i++) {
        measured();
    }
    MUST(submitted == 2 * MEASURED_CALLS && finished == submitted);
    MUST(request.reply.body_case == LINK__REPLY__BODY_EVENT);
    MUST(request.publication_count == 1);
    return 0;
}
