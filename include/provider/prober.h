/*
 * prober.h - looks at each smarthost now and then, so that mail need not find
 * out who is ill.
 */
#ifndef PROBER_H
#define PROBER_H

#include "smarthost_health.h"

/*
 * Starts the thread that looks, as often as probe-every of the configuration
 * in force says, and tells h, which must outlive the process's threads.  It
 * ends with the process.  0, or -1 if out of resources.
 */
int	prober_start(struct health *h);

/* The configuration changed: look at it again. */
void	prober_wake(void);

/*
 * One round: looks at those that are due at now (ms) and returns how long
 * until the next one is, in ms; NEVER if nobody is to be looked at.
 */
int64_t	prober_round(struct health *h, int64_t now);

#endif
