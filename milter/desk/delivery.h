/*
 * delivery.h - one delivery at the exit, from the door to what it came to.
 *
 * A process of the mail server does one delivery at a time: it asks the door,
 * then for the credential (once for each server that it logs in to), then
 * tells what became of each recipient.  The next door, or its end, closes it.
 *
 * Pure: no store, no clock.
 */
#ifndef DELIVERY_H
#define DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery_status.h"
#include "store.h"

enum delivery_stage {
	DELIVERY_NONE,		/* no delivery is under way */
	DELIVERY_REFUSED,	/* the door was shut: nothing is leased */
	DELIVERY_OPEN,		/* leased; nobody has logged in yet */
	DELIVERY_LOGGED_IN	/* ... and the credential was handed out */
};

struct delivery {
	enum delivery_stage stage;
	char account[STORE_NAME];	/* the smarthost's name */
	char sender[MAILADDR_MAX + 1];	/* canonical; "" not known, or null */
	bool probe;			/* the mail server's own, of an address */
	struct lease lease;		/* of the account; id 0: none */
	struct lease sender_lease;	/* of its sender there; id 0: none */
	uint64_t sent, unknown;		/* recipients */
	enum delivery_status worst;	/* of all statuses */
	struct why said;		/* with the worst */
	unsigned statuses;
	struct why why;			/* REFUSED: for the statuses */
};

/* What a delivery says of its account. */
enum delivery_outcome {
	OUTCOME_NONE,		/* nothing: it never came so far */
	OUTCOME_GOOD,		/* the account took mail */
	OUTCOME_DOUBTFUL,	/* nobody knows whether it did */
	OUTCOME_LOGIN_REFUSED
};

/*
 * Notes one status, and what was said with it.  Statuses behind a shut door
 * settle nothing.
 */
void	delivery_note(struct delivery *d, enum delivery_status s,
	    const char *said);

/*
 * What left by it, at most: one message if any recipient was sent or may have
 * been, and those recipients, even beyond the lease.  A delivery without a
 * status may have sent all that it leased.
 */
struct settlement delivery_settle(const struct delivery *d);

enum delivery_outcome delivery_outcome(const struct delivery *d);

#endif
