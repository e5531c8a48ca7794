/*
 * test_tally.c - counting never loses one, and never grows without an end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "tally.h"

#define THREADS 4
#define ROUNDS 20000

static void *
count_much(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		tally_add(TALLY_MESSAGES, "pass", "threads", 1);
		tally_took(TALLY_EOM, tally_clock());
	}
	return arg;
}

static void
threads_lose_no_count(void **state)
{
	pthread_t t[THREADS];
	struct tally_times times;
	uint64_t all = 0;

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&t[i], NULL, count_much, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(tally_sum(TALLY_MESSAGES, "pass"), THREADS * ROUNDS);
	tally_times(TALLY_EOM, &times);
	for (size_t i = 0; i <= TALLY_BOUNDS; i++)
		all += times.count[i];
	assert_int_equal(all, THREADS * ROUNDS);
}

static void
look(void *arg, enum tally kind, const char *a, const char *b, uint64_t n)
{
	uint64_t *seen = arg;

	seen[0]++;
	if (kind == TALLY_LOOKUPS)
		seen[1] += n;
}

static void
names_without_an_end_are_counted_as_other(void **state)
{
	uint64_t seen[2] = { 0 };
	char name[32];

	for (unsigned i = 0; i < 2 * TALLY_SERIES; i++) {
		snprintf(name, sizeof(name), "made-up-%u", i);
		tally_add(TALLY_LOOKUPS, name, NULL, 1);
	}
	tally_walk(look, seen);
	assert_true(seen[0] <= TALLY_SERIES);
	assert_int_equal(seen[1], 2 * TALLY_SERIES);
	assert_true(tally_sum(TALLY_LOOKUPS, "other") >= TALLY_SERIES);
	/* Another kind still has its place for the rest. */
	tally_add(TALLY_ADMIN, "late", NULL, 1);
	assert_int_equal(tally_sum(TALLY_ADMIN, NULL), 1);
}

static void
labels_tell_series_apart_and_a_zero_makes_one(void **state)
{
	tally_add(TALLY_RELOADS, "ok", NULL, 0);
	assert_int_equal(tally_sum(TALLY_RELOADS, "ok"), 0);
	tally_add(TALLY_RELOADS, "ok", NULL, 2);
	tally_add(TALLY_RELOADS, "refused", "ok", 3);
	assert_int_equal(tally_sum(TALLY_RELOADS, "ok"), 2);
	assert_int_equal(tally_sum(TALLY_RELOADS, NULL), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_tell_series_apart_and_a_zero_makes_one),
		cmocka_unit_test(threads_lose_no_count),
		cmocka_unit_test(names_without_an_end_are_counted_as_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
