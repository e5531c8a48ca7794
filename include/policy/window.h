/*
 * window.h - how much was spent inside a window of time, in fixed space.
 *
 * A rolling window keeps at most WINDOW_BUCKETS + 1 buckets.  A bucket
 * gathers what was spent within a slice of length / WINDOW_BUCKETS and leaves
 * when the last event in it has left: so no span of that length ever holds
 * more than what was allowed, and capacity comes back at most one slice late.
 * A leaky bucket or GCRA would be smaller and admit nearly twice the limit in
 * the first window; two fixed windows side by side likewise.
 *
 * A calendar window is one bucket that lives until its period ends.
 *
 * Pure: time is an argument, in ms.  If it steps back, what was spent later
 * counts and keeps its date, and what is spent meanwhile is dated as the
 * latest: nothing is freed early.
 */
#ifndef WINDOW_H
#define WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "timezone.h"

#define WINDOW_BUCKETS	64
#define WINDOW_MIN	(1 * SECOND)
#define WINDOW_MAX	(31 * DAY)

struct window_spec {
	bool calendar;
	enum period period;	/* calendar only */
	int64_t length;		/* rolling only: ms, WINDOW_MIN to WINDOW_MAX */
};

struct bucket {
	int64_t last;		/* rolling: the last event; calendar: the end */
	uint64_t count;
};

struct window {
	struct window_spec spec;
	uint16_t head, n;	/* ring: oldest bucket, buckets in use */
	struct bucket bucket[WINDOW_BUCKETS + 1];
};

void	window_init(struct window *w, const struct window_spec *spec);
bool	window_spec_equal(const struct window_spec *a,
	    const struct window_spec *b);

/* A number for each spec, never 0: no two that differ have the same. */
int64_t	window_spec_code(const struct window_spec *spec);

/* What is spent at time now. */
uint64_t window_used(const struct window *w, int64_t now);

/*
 * Forgets what has left, then spends cost at time now.  zone is used by
 * calendar windows only.
 */
void	window_add(struct window *w, uint64_t cost, int64_t now,
	    const struct zone *zone);

/*
 * Takes n out of what was spent at time when: from the bucket that holds it,
 * never below zero and never from another one.
 */
void	window_return(struct window *w, uint64_t n, int64_t when,
	    const struct zone *zone);

/*
 * The first time, not before now, at which no more than remaining is spent if
 * nothing is added until then.  Never NEVER: an empty window holds nothing.
 */
int64_t	window_fits_at(const struct window *w, uint64_t remaining, int64_t now);

/* True if nothing is left of it at time now. */
bool	window_idle(const struct window *w, int64_t now);

/*
 * Fills an empty window with what n others of the same counter know: for each
 * time the most that any of them knows to have been spent since.  When
 * within a calendar period something was spent is not known; it is taken for
 * updated, when anything was spent last.
 */
#define WINDOW_SOURCES 32
void	window_inherit(struct window *w, const struct window *const *from,
	    size_t n, int64_t now, int64_t updated, const struct zone *zone);

/*
 * Counts in w what another one of the same form counted elsewhere, each bucket
 * at its own time, as far as it still matters.
 */
void	window_merge(struct window *w, const struct window *from, int64_t now);

/* The sum, or the largest number: a count never starts over. */
static inline uint64_t
sat_add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

#endif
