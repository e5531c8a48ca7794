/*
 * policy.c - the names of what a policy is made of.
 *
 * Configuration, log, tool and database all quote these tables, so a word
 * means the same wherever it is read.
 */
#include <string.h>

#include "policy.h"

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const char *const dimensions[DIM_COUNT] = {
	[DIM_MESSAGES] = "messages",
	[DIM_RECIPIENTS] = "recipients",
	[DIM_UNIQUE] = "unique-recipients",
	[DIM_BYTES] = "bytes",
};

static const char *const pers[] = {
	[PER_ACCOUNT] = "account",
	[PER_SENDER] = "sender",
	[PER_LOGIN] = "login",
	[PER_DOMAIN] = "domain",
	[PER_CLIENT] = "client",
	[PER_EVERYONE] = "everyone",
};

static const char *const when_overs[] = {
	[OVER_DEFER] = "defer",
	[OVER_REJECT] = "reject",
	[OVER_HOLD] = "hold",
	[OVER_OBSERVE] = "observe",
};

static int
by_name(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

const char *
dimension_name(enum dimension d)
{
	return dimensions[d];
}

const char *
per_name(enum per p)
{
	return pers[p];
}

const char *
when_over_name(enum when_over o)
{
	return when_overs[o];
}

int
dimension_by_name(const char *name)
{
	return by_name(dimensions, COUNT_OF(dimensions), name);
}

int
per_by_name(const char *name)
{
	return by_name(pers, COUNT_OF(pers), name);
}

int
when_over_by_name(const char *name)
{
	return by_name(when_overs, COUNT_OF(when_overs), name);
}
