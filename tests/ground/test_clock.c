/*
 * test_clock.c - which steps of the wall clock are believed, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "clock.h"

#define WALL (INT64_C(1772442000) * SECOND)

static int64_t
believed(const struct clock_guard *g, int64_t up)
{
	return up + g->ahead;
}

static void
time_that_passes_is_believed(void **state)
{
	struct clock_guard g = { 0 };

	/* Suspend and idleness move both clocks, however far. */
	for (int64_t t = 0; t < 10 * DAY; t += 7 * HOUR) {
		assert_int_equal(
		    clock_believe(&g, WALL + t, 50 + t), CLOCK_QUIET);
		assert_int_equal(believed(&g, 50 + t), WALL + t);
	}
	/* NTP slews, and steps of less than five minutes. */
	assert_int_equal(clock_believe(&g, WALL + 4 * MINUTE, 50), CLOCK_QUIET);
	assert_int_equal(believed(&g, 50), WALL + 4 * MINUTE);
}

static void
a_step_back_is_believed_and_told(void **state)
{
	struct clock_guard g = { 0 };

	(void)clock_believe(&g, WALL, 0);
	assert_int_equal(clock_believe(&g, WALL - HOUR, 0), CLOCK_WENT_BACK);
	assert_int_equal(believed(&g, 0), WALL - HOUR);
}

static void
a_leap_forward_is_believed_when_it_has_lasted(void **state)
{
	struct clock_guard g = { 0 };

	(void)clock_believe(&g, WALL, 0);
	assert_int_equal(clock_believe(&g, WALL + DAY, 0), CLOCK_LEAPT);
	for (int64_t t = SECOND; t < MINUTE; t += SECOND) {
		assert_int_equal(
		    clock_believe(&g, WALL + DAY + t, t), CLOCK_QUIET);
		assert_int_equal(believed(&g, t), WALL + t);
	}
	assert_int_equal(
	    clock_believe(&g, WALL + DAY + MINUTE, MINUTE), CLOCK_BELIEVED);
	assert_int_equal(believed(&g, MINUTE), WALL + DAY + MINUTE);
}

static void
a_leap_that_is_taken_back_changes_nothing(void **state)
{
	struct clock_guard g = { 0 };

	(void)clock_believe(&g, WALL, 0);
	(void)clock_believe(&g, WALL + 3650 * DAY, 0);
	assert_int_equal(clock_believe(&g, WALL + 30 * SECOND, 30 * SECOND),
	    CLOCK_CAME_BACK);
	assert_int_equal(believed(&g, 30 * SECOND), WALL + 30 * SECOND);
	assert_int_equal(
	    clock_believe(&g, WALL + 2 * MINUTE, 2 * MINUTE), CLOCK_QUIET);
}

static void
a_second_leap_is_doubted_anew(void **state)
{
	struct clock_guard g = { 0 };

	(void)clock_believe(&g, WALL, 0);
	(void)clock_believe(&g, WALL + HOUR, 0);
	assert_int_equal(
	    clock_believe(&g, WALL + DAY, 59 * SECOND), CLOCK_LEAPT);
	assert_int_equal(
	    clock_believe(&g, WALL + DAY + MINUTE, 61 * SECOND), CLOCK_QUIET);
	assert_int_equal(believed(&g, 61 * SECOND), WALL + 61 * SECOND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_that_passes_is_believed),
		cmocka_unit_test(a_step_back_is_believed_and_told),
		cmocka_unit_test(a_leap_forward_is_believed_when_it_has_lasted),
		cmocka_unit_test(a_leap_that_is_taken_back_changes_nothing),
		cmocka_unit_test(a_second_leap_is_doubted_anew),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
