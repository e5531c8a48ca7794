/*
 * test_cache.c - who may leave memory, and who hears of it.
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
add(struct cache *t, size_t n)
{
	struct item *item;
	char key[16];

	snprintf(key, sizeof(key), "k%zu", n);
	if ((item = cache_add(t, "p", key)) != NULL)
		cache_set_live(t, item, counter_new(&policy));
	return item;
}

/* As many as are surely more than memory takes. */
static size_t
fill(struct cache *t)
{
	size_t n = 0;

	while (cache_bytes(t) <= CACHE_BYTES)
		assert_non_null(add(t, n++));
	return n;
}

static void
the_one_unused_for_longest_leaves_first(void **state)
{
	struct cache *t = cache_new();
	size_t n = fill(t);

	assert_non_null(cache_find(t, "p", "k0"));
	assert_non_null(cache_peek(t, "p", "k1"));
	cache_evict(t, 8);
	assert_non_null(cache_peek(t, "p", "k0"));
	assert_null(cache_peek(t, "p", "k1"));
	assert_int_equal(n - 1, cache_counters(t));
	assert_true(cache_bytes(t) <= CACHE_BYTES);
	cache_free(&t);
}

static void
what_the_database_does_not_have_stays(void **state)
{
	struct cache *t = cache_new();
	size_t n = fill(t);

	cache_dirty(t, cache_find(t, "p", "k0"));
	cache_dirty(t, cache_find(t, "p", "k1"));
	cache_begin_flush(t, cache_next_dirty(t));
	for (size_t i = 0; i < 100; i++)
		add(t, n++);
	cache_evict(t, 50);
	assert_int_equal(1, cache_ndirty(t));
	assert_non_null(cache_peek(t, "p", "k0"));
	assert_non_null(cache_peek(t, "p", "k1"));
	assert_null(cache_peek(t, "p", "k2"));
	cache_free(&t);
}

static void
an_item_changed_while_it_is_written_is_dirty_again(void **state)
{
	struct cache *t = cache_new();
	struct item *a = add(t, 0), *b = add(t, 1);

	cache_dirty(t, a);
	cache_dirty(t, b);
	assert_ptr_equal(a, cache_next_dirty(t));
	cache_begin_flush(t, a);
	cache_begin_flush(t, b);
	cache_dirty(t, a);
	assert_false(cache_end_flush(t, ITEM_CLEAN, 10));
	assert_int_equal(1, cache_ndirty(t));
	assert_ptr_equal(a, cache_next_dirty(t));
	assert_int_equal(ITEM_CLEAN, b->state);
	cache_free(&t);
}

static void
a_name_that_left_has_another_generation(void **state)
{
	struct cache *t = cache_new();
	uint64_t before = cache_generation(t, "p", "k0");
	uint64_t other = cache_generation(t, "p", "k1");

	add(t, 0);
	assert_true(before == cache_generation(t, "p", "k0"));
	cache_remove(t, cache_find(t, "p", "k0"));
	assert_true(before != cache_generation(t, "p", "k0"));
	assert_true(other == cache_generation(t, "p", "k1"));
	assert_int_equal(0, cache_bytes(t));
	cache_free(&t);
}

static void
a_name_noted_as_absent_is_forgotten_when_an_item_of_it_leaves(void **state)
{
	struct cache *t = cache_new();

	assert_false(cache_is_absent(t, "p", "k1"));
	cache_note_absent(t, "p", "k1");
	assert_true(cache_is_absent(t, "p", "k1"));
	assert_false(cache_is_absent(t, "p", "k2"));
	assert_false(cache_is_absent(t, "q", "k1"));
	cache_remove(t, add(t, 2));
	assert_true(cache_is_absent(t, "p", "k1"));
	cache_remove(t, add(t, 1)); /* the database may have it now */
	assert_false(cache_is_absent(t, "p", "k1"));
	cache_free(&t);
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
		cmocka_unit_test(
		    a_name_noted_as_absent_is_forgotten_when_an_item_of_it_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
