/*
 * oracle.h - the meter as a child would build it: lists, and no cleverness.
 *
 * Every event is kept; every question is answered by looking at all of them.
 * Whoever claims to be a meter, quota.c or a whole store, must give the same
 * answers.  Only zone_period() is shared, and has tests of its own.
 */
#ifndef ORACLE_H
#define ORACLE_H

#include "quota.h"

#define ORACLE_KEY 64
#define ORACLE_GRANTS 64

struct oracle_event {
	int64_t t;
	uint64_t amount;	/* unique: 1 */
	uint64_t digest;	/* unique only */
};

struct oracle_limit {
	struct oracle_event *event;	/* sums: the oldest first */
	size_t n, capacity;
	int64_t end;		/* calendar: when all of them leave */
	size_t warned;
};

struct oracle_counter {
	char policy[ORACLE_KEY], key[ORACLE_KEY];
	int64_t locked_until;
	size_t ngrant;
	struct grant grant[ORACLE_GRANTS];
	struct oracle_limit limit[POLICY_LIMITS];
};

struct oracle {
	struct oracle_counter **counter;
	size_t n;
};

struct oracle_answer {
	bool fits;
	size_t choice;		/* if fits and there are any */
	bool observed;		/* if fits: something observed does not */
	bool again_known;	/* the answer was asked for, and it does not fit */
	int64_t again;
	size_t nwarning;
	struct warning warning[BILL_WARNINGS];
};

/* --- counters ------------------------------------------------------------ */

struct oracle_counter *oracle_counter(struct oracle *o,
	    const struct policy *policy, const char *key);

void	oracle_free(struct oracle *o);

/* --- one limit ----------------------------------------------------------- */

uint64_t oracle_max(const struct policy *policy, const struct oracle_counter *c,
	    size_t k, int64_t t);

/* --- the bill ------------------------------------------------------------ */

bool	oracle_applies(const struct bill *b, size_t choice, size_t i);

void	oracle_decide(struct oracle *o, const struct bill *b, bool again,
	    struct oracle_answer *a_r);

/* --- what a store does --------------------------------------------------- */

/* A preview is oracle_decide. */
void	oracle_charge(struct oracle *o, const struct bill *b, bool again,
	    struct oracle_answer *a_r);

/* False if the counter holds all the grants it can. */
bool	oracle_grant(struct oracle *o, const struct policy *policy,
	    const char *key, const struct grant *g, int64_t now);

void	oracle_reset(struct oracle *o, const struct policy *policy,
	    const char *key);

uint64_t oracle_used(struct oracle *o, const struct policy *policy,
	    const char *key, size_t k, int64_t now);

#endif
