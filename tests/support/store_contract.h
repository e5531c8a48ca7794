/*
 * store_contract.h - what every store must do, whatever it is made of.
 *
 * A backend's test says how one of it is opened, and runs the suite.
 */
#ifndef STORE_CONTRACT_H
#define STORE_CONTRACT_H

#include <stdbool.h>

#include "clock.h"
#include "oracle.h"
#include "store.h"

/* 2026-03-02 09:00 UTC, a Monday. */
#define STORE_CONTRACT_NOW (INT64_C(1772442000) * SECOND)

struct store_maker {
	const char *name;
	bool lasts;			/* what was closed comes back */
	struct config *(*config)(void);	/* of a store that is empty */
};

/* The policies that the suite and the crash tests use. */
extern const char store_contract_policies[];

/* A bill of one line; rcpt may be NULL. */
void	bill_one(struct bill *b, const struct config *conf, const char *policy,
	    const char *key, int64_t now);
/* One line more, one message to one recipient. */
struct bill_line *bill_add(struct bill *b, const struct config *conf,
	    const char *policy, const char *key);

/* How many messages the first limit of a counter has seen. */
uint64_t store_used(struct store *s, const struct config *conf,
	    const char *policy, const char *key, int64_t now);

/* The same life for a store and for the oracle. */
struct world {
	struct oracle oracle;
	uint64_t rnd;
	int64_t now;		/* ms: the time that windows go by */
	/*
	 * The clock is wrong: so many ms behind now.  steps: it is set back and
	 * forth, too; unseen: nobody looked at it since the store was opened.
	 */
	int64_t behind;
	bool steps, unseen;
	uint64_t rcpt[4];
};

/* One step for both, or for the oracle alone (NULL).  False: they disagree. */
bool	world_step(struct world *w, const struct config *conf,
	    struct store *s);
/* Asserts that every counter of both says the same. */
void	world_check(struct world *w, const struct config *conf,
	    struct store *s);

/* What store_must_open gives to a store. */
extern struct store_env contract_env;

struct store *store_must_open(const struct config *conf);

int	store_contract_run(const struct store_maker *maker);

#endif
