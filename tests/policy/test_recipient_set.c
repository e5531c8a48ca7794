/*
 * test_recipient_set.c - different recipients, against a list of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "random.h"
#include "recipient_set.h"

#define T0 (INT64_C(1774742400) * SECOND)
#define PEOPLE 60

static struct zone *utc;

/* When each of them was last written to; 0 for never. */
struct people {
	int64_t last[PEOPLE];
};

/* Addresses that share their low bits collide in the table. */
static uint64_t
digest_of(size_t person)
{
	return (uint64_t)person / 4 << 32 | (uint64_t)(person % 4) << 60 | 5;
}

static bool
counts(const struct people *p, size_t i, int64_t length, int64_t now)
{
	return p->last[i] != 0 &&
	       (p->last[i] > now || now - p->last[i] < length);
}

static uint64_t
how_many(const struct people *p, int64_t length, int64_t now)
{
	uint64_t n = 0;

	for (size_t i = 0; i < PEOPLE; i++)
		n += counts(p, i, length, now);
	return n;
}

static void
people_forget(struct people *p, int64_t length, int64_t now)
{
	for (size_t i = 0; i < PEOPLE; i++)
		if (!counts(p, i, length, now))
			p->last[i] = 0;
}

static int64_t
newest(const struct people *p, int64_t now)
{
	for (size_t i = 0; i < PEOPLE; i++)
		if (p->last[i] > now)
			now = p->last[i];
	return now;
}

static size_t
some_people(uint64_t *rnd, size_t *who, uint64_t *digest)
{
	size_t n = 0, most = random_below(rnd, 6);

	for (size_t i = 0; i < PEOPLE && n < most; i++)
		if (random_percent(rnd, 8)) {
			who[n] = i;
			digest[n++] = digest_of(i);
		}
	return n;
}

static void
walk(uint64_t seed, bool step_back)
{
	struct window_spec spec = { .length = 100 * SECOND };
	struct people p = { 0 };
	uint64_t rnd = seed;
	int64_t now = T0;
	struct recipient_set u;

	recipient_set_init(&u, &spec);
	for (size_t r = random_rounds(200000); r > 0; r--) {
		size_t who[PEOPLE], n;
		uint64_t digest[PEOPLE], fresh = 0;
		int64_t at;

		now += (int64_t)random_below(&rnd, 4000);
		if (random_percent(&rnd, 1))
			now += spec.length;
		if (step_back && random_percent(&rnd, 3))
			now -= (int64_t)random_below(&rnd, 200000);
		n = some_people(&rnd, who, digest);
		for (size_t i = 0; i < n; i++)
			fresh += !counts(&p, who[i], spec.length, now);
		assert_int_equal(recipient_set_used(&u, now),
		    how_many(&p, spec.length, now));
		assert_int_equal(recipient_set_new(&u, digest, n, now), fresh);
		if (random_percent(&rnd, 30))
			continue;
		people_forget(&p, spec.length, now);
		at = newest(&p, now);
		for (size_t i = 0; i < n; i++)
			p.last[who[i]] = at;
		assert_int_equal(recipient_set_reserve(&u, n, now), 0);
		recipient_set_add(&u, digest, n, now, NULL);
		assert_int_equal(u.used, how_many(&p, spec.length, now));
	}
	recipient_set_free(&u);
}

static void
a_set_agrees_with_a_list(void **state)
{
	walk(random_seed("monotonic", 21), false);
}

static void
a_set_agrees_with_a_list_when_clocks_step_back(void **state)
{
	walk(random_seed("stepping", 22), true);
}

static uint64_t
beside(
    const struct recipient_set *u, const uint64_t *digest, size_t n, int64_t t)
{
	return recipient_set_used(u, t) -
	       (n - recipient_set_new(u, digest, n, t));
}

static void
capacity_comes_back_at_the_time_that_was_told(void **state)
{
	uint64_t rnd = random_seed("when", 23);

	for (size_t r = random_rounds(20000); r > 0; r--) {
		struct window_spec spec = {
			.length =
			    31 * DAY - (int64_t)random_below(&rnd, 30) * DAY
		};
		uint64_t digest[PEOPLE], remaining = random_below(&rnd, 20);
		size_t who[PEOPLE], n;
		int64_t now = T0, when;
		struct recipient_set u;

		recipient_set_init(&u, &spec);
		for (int k = 0; k < 20; k++) {
			now += (int64_t)random_below(
			    &rnd, (uint64_t)spec.length / 15);
			n = some_people(&rnd, who, digest);
			assert_int_equal(recipient_set_reserve(&u, n, now), 0);
			recipient_set_add(&u, digest, n, now, NULL);
		}
		n = some_people(&rnd, who, digest);
		when = recipient_set_fits_at(&u, digest, n, remaining, now);
		assert_true(when >= now);
		assert_true(beside(&u, digest, n, when) <= remaining);
		if (when > now)
			assert_true(
			    beside(&u, digest, n, when - 1) > remaining);
		recipient_set_free(&u);
	}
}

static void
a_second_message_to_the_same_costs_nothing(void **state)
{
	struct window_spec spec = { .length = HOUR };
	uint64_t a = 1, b = 2;
	struct recipient_set u;

	recipient_set_init(&u, &spec);
	assert_int_equal(recipient_set_new(&u, &a, 1, T0), 1);
	assert_int_equal(recipient_set_reserve(&u, 2, T0), 0);
	recipient_set_add(&u, &a, 1, T0, NULL);
	assert_int_equal(recipient_set_new(&u, &a, 1, T0), 0);
	recipient_set_add(&u, &b, 1, T0 + MINUTE, NULL);
	recipient_set_add(&u, &a, 1, T0 + 30 * MINUTE, NULL);
	assert_int_equal(recipient_set_used(&u, T0 + 60 * MINUTE), 2);
	assert_int_equal(recipient_set_used(&u, T0 + 61 * MINUTE), 1);
	assert_int_equal(recipient_set_used(&u, T0 + 90 * MINUTE), 0);
	recipient_set_free(&u);
}

static void
a_full_table_takes_no_more(void **state)
{
	struct window_spec spec = { .length = HOUR };
	struct recipient_set u;

	recipient_set_init(&u, &spec);
	for (uint64_t d = 0; d < 100; d++)
		recipient_set_add(&u, &d, 1, T0, NULL);
	assert_int_equal(recipient_set_used(&u, T0), 0);
	assert_int_equal(recipient_set_reserve(&u, 1, T0), 0);
	for (uint64_t d = 0; d < 100; d++)
		recipient_set_add(&u, &d, 1, T0, NULL);
	assert_true(recipient_set_used(&u, T0) < u.size);
	assert_int_equal(recipient_set_reserve(&u, SIZE_MAX / 2, T0), -1);
	recipient_set_free(&u);
}

static void
a_table_gives_back_room_it_no_longer_needs(void **state)
{
	struct window_spec spec = { .length = HOUR };
	struct recipient_set u;

	recipient_set_init(&u, &spec);
	assert_int_equal(recipient_set_reserve(&u, 10000, T0), 0);
	for (uint64_t d = 0; d < 10000; d++)
		recipient_set_add(&u, &d, 1, T0, NULL);
	assert_int_equal(recipient_set_used(&u, T0), 10000);
	assert_int_equal(recipient_set_reserve(&u, 1, T0 + HOUR), 0);
	assert_true(u.size < 100);
	recipient_set_free(&u);
}

static void
a_day_of_recipients_ends_at_midnight(void **state)
{
	struct window_spec spec = { .calendar = true, .period = PERIOD_DAY };
	uint64_t d[] = { 1, 2, 3 };
	struct recipient_set u;

	recipient_set_init(&u, &spec);
	assert_int_equal(recipient_set_reserve(&u, 3, T0), 0);
	recipient_set_add(&u, d, 3, T0 + HOUR, utc);
	assert_int_equal(recipient_set_used(&u, T0 + DAY - 1), 3);
	assert_int_equal(
	    recipient_set_fits_at(&u, d, 1, 1, T0 + HOUR), T0 + DAY);
	assert_int_equal(
	    recipient_set_fits_at(&u, d, 1, 2, T0 + HOUR), T0 + HOUR);
	assert_int_equal(recipient_set_used(&u, T0 + DAY), 0);
	assert_int_equal(recipient_set_new(&u, d, 3, T0 + DAY), 3);
	recipient_set_add(&u, d, 1, T0 + DAY, utc);
	assert_int_equal(recipient_set_used(&u, T0 + DAY), 1);
	recipient_set_free(&u);
}

static void
another_window_inherits_each_at_its_own_time(void **state)
{
	struct window_spec day = { .length = DAY }, hour = { .length = HOUR };
	uint64_t a = 1, b = 2;
	struct recipient_set u, from;

	recipient_set_init(&from, &day);
	assert_int_equal(recipient_set_reserve(&from, 2, T0), 0);
	recipient_set_add(&from, &a, 1, T0, NULL);
	recipient_set_add(&from, &b, 1, T0 + 50 * MINUTE, NULL);
	recipient_set_init(&u, &hour);
	assert_int_equal(recipient_set_inherit(&u, &from, T0 + HOUR, NULL), 0);
	assert_int_equal(recipient_set_used(&u, T0 + HOUR), 1);
	assert_int_equal(recipient_set_used(&u, T0 + 109 * MINUTE), 1);
	assert_int_equal(recipient_set_used(&u, T0 + 110 * MINUTE), 0);
	recipient_set_free(&u);
	recipient_set_free(&from);
}

static int
setup(void **state)
{
	struct why why;

	utc = zone_load("UTC", &why);
	return utc == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	zone_free(&utc);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_message_to_the_same_costs_nothing),
		cmocka_unit_test(a_full_table_takes_no_more),
		cmocka_unit_test(a_table_gives_back_room_it_no_longer_needs),
		cmocka_unit_test(a_day_of_recipients_ends_at_midnight),
		cmocka_unit_test(another_window_inherits_each_at_its_own_time),
		cmocka_unit_test(capacity_comes_back_at_the_time_that_was_told),
		cmocka_unit_test(a_set_agrees_with_a_list),
		cmocka_unit_test(
		    a_set_agrees_with_a_list_when_clocks_step_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
