/*
 * account_key.c - the keys of an account's counters.
 */
#include <string.h>

#include "account_key.h"

static const char *const prefixes[ACCOUNT_BUDGETS] = {
	[BUDGET_PROMISED] = "smarthost ",
	[BUDGET_SENT] = "sent ",
};

const char *const account_budget_words[ACCOUNT_BUDGETS] = {
	[BUDGET_PROMISED] = "promised",
	[BUDGET_SENT] = "sent",
};

/* Made for every message: no formatter for plain texts. */
void
account_key(
    enum account_budget budget, const char *name, char *dst, size_t size)
{
	const char *prefix = prefixes[budget];
	const size_t n = strnlen(prefix, size - 1);

	dst = mempcpy(dst, prefix, n);
	dst = mempcpy(dst, name, strnlen(name, size - 1 - n));
	*dst = '\0';
}

const char *
account_key_name(const char *key, enum account_budget *budget_r)
{
	for (int b = 0; b < ACCOUNT_BUDGETS; b++) {
		const size_t n = strlen(prefixes[b]);

		*budget_r = (enum account_budget)b;
		if (strncmp(key, prefixes[b], n) == 0)
			return key + n;
	}
	return NULL;
}
