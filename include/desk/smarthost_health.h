/*
 * smarthost_health.h - which smarthosts are unhealthy, as far as anybody looked.
 *
 * Written by the control door for the agent, read by the desk and the operator's door, each from
 * its own thread.  Who was never looked at is well.
 */
#ifndef SMARTHOST_HEALTH_H
#define SMARTHOST_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "breaker.h"
#include "why.h"


/* Unhealthy after BREAKER_FAILURES; how long until the next try. */
#define HEALTH_PAUSE	(30 * SECOND)
#define HEALTH_LONGEST	(10 * MINUTE)

struct health;

struct health *health_new(void);	/* NULL: out of memory */
void	health_free(struct health **hp);

/* Everybody is well: nobody looks any more. */
void	health_forget(struct health *h);

/*
 * A look at a smarthost; why says what was wrong, if it was.  Returns true if
 * that opened or closed its breaker.  Out of memory: it stays well.
 */
bool	health_tell(struct health *h, const char *smarthost, bool good,
	    const char *why, int64_t now);

/*
 * ms until it should be looked at again: every, or the end of the pause of one
 * that is unhealthy.
 */
int64_t	health_next(struct health *h, const char *smarthost, int64_t every,
	    int64_t now);

/* Should others be preferred?  h may be NULL: nobody looks. */
bool	health_is_unhealthy(struct health *h, const char *smarthost);

struct health_report {
	enum breaker_state state;
	int64_t seen;		/* the last look */
	int64_t until;		/* open: until when */
	struct why why;	/* "" if the last look was good */
};

/* False if nobody looked at it; h may be NULL. */
bool	health_ask(struct health *h, const char *smarthost, int64_t now,
	    struct health_report *r_r);

#endif
