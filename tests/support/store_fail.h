/*
 * store_fail.h - a backend of the contract that could not know, and says so.
 *
 * What is asked goes through store.c, with its checks, like that of any other.
 * Threads may share it; a test changes it between two questions.
 */
#ifndef STORE_FAIL_H
#define STORE_FAIL_H

#include <stdatomic.h>

#include "backend.h"

struct store_fail {
	struct store store;	/* what is handed to whoever wants a store */
	/* STORE_FAILED or STORE_UNCERTAIN: what a bill is answered. */
	enum store_answer answer;
	/* Bindings are known: this one, or none if its name is NULL. */
	atomic_bool knows_bindings;
	const char *bound, *smarthost;
	atomic_int asked;	/* how many bills */
};

/* No bindings, nothing known. */
void	store_fail_init(struct store_fail *f, enum store_answer answer);

/* What it says. */
#define STORE_FAIL_WHY "the disk is full"

#endif
