/*
 * provider.h - what is known about the providers of smarthosts, as data.
 *
 * Their limits change without notice.  So none of them is in the code: they
 * are read from conf/providers.conf, each with its source, the day on which
 * that was read, and a word on what could not be found out.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "policy.h"

#define PROVIDERS_DEFAULT	DATADIR "/providers.conf"
#define PROVIDER_MARGIN		5	/* percent, unless somebody says else */

/* Limits that count the same recipients in the same way. */
struct provider_limit {
	char *name;
	enum per per;		/* PER_EVERYONE: the account; or PER_SENDER */
	enum scope count;
	size_t n;
	struct limit limit[POLICY_LIMITS];
};

/* A text that the file does not give is "", a number 0: it is not known. */
struct provider {
	char *name, *title;
	char *host;		/* "": the smarthost must name it */
	uint16_t port;		/* 465: TLS from the first byte */
	char *username, *password;	/* what each of them is, in words */
	uint32_t recipients_per_message;
	uint32_t recipient_limit;	/* in one delivery */
	uint32_t concurrency;		/* connections at a time */
	uint32_t messages_per_minute;	/* it takes no more, or later */
	int64_t lockout;	/* ms that a provider shuts an account for */
	char *source, *checked, *note;
	char *passwords;	/* what becomes of them; "": nothing is known */
	bool certain;		/* the provider itself says so */
	size_t nlimit;
	struct provider_limit *limit;
};

struct providers {
	size_t n;
	struct provider *v;
};

/*
 * Reads file.  On any mistake returns NULL; every mistake has been written to
 * errors as one line "file:line: what is wrong, what would be right".
 */
struct providers *providers_load(const char *file, FILE *errors);
void	providers_free(struct providers **pp);

/* NULL if there is none of that name. */
const struct provider *provider_find(const struct providers *all,
	    const char *name);

/*
 * Limit i of p as a policy that stays margin percent (0 to 99) below it,
 * rounded down, but never down to nothing.  The policy has no name and no
 * text yet.  It has no lockout either: who stays below the limit never meets
 * the provider's.  Pure.
 */
void	provider_policy(const struct provider *p, size_t i, unsigned margin,
	    struct policy *policy_r);

#endif
