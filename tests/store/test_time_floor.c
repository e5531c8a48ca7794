/*
 * test_time_floor.c - a clock that is set back, put right, or never right.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "random.h"
#include "time_floor.h"

#define T0 (INT64_C(1772442000) * SECOND)

static void
a_clock_that_is_right_is_the_time(void **state)
{
	struct time_floor f = { 0 };

	assert_int_equal(T0, time_floor_at(&f, T0));
	time_floor_raise(&f, T0);
	assert_int_equal(T0, f.highest);
	assert_int_equal(T0 + 1, time_floor_at(&f, T0 + 1));
	assert_int_equal(T0 + 7, time_floor_clock(&f, T0, T0 + 7));
}

static void
a_clock_a_little_behind_is_waited_for(void **state)
{
	struct time_floor f = { 0 };

	time_floor_raise(&f, T0);
	for (int64_t at = -HOUR; at <= 0; at += MINUTE) {
		time_floor_raise(&f, T0 + at);
		assert_int_equal(T0, f.highest);
		assert_int_equal(
		    T0 + DAY, time_floor_clock(&f, T0 + at, T0 + DAY));
	}
	time_floor_raise(&f, T0 + MINUTE);
	assert_int_equal(T0 + MINUTE, f.highest);
}

static void
a_clock_a_year_behind_goes_on_from_the_floor(void **state)
{
	struct time_floor f = { 0 };
	const int64_t back = T0 - 365 * DAY;

	time_floor_raise(&f, T0);
	time_floor_raise(&f, back);
	assert_int_equal(T0, f.highest);
	assert_int_equal(T0 + MINUTE, time_floor_at(&f, back + MINUTE));
	time_floor_raise(&f, back + MINUTE);
	assert_int_equal(T0 + MINUTE, f.highest);
	assert_int_equal(
	    back + DAY, time_floor_clock(&f, back + MINUTE, T0 + DAY));
	assert_int_equal(NEVER, time_floor_clock(&f, back + MINUTE, NEVER));
	/* Back again, and right at last. */
	time_floor_raise(&f, back - 365 * DAY);
	assert_int_equal(T0 + MINUTE, f.highest);
	time_floor_raise(&f, T0 + 2 * MINUTE);
	assert_int_equal(T0 + 2 * MINUTE, f.highest);
}

static void
what_passed_before_the_first_look_does_not_count(void **state)
{
	struct time_floor f = { .highest = T0 };

	assert_int_equal(T0, time_floor_at(&f, T0 - DAY));
	time_floor_look(&f, T0 - DAY);
	assert_int_equal(T0 + MINUTE, time_floor_at(&f, T0 - DAY + MINUTE));
	assert_int_equal(T0, f.highest);
}

/* Refused at RCPT, nobody is charged: yet his window passes. */
static void
questions_alone_let_a_clock_that_went_back_run(void **state)
{
	struct time_floor f = { 0 };

	time_floor_raise(&f, T0);
	time_floor_look(&f, T0 - DAY);
	assert_int_equal(T0, time_floor_at(&f, T0 - DAY));
	time_floor_look(&f, T0 - DAY + MINUTE);
	assert_int_equal(T0 + MINUTE, time_floor_at(&f, T0 - DAY + MINUTE));
	time_floor_look(&f, T0 - 2 * DAY);
	assert_int_equal(T0 + HOUR, time_floor_at(&f, T0 - 2 * DAY + HOUR));
}

/* The clock is read, then the lock is waited for: the order is any. */
static void
readings_that_overtake_each_other_do_not_hurry_time(void **state)
{
	struct time_floor f = { 0 };
	const int64_t back = T0 - DAY;

	time_floor_raise(&f, T0);
	time_floor_raise(&f, back);
	for (int64_t ms = 1; ms <= 5000; ms++) {
		time_floor_raise(&f, back + ms);
		time_floor_raise(&f, back + ms - 1);
		time_floor_look(&f, back + ms - 2);
	}
	assert_int_equal(T0 + 5000, f.highest);
}

static void
what_is_heard_of_others_is_the_floor_and_never_hurries_time(void **state)
{
	struct time_floor ours = { 0 }, theirs = { 0 };
	const int64_t back = T0 - DAY;

	time_floor_raise(&theirs, T0);
	time_floor_heard(&ours, T0 - MINUTE, theirs.highest);
	assert_int_equal(T0, time_floor_at(&ours, T0 - MINUTE));
	time_floor_raise(&ours, back);
	time_floor_raise(&theirs, back);
	for (int64_t t = 0; t <= DAY / 2; t += 7 * SECOND) {
		time_floor_raise(&ours, back + t);
		time_floor_heard(&theirs, back + t, ours.highest);
		assert_int_equal(T0 + t, time_floor_at(&theirs, back + t));
		time_floor_raise(&theirs, back + t + SECOND);
		time_floor_heard(&ours, back + t + SECOND, theirs.highest);
	}
	/* Old news does not take back what has passed since. */
	time_floor_heard(&ours, back + DAY, ours.highest + (DAY - DAY / 2) / 2);
	assert_int_equal(T0 + DAY, time_floor_at(&ours, back + DAY));
}

/* Whatever the clock does: never back, and never faster than what it shows. */
static void
time_never_runs_back_nor_faster_than_the_clock(void **state)
{
	uint64_t rnd = random_seed("floor", 11);
	struct time_floor f = { 0 };
	int64_t clock = T0, before = T0, passed = 0;

	time_floor_raise(&f, T0);
	for (size_t i = random_rounds(1000000); i > 0; i--) {
		uint64_t dice = random_below(&rnd, 1000);
		int64_t step = (int64_t)random_below(&rnd, 60000);

		if (dice < 5)
			step *= -60;
		else if (dice < 10)
			step *= -5000;
		clock += step;
		passed += step > 0 ? step : 0;
		if (dice % 3 == 0) {
			time_floor_look(&f, clock);
			assert_true(time_floor_at(&f, clock) >= f.highest);
			continue;
		}
		time_floor_raise(&f, clock);
		assert_true(f.highest >= before);
		assert_true(f.highest - T0 <= passed);
		assert_true(f.highest >= clock);
		before = f.highest;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_clock_that_is_right_is_the_time),
		cmocka_unit_test(a_clock_a_little_behind_is_waited_for),
		cmocka_unit_test(a_clock_a_year_behind_goes_on_from_the_floor),
		cmocka_unit_test(
		    what_passed_before_the_first_look_does_not_count),
		cmocka_unit_test(
		    questions_alone_let_a_clock_that_went_back_run),
		cmocka_unit_test(
		    readings_that_overtake_each_other_do_not_hurry_time),
		cmocka_unit_test(
		    what_is_heard_of_others_is_the_floor_and_never_hurries_time),
		cmocka_unit_test(
		    time_never_runs_back_nor_faster_than_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
