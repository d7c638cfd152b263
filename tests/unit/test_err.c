/* Checks that codes, words and statuses of errors belong together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static void each_code_leads_back_to_its_error(void **state)
{
#define X(name, message, http) assert_int_equal(err_from_code(#name), ERR_##name);
    ERR_LIST(X)
#undef X
}

static void a_code_that_is_unknown_is_an_internal_error(void **state)
{
    assert_int_equal(err_from_code("NO_SUCH_CODE"), ERR_INTERNAL);
    assert_int_equal(err_from_code("not_found"), ERR_INTERNAL);
    assert_int_equal(err_from_code(""), ERR_INTERNAL);
    assert_int_equal(err_from_code(NULL), ERR_INTERNAL);
}

static void a_number_outside_the_list_has_words_too(void **state)
{
    assert_string_equal(err_code((enum err)4711), "INTERNAL");
    assert_string_equal(err_message((enum err) - 1), "Internal error");
    assert_int_equal(err_http_status((enum err)4711), 500);
}

static void clients_are_told_the_agreed_words(void **state)
{
    assert_string_equal(err_message(ERR_PERMISSION_DENIED), "Insufficient permissions");
    assert_string_equal(err_message(ERR_VALIDATION_ERROR), "Invalid payload format");
    assert_string_equal(err_message(ERR_UNAUTHENTICATED), "Authentication required");
}

static void http_answers_carry_the_fitting_status(void **state)
{
    assert_int_equal(err_http_status(ERR_OK), 200);
    assert_int_equal(err_http_status(ERR_NOT_FOUND), 404);
    assert_int_equal(err_http_status(ERR_RATE_LIMITED), 429);
    assert_int_equal(err_http_status(ERR_UNAVAILABLE), 503);
}

static enum err try_it(enum err err, int *ret_went_on)
{
    TRY(err);
    *ret_went_on = 1;
    return ERR_OK;
}

static void try_returns_the_error_and_goes_on_without_one(void **state)
{
    int went_on = 0;
    assert_int_equal(try_it(ERR_CONFLICT, &went_on), ERR_CONFLICT);
    assert_int_equal(went_on, 0);
    assert_int_equal(try_it(ERR_OK, &went_on), ERR_OK);
    assert_int_equal(went_on, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_leads_back_to_its_error),
        cmocka_unit_test(a_code_that_is_unknown_is_an_internal_error),
        cmocka_unit_test(a_number_outside_the_list_has_words_too),
        cmocka_unit_test(clients_are_told_the_agreed_words),
        cmocka_unit_test(http_answers_carry_the_fitting_status),
        cmocka_unit_test(try_returns_the_error_and_goes_on_without_one),
    };
    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
