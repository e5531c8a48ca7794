/*
 * hold.h - an account that its provider shut, and when to try again.
 *
 * A refusal that means the account shuts it for as long as the provider says,
 * or as its class has it.  Meanwhile one message at a time may try: a rolling
 * day frees slowly, and nobody else tells when.
 *
 * Pure: time is an argument, in ms.
 */
#ifndef HOLD_H
#define HOLD_H

#include "refusal.h"

#define HOLD_WHY	320

/* All zero: open, and nothing was ever refused. */
struct hold {
	enum refusal_class class;	/* REFUSAL_NONE: open */
	int64_t since, until;	/* NEVER: a person must open it */
	int64_t length;		/* ms, of the last one: the next may double */
	int64_t probe;		/* when the next message may try; 0: none */
	int64_t probe_first, probe_every; /* ms, as in struct refusal */
	unsigned hits;		/* of a rule that does not act at once */
	int64_t first_hit, last_hit;
	uint64_t said;		/* digest of the last reply */
	bool by_hand;		/* a person shut it: until its time only one opens it */
	char why[HOLD_WHY];
};

enum hold_change {
	HOLD_AS_IT_WAS,
	HOLD_SHUT,		/* it was open: tell */
	HOLD_LONGER,		/* it was shut, and goes on */
	HOLD_OPENED		/* it was shut: tell */
};

/* A refusal came; said is the reply, escaped.  The same text within two
 * seconds is the same refusal: fifty recipients are one. */
enum hold_change hold_refused(struct hold *h, const struct refusal *r,
	    const char *said, int64_t now);

/* A message went out: the provider takes mail again. */
enum hold_change hold_delivered(struct hold *h, int64_t now);

/* What a person says of an account. */
struct hold_order {
	int64_t until;		/* closed until then: ms, NEVER; 0: open */
	const char *why;
	const char *actor;	/* who said it */
};

/* It was shut before a restart, or by another server. */
void	hold_adopt(struct hold *h, enum refusal_class class, int64_t until,
	    const char *why, int64_t now);

/* A person shuts it (until: ms, or NEVER) or opens it. */
void	hold_by_hand(struct hold *h, int64_t until, const char *why,
	    int64_t now);
void	hold_open(struct hold *h);

/* A person corrected the login: if it was refused, the next message may try. */
void	hold_try_now(struct hold *h, int64_t now);

enum hold_state { HOLD_OPEN, HOLD_MAY_TRY, HOLD_CLOSED };

/* What it is at now; a question changes nothing. */
enum hold_state hold_state(const struct hold *h, int64_t now);

/*
 * The same, before a delivery: HOLD_MAY_TRY is said to one, and the next is
 * told HOLD_CLOSED until the next try is due.
 */
enum hold_state hold_take(struct hold *h, int64_t now);

#endif
