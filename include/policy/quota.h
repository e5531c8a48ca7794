/*
 * quota.h - may this message be sent, and if not, when may it?
 *
 * The heart of the meter.  A bill lists every counter that a message touches
 * and what it costs there.  Either the whole bill fits and is spent, or
 * nothing is: nobody pays for a message that another limit refused.  A bill
 * may offer a choice of smarthosts, each with lines of its own (the budget of
 * its account); the choice is part of the same decision.
 *
 * Pure: no clock, no I/O, no allocation, no log.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counter.h"
#include "policy.h"

#define BILL_POLICIES	32	/* that one message can meet */
#define BILL_LINES	(2 * BILL_POLICIES) /* an account has two budgets */
#define BILL_CHOICES	8	/* smarthosts that one route can offer */
#define BILL_WARNINGS	16	/* that one charge reports at the most */

struct bill_line {
	const struct policy *policy;
	const char *key;	/* canonical: the account, "*" for everyone */
	uint64_t cost[DIM_COUNT]; /* that of DIM_UNIQUE is computed */
	/* Digests of the recipients that count; also where no limit of this
	 * policy is on them: the counter may hold a set of another one's. */
	const uint64_t *rcpt;
	size_t nrcpt;		/* no two of them equal */
	bool observed;		/* mode = observe: told, not enforced */
	/* Must fit, and is spent elsewhere: what the account sent, at its exit. */
	bool asked;
};

/* One smarthost that could take the message. */
struct bill_choice {
	const char *smarthost;	/* its name */
	size_t first, n;	/* its lines */
	const char *bound;	/* what to bind if not what the charge says; */
				/* NULL: that */
	bool last;		/* it is unhealthy: only if no other one fits */
};

struct bill {
	int64_t now;
	const struct zone *zone;
	size_t nline;		/* all lines; the first ncommon always apply */
	size_t ncommon;
	struct bill_line line[BILL_LINES];
	size_t nchoice;		/* 0: the message takes no smarthost */
	struct bill_choice choice[BILL_CHOICES];
	/*
	 * By remaining budget, else the first that fits; those marked last
	 * behind all others.
	 */
	bool spread;
};

enum shortage {
	SHORT_NOTHING,		/* it fits */
	SHORT_LIMIT,		/* a limit would be passed */
	SHORT_LOCKED,		/* a lockout still holds */
	SHORT_NEVER		/* the message alone is more than a limit */
};

/* Why a bill does not fit: the limit that takes longest to give way. */
struct shortfall {
	enum shortage what;
	size_t line;		/* index into bill->line */
	size_t limit;		/* index into that policy's limits */
	uint64_t used, max;	/* of that limit, grants included in max */
	int64_t again;		/* ms: when the same bill would fit; NEVER */
};

/* A limit whose use passed one of warn-at by this charge. */
struct warning {
	size_t line, limit;
	uint8_t percent;
	uint64_t used, max;
};

struct decision {
	bool fits;
	/* If nchoice > 0; if it does not fit, the one that gives way first. */
	size_t choice;
	struct shortfall shortfall;	/* if not: why */
	struct shortfall observed;	/* what would have been refused */
	size_t nwarning;
	struct warning warning[BILL_WARNINGS];
};

/* Costs nothing in any dimension: it always fits and makes no counter. */
bool	quota_is_free(const struct bill_line *line);

/* Is a line (index into bill->line) spent with the choice of *d? */
bool	quota_is_spent(const struct bill *bill, const struct decision *d,
	    size_t line);

/*
 * counter[i] belongs to bill->line[i]; NULL stands for one never used.
 * Changes nothing.  *d_r gets the decision, without warnings.
 */
void	quota_decide(const struct bill *bill, struct counter *const *counter,
	    struct decision *d_r);

/*
 * Spends a bill that quota_decide found to fit: the common lines and those of
 * the choice.  Every counter is there and counter_reserve was called.  Fills the
 * warnings of *d.
 */
void	quota_spend(const struct bill *bill, struct counter *const *counter,
	    struct decision *d);

/*
 * What a refused bill leaves behind, and all that it does.  Starts the lockout
 * of every line that would have passed a limit (not one that is observed, is
 * locked already, or could never hold the message), and shortens one that is
 * longer than its policy says by now.  d->shortfall.again then tells when the
 * lockouts are over too.
 */
void	quota_lock(const struct bill *bill, struct counter *const *counter,
	    struct decision *d);

/* What is spent of limit i of a policy and what is allowed, grants included. */
void	quota_usage(const struct policy *policy, const struct counter *c,
	    size_t i, int64_t now, uint64_t *used_r, uint64_t *max_r);

/*
 * When one more message with one recipient (of no size) fits again; now if it
 * fits already, NEVER if it never will.
 */
int64_t	quota_next(const struct policy *policy, const struct counter *c,
	    int64_t now);

#endif
