/*
 * clock.h - the only reader of the time.
 *
 * Everything above is given the time as an argument: milliseconds since
 * 1970-01-01 UTC (as POSIX counts, without leap seconds), signed 64 bit.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define SECOND	INT64_C(1000)
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* No time at all: a wait that never ends. */
#define NEVER	INT64_MAX

/*
 * The wall clock.  It may step back; windows are made to bear that.  A leap of
 * more than five minutes forward is believed when it has lasted for one.
 */
int64_t	clock_now(void);

/* A clock that never steps, for deadlines inside the process only. */
int64_t	clock_steady(void);

/* How far the wall clock is ahead of the machine's uptime, as believed. */
struct clock_guard {
	int64_t ahead;
	bool known, doubted;
	int64_t step, since;	/* the leap in doubt, and the uptime then */
};

enum clock_news { CLOCK_QUIET, CLOCK_WENT_BACK, CLOCK_LEAPT, CLOCK_CAME_BACK,
    CLOCK_BELIEVED };

#define CLOCK_HOLD (60 * SECOND) /* what a leap has to last */

/* Both clocks were read: what is believed now (up + g->ahead), what is new. */
enum clock_news clock_believe(struct clock_guard *g, int64_t wall, int64_t up);

/* Logs the news of a clock ("the clock") that stepped by so many ms. */
void	clock_tell(const char *clock, enum clock_news news, int64_t step);

#endif
