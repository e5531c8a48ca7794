/*
 * counter.h - all that is remembered of one key under one policy.
 *
 * One record holds every window of the policy, so a charge finds all it
 * needs in one place.  Grants travel with the counter they widen.
 */
#ifndef COUNTER_H
#define COUNTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy.h"
#include "recipient_set.h"
#include "why.h"
#include "window.h"

#define COUNTER_GRANTS 8	/* grants that one counter holds at a time */

struct grant {
	enum dimension dim;
	uint64_t extra;		/* added to the limits of that dimension */
	int64_t until;		/* ms; NEVER is not allowed */
	int64_t window;		/* window_spec_code of the one; 0: to all */
};

/* One limit's memory: a sum, or a set for unique recipients. */
struct slot {
	enum dimension dim;
	int64_t named;		/* ms; when a charge last came by a policy with this limit */
	uint8_t warned;		/* how many of warn-at have been told */
	union {
		struct window sum;	/* all but DIM_UNIQUE */
		struct recipient_set uniq;	/* DIM_UNIQUE */
	};
};

/*
 * The first slots are those of policy->limit, in its order.  Behind them are
 * slots that policy does not name, of a configuration that was or of another
 * daemon: each is charged too, and lives until no charge has named it for a
 * window of its own and nothing is lost with it.
 */
#define COUNTER_SLOTS	(2 * POLICY_LIMITS)

struct counter {
	int64_t locked_until;	/* ms; 0 if it never was (lockout) */
	int64_t updated;	/* ms; when anything was spent last */
	int64_t reset;		/* ms; what was spent until then is forgotten; 0 */
	size_t ngrant;
	struct grant grant[COUNTER_GRANTS];
	size_t nslot;
	struct slot slot[];
};

/* A counter of n slots that are nothing yet; NULL if out of memory. */
struct counter *counter_alloc(size_t nslot);

/* An empty counter for the limits of policy; NULL if out of memory. */
struct counter *counter_new(const struct policy *policy);
void	counter_free(struct counter **cp);

struct counter *counter_copy(const struct counter *c);	/* NULL: out of memory */

/* Are the first slots of c those of policy, in its order? */
bool	counter_fits(const struct counter *c, const struct policy *policy);

/*
 * Makes c fit policy, whose limits may have changed since c was made.  A limit
 * that no slot is for inherits, for each time, the most that any slot of its
 * dimension knows.  *cp is replaced.  For a question, do it to a copy.  -1 and
 * *cp as it was if out of memory.
 */
int	counter_adapt(struct counter **cp, const struct policy *policy,
	    int64_t now, const struct zone *zone);

/* Makes room in the sets for n more recipients.  -1: out of memory. */
int	counter_reserve(struct counter *c, size_t n, int64_t now);

/*
 * Counts in c what another counter of the same policy counted elsewhere;
 * grants stay as they are.  -1: out of memory, c is to be freed.
 */
int	counter_merge(struct counter *c, const struct counter *from,
	    int64_t now);

/*
 * Takes amount, by dimension, out of what was spent at time when (see
 * window_return), unless that was forgotten by a reset since.  Sets of recipients stay: who was written to is known.
 */
void	counter_return(struct counter *c, const uint64_t amount[DIM_COUNT],
	    int64_t when, const struct zone *zone);

/* Forgets what was spent until now, and the lock; grants stay. */
void	counter_reset(struct counter *c, int64_t now);

/*
 * Adds a grant; a full list drops one that has expired.  -1 if none has.  A
 * grant of nothing (extra 0) takes back those of its dimension.
 */
int	counter_grant(struct counter *c, const struct grant *g, int64_t now);

/* True if nothing in it matters at time now. */
bool	counter_idle(const struct counter *c, int64_t now);

/*
 * True if it may be forgotten: it is idle, and no lease from before its reset
 * can still be settled.
 */
bool	counter_disposable(const struct counter *c, int64_t now);

/*
 * Bytes for the disk, packed by hand, the same on every machine, with a
 * version in front: they outlive the process.  counter_pack returns
 * the bytes needed, and writes only if size suffices.  counter_unpack makes a
 * new counter from bytes, or NULL if they are damaged, of an unknown version
 * (*why says which) or memory is out.
 */
size_t	counter_pack(const struct counter *c, uint8_t *dst, size_t size);
struct counter *counter_unpack(const uint8_t *src, size_t len,
	    struct why *why);

#endif
