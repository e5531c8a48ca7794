/*
 * time_floor.h - the time that windows go by: it never runs back.
 *
 * A clock that is set back must not date anything before what is known, and
 * when it comes again nothing may have been freed.  So the highest time ever
 * seen, which the store keeps over restarts, is a floor.
 *
 * A clock that is a little behind it (TIME_FLOOR_PATIENCE) is waited for: time
 * stands still until it has caught up.  One that is farther behind (a year, a
 * machine without a battery) would shut every window for as long: then time
 * goes on from the floor by what the clock shows to have passed.  What passed
 * while nobody looked, over a restart say, is not known and does not count.
 * Threads that read the clock one after the other come here in any order, so
 * what is TIME_FLOOR_JITTER behind the last reading is no step of the clock.
 *
 * Pure.
 */
#ifndef TIME_FLOOR_H
#define TIME_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"

#define TIME_FLOOR_PATIENCE HOUR
#define TIME_FLOOR_JITTER SECOND

struct time_floor {
	int64_t highest;	/* ms: of any operation, ever */
	int64_t clock;		/* ms: what the clock showed then */
	bool known;		/* clock was seen since the start */
};

/* The time when the clock shows that (ms): never below f->highest. */
int64_t	time_floor_at(const struct time_floor *f, int64_t clock);

/*
 * What the clock will show at time t, which is not before now: the reverse,
 * for whoever tells a person when to try again.  NEVER stays NEVER.
 */
int64_t	time_floor_clock(const struct time_floor *f, int64_t clock, int64_t t);

/* An operation was done: this time is the floor from now on. */
void	time_floor_raise(struct time_floor *f, int64_t clock);

/*
 * A question was asked.  It does not move the floor, but a clock that is seen
 * to have gone back runs from there.
 */
void	time_floor_look(struct time_floor *f, int64_t clock);

/*
 * Somebody else's operation was at that time (ms), as is heard when the clock
 * shows that: it is the floor for us, too.
 */
void	time_floor_heard(struct time_floor *f, int64_t clock, int64_t time);

#endif
