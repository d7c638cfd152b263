/* Checks that lists keep their order and let go of nodes in any way asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list node;
};

static int number_of(struct list *node)
{
    return container_of(node, struct item, node)->number;
}

static void a_zeroed_node_is_in_no_list(void **state)
{
    struct item item = {0};
    assert_false(list_linked(&item.node));
    list_remove(&item.node);
    assert_false(list_linked(&item.node));
}

static void nodes_come_out_in_the_order_they_went_in(void **state)
{
    struct list head;
    struct item items[5] = {0};
    list_init(&head);
    assert_true(list_empty(&head));
    for (int i = 0; i < 5; i++) {
        items[i].number = i;
        list_push(&head, &items[i].node);
        assert_true(list_linked(&items[i].node));
    }
    for (int i = 0; i < 5; i++) {
        struct list *node = list_take(&head);
        assert_int_equal(number_of(node), i);
        assert_false(list_linked(node));
    }
    assert_true(list_empty(&head));
    assert_null(list_take(&head));
}

static void the_current_node_may_be_removed_while_walking(void **state)
{
    struct list head;
    struct item items[6] = {0};
    list_init(&head);
    for (int i = 0; i < 6; i++) {
        items[i].number = i;
        list_push(&head, &items[i].node);
    }
    int seen = 0;
    LIST_EACH(&head, node) {
        assert_int_equal(number_of(node), seen++);
        if (number_of(node) % 2 == 0) {
            list_remove(node);
        }
    }
    assert_int_equal(seen, 6);
    for (int i = 1; i < 6; i += 2) {
        assert_int_equal(number_of(list_take(&head)), i);
    }
    assert_true(list_empty(&head));
}

static void a_removed_node_can_join_another_list(void **state)
{
    struct list first, second;
    struct item item = {.number = 7};
    list_init(&first);
    list_init(&second);
    list_push(&first, &item.node);
    list_remove(&item.node);
    list_push(&second, &item.node);
    assert_true(list_empty(&first));
    assert_int_equal(number_of(list_take(&second)), 7);
}

static void a_zeroed_head_is_an_empty_list(void **state)
{
    struct list head = {0};
    assert_true(list_empty(&head));
    assert_null(list_take(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_node_is_in_no_list),
        cmocka_unit_test(nodes_come_out_in_the_order_they_went_in),
        cmocka_unit_test(the_current_node_may_be_removed_while_walking),
        cmocka_unit_test(a_removed_node_can_join_another_list),
        cmocka_unit_test(a_zeroed_head_is_an_empty_list),
    };
    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
