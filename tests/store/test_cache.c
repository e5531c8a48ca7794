/*
 * test_table.c - who may leave memory, and who hears of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "store/local/cache.h"

static const struct policy policy = {
	.nlimit = POLICY_LIMITS,
};

static struct item *
add(struct table *t, size_t n)
{
	struct counter *c = counter_new(&policy);
	char key[16];

	snprintf(key, sizeof(key), "k%zu", n);
	return table_add(t, "p", key, &c);
}

/* As many as are surely more than memory takes. */
static size_t
fill(struct table *t)
{
	size_t n = 0;

	while (table_bytes(t) <= TABLE_BYTES)
		assert_non_null(add(t, n++));
	return n;
}

static void
the_one_unused_for_longest_leaves_first(void **state)
{
	struct table *t = table_new();
	size_t n = fill(t);

	assert_non_null(table_find(t, "p", "k0"));
	assert_non_null(table_peek(t, "p", "k1"));
	table_trim(t, 8);
	assert_non_null(table_peek(t, "p", "k0"));
	assert_null(table_peek(t, "p", "k1"));
	assert_int_equal(n - 1, table_counters(t));
	assert_true(table_bytes(t) <= TABLE_BYTES);
	table_free(&t);
}

static void
what_the_database_does_not_have_stays(void **state)
{
	struct table *t = table_new();
	size_t n = fill(t);

	table_dirty(t, table_find(t, "p", "k0"));
	table_dirty(t, table_find(t, "p", "k1"));
	table_take(t, table_waiting(t));
	for (size_t i = 0; i < 100; i++)
		add(t, n++);
	table_trim(t, 50);
	assert_int_equal(1, table_ndirty(t));
	assert_non_null(table_peek(t, "p", "k0"));
	assert_non_null(table_peek(t, "p", "k1"));
	assert_null(table_peek(t, "p", "k2"));
	table_free(&t);
}

static void
an_item_changed_while_it_is_written_is_dirty_again(void **state)
{
	struct table *t = table_new();
	struct item *a = add(t, 0), *b = add(t, 1);

	table_dirty(t, a);
	table_dirty(t, b);
	assert_ptr_equal(a, table_waiting(t));
	table_take(t, a);
	table_take(t, b);
	table_dirty(t, a);
	assert_false(table_settle(t, ITEM_CLEAN, 10));
	assert_int_equal(1, table_ndirty(t));
	assert_ptr_equal(a, table_waiting(t));
	assert_int_equal(ITEM_CLEAN, b->state);
	table_free(&t);
}

static void
a_name_that_left_has_another_generation(void **state)
{
	struct table *t = table_new();
	uint64_t before = table_generation(t, "p", "k0");
	uint64_t other = table_generation(t, "p", "k1");

	add(t, 0);
	assert_true(before == table_generation(t, "p", "k0"));
	table_remove(t, table_find(t, "p", "k0"));
	assert_true(before != table_generation(t, "p", "k0"));
	assert_true(other == table_generation(t, "p", "k1"));
	assert_int_equal(0, table_bytes(t));
	table_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_unused_for_longest_leaves_first),
		cmocka_unit_test(what_the_database_does_not_have_stays),
		cmocka_unit_test(
		    an_item_changed_while_it_is_written_is_dirty_again),
		cmocka_unit_test(a_name_that_left_has_another_generation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
