/*
 * account_key.h - the keys of an account's counters.
 *
 * An account has two budgets under the same policies: what was promised at the
 * door and what was sent at the exit.  A counter's key says whose and which:
 * "smarthost NAME", "sent NAME" (or "sent SENDER", of a policy that an account
 * keeps for each sender).
 */
#ifndef ACCOUNT_KEY_H
#define ACCOUNT_KEY_H

#include <stddef.h>

enum account_budget { BUDGET_PROMISED, BUDGET_SENT, ACCOUNT_BUDGETS };

/* "promised", "sent". */
extern const char *const account_budget_words[ACCOUNT_BUDGETS];

/* Writes the key of that budget of name; what does not fit is cut. */
void	account_key(enum account_budget budget, const char *name, char *dst,
	    size_t size);

/* The name within key and which budget it is; NULL: it is no such key. */
const char *account_key_name(const char *key, enum account_budget *budget_r);

#endif
