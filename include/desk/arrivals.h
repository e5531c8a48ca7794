/*
 * arrivals.h - queue ids of messages that are being submitted now.
 *
 * Sendmail asks for the route of a recipient before the message is charged.
 * An id that is neither here nor bound is a clone or a part of a message that
 * is bound by its mark, or nobody's: it came in by a way that has no meter.
 *
 * Every function may be called from any thread.
 */
#ifndef ARRIVALS_H
#define ARRIVALS_H

#include <stdbool.h>

#include "transaction.h"

/* Lies in the session that it speaks for; all zero: not there. */
struct arrival {
	struct arrival *next, *prev;
	char id[TXN_QUEUE_ID];
	struct mailaddr sender;
};

/* a has arrived as id, from sender; what it was before is over. */
void	arrivals_add(struct arrival *a, const char *id,
	    const struct mailaddr *sender);

void	arrivals_remove(struct arrival *a);	/* no harm if it is not there */

/* Is it there?  Then *sender_r is who is counted for it. */
bool	arrivals_has(const char *id, struct mailaddr *sender_r);

#endif
