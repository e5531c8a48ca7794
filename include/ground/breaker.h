/*
 * breaker.h - is a server well enough to be given mail?
 *
 * Closed: it is.  After BREAKER_FAILURES failures in a row the breaker opens;
 * after a pause it is half open, and the next attempt closes it or opens it
 * again, for twice as long.
 *
 * Pure: time is an argument, in ms.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include <stdint.h>

#include "clock.h"

#define BREAKER_FAILURES	3

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* All zero: closed. */
struct breaker {
	unsigned failures;	/* in a row */
	int64_t pause;		/* 0: closed */
	int64_t until;		/* open: the end of the pause */
};

void	breaker_good(struct breaker *b);
/* first: the first pause, doubled each time up to longest; ms. */
void	breaker_bad(struct breaker *b, int64_t first, int64_t longest,
	    int64_t now);

enum breaker_state breaker_state(const struct breaker *b, int64_t now);

/* "closed", "open", "half-open" */
const char *breaker_name(enum breaker_state s);

#endif
