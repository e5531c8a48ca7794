/*
 * runaway.h - an account that is refused again and again is stopped: a person
 * gives up, a thief's program does not.
 */
#ifndef RUNAWAY_H
#define RUNAWAY_H

#include "desk.h"
#include "transaction.h"
#include "verdict.h"

#define RUNAWAY_BLOCK	(1 * HOUR)	/* how long it is blocked */

/*
 * Notes a message that was refused (too many recipients of one are none: the
 * client sends the rest in the next); where the policy that spoke has block-after and that is
 * passed, blocks whose mail it is (login, else sender, else client) for
 * RUNAWAY_BLOCK, with an event.  What is noted is lost at a restart.
 */
void	runaway_note(const struct desk *desk, const struct txn *t,
	    const struct outcome *o, int64_t now);

#endif
