/*
 * test_window.c - the strict promise, against a list of every event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "random.h"
#include "window.h"

#define T0 (INT64_C(1774742400) * SECOND) /* 2026-03-29 00:00 UTC */
#define LIST 4096

struct list {
	struct bucket event[LIST]; /* last: when it was */
	size_t n;
};

static struct zone *berlin;

static int64_t
slice_length(const struct window_spec *spec)
{
	return (spec->length + WINDOW_BUCKETS - 1) / WINDOW_BUCKETS;
}

static int64_t
slice_number(const struct window_spec *spec, int64_t t)
{
	int64_t q = t / slice_length(spec);

	return q * slice_length(spec) > t ? q - 1 : q;
}

/* Spent less than length ago, and not later than now. */
static uint64_t
spent_within(const struct list *l, int64_t length, int64_t now)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < l->n; i++)
		if (now - l->event[i].last < length)
			sum += l->event[i].count;
	return sum;
}

/* The same, but a slice leaves with the last event in it. */
static uint64_t
spent_by_slices(const struct list *l, const struct window_spec *spec,
    int64_t now, size_t *oldest_r)
{
	uint64_t sum = 0;
	int64_t last = INT64_MIN;

	*oldest_r = l->n;
	for (size_t i = l->n; i-- > 0;) {
		if (i + 1 == l->n ||
		    slice_number(spec, l->event[i].last) !=
			slice_number(spec, l->event[i + 1].last))
			last = l->event[i].last;
		if (now - last >= spec->length)
			break;
		sum += l->event[i].count;
		*oldest_r = i;
	}
	return sum;
}

/* What had left when something was spent does not come back. */
static void
list_forget(struct list *l, const struct window_spec *spec, int64_t now)
{
	size_t oldest;

	spent_by_slices(l, spec, now, &oldest);
	l->n -= oldest;
	memmove(l->event, l->event + oldest, l->n * sizeof(l->event[0]));
}

static void
list_add(struct list *l, uint64_t cost, int64_t now)
{
	if (l->n > 0 && l->event[l->n - 1].last > now)
		now = l->event[l->n - 1].last;
	assert_true(l->n < LIST);
	l->event[l->n++] = (struct bucket){ now, cost };
}

static int64_t
some_length(uint64_t *rnd)
{
	static const int64_t scale[] = { SECOND, MINUTE, HOUR, DAY };
	static const uint64_t most[] = { 600, 600, 100, 31 };
	size_t i = random_below(rnd, 4);
	int64_t n = 1 + (int64_t)random_below(rnd, most[i]);
	int64_t odd = i < 3 ? (int64_t)random_below(rnd, 999) : 0;

	return n * scale[i] + odd;
}

/* Jumps of every size, from many in one slice to whole windows. */
static int64_t
some_time(uint64_t *rnd, int64_t length)
{
	uint64_t most = (uint64_t)length;

	switch (random_below(rnd, 10)) {
	case 0:
		return (int64_t)random_below(rnd, most * 2);
	case 1:
	case 2:
	case 3:
		return (int64_t)random_below(rnd, most / 10 + 1);
	case 4:
		return 0;
	default:
		return (int64_t)random_below(rnd, most / 80 + 1);
	}
}

static void
walk_one(uint64_t *rnd, size_t steps, bool step_back)
{
	static struct list list;
	struct window_spec spec = { .length = some_length(rnd) };
	uint64_t max = 1 + random_below(rnd, 120);
	int64_t now = T0 - (int64_t)random_below(rnd, 1000000);
	struct window w;

	list.n = 0;
	window_init(&w, &spec);
	for (size_t i = 0; i < steps; i++) {
		uint64_t cost = 1 + random_below(rnd, 3), used;
		size_t oldest;

		now += some_time(rnd, spec.length);
		if (step_back && random_percent(rnd, 2))
			now -= 4 * some_time(rnd, spec.length);
		used = window_used(&w, now);
		assert_int_equal(
		    used, spent_by_slices(&list, &spec, now, &oldest));
		assert_true(used >= spent_within(&list, spec.length, now));
		assert_true(
		    used <= spent_within(
				&list, spec.length + slice_length(&spec), now));
		assert_true(w.n <= WINDOW_BUCKETS + 1);
		if (used + cost > max)
			continue;
		window_add(&w, cost, now, NULL);
		list_forget(&list, &spec, now);
		list_add(&list, cost, now);
		assert_true(spent_within(&list, spec.length, now) <= max);
	}
}

static void
no_span_of_the_length_holds_more_than_the_limit(void **state)
{
	uint64_t rnd = random_seed("monotonic", 11);
	size_t rounds = random_rounds(1000000);

	for (size_t i = 0; i < rounds; i += 2000)
		walk_one(&rnd, rounds < 2000 ? rounds : 2000, false);
}

static void
the_promise_survives_clocks_that_step_back(void **state)
{
	uint64_t rnd = random_seed("stepping", 12);
	size_t rounds = random_rounds(1000000);

	for (size_t i = 0; i < rounds; i += 2000)
		walk_one(&rnd, rounds < 2000 ? rounds : 2000, true);
}

static void
capacity_comes_back_at_the_time_that_was_told(void **state)
{
	uint64_t rnd = random_seed("when", 13);

	for (size_t i = random_rounds(20000); i > 0; i--) {
		struct window_spec spec = { .length = some_length(&rnd) };
		struct window w;
		int64_t now = T0, when;
		uint64_t remaining = random_below(&rnd, 60);

		window_init(&w, &spec);
		for (int k = 0; k < 40; k++) {
			now += some_time(&rnd, spec.length) / 3;
			window_add(&w, 1 + random_below(&rnd, 3), now, NULL);
		}
		when = window_fits_at(&w, remaining, now);
		assert_true(when >= now);
		assert_true(window_used(&w, when) <= remaining);
		if (when > now)
			assert_true(window_used(&w, when - 1) > remaining);
	}
}

static void
an_event_leaves_exactly_one_length_later(void **state)
{
	struct window_spec spec = { .length = HOUR };
	struct window w;

	window_init(&w, &spec);
	assert_true(window_idle(&w, T0));
	window_add(&w, 7, T0, NULL);
	assert_int_equal(window_used(&w, T0 + HOUR - 1), 7);
	assert_int_equal(window_used(&w, T0 + HOUR), 0);
	assert_true(window_idle(&w, T0 + HOUR));
}

static void
what_lies_ahead_counts_and_keeps_its_date(void **state)
{
	struct window_spec spec = { .length = HOUR };
	const int64_t ahead = T0 + 1000 * DAY;
	struct window w;

	window_init(&w, &spec);
	window_add(&w, 5, ahead, NULL);
	assert_int_equal(window_used(&w, T0), 5);
	assert_int_equal(window_fits_at(&w, 0, T0), ahead + HOUR);
	window_add(&w, 1, T0, NULL);
	assert_int_equal(window_used(&w, ahead + HOUR - 1), 6);
	assert_int_equal(window_used(&w, ahead + HOUR), 0);
}

static void
what_is_given_back_leaves_its_own_bucket_alone(void **state)
{
	struct window_spec spec = { .length = HOUR };
	struct window_spec day = { .calendar = true, .period = PERIOD_DAY };
	struct window w;

	window_init(&w, &spec);
	window_add(&w, 5, T0, NULL);
	window_add(&w, 3, T0 + 10 * MINUTE, NULL);
	window_return(&w, 2, T0 + 5, NULL);
	assert_int_equal(window_used(&w, T0 + 10 * MINUTE), 6);
	window_return(&w, 9, T0, NULL);
	assert_int_equal(window_used(&w, T0 + 10 * MINUTE), 3);
	window_return(&w, 9, T0 + 30 * MINUTE, NULL);
	window_return(&w, 9, T0 - 30 * MINUTE, NULL);
	assert_int_equal(window_used(&w, T0 + 10 * MINUTE), 3);
	window_init(&w, &day);
	window_add(&w, 5, T0 + DAY, berlin);
	window_return(&w, 2, T0 - DAY, berlin);
	assert_int_equal(window_used(&w, T0 + DAY), 5);
	window_return(&w, 2, T0 + DAY + 1, berlin);
	assert_int_equal(window_used(&w, T0 + DAY), 3);
}

static void
a_full_ring_merges_its_oldest_into_the_later(void **state)
{
	struct window_spec spec = { .length = HOUR };
	struct window w;

	window_init(&w, &spec);
	for (size_t i = 0; i <= WINDOW_BUCKETS; i++)
		w.bucket[w.n++] = (struct bucket){ T0 + (int64_t)i, 1 };
	window_add(&w, 1, T0 + 2 * MINUTE, NULL);
	assert_int_equal(w.n, WINDOW_BUCKETS + 1);
	assert_int_equal(window_used(&w, T0 + 2 * MINUTE), WINDOW_BUCKETS + 2);
	assert_int_equal(window_used(&w, T0 + HOUR), WINDOW_BUCKETS + 2);
	assert_int_equal(window_used(&w, T0 + HOUR + 1), WINDOW_BUCKETS);
}

static void
a_sum_stays_at_its_greatest(void **state)
{
	struct window_spec spec = { .length = HOUR };
	struct window w;

	window_init(&w, &spec);
	window_add(&w, UINT64_MAX, T0, NULL);
	window_add(&w, 10, T0, NULL);
	window_add(&w, 10, T0 + 10 * MINUTE, NULL);
	assert_true(window_used(&w, T0 + 10 * MINUTE) == UINT64_MAX);
	assert_int_equal(window_fits_at(&w, 10, T0 + 10 * MINUTE), T0 + HOUR);
}

static void
a_day_is_empty_at_midnight(void **state)
{
	struct window_spec spec = { .calendar = true, .period = PERIOD_DAY };
	struct window w;
	int64_t start, end;

	zone_period(berlin, PERIOD_DAY, T0 + 5 * HOUR, &start, &end);
	assert_int_equal(end - start, 23 * HOUR);
	window_init(&w, &spec);
	window_add(&w, 3, T0 + 5 * HOUR, berlin);
	assert_int_equal(window_used(&w, end - 1), 3);
	assert_int_equal(window_fits_at(&w, 2, T0 + 5 * HOUR), end);
	assert_int_equal(window_used(&w, end), 0);
	window_add(&w, 1, end, berlin);
	assert_int_equal(window_used(&w, end), 1);
}

static void
a_day_stepped_back_keeps_its_count_until_the_later_day_ends(void **state)
{
	struct window_spec spec = { .calendar = true, .period = PERIOD_DAY };
	struct window w;
	int64_t start, end;

	window_init(&w, &spec);
	window_add(&w, 3, T0 + 500 * DAY, berlin);
	window_add(&w, 1, T0, berlin);
	zone_period(berlin, PERIOD_DAY, T0 + 500 * DAY, &start, &end);
	assert_int_equal(window_used(&w, T0), 4);
	assert_int_equal(window_used(&w, end - 1), 4);
	assert_int_equal(window_used(&w, end), 0);
}

static void
inherit(struct window *w, const struct window_spec *spec,
    const struct window *from, int64_t now, int64_t updated)
{
	window_init(w, spec);
	window_inherit(w, &from, 1, now, updated, berlin);
}

static void
a_shorter_window_inherits_what_still_matters(void **state)
{
	struct window_spec day = { .length = DAY }, hour = { .length = HOUR };
	struct window_spec today = { .calendar = true, .period = PERIOD_DAY };
	struct window from, w;

	window_init(&from, &day);
	window_add(&from, 8, T0 - 2 * HOUR, NULL); /* yesterday in Berlin */
	window_add(&from, 4, T0, NULL);
	window_add(&from, 1, T0 + 2 * HOUR, NULL);
	inherit(&w, &hour, &from, T0 + 2 * HOUR, T0 + 2 * HOUR);
	assert_int_equal(window_used(&w, T0 + 2 * HOUR), 1);
	inherit(&w, &today, &from, T0 + 2 * HOUR, T0 + 2 * HOUR);
	assert_int_equal(window_used(&w, T0 + 2 * HOUR), 5);
	/* Anything was spent last an hour ago. */
	inherit(&from, &day, &w, T0 + 3 * HOUR, T0 + 2 * HOUR);
	assert_int_equal(window_used(&from, T0 + 26 * HOUR - 1), 5);
	assert_int_equal(window_used(&from, T0 + 26 * HOUR), 0);
	assert_int_equal(window_used(&from, T0 + 27 * HOUR), 0);
}

static void
the_most_that_any_window_knows_is_inherited_for_each_time(void **state)
{
	struct window_spec day = { .length = DAY }, hour = { .length = HOUR };
	struct window_spec week = { .length = 7 * DAY };
	const int64_t now = T0 + 2 * HOUR;
	struct window a, b, w;
	const struct window *from[] = { &a, &b };

	window_init(&a, &day);
	window_init(&b, &hour);
	window_add(&a, 8, T0 - 2 * HOUR, NULL);
	window_add(&a, 2, now - 30 * MINUTE, NULL);
	window_add(&b, 5, now - 40 * MINUTE, NULL);
	window_add(&b, 1, now - 10 * MINUTE, NULL);
	window_init(&w, &week);
	window_inherit(&w, from, 2, now, now, NULL);
	/* Since 10 minutes 1, since 30 min 2, since 40 min 6, since 4 h 10. */
	assert_int_equal(window_used(&w, now), 10);
	assert_int_equal(window_used(&w, T0 - 2 * HOUR + 7 * DAY), 6);
	assert_int_equal(window_used(&w, now - 40 * MINUTE + 7 * DAY - 1), 6);
	assert_int_equal(window_used(&w, now - 10 * MINUTE + 7 * DAY), 0);
	window_init(&w, &hour);
	window_inherit(&w, from, 2, now, now, NULL);
	assert_int_equal(window_used(&w, now + 19 * MINUTE), 6);
	assert_int_equal(window_used(&w, now + 20 * MINUTE), 2);
	assert_int_equal(window_used(&w, now + 30 * MINUTE), 1);
}

static int
setup(void **state)
{
	struct why why;

	berlin = zone_load("Europe/Berlin", &why);
	return berlin == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	zone_free(&berlin);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_leaves_exactly_one_length_later),
		cmocka_unit_test(what_lies_ahead_counts_and_keeps_its_date),
		cmocka_unit_test(
		    what_is_given_back_leaves_its_own_bucket_alone),
		cmocka_unit_test(a_full_ring_merges_its_oldest_into_the_later),
		cmocka_unit_test(a_sum_stays_at_its_greatest),
		cmocka_unit_test(a_day_is_empty_at_midnight),
		cmocka_unit_test(
		    a_day_stepped_back_keeps_its_count_until_the_later_day_ends),
		cmocka_unit_test(a_shorter_window_inherits_what_still_matters),
		cmocka_unit_test(
		    the_most_that_any_window_knows_is_inherited_for_each_time),
		cmocka_unit_test(capacity_comes_back_at_the_time_that_was_told),
		cmocka_unit_test(
		    no_span_of_the_length_holds_more_than_the_limit),
		cmocka_unit_test(the_promise_survives_clocks_that_step_back),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
