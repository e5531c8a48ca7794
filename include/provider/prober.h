/*
 * prober.h - looks at each smarthost now and then, so that mail need not find
 * out who is unhealthy.
 */
#ifndef PROBER_H
#define PROBER_H

#include "config.h"

/*
 * What was seen of a smarthost, for whoever keeps its health (why: "" if it is
 * well).  Returns ms until it should be looked at again, -1 if that is not
 * known.
 */
typedef int64_t prober_tell_fn(void *arg, const struct smarthost *sh,
	    bool good, const char *why);

struct prober;

struct prober *prober_new(prober_tell_fn *tell, void *arg);
void	prober_free(struct prober **pp);

/*
 * One round: looks at those that are due at now (ms) and returns how long
 * until the next one is, in ms; NEVER if nobody is to be looked at.
 */
int64_t	prober_round(struct prober *p, const struct config *conf, int64_t now);

#endif
