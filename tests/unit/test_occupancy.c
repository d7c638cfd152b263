/* Checks that a session which ends while a whole lease is under way is said to have ended
 * once more behind it: the lease names the session, and may arrive after the goodbye. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge/edge.h"
#include "edge/occupancy.h"

void __wrap_upstream_request(struct upstream *up, struct upstream_call *call);
void __wrap_upstream_cancel(struct upstream_call *call);

static struct upstream_call *lease; /* under way */
static bool lease_is_whole;
static size_t goodbyes; /* for `session` */

static const struct uuid session = {{1}}, user = {{2}};

void __wrap_upstream_request(struct upstream *up, struct upstream_call *call)
{
    (void)up;
    const Link__Request *request = call->request;
    if (request->body_case == LINK__REQUEST__BODY_LEASE) {
        assert_null(lease);
        lease = call;
        lease_is_whole = request->lease->has_whole && request->lease->whole;
        return;
    }
    assert_int_equal(request->body_case, LINK__REQUEST__BODY_DISCONNECT);
    assert_memory_equal(request->actor->session_id.data, session.b, 16);
    assert_memory_equal(request->actor->user_id.data, user.b, 16);
    goodbyes++;
    call->done(call, UPSTREAM_REPLY, NULL);
}

void __wrap_upstream_cancel(struct upstream_call *call)
{
    (void)call;
}

static void answer(enum upstream_result result, bool again)
{
    Link__Reply reply = LINK__REPLY__INIT;
    Link__Leased leased = LINK__LEASED__INIT;
    struct upstream_call *call = lease;
    leased.again = again;
    reply.body_case = LINK__REPLY__BODY_LEASED;
    reply.leased = &leased;
    lease = NULL;
    call->done(call, result, result == UPSTREAM_REPLY ? &reply : NULL);
}

static struct edge_config config;
static struct edge edge = {.config = &config};

static struct occupancy *open_occupancy(void)
{
    struct occupancy *occupancy;
    goodbyes = 0;
    map_init(&edge.sessions, sizeof(struct uuid));
    assert_int_equal(occupancy_create(&edge, &occupancy), ERR_OK);
    return occupancy;
}

static void a_goodbye_is_said_once(void **state)
{
    struct occupancy *occupancy = open_occupancy();
    occupancy_renew(occupancy, false);
    assert_false(lease_is_whole);
    occupancy_session_over(occupancy, &session, &user, "gone", true);
    answer(UPSTREAM_REPLY, false);
    assert_int_equal(goodbyes, 1);
    occupancy_destroy(occupancy);
}

static void and_again_behind_a_whole_lease(void **state)
{
    struct occupancy *occupancy = open_occupancy();
    occupancy_renew(occupancy, false);
    answer(UPSTREAM_REPLY, true);
    occupancy_renew(occupancy, false);
    assert_true(lease_is_whole);
    occupancy_session_over(occupancy, &session, &user, "gone", true);
    assert_int_equal(goodbyes, 1);
    answer(UPSTREAM_NO_ANSWER, false); /* it may arrive yet, but not behind the next */
    assert_int_equal(goodbyes, 1);
    occupancy_renew(occupancy, false);
    assert_true(lease_is_whole);
    answer(UPSTREAM_REPLY, false);
    assert_int_equal(goodbyes, 2);
    occupancy_renew(occupancy, false);
    answer(UPSTREAM_REPLY, false);
    assert_int_equal(goodbyes, 2);
    occupancy_destroy(occupancy);
}

static void but_not_of_what_no_lease_can_name(void **state)
{
    struct occupancy *occupancy = open_occupancy();
    occupancy_renew(occupancy, false);
    answer(UPSTREAM_REPLY, true);
    occupancy_renew(occupancy, false);
    occupancy_session_over(occupancy, &session, &user, "closed while it connected",
                           false);
    answer(UPSTREAM_REPLY, false);
    assert_int_equal(goodbyes, 1);
    occupancy_destroy(occupancy);
}

static void of_many_behind_several_leases(void **state)
{
    struct occupancy *occupancy = open_occupancy();
    occupancy_renew(occupancy, false);
    answer(UPSTREAM_REPLY, true);
    occupancy_renew(occupancy, false);
    for (int i = 0; i < 1500; i++) {
        occupancy_session_over(occupancy, &session, &user, "gone", true);
    }
    answer(UPSTREAM_REPLY, false);
    assert_int_equal(goodbyes, 2500);
    occupancy_renew(occupancy, false);
    answer(UPSTREAM_REPLY, false);
    assert_int_equal(goodbyes, 3000);
    occupancy_destroy(occupancy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_goodbye_is_said_once),
        cmocka_unit_test(and_again_behind_a_whole_lease),
        cmocka_unit_test(but_not_of_what_no_lease_can_name),
        cmocka_unit_test(of_many_behind_several_leases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
