/*
 * routing.h - where mail that was accepted goes.
 *
 * Questions: nothing is charged, a queue manager asks again at each retry.
 */
#ifndef ROUTING_H
#define ROUTING_H

#include <stdint.h>

#include "desk.h"
#include "mailaddr.h"
#include "transaction.h"
#include "why.h"

enum route_answer {
	ROUTE_NONE,		/* no rule gives it a smarthost */
	ROUTE_FOUND,
	ROUTE_FULL,		/* found, but none takes mail now: why, until when */
	ROUTE_UNKNOWN		/* could not know: why */
};

/*
 * Mail of this envelope sender; *sh_r points into desk->conf.  Where the rules
 * leave no doubt, they speak, else the binding of its last charge.
 */
enum route_answer routing_of_sender(const struct desk *desk,
	    const struct mailaddr *sender, int64_t now,
	    const struct smarthost **sh_r, struct why *why);

/*
 * The same by the queue id that a charge bound.  A notice of the mail server
 * goes by its sender; any other id was never charged and has no route.
 */
enum route_answer routing_of_id(const struct desk *desk, const char *queue_id,
	    const struct mailaddr *sender, int64_t now,
	    const struct smarthost **sh_r, struct why *why);

/*
 * The same at the exit: an account that has no capacity left or is closed
 * gives way to the next of its route; if none takes mail, ROUTE_FULL.
 */
enum route_answer routing_now(const struct desk *desk,
	    const struct mailaddr *sender, int64_t now,
	    const struct smarthost **sh_r, struct why *why);

/* The names that a smarthost is bound to: no sender's name has a tab. */
const char *binding_of_sender(const struct mailaddr *sender);
const char *binding_of_id(const char *queue_id, char dst[TXN_QUEUE_ID + 1]);

#endif
