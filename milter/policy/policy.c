/*
 * policy.c - the names of what a policy is made of.
 *
 * Configuration, log, tool and database all quote these tables, so a word
 * means the same wherever it is read.
 */
#include <string.h>

#include "policy.h"

const char *const dimension_words[] = {
	[DIM_MESSAGES] = "messages",
	[DIM_RECIPIENTS] = "recipients",
	[DIM_UNIQUE] = "unique-recipients",
	[DIM_BYTES] = "bytes",
	NULL,
};

const char *const per_words[] = {
	[PER_ACCOUNT] = "account",
	[PER_SENDER] = "sender",
	[PER_LOGIN] = "login",
	[PER_DOMAIN] = "domain",
	[PER_CLIENT] = "client",
	[PER_EVERYONE] = "everyone",
	NULL,
};

const char *const scope_words[] = {
	[SCOPE_EXTERNAL] = "external",
	[SCOPE_ALL] = "all",
	NULL,
};

const char *const when_over_words[] = {
	[OVER_DEFER] = "defer",
	[OVER_REJECT] = "reject",
	[OVER_HOLD] = "hold",
	[OVER_OBSERVE] = "observe",
	NULL,
};

int
enum_from_name(const char *const *words, const char *word)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}
