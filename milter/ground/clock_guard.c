/*
 * clock_guard.c - is that the time?
 *
 * A wall clock that is set to next year for a moment would free every limit
 * and lock none too late.  A second clock is the witness (the machine's uptime,
 * which does not step): a leap that it did not see has to last before it
 * counts.
 */
#include "clock.h"

#define STEP (2 * SECOND) /* backwards: worth a line */
#define LEAP (5 * MINUTE) /* forwards: not believed at once */

enum clock_news
clock_believe(struct clock_guard *g, int64_t wall, int64_t up)
{
	const int64_t step = wall - up - g->ahead;
	const bool doubted = g->doubted;

	if (!g->known || step <= LEAP) {
		g->ahead = wall - up;
		g->known = true;
		g->doubted = false;
		return doubted        ? CLOCK_CAME_BACK
		       : step < -STEP ? CLOCK_WENT_BACK
				      : CLOCK_QUIET;
	}
	/* Another leap is another doubt. */
	if (!doubted || step > g->step + LEAP || step < g->step - LEAP) {
		g->doubted = true;
		g->step = step;
		g->since = up;
		return CLOCK_LEAPT;
	}
	if (up - g->since < CLOCK_HOLD)
		return CLOCK_QUIET;
	g->ahead = wall - up;
	g->doubted = false;
	return CLOCK_BELIEVED;
}
