/*
 * store_contract.h - what every store must do, whatever it is made of.
 *
 * A backend's test says how one of it is opened, and runs the suite.
 */
#ifndef STORE_CONTRACT_H
#define STORE_CONTRACT_H

#include <stdbool.h>

#include "store.h"

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

struct store *store_must_open(const struct config *conf);

int	store_contract_run(const struct store_maker *maker);

#endif
