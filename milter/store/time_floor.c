/*
 * time_floor.c - the time that windows go by: it never runs back.
 */
#include "time_floor.h"

int64_t
time_floor_at(const struct time_floor *f, int64_t clock)
{
	if (clock >= f->highest)
		return clock;
	if (f->highest - clock <= TIME_FLOOR_PATIENCE || !f->known ||
	    clock <= f->clock)
		return f->highest;
	return f->highest + (clock - f->clock);
}

int64_t
time_floor_clock(const struct time_floor *f, int64_t clock, int64_t t)
{
	int64_t behind = time_floor_at(f, clock) - clock;

	/* Who is waited for will show t at t. */
	if (t == NEVER || behind <= TIME_FLOOR_PATIENCE)
		return t;
	return t - behind;
}

static bool
is_step_back(const struct time_floor *f, int64_t clock)
{
	return !f->known || f->clock - clock > TIME_FLOOR_JITTER;
}

void
time_floor_raise(struct time_floor *f, int64_t clock)
{
	f->highest = time_floor_at(f, clock);
	if (clock > f->clock || is_step_back(f, clock))
		f->clock = clock;
	f->known = true;
}

void
time_floor_look(struct time_floor *f, int64_t clock)
{
	if (is_step_back(f, clock))
		f->clock = clock;
	f->known = true;
}

void
time_floor_heard(struct time_floor *f, int64_t clock, int64_t time)
{
	if (time <= time_floor_at(f, clock))
		return;
	*f = (struct time_floor){ time, clock, true };
}
