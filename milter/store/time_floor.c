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

void
time_floor_raise(struct time_floor *f, int64_t clock)
{
	f->highest = time_floor_at(f, clock);
	f->clock = clock;
	f->known = true;
}

void
time_floor_look(struct time_floor *f, int64_t clock)
{
	if (f->known && clock >= f->clock)
		return;
	f->clock = clock;
	f->known = true;
}
