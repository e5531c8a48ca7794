/*
 * clock.h - the only reader of the time.
 *
 * Everything above is given the time as an argument: milliseconds since
 * 1970-01-01 UTC (as POSIX counts, without leap seconds), signed 64 bit.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define SECOND	INT64_C(1000)
#define MINUTE	(60 * SECOND)
#define HOUR	(60 * MINUTE)
#define DAY	(24 * HOUR)

/* No moment at all: a wait that never ends. */
#define NEVER	INT64_MAX

/* The wall clock.  It may step back; windows are made to bear that. */
int64_t	clock_now(void);

/* A clock that never steps, for deadlines inside the process only. */
int64_t	clock_steady(void);

#endif
